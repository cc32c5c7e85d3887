// Own bf16 products: by AMX (bf16_amx.cc), by AVX-512 BF16 (bf16_avx512.cc), and by float32's multiply-adds
// (bf16_fma.cc), and the packing that feeds them all. Instructions are chosen at run time: those that instructions()
// names, or fewer.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute/bf16.h"
#include "compute/tensor.h"

namespace tekio::kernels {

/// What multiplies bf16; a processor that has one has those before it. fma: AVX2 or AVX-512, whichever it has.
enum class Instructions { none, fma, avx512, amx };
/// The most that this processor has and the system and the environment let this program use (cpu_features.h).
Instructions instructions();
/// All that it may use, the simplest first.
std::vector<Instructions> all_instructions();
/// "fma", "avx512", "amx".
const char* name_of(Instructions by);
/// "FMA", "AVX-512 BF16", "AMX".
const char* shown_name_of(Instructions by);

constexpr int64_t kPanel = 64;      // rows or columns; a product's parts begin at multiples of it
constexpr int64_t kTileDepth = 32;  // an AMX tile's

/// A matrix [depth, columns] as the kernels read it: strips of 16 columns, one after another. A strip has a cache
/// line for each pair of depths: 16 times (number at 2p, number at 2p + 1); what is outside the matrix is 0, up to a
/// whole tile's depth.
struct Strips {
  std::byte* data = nullptr;  // 64-byte aligned
  int64_t depth = 0, columns = 0;
  int64_t strip_bytes = 0;

  /// An odd number of lines a strip, so that the strips' beginnings spread over the cache's sets.
  Strips(void* memory, int64_t deep, int64_t wide)
      : data(static_cast<std::byte*>(memory)),
        depth(deep),
        columns(wide),
        strip_bytes(64 * (whole_tiles(deep) / 2 | 1)) {}
  static int64_t whole_tiles(int64_t deep) { return (deep + kTileDepth - 1) / kTileDepth * kTileDepth; }
  int64_t count() const { return (columns + 15) / 16; }
  int64_t bytes() const { return count() * strip_bytes; }
  /// The depths [begin, begin + size), begin even; for AMX a multiple of kTileDepth.
  Strips piece(int64_t begin, int64_t size) const {
    Strips part = *this;
    part.data += begin / 2 * 64;
    part.depth = size;
    return part;
  }
  /// The columns [begin, begin + size), begin a multiple of 16.
  Strips cut(int64_t begin, int64_t size) const {
    Strips part = *this;
    part.data += begin / 16 * strip_bytes;
    part.columns = size;
    return part;
  }
};

/// Fills `to` from rows of columns: the number at (d, c) is from[d * stride + c]. Float32 is rounded.
/// `sums` (may be null) [columns]: the columns' sums are added to it. What is packed is the same whatever packs it.
void pack_rows(Instructions by, const Strips& to, const bf16* from, int64_t stride, float* sums = nullptr);
void pack_rows(Instructions by, const Strips& to, const float* from, int64_t stride);
/// From rows of depths: the number at (d, c) is from[c * stride + d].
void pack_columns(Instructions by, const Strips& to, const bf16* from, int64_t stride);
void pack_columns(Instructions by, const Strips& to, const float* from, int64_t stride);
/// For AMX: rows of columns become rows of depths, whole_tiles(depth) apart, 0 from `depth` on: the number at (c, d) is
/// from[d * stride + c]. `sums` as above. `to` is 64-byte aligned.
void transpose_rows(bf16* to, const bf16* from, int64_t stride, int64_t depth, int64_t columns, float* sums = nullptr);

/// Where a product goes: rows `stride` numbers apart, of float32 or bf16, rounded once at the end.
struct Result {
  void* data;
  int64_t stride;
  DType type;
  const float* bias = nullptr;  // [columns], added
  bool add = false;             // what is there is added

  Result from_row(int64_t row) const {
    Result rest = *this;
    rest.data = static_cast<std::byte*>(data) + row * stride * size_of(type);
    return rest;
  }
};

/// c[m,n] = a[m,k] b[k,n], rows of a `a_stride` apart; k > 0. Sums in float32, in an order that depends on k only;
/// where float32 numbers are added to, AMX begins with those within whole blocks of 32 x 32 and ends with those
/// outside. So that no bit depends on how a result is cut, it is cut at multiples of kPanel.
/// fma and avx512 sum in the same order, each pair's second product first; where denormal numbers are taken for 0, as
/// CpuBackend does and vdpbf16ps always does, their results have the same bits.
void multiply(Instructions by, const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b);
namespace fma {
void pack_rows(const Strips& to, const bf16* from, int64_t stride, float* sums);
void pack_rows(const Strips& to, const float* from, int64_t stride);
void pack_columns(const Strips& to, const bf16* from, int64_t stride);
void pack_columns(const Strips& to, const float* from, int64_t stride);
void store(const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns);
void multiply(const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b);
/// c[m,n] = a[k,m]^T b[k,n].
void multiply(const Result& c, const Strips& a, const Strips& b);
}  // namespace fma
namespace avx512 {
void pack_rows(const Strips& to, const bf16* from, int64_t stride, float* sums);
void pack_rows(const Strips& to, const float* from, int64_t stride);
void pack_columns(const Strips& to, const bf16* from, int64_t stride);
void pack_columns(const Strips& to, const float* from, int64_t stride);
void store(const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns);
void multiply(const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b);
/// Rows of memory that will be read soon.
struct Soon {
  const bf16* data = nullptr;
  int64_t rows = 0, columns = 0, stride = 0;
};
/// c[m,n] = a[k,m]^T b[k,n]. Between tiles, `soon` is fetched into the second cache.
void multiply(const Result& c, const Strips& a, const Strips& b, std::array<Soon, 2> soon = {});
}  // namespace avx512
namespace amx {
void multiply(const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b);
}

/// Memory of the calling thread, 64-byte aligned, kept from call to call; it grows as a thread meets larger operands.
/// What is in it lasts until the next call for the same use.
enum class Scratch { operands, sums, tiles };
void* scratch(Scratch use, int64_t bytes);

/// c = sums [rows, columns], rows `stride` apart, and what else the result asks for.
void store(Instructions by, const Result& c, const float* sums, int64_t stride, int64_t rows, int64_t columns);

/// A product whose depth is cut: multiply_part(to, begin, size) for each piece of at most `most`, an even number; the
/// sums of several are gathered in float32.
template <typename MultiplyPart>
void in_pieces(Instructions by, const Result& c, int64_t rows, int64_t columns, int64_t depth, int64_t most,
               const MultiplyPart& multiply_part) {
  Result to = c;
  const bool gathers = c.type == DType::bf16 && depth > most;
  if (gathers) to = {scratch(Scratch::sums, rows * columns * size_of(DType::f32)), columns, DType::f32, c.bias};
  for (int64_t begin = 0; begin < depth; begin += most) {
    multiply_part(to, begin, std::min(most, depth - begin));
    to.add = true;
    to.bias = nullptr;
  }
  if (gathers)
    store(by, {c.data, c.stride, c.type, nullptr, c.add}, static_cast<const float*>(to.data), columns, rows, columns);
}

}  // namespace tekio::kernels
