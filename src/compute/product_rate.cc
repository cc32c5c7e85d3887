// Timed products.
#include "compute/product_rate.h"

#include <algorithm>
#include <vector>

#include "base/stopwatch.h"
#include "compute/varied_numbers.h"

namespace tekio {
namespace {

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
  const MatrixCopy copy{matrix_, parameters};
  backend.copy_matrices({&copy, 1});
}

ProductShape plain_product(Backend& backend) {
  // A device has many more units to keep busy, and a limit that so small a product does not show.
  return backend.memory().on_host() ? ProductShape{2048, 768, 768} : ProductShape{8192, 8192, 8192};
}

ProductRate measure_product_rate(Backend& backend, DType type, const ProductShape& shape, double seconds) {
  const auto [most_rows, in, out] = shape;
  const SampleMatrix w(backend, out, in, type);
  Arena arena(Arena::size_of_tensor(type, {most_rows, in}) + Arena::size_of_tensor(type, {most_rows, out}),
              "the product that is timed", backend.memory());
  const Tensor x = arena.take(type, {most_rows, in}), y = arena.take(type, {most_rows, out});
  fill(x, backend.memory());
  const auto time = [&](int64_t rows) {
    const Stopwatch watch;
    backend.linear(y.rows(0, rows), x.rows(0, rows), w.get(), {});
    backend.wait();
    return watch.seconds();
  };
  // More rows until a product takes long enough to time: a slow back end stops early. The first prepares what it needs.
  int64_t rows = std::min<int64_t>(8, most_rows);
  double took = time(rows);
  while (rows < most_rows && took < seconds) took = time(rows = std::min(4 * rows, most_rows));
  double all = took, best = took;
  int64_t count = 1;
  for (; all < seconds; ++count) {
    took = time(rows);
    all += took;
    best = std::min(best, took);
  }
  const double gflop = 2e-9 * static_cast<double>(rows * in) * static_cast<double>(out);
  return {.best = gflop / best, .mean = gflop * static_cast<double>(count) / all};
}

}  // namespace tekio
