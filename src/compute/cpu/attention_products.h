// Attention's products of one sequence and head, for numbers of either kind: with its keys and values as the right
// factor, packed once for all blocks of queries; and the sums over these blocks that are the keys' and values'
// gradients.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>

#include "compute/cpu/attention_rows.h"
#include "compute/cpu/f32_kernel.h"
#include "compute/cpu/product.h"

namespace tekio {

/// A worker's scratch memory, piece by piece, each on a 64-byte border.
class Scratch {
 public:
  explicit Scratch(float* memory) : next_(memory) {}
  /// Float32 places that so many numbers take.
  template <typename T>
  static int64_t places(int64_t numbers) {
    return (numbers * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 16;
  }
  template <typename T>
  T* take(int64_t numbers) {
    T* const piece = reinterpret_cast<T*>(next_);
    next_ += places<T>(numbers);
    return piece;
  }

 private:
  float* next_;
};

/// Whether what a head needs in its scratch memory is still to be put there, or is there since an object at the same
/// place was made.
enum class Prepared { now, before };

/// A right factor [depth, columns] of products with some rows, packed as they take it. In float32 products with few
/// rows, for which packing does not pay, are oneDNN's.
template <typename T>
class PackedFactor {
  static constexpr bool kF32 = std::is_same_v<T, float>;
  static constexpr int64_t kFew = 16;
  using Strips = std::conditional_t<kF32, kernels::FloatStrips, kernels::Strips>;

 public:
  /// Packs b into `scratch`, for products with at most `rows` rows.
  PackedFactor(const Products& product, MatrixView<T> b, int64_t depth, int64_t columns, int64_t rows, Scratch& scratch,
               Prepared prepared = Prepared::now)
      : product_(product), b_(b), strips_(nullptr, depth, columns) {
    if constexpr (kF32) {
      if (rows < kFew) return;
      strips_.data = scratch.take<float>(strips_.numbers());
      if (prepared == Prepared::before) return;
      b.transposed ? pack_columns(strips_, b.data, b.stride) : pack_rows(strips_, b.data, b.stride);
    } else {
      strips_.data = scratch.take<std::byte>(strips_.bytes());
      if (prepared == Prepared::before) return;
      b.transposed ? pack_columns(product.by(), strips_, b.data, b.stride)
                   : pack_rows(product.by(), strips_, b.data, b.stride);
    }
  }
  /// Float32 places that it takes of the scratch memory.
  static int64_t places(int64_t depth, int64_t columns) {
    if constexpr (kF32)
      return Scratch::places<float>(Strips(nullptr, depth, columns).numbers());
    else
      return Scratch::places<std::byte>(Strips(nullptr, depth, columns).bytes());
  }

  /// c[m, size of `range`] = a[m, depth] by the columns of `range`, which begins at a multiple of 16 (b is transposed).
  /// m is a part of `rows`: how they are cut changes no bit.
  void multiply_columns(float* c, MatrixView<T> a, int64_t m, int64_t rows, KeyRange range) const {
    const int64_t count = range.end - range.begin;
    if constexpr (kF32) {
      if (rows < kFew)
        product_(c, count, a, {b_.data + range.begin * b_.stride, b_.stride, true}, m, count, strips_.depth);
      else
        kernels::multiply(c, count, {a.data, a.stride, 1}, m, strips_.cut(range.begin, count), false);
    } else {
      kernels::multiply(product_.by(), {c, count, DType::f32}, a.data, a.stride, m, strips_.cut(range.begin, count));
    }
  }
  /// c[m, columns] = a[m, size of `range`] by the rows of `range`, which begins at a multiple of 32.
  void multiply_rows(T* c, int64_t c_stride, MatrixView<T> a, int64_t m, KeyRange range) const {
    const int64_t count = range.end - range.begin;
    if constexpr (kF32) {
      if (strips_.data == nullptr)
        product_(c, c_stride, a, {b_.data + range.begin * b_.stride, b_.stride}, m, strips_.columns, count);
      else
        kernels::multiply(c, c_stride, {a.data, a.stride, 1}, m, strips_.piece(range.begin, count), false);
    } else {
      kernels::multiply(product_.by(), {c, c_stride, DType::bf16}, a.data, a.stride, m,
                        strips_.piece(range.begin, count));
    }
  }
  const Strips& strips() const { return strips_; }

 private:
  const Products& product_;
  MatrixView<T> b_;
  Strips strips_;
};

/// d[keys, size] of a head: the sum over blocks of queries of factors^T rows, for factors [queries, keys of the block]
/// and rows [queries, size]. In bf16 it is gathered in float32, unless there is but one block.
template <typename T>
class KeyGradient {
 public:
  /// `first_writes`: the first block has all keys; else it begins with zeros. `only`: there is no other.
  KeyGradient(const Products& product, T* d, int64_t stride, int64_t keys, int64_t size, bool first_writes, bool only,
              Scratch& scratch, Prepared prepared = Prepared::now)
      : product_(product), d_(d), stride_(stride), size_(size), first_writes_(first_writes), only_(only) {
    if constexpr (std::is_same_v<T, float>) {
      sums_ = d;
      sums_stride_ = stride;
    } else {
      sums_ = scratch.take<float>(keys * size);
      sums_stride_ = size;
    }
    if (first_writes || prepared == Prepared::before) return;
    for (int64_t key = 0; key < keys; ++key) std::fill_n(sums_ + key * sums_stride_, size, 0.0f);
  }
  /// Float32 places that it takes of the scratch memory.
  static int64_t places(int64_t keys, int64_t size) {
    return std::is_same_v<T, float> ? 0 : Scratch::places<float>(keys * size);
  }

  /// Adds what the block of `queries`, whose keys are `range`, gives to those among `some`: how these are cut changes
  /// no bit. Blocks come in order; `first`: it is the first one. `scratch` has room for
  /// PackedFactor<T>::places(queries, size) more.
  void add(const T* factors, int64_t stride, KeyRange range, KeyRange some, const T* rows, int64_t rows_stride,
           int64_t queries, bool first, Scratch scratch) const {
    const int64_t begin = std::max(range.begin, some.begin), keys = std::min(range.end, some.end) - begin;
    if (keys <= 0) return;
    factors += begin - range.begin;
    const bool adds = !(first_writes_ && first);
    float* const sums = sums_ + begin * sums_stride_;
    if constexpr (std::is_same_v<T, float>) {
      const PackedFactor<T> packed(product_, {rows, rows_stride}, queries, size_, std::numeric_limits<int64_t>::max(),
                                   scratch);
      kernels::multiply(sums, sums_stride_, {factors, 1, stride}, keys, packed.strips(), adds);
    } else {
      const MatrixView<T> a{factors, stride, true}, b{rows, rows_stride};
      if (only_)
        product_(d_ + begin * stride_, stride_, a, b, keys, size_, queries);
      else
        product_(sums, sums_stride_, a, b, keys, size_, queries, adds);
    }
  }
  /// Those of `some`, after all blocks.
  void finish(KeyRange some) const {
    if constexpr (std::is_same_v<T, bf16>)
      if (!only_)
        store_attention_rows(d_ + some.begin * stride_, sums_ + some.begin * size_, some.end - some.begin, size_,
                             stride_, DType::bf16);
  }

 private:
  const Products& product_;
  T* d_;
  float* sums_ = nullptr;
  int64_t stride_, sums_stride_ = 0, size_;
  bool first_writes_, only_;
};

}  // namespace tekio
