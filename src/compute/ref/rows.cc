// Ops on rows and flat pieces, specified: gathering, zeroing, adding, the sum of squares.
#include <algorithm>
#include <cstring>

#include "compute/adamw.h"
#include "compute/ref/ref_backend.h"

namespace tekio {

std::unique_ptr<Backend> make_ref_backend() { return std::make_unique<RefBackend>(); }

void RefBackend::run(const verb::GatherRows& op) {
  const int64_t width = op.x.dim[1];
  const ConstNumbers from(op.x);
  const Numbers to(op.y);
  for (size_t r = 0; r < op.rows.size(); ++r)
    for (int64_t c = 0; c < width; ++c) to.set(static_cast<int64_t>(r) * width + c, from[op.rows[r] * width + c]);
}

void RefBackend::run(const verb::GatherRowsBackward& op) {
  const int64_t width = op.d_x.dim[1];
  const ConstNumbers from(op.d_y);
  const Numbers to(op.d_x);
  for (int64_t i = 0; op.into == Into::overwrite && i < op.d_x.numel(); ++i) to.set(i, 0);
  for (size_t r = 0; r < op.rows.size(); ++r)
    for (int64_t c = 0; c < width; ++c) {
      const int64_t at = op.rows[r] * width + c;
      to.set(at, to[at] + from[static_cast<int64_t>(r) * width + c]);
    }
}

void RefBackend::run(const verb::Zero& op) { std::memset(op.x.data, 0, static_cast<size_t>(op.x.bytes())); }

void RefBackend::run(const verb::Add& op) {
  const std::span<float> to = op.y.values();
  const std::span<const float> from = op.x.values();
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

void RefBackend::run(const verb::SquaredNorms& op) {
  const std::span<const float> x = op.x.values();
  double* const sums = op.sums.f64();
  std::fill_n(sums, op.sums.numel(), 0);
  for (size_t i = 0; i < x.size(); ++i) sums[i / kNormBlock] += static_cast<double>(x[i]) * x[i];
}

void RefBackend::run(const verb::Clip& op) {
  *reinterpret_cast<Clipping*>(op.clipping.f64()) = clipping_of(op.sums.f64(), op.sums.numel(), op.limit);
}

}  // namespace tekio
