// The machine's description and its best product rate.
#include "compute/product_rate.h"

#include <dnnl.h>
#include <hwy/targets.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "compute/cpu/bf16_kernel.h"

namespace tekio {
namespace {

// What oneDNN multiplies float32 with; its numbers of instruction sets are sets of bits.
const char* float_instructions() {
  const auto usable = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
  for (const auto& [isa, name] : {std::pair{dnnl_cpu_isa_avx512_core, "AVX-512"},
                                  {dnnl_cpu_isa_avx2, "AVX2"},
                                  {dnnl_cpu_isa_avx, "AVX"},
                                  {dnnl_cpu_isa_sse41, "SSE4.1"}})
    if ((usable & static_cast<unsigned>(isa)) == static_cast<unsigned>(isa)) return name;
  return "plain code";
}

// Numbers as they vary in a real model, wherever the tensor lies.
void fill(const Tensor& tensor, Memory& memory) {
  constexpr int64_t kDrawn = 1 << 20;  // again and again: more would take longer than what is timed
  VariedNumbers numbers;
  std::vector<float> singles(static_cast<size_t>(std::min(tensor.numel(), kDrawn)));
  std::ranges::generate(singles, [&] { return numbers.draw(); });
  const std::vector<bf16> halves = [&] {
    std::vector<bf16> rounded;
    for (const float number : singles) rounded.emplace_back(number);
    return rounded;
  }();
  const void* const drawn = tensor.dtype == DType::f32 ? static_cast<const void*>(singles.data()) : halves.data();
  for (int64_t begin = 0; begin < tensor.numel(); begin += kDrawn)
    memory.write(static_cast<char*>(tensor.data) + begin * size_of(tensor.dtype), drawn,
                 std::min(kDrawn, tensor.numel() - begin) * size_of(tensor.dtype));
}

}  // namespace

SampleMatrix::SampleMatrix(Backend& backend, int64_t rows, int64_t columns, DType type) {
  const bool rounded = type == DType::bf16;
  const int64_t halves = rounded ? (backend.matrix_bytes(rows, columns) + 1) / 2 : 0;
  arena_ = Arena(Arena::size_of_tensor(DType::f32, {rows, columns}) + Arena::size_of_tensor(DType::bf16, {halves}),
                 "the product that is timed", backend.memory());
  const Tensor parameters = arena_.take(DType::f32, {rows, columns});
  fill(parameters, backend.memory());
  matrix_ = parameters;
  if (!rounded) return;
  matrix_ = Matrix(arena_.take(DType::bf16, {halves}).data, type, rows, columns);
  const Backend::MatrixCopy copy{matrix_, parameters};
  backend.copy_matrices({&copy, 1});
}

double measure_product_rate(Backend& backend, DType type, double seconds) {
  // A device has many more units to keep busy, and a limit that so small a product does not show.
  const bool host = backend.memory().on_host();
  const int64_t rows = host ? 2048 : 8192, width = host ? 768 : 8192;
  const SampleMatrix w(backend, width, width, type);
  Arena arena(2 * Arena::size_of_tensor(type, {rows, width}), "the product that is timed", backend.memory());
  const Tensor y = arena.take(type, {rows, width}), x = arena.take(type, {rows, width});
  fill(x, backend.memory());
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  double best = 0;
  do {
    const auto start = Clock::now();
    backend.linear(y, x, w.get(), {});
    backend.wait();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2.0 * static_cast<double>(rows * width) * static_cast<double>(width) / took * 1e-9);
  } while (std::chrono::duration<double>(Clock::now() - begin).count() < seconds);
  return best;
}

ProcessorReport describe_processor() {
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
  if (kernels::instructions() != kernels::Instructions::none)
    report.products += fmt::format(", bf16 by an own kernel ({})",
                                   kernels::instructions() == kernels::Instructions::amx ? "AMX" : "AVX-512 BF16");
  return report;
}

std::string bf16_limit() {
  if (kernels::instructions() != kernels::Instructions::none || !__builtin_cpu_supports("avx512bf16")) return "";
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"})  // the first that is set counts
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0')
      return fmt::format("{}={}", name, printable(value));
  return "";
}

}  // namespace tekio
