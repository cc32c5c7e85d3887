// Ops on rows and flat pieces, specified: gathering, zeroing, the sum of squares.
#include <algorithm>

#include "compute/ref/ref_backend.h"

namespace tekio {

std::unique_ptr<Backend> make_ref_backend() { return std::make_unique<RefBackend>(); }

void RefBackend::do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) {
  const int64_t width = x.dim[1];
  const ConstNumbers from(x);
  const Numbers to(y);
  for (size_t r = 0; r < rows.size(); ++r)
    for (int64_t c = 0; c < width; ++c) to.set(static_cast<int64_t>(r) * width + c, from[rows[r] * width + c]);
}

void RefBackend::do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) {
  const int64_t width = d_x.dim[1];
  const ConstNumbers from(d_y);
  const Numbers to(d_x);
  for (int64_t i = 0; into == Into::overwrite && i < d_x.numel(); ++i) to.set(i, 0);
  for (size_t r = 0; r < rows.size(); ++r)
    for (int64_t c = 0; c < width; ++c) {
      const int64_t at = rows[r] * width + c;
      to.set(at, to[at] + from[static_cast<int64_t>(r) * width + c]);
    }
}

void RefBackend::do_zero(Tensor x) { std::fill_n(x.f32(), x.numel(), 0.0f); }

double RefBackend::do_squared_norm(ConstTensor x) {
  double sum = 0;
  for (const float value : x.values()) sum += static_cast<double>(value) * value;
  return sum;
}

}  // namespace tekio
