#include "memory_rate.h"

#include <algorithm>
#include <array>

#include "base/stopwatch.h"
#include "compute/arena.h"

namespace tekio::cli {
namespace {

// The best of five times that `pass` goes over `bytes`.
template <typename Pass>
double best_rate(Backend& backend, int64_t bytes, const Pass& pass) {
  double best = 0;
  backend.wait();
  for (int i = 0; i < 5; ++i) {
    const Stopwatch watch;
    pass();
    backend.wait();
    best = std::max(best, static_cast<double>(bytes) / watch.seconds() * 1e-9);
  }
  return best;
}

// Zeros, with pages of their own: unwritten memory is one page of zeros, again and again.
Tensor written(Arena& arena, Backend& backend, int64_t numbers) {
  const Tensor stream = arena.take(DType::f32, {numbers});
  backend.zero(stream);
  return stream;
}

}  // namespace

double measure_memory_rate(Backend& backend) {
  constexpr int64_t kNumbers = int64_t{16} << 20;
  Arena arena(4 * Arena::size_of_tensor(DType::f32, {kNumbers}) + Arena::size_of_tensor(DType::f64, {kClipping}),
              "the memory that is timed", backend.memory());
  std::array<Tensor, 4> streams;
  for (Tensor& stream : streams) stream = written(arena, backend, kNumbers);
  const Tensor clipping = arena.take(DType::f64, {kClipping});  // zeros: a finite norm
  const AdamWStep step{.learning_rate = 0, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1, .weight_decay = 0, .step = 1};
  return best_rate(backend, 7 * streams[0].bytes(),
                   [&] { backend.adamw(streams[0], streams[1], streams[2], streams[3], clipping, step); });
}

double measure_read_rate(Backend& backend) {
  constexpr int64_t kNumbers = int64_t{64} << 20;
  constexpr int64_t kBlocks = norm_blocks(kNumbers);
  Arena arena(Arena::size_of_tensor(DType::f32, {kNumbers}) + Arena::size_of_tensor(DType::f64, {kBlocks}),
              "the memory that is timed", backend.memory());
  const Tensor stream = written(arena, backend, kNumbers);
  const Tensor sums = arena.take(DType::f64, {kBlocks});
  return best_rate(backend, stream.bytes(), [&] { backend.squared_norms(sums, stream); });
}

}  // namespace tekio::cli
