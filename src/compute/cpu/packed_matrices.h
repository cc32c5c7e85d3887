// bf16 weights as products like them best: packed once an update, both ways (for x w^T and for d_y w), in strips.
#pragma once

#include <cstdint>

#include "compute/backend.h"
#include "compute/cpu/bf16_kernel.h"

namespace tekio {

class PackedMatrices {
 public:
  explicit PackedMatrices(kernels::Instructions by) : by_(by) {}

  /// Bytes of a matrix [O,I], packed both ways.
  static int64_t bytes(int64_t rows, int64_t columns);
  /// Packs one way, on the calling thread: 0 for forward(), 1 for backward().
  void pack(const Matrix& to, ConstTensor from, int way) const;

  /// Of a product's columns, those that are wanted. Begins are multiples of 64.
  struct Columns {
    int64_t begin, size;
  };
  /// y[m,O] = x[m,I] w^T + b[O] (b may be null), on the calling thread. Rows of y are y_stride apart.
  void forward(bf16* y, int64_t y_stride, const bf16* x, int64_t m, const Matrix& w, Columns columns,
               const float* b) const;
  /// d_x[m,I] = d_y[m,O] w, plus d_x itself where `add`; rows are d_x_stride and d_y_stride apart.
  void backward(bf16* d_x, int64_t d_x_stride, const bf16* d_y, int64_t d_y_stride, int64_t m, const Matrix& w,
                Columns columns, bool add) const;

 private:
  kernels::Instructions by_;
};

}  // namespace tekio
