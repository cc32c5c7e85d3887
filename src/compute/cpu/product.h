// Matrix products for one thread, and how a big product is cut into blocks for many. All products of plain operands go
// through Products; weights in bf16 are packed first (packed_matrices.h). float32 is oneDNN's, bf16 the own kernels'
// (bf16_kernel.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/even_pieces.h"

namespace tekio {

/// A matrix in memory: rows are `stride` numbers apart. `transposed`: what is meant is its transpose.
template <typename T>
struct MatrixView {
  const T* data;
  int64_t stride;
  bool transposed = false;
};

/// c[m,n] (rows c_stride apart) = a[m,k] b[k,n], plus c itself where `add`. Runs on the calling thread alone.
/// k = 0 gives zeros (or leaves c, where `add`). Sums in float32, in an order that depends on m, n and k only.
class Products {
 public:
  /// `bf16`: what multiplies bf16; `none` where nobody will ask for that.
  explicit Products(kernels::Instructions bf16) : bf16_(bf16) {}
  kernels::Instructions by() const { return bf16_; }
  void operator()(float* c, int64_t c_stride, MatrixView<float> a, MatrixView<float> b, int64_t m, int64_t n, int64_t k,
                  bool add = false) const;
  void operator()(float* c, int64_t c_stride, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n, int64_t k,
                  bool add = false) const;
  /// The sums are rounded once, at the end.
  void operator()(bf16* c, int64_t c_stride, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n,
                  int64_t k) const;

 private:
  kernels::Instructions bf16_;
};

namespace kernels {
/// The same in bf16, none of m, n and k 0. `a_sums` [m], only where a is transposed: the sums of its columns as they
/// lie are added to it.
void product(Instructions by, const Result& c, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n, int64_t k,
             float* a_sums = nullptr);
}  // namespace kernels

/// Cuts [rows, columns] of a float32 result into blocks, the same whatever the number of threads. oneDNN copies its
/// operands into panels for every call, so tall blocks are better (1024 rows: 223 GFLOP/s a core, 256: 210, 128: 195),
/// as long as there are enough of them for a handful of threads. A block is then finished (bias, activation) while it
/// is in cache.
class BlockGrid {
 public:
  BlockGrid(int64_t rows, int64_t columns, int64_t most_columns = 384) : rows_(rows), columns_(columns) {
    if (rows <= 0 || columns <= 0) return;
    across_ = pieces(columns, most_columns);
    for (int64_t height = 1024; height >= 128; height /= 2) {
      down_ = pieces(rows, height);
      if (down_ * across_ >= 8) break;
    }
  }
  int64_t count() const { return down_ * across_; }

  struct Block {
    int64_t row, rows, column, columns;
  };
  Block block(int64_t i) const {
    const int64_t d = i / across_, a = i % across_;
    const int64_t row = border(rows_, down_, d), column = border(columns_, across_, a);
    return {row, border(rows_, down_, d + 1) - row, column, border(columns_, across_, a + 1) - column};
  }

 private:
  static int64_t pieces(int64_t size, int64_t most) { return (size + most - 1) / most; }
  // Even pieces, borders on multiples of a cache line.
  static int64_t border(int64_t size, int64_t count, int64_t i) {
    return std::min(size, (size * i / count + 15) / 16 * 16);
  }

  int64_t rows_, columns_, down_ = 0, across_ = 0;
};

}  // namespace tekio
