// The rate of matrix products: the limit that a training step is measured against, and what its time is estimated from.
#pragma once

#include <cstdint>

#include "compute/arena.h"
#include "compute/backend.h"

namespace tekio {

/// A matrix [O,I] of varied numbers, to time products with. Errors (device): no memory.
class SampleMatrix {
 public:
  SampleMatrix(Backend& backend, int64_t rows, int64_t columns, DType type);
  const Matrix& get() const { return matrix_; }

 private:
  Arena arena_;
  Matrix matrix_;
};

/// x[rows,in] w[out,in]^T.
struct ProductShape {
  int64_t rows, in, out;
};
/// This job's plainest, [2048,768] x [768,768]^T on the host, and on a device [8192,8192] x [8192,8192]^T.
ProductShape plain_product(Backend& backend);

/// GFLOP/s (a multiply-add is 2) of single products.
struct ProductRate {
  double best, mean;
};
/// Repeats a product for about `seconds`, or fewer rows of it where the back end is slow. The back end must have
/// products of that kind. Errors (device): no memory for its operands (14 MB, on a device 1 GB, for a plain product).
ProductRate measure_product_rate(Backend& backend, DType type, const ProductShape& shape, double seconds);

}  // namespace tekio
