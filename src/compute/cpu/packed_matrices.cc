// The strips of a packed matrix: those of w^T for forward, after them those of w for backward.
#include "compute/cpu/packed_matrices.h"

namespace tekio {
namespace {

using kernels::Strips;

Strips forward_strips(const Matrix& w) { return {w.data, w.columns, w.rows}; }
Strips backward_strips(const Matrix& w) {
  return {static_cast<std::byte*>(w.data) + forward_strips(w).bytes(), w.rows, w.columns};
}

}  // namespace

int64_t PackedMatrices::bytes(int64_t rows, int64_t columns) {
  return Strips(nullptr, columns, rows).bytes() + Strips(nullptr, rows, columns).bytes();
}

void PackedMatrices::pack(const Matrix& to, ConstTensor from, int way) const {
  if (way == 0)
    kernels::pack_columns(by_, forward_strips(to), from.f32(), to.columns);
  else
    kernels::pack_rows(by_, backward_strips(to), from.f32(), to.columns);
}

void PackedMatrices::forward(bf16* y, int64_t y_stride, const bf16* x, int64_t m, const Matrix& w, Columns columns,
                             const float* b) const {
  kernels::multiply(by_, {y + columns.begin, y_stride, DType::bf16, b != nullptr ? b + columns.begin : nullptr}, x,
                    w.columns, m, forward_strips(w).cut(columns.begin, columns.size));
}

void PackedMatrices::backward(bf16* d_x, int64_t d_x_stride, const bf16* d_y, int64_t d_y_stride, int64_t m,
                              const Matrix& w, Columns columns, bool add) const {
  kernels::multiply(by_, {d_x + columns.begin, d_x_stride, DType::bf16, nullptr, add}, d_y, d_y_stride, m,
                    backward_strips(w).cut(columns.begin, columns.size));
}

}  // namespace tekio
