// Products of bf16 matrices by the own kernels: which of them, and the packing of operands that do not lie as a kernel
// reads them, into the calling thread's scratch memory, piece by piece of the depth.
#include <algorithm>

#include "base/error.h"
#include "compute/arena.h"
#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/product.h"

namespace tekio::kernels {
void* scratch(Scratch use, int64_t bytes) {
  thread_local Arena arenas[3];
  Arena& arena = arenas[static_cast<int>(use)];
  if (bytes > arena.bytes()) arena = Arena(bytes, "scratch of a product");
  return arena.data();
}

void multiply(Instructions by, const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b) {
  TEKIO_CHECK(by != Instructions::none, "a bf16 product on a processor without the instructions");
  const auto own = by == Instructions::amx      ? amx::multiply
                   : by == Instructions::avx512 ? static_cast<decltype(&amx::multiply)>(avx512::multiply)
                                                : static_cast<decltype(&amx::multiply)>(fma::multiply);
  own(c, a, a_stride, m, b);
}

void pack_rows(Instructions by, const Strips& to, const bf16* from, int64_t stride, float* sums) {
  by == Instructions::fma ? fma::pack_rows(to, from, stride, sums) : avx512::pack_rows(to, from, stride, sums);
}
void pack_rows(Instructions by, const Strips& to, const float* from, int64_t stride) {
  by == Instructions::fma ? fma::pack_rows(to, from, stride) : avx512::pack_rows(to, from, stride);
}
void pack_columns(Instructions by, const Strips& to, const bf16* from, int64_t stride) {
  by == Instructions::fma ? fma::pack_columns(to, from, stride) : avx512::pack_columns(to, from, stride);
}
void pack_columns(Instructions by, const Strips& to, const float* from, int64_t stride) {
  by == Instructions::fma ? fma::pack_columns(to, from, stride) : avx512::pack_columns(to, from, stride);
}
void store(Instructions by, const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns) {
  by == Instructions::fma ? fma::store(c, sums, stride, rows, columns) : avx512::store(c, sums, stride, rows, columns);
}

namespace {

void pack(Instructions by, const Strips& to, const MatrixView<bf16>& from, int64_t begin) {
  if (from.transposed)
    pack_columns(by, to, from.data + begin, from.stride);
  else
    pack_rows(by, to, from.data + begin * from.stride, from.stride);
}

// Some depths of a transposed a and of b, packed: a in strips, or for AMX in rows of depths.
struct PackedPiece {
  Strips left, right;
  float* sums;  // [m]: room for the sums of a's columns

  PackedPiece(int64_t depth, int64_t m, int64_t n) : left(nullptr, depth, m), right(nullptr, depth, n) {
    left.data =
        static_cast<std::byte*>(scratch(Scratch::operands, left.bytes() + right.bytes() + m * size_of(DType::f32)));
    right.data = left.data + left.bytes();
    sums = reinterpret_cast<float*>(right.data + right.bytes());
  }
  bf16* rows() const { return reinterpret_cast<bf16*>(left.data); }
};

}  // namespace

void product(Instructions by, const Result& c, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n, int64_t k,
             float* a_sums) {
  TEKIO_CHECK(by != Instructions::none, "a bf16 product on a processor without the instructions");
  if (!a.transposed) {
    const Strips right(scratch(Scratch::operands, Strips(nullptr, k, n).bytes()), k, n);
    pack(by, right, b, 0);
    return multiply(by, c, a.data, a.stride, m, right);
  }
  constexpr int64_t kDepth = 256;  // four strips of b are then 32 KiB
  in_pieces(by, c, m, n, k, kDepth, [&](const Result& to, int64_t begin, int64_t depth) {
    const PackedPiece piece(depth, m, n);
    const bf16* const from = a.data + begin * a.stride;
    float* const sums = a_sums != nullptr ? piece.sums : nullptr;
    if (sums != nullptr) std::fill_n(sums, m, 0.0f);
    if (by == Instructions::amx)
      transpose_rows(piece.rows(), from, a.stride, depth, m, sums);
    else
      pack_rows(by, piece.left, from, a.stride, sums);
    // Summed by pieces, which loses fewer digits than one long sum.
    if (sums != nullptr)
      for (int64_t i = 0; i < m; ++i) a_sums[i] += sums[i];
    pack(by, piece.right, b, begin);
    if (by == Instructions::amx) return amx::multiply(to, piece.rows(), Strips::whole_tiles(depth), m, piece.right);
    if (by == Instructions::fma) return fma::multiply(to, piece.left, piece.right);
    const int64_t next = begin + depth, rows = std::min(kDepth, k - next);
    std::array<avx512::Soon, 2> soon = {};
    if (rows > 0) soon[0] = {a.data + next * a.stride, rows, m, a.stride};
    if (rows > 0 && !b.transposed) soon[1] = {b.data + next * b.stride, rows, n, b.stride};
    avx512::multiply(to, piece.left, piece.right, soon);
  });
}

}  // namespace tekio::kernels
