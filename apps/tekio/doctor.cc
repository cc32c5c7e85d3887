// tekio doctor: what this machine and this build are, and whether they compute right.
#include <hwy/highway.h>
#include <simdjson.h>
#include <sys/utsname.h>
#include <toml++/toml.h>
#include <unistd.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>
#include <dnnl.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "bench.h"
#include "command.h"
#include "compute/cpu/cpu_features.h"
#include "compute/cuda.h"
#include "data/cached_stores.h"
#include "data/formats/arrow_module.h"
#include "dist/device_sums.h"
#include "dist/join.h"
#include "model/arithmetic.h"
#include "self_test.h"

namespace tekio::cli {
namespace {

// The first "KEY : VALUE" line of a file of /proc; empty if there is none.
std::string proc_value(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

uint64_t memory_bytes(const char* key) {
  return std::strtoull(proc_value("/proc/meminfo", key).c_str(), nullptr, 10) * 1024;
}

// What speeds up this program's work, of what the processor says it has.
std::vector<std::string> processor_features() {
  std::istringstream flags(proc_value("/proc/cpuinfo", "flags"));
  std::vector<std::string> found;
  for (std::string flag; flags >> flag;)
    for (const char* wanted : {"sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni",
                               "avx512_bf16", "amx_bf16", "amx_tile"})
      if (flag == wanted) found.push_back(flag);
  return found;
}

std::string version_of(int64_t major, int64_t minor, int64_t patch) {
  return fmt::format("{}.{}.{}", major, minor, patch);
}

std::string arrow_or_none() {
  std::string why;
  const std::string version = arrow_version(why);
  return version.empty() ? "none: " + why : version;
}

// Each MPI whose launchers' processes join; NCCL, by which GPUs reach each other.
OrderedJson communication() {
  OrderedJson found = OrderedJson::object();
  for (const char* mpi : {"openmpi", "mpich"}) {
    std::string why;
    const std::string version = mpi_version(mpi, why);
    found[mpi] = {{"there", !version.empty()}, {"version", version}, {"why_not", why}};
  }
  std::string why;
  const std::string version = nccl_version(why);
  found["nccl"] = {{"there", !version.empty()}, {"version", version}, {"why_not", why}};
  return found;
}

OrderedJson library_versions() {
  const dnnl_version_t* onednn = dnnl_version();
  return {
      {"oneDNN", version_of(onednn->major, onednn->minor, onednn->patch)},
      {"Highway", version_of(HWY_MAJOR, HWY_MINOR, HWY_PATCH)},
      {"simdjson", version_of(simdjson::SIMDJSON_VERSION_MAJOR, simdjson::SIMDJSON_VERSION_MINOR,
                              simdjson::SIMDJSON_VERSION_REVISION)},
      {"nlohmann-json",
       version_of(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
      {"fmt", version_of(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"toml++", version_of(TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH)},
      {"zlib", zlibVersion()},
      {"zstd", ZSTD_versionString()},
      {"xxHash", version_of(XXH_versionNumber() / 10000, XXH_versionNumber() / 100 % 100, XXH_versionNumber() % 100)},
      {"Arrow C++", arrow_or_none()},
      {"compiler", __VERSION__}};
}

// A folder's disk: the nearest parent that exists, and what is free there.
OrderedJson disk(const fs::path& folder) {
  std::error_code error;
  fs::path there = fs::absolute(folder, error);
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  const fs::space_info space = fs::space(there, error);
  return {{"path", folder.string()},
          {"free_bytes", error ? 0 : space.available},
          {"writable", ::access(there.c_str(), W_OK) == 0}};
}

OrderedJson cache_disk() {
  if (const std::optional<fs::path> cache = cache_folder()) return disk(*cache);
  return {{"path", nullptr}, {"free_bytes", 0}, {"writable", false}};
}

class Doctor final : public Command {
 public:
  CommandText text() const override {
    return {.name = "doctor",
            .summary = "shows what this machine has and whether it computes right",
            .usage = "[--json]",
            .description =
                "Processor features, memory, disks, libraries, devices, and a self-test: each back end's operations on "
                "small inputs, held against the "
                "reference back end's plain loops. Exit code 5 if one of them is wrong. --device and --dtype are those "
                "of the run whose arithmetic it shows; what it tests does not depend on them.",
            .examples = {"tekio doctor", "tekio doctor --json --dtype f32"},
            .on_ranks = OnRanks::each};
  }

  void add_options(OptionTable&) override {}

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    ThreadPool pool(common.threads);
    const OrderedJson arithmetic = describe_arithmetic(pool);
    const bool has_bf16 = make_cpu_backend(pool)->has_bf16();
    const std::string no_cuda = cuda_problem();
    OrderedJson self_tests = OrderedJson::object();
    self_tests["cpu"] = tested([&] { return make_cpu_backend(pool); });
    if (no_cuda.empty()) self_tests["cuda"] = tested([] { return make_hosted_backend(make_cuda_backend()); });
    const bool sound = std::ranges::all_of(self_tests, [](const OrderedJson& test) { return test["ok"].get<bool>(); });
    const ProcessorReport processor = describe_processor();
    utsname system{};
    ::uname(&system);
    const OrderedJson report = {
        {"version", TEKIO_VERSION},
        {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)},
        {"processor",
         {{"name", processor.model},
          {"processors", available_processors()},
          {"threads", pool.threads()},
          {"features", processor_features()},
          {"kernels", processor.kernels},
          {"products", processor.products}}},
        {"memory", {{"total_bytes", memory_bytes("MemTotal")}, {"available_bytes", memory_bytes("MemAvailable")}}},
        {"disks", {{"cache", cache_disk()}, {"here", disk(fs::current_path())}}},
        {"libraries", library_versions()},
        {"arithmetic", arithmetic},
        {"devices",
         {{"cpu", {{"there", true}, {"dtypes", has_bf16 ? OrderedJson{"f32", "bf16"} : OrderedJson{"f32"}}}},
          {"ref", {{"there", true}, {"dtypes", {"f32", "bf16"}}}},
          {"cuda",
           {{"there", no_cuda.empty()},
            {"dtypes", no_cuda.empty() ? OrderedJson{"f32", "bf16"} : OrderedJson::array()},
            {"why_not", no_cuda}}}}},
        {"communication", communication()},
        {"self_test", self_tests},
        {"ok", sound}};
    if (common.json)
      out.json(report);
    else
      print(report, out);
    return sound ? 0 : exit_code(ErrorKind::device);
  }

 private:
  // The self-test of the back end that make() makes, in float32 and in bf16 by everything that multiplies it there.
  template <typename Make>
  static OrderedJson tested(const Make& make) {
    std::vector<Arithmetic> all = {{DType::f32}};
    for (const std::string& kernel : make()->bf16_kernels()) all.push_back({DType::bf16, kernel});
    if (all.size() == 1 && make()->has_bf16()) all.push_back({DType::bf16});
    OrderedJson passed = OrderedJson::array(), problems = OrderedJson::array();
    for (const Arithmetic& arithmetic : all) {
      std::unique_ptr<Backend> backend = make();
      if (!arithmetic.kernel.empty()) backend->use_bf16_kernel(arithmetic.kernel);
      for (const SelfTestResult& result : self_test(std::move(backend), arithmetic.type)) {
        const std::string op = fmt::format("{} {}", result.op, ArithmeticChoice{arithmetic, "", {}}.text());
        if (result.problem.empty())
          passed.push_back(op);
        else
          problems.push_back({{"op", op}, {"problem", result.problem}});
      }
    }
    const bool ok = problems.empty();
    return {{"ok", ok}, {"passed", passed}, {"problems", problems}};
  }

  // What --device and --dtype, as they were given, mean here. Errors (device): a format that the device lacks.
  OrderedJson describe_arithmetic(ThreadPool& pool) const {
    const std::unique_ptr<Backend> backend = make_backend(common.device, pool);
    ArithmeticChoice choice = choose_arithmetic(common.dtype, *backend, /*compared=*/false,
                                                [&] { return measure_step_rates(distilbert_base(), pool.threads()); });
    OrderedJson rates = OrderedJson::array();
    for (const StepRate& rate : choice.rates)
      rates.push_back({{"dtype", tekio::name_of(rate.arithmetic.type)},
                       {"kernel", rate.arithmetic.kernel},
                       {"shown", ArithmeticChoice{rate.arithmetic, "", {}}.text()},
                       {"gflops", rate.gflops}});
    return {{"device", backend->name()},
            {"training", tekio::name_of(choice.taken.type)},
            {"kernel", choice.taken.kernel},
            {"shown", ArithmeticChoice{choice.taken, "", {}}.text()},
            {"why", choice.reason},
            {"rates", rates},
            {"filling", common.dtype == NumberFormat::bf16 ? "bf16" : "f32"},
            {"serving", tekio::name_of(choice.taken.type)}};
  }

  static std::string joined(const OrderedJson& list) {
    std::string text;
    for (const auto& item : list) text += (text.empty() ? "" : " ") + item.get<std::string>();
    return text.empty() ? "none" : text;
  }

  static void print(const OrderedJson& r, Output& out) {
    const auto size = [](const OrderedJson& bytes) { return bytes_text(bytes.get<uint64_t>()); };
    const OrderedJson& processor = r["processor"];
    out.line(fmt::format("tekio      {} on {}", r["version"].get<std::string>(), r["system"].get<std::string>()));
    out.line(fmt::format("processor  {} · {} processors, {} threads used", processor["name"].get<std::string>(),
                         processor["processors"].get<int>(), processor["threads"].get<int>()));
    out.line(fmt::format("features   {} · kernels for {}", joined(processor["features"]),
                         processor["kernels"].get<std::string>()));
    out.line(fmt::format("products   on cpu by {}", processor["products"].get<std::string>()));
    out.line(fmt::format("memory     {} in all, {} free", size(r["memory"]["total_bytes"]),
                         size(r["memory"]["available_bytes"])));
    for (const auto& [name, place] : r["disks"].items())
      out.line(place["path"].is_null()
                   ? fmt::format("disk       none ({}): TEKIO_CACHE and HOME are not set", name)
                   : fmt::format("disk       {} ({}): {} free{}", place["path"].get<std::string>(), name,
                                 size(place["free_bytes"]), place["writable"].get<bool>() ? "" : ", not writable"));
    for (const auto& [name, version] : r["libraries"].items())
      out.line(fmt::format("library    {} {}", name, version.get<std::string>()));
    for (const auto& [name, device] : r["devices"].items())
      out.line(
          fmt::format("device     {}: {}", name,
                      device["there"].get<bool>() ? joined(device["dtypes"]) : device["why_not"].get<std::string>()));
    for (const auto& [name, one] : r["communication"].items())
      out.line(fmt::format("processes  {}: {}", name,
                           one[one["there"].get<bool>() ? "version" : "why_not"].get<std::string>()));
    const OrderedJson& arithmetic = r["arithmetic"];
    out.line(
        fmt::format("arithmetic on {}: training and evaluation in {}, since {}; filling masks in {}, serving in {}",
                    arithmetic["device"].get<std::string>(), arithmetic["shown"].get<std::string>(),
                    arithmetic["why"].get<std::string>(), arithmetic["filling"].get<std::string>(),
                    arithmetic["serving"].get<std::string>()));
    for (const auto& rate : arithmetic["rates"])
      out.line(fmt::format("measured   {}: {:.0f} GFLOP/s, training steps of DistilBERT-base's sizes",
                           rate["shown"].get<std::string>(), rate["gflops"].get<double>()));
    for (const auto& [name, test] : r["self_test"].items()) {
      out.line(fmt::format("self-test  {} against ref: {} operations right{}", name, test["passed"].size(),
                           test["ok"].get<bool>() ? "" : fmt::format(", {} wrong", test["problems"].size())));
      for (const auto& problem : test["problems"])
        out.line(
            fmt::format("WRONG      {}: {}", problem["op"].get<std::string>(), problem["problem"].get<std::string>()));
    }
  }
};

}  // namespace

std::unique_ptr<Command> make_doctor() { return std::make_unique<Doctor>(); }

}  // namespace tekio::cli
