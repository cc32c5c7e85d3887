// float32 products of attention's sizes, 64 deep or 64 wide: for these a general matrix library spends much on each
// call, and packs anew what many calls share. The right factor is packed here, once, in strips of 16 columns; the left
// one is read as it lies, by rows or by columns.
#pragma once

#include <cstdint>

namespace tekio::kernels {

/// A matrix [depth, columns] in strips of 16 columns, one after another: of each depth 16 numbers, a cache line. What
/// is outside the matrix is 0.
struct FloatStrips {
  static constexpr int64_t kWidth = 16;
  float* data = nullptr;  // 64-byte aligned
  int64_t depth = 0, columns = 0;
  int64_t stride = 0;  // numbers from a strip to the next: an odd number of lines, for the cache's sets

  FloatStrips(float* memory, int64_t deep, int64_t wide)
      : data(memory), depth(deep), columns(wide), stride((deep | 1) * kWidth) {}
  int64_t count() const { return (columns + kWidth - 1) / kWidth; }
  int64_t numbers() const { return count() * stride; }
  /// The depths [begin, begin + size).
  FloatStrips piece(int64_t begin, int64_t size) const {
    FloatStrips part = *this;
    part.data += begin * kWidth;
    part.depth = size;
    return part;
  }
  /// The columns [begin, begin + size), begin a multiple of 16.
  FloatStrips cut(int64_t begin, int64_t size) const {
    FloatStrips part = *this;
    part.data += begin / kWidth * stride;
    part.columns = size;
    return part;
  }
};

/// The number at (d, c) is from[d * stride + c].
void pack_rows(const FloatStrips& to, const float* from, int64_t stride);
/// From rows of depths: the number at (d, c) is from[c * stride + d].
void pack_columns(const FloatStrips& to, const float* from, int64_t stride);

/// A left factor: the number at (r, d) is data[r * row + d * deep].
struct FloatRows {
  const float* data;
  int64_t row, deep;
};

/// c[m,n] = a[m,k] b[k,n], plus c itself where `add`; k > 0. A sum runs over the depth, one multiply-add after another;
/// over more than 384 in even pieces, which are added up. (So sums oneDNN's sgemm by AVX-512, up to a depth of 768: the
/// same bits.)
void multiply(float* c, int64_t c_stride, const FloatRows& a, int64_t m, const FloatStrips& b, bool add);

}  // namespace tekio::kernels
