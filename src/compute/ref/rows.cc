// Ops on rows and flat pieces, specified: gathering, zeroing, the sum of squares.
#include <algorithm>

#include "compute/ref/ref.h"

namespace tekio {

std::unique_ptr<Backend> make_ref_backend() { return std::make_unique<RefBackend>(); }

void RefBackend::do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) {
  const int64_t width = x.dim[1];
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy_n(x.f32() + rows[r] * width, width, y.f32() + static_cast<int64_t>(r) * width);
}

void RefBackend::do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows) {
  const int64_t width = d_x.dim[1];
  std::fill_n(d_x.f32(), d_x.numel(), 0.0f);
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy_n(d_y.f32() + static_cast<int64_t>(r) * width, width, d_x.f32() + rows[r] * width);
}

void RefBackend::do_zero(Tensor x) { std::fill_n(x.f32(), x.numel(), 0.0f); }

double RefBackend::do_squared_norm(ConstTensor x) {
  double sum = 0;
  for (const float value : x.values()) sum += static_cast<double>(value) * value;
  return sum;
}

}  // namespace tekio
