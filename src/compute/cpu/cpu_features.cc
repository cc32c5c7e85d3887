// Highway chooses kernels by a mask of targets, oneDNN by its own setting, which it reads once; the own bf16 kernels go
// by both.
#include "compute/cpu/cpu_features.h"

#include <dnnl.h>
#include <hwy/targets.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <mutex>
#include <string_view>

#include "base/environment.h"
#include "base/error.h"
#include "compute/cpu/bf16_kernel.h"

namespace tekio {
namespace {

using kernels::Instructions;

struct Limit {
  std::string_view name;
  int64_t without;  // Highway's targets
  dnnl_cpu_isa_t onednn;
  Instructions most;
};
constexpr int64_t kAvx512 = HWY_AVX3 | HWY_AVX3_DL;
constexpr std::array<Limit, 5> kLimits = {Limit{"plain", kAvx512 | HWY_AVX2, dnnl_cpu_isa_sse41, Instructions::none},
                                          {"avx2", kAvx512, dnnl_cpu_isa_avx2, Instructions::fma},
                                          {"avx512", 0, dnnl_cpu_isa_avx512_core, Instructions::fma},
                                          {"avx512_bf16", 0, dnnl_cpu_isa_avx512_core_bf16, Instructions::avx512},
                                          {"amx", 0, dnnl_cpu_isa_all, Instructions::amx}};
constexpr const char* kVariable = "TEKIO_CPU_FEATURES";

const Limit& limit() {
  static const Limit& found = []() -> const Limit& {
    const std::string value = environment(kVariable);
    if (value.empty()) return kLimits.back();
    for (const Limit& one : kLimits)
      if (one.name == value) return one;
    fail(ErrorKind::usage, "the environment's {} is \"{}\", expected plain, avx2, avx512, avx512_bf16 or amx",
         kVariable, printable(value));
  }();
  return found;
}

// oneDNN's numbers of instruction sets are sets of bits.
bool has(dnnl_cpu_isa_t wanted) {
  return (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & static_cast<unsigned>(wanted)) ==
         static_cast<unsigned>(wanted);
}

// What oneDNN multiplies float32 with.
const char* float_instructions() {
  for (const auto& [isa, name] : {std::pair{dnnl_cpu_isa_avx512_core, "AVX-512"},
                                  {dnnl_cpu_isa_avx2, "AVX2"},
                                  {dnnl_cpu_isa_avx, "AVX"},
                                  {dnnl_cpu_isa_sse41, "SSE4.1"}})
    if (has(isa)) return name;
  return "plain code";
}

// The tiles are eight kilobytes more of a thread's state, which Linux keeps only for programs that ask.
bool tiles_are_allowed() {
  constexpr long kAsk = 0x1023, kTiles = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kAsk, kTiles) == 0;
}

Instructions usable_instructions() {
  limit_cpu_features();
  const Instructions most = limit().most;
  if (most >= Instructions::amx && has(dnnl_cpu_isa_avx512_core_amx) && tiles_are_allowed()) return Instructions::amx;
  if (most >= Instructions::avx512 && has(dnnl_cpu_isa_avx512_core_bf16)) return Instructions::avx512;
  const bool vectors = (hwy::SupportedTargets() & (HWY_AVX3 | HWY_AVX2)) != 0;
  return most >= Instructions::fma && vectors && has(dnnl_cpu_isa_avx2) ? Instructions::fma : Instructions::none;
}

}  // namespace

void limit_cpu_features() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (limit().without == 0 && limit().onednn == dnnl_cpu_isa_all) return;
    hwy::DisableTargets(limit().without);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    dnnl_set_max_cpu_isa(limit().onednn);  // refused where it has been asked for already: then its own limit stays
  });
}

ProcessorReport describe_processor() {
  limit_cpu_features();
  ProcessorReport report;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; report.model.empty() && std::getline(info, line);)
    if (const size_t colon = line.find(": "); line.starts_with("model name") && colon != std::string::npos)
      report.model = line.substr(colon + 2);
  const int64_t built = hwy::SupportedTargets() & (HWY_AVX3 | HWY_AVX2);
  report.kernels = (built & HWY_AVX3) != 0 ? "AVX-512" : (built & HWY_AVX2) != 0 ? "AVX2" : "plain code";
  const dnnl_version_t* version = dnnl_version();
  report.products =
      fmt::format("oneDNN {}.{}.{} ({})", version->major, version->minor, version->patch, float_instructions());
  std::string own;
  for (const Instructions by : kernels::all_instructions())
    own += fmt::format("{}{}", own.empty() ? "" : ", ", kernels::shown_name_of(by));
  if (!own.empty()) report.products += fmt::format(", bf16 by own kernels ({})", own);
  return report;
}

std::string bf16_limit() {
  if (kernels::instructions() != Instructions::none || !__builtin_cpu_supports("avx2")) return "";
  for (const char* name : {kVariable, "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"})  // of the latter two the first counts
    if (const std::string value = environment(name); !value.empty())
      return fmt::format("{}={}", name, printable(value));
  return "";
}

namespace kernels {

Instructions instructions() {
  static const Instructions best = usable_instructions();
  return best;
}

std::vector<Instructions> all_instructions() {
  std::vector<Instructions> all;
  for (const Instructions by : {Instructions::fma, Instructions::avx512, Instructions::amx})
    if (by <= instructions()) all.push_back(by);
  return all;
}

const char* name_of(Instructions by) {
  constexpr const char* kNames[] = {"none", "fma", "avx512", "amx"};
  return kNames[static_cast<int>(by)];
}
const char* shown_name_of(Instructions by) {
  constexpr const char* kNames[] = {"nothing", "FMA", "AVX-512 BF16", "AMX"};
  return kNames[static_cast<int>(by)];
}

}  // namespace kernels
}  // namespace tekio
