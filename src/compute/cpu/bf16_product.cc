// Products of bf16 matrices by the own kernels: what is known of the processor, and the packing of operands that do not
// lie as a kernel reads them, into the calling thread's scratch memory, piece by piece of the depth.
#include <dnnl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "compute/arena.h"
#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/product.h"

namespace tekio::kernels {
namespace {

// oneDNN's numbers of instruction sets are sets of bits.
bool has(dnnl_cpu_isa_t wanted) {
  return (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & static_cast<unsigned>(wanted)) ==
         static_cast<unsigned>(wanted);
}

// The tiles are eight kilobytes more of a thread's state, which Linux keeps only for programs that ask.
bool tiles_are_allowed() {
  constexpr long kAsk = 0x1023, kTiles = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kAsk, kTiles) == 0;
}

}  // namespace

Instructions instructions() {
  static const Instructions best = !has(dnnl_cpu_isa_avx512_core_bf16)                        ? Instructions::none
                                   : has(dnnl_cpu_isa_avx512_core_amx) && tiles_are_allowed() ? Instructions::amx
                                                                                              : Instructions::avx512;
  return best;
}

void* scratch(Scratch use, int64_t bytes) {
  thread_local Arena arenas[3];
  Arena& arena = arenas[static_cast<int>(use)];
  if (bytes > arena.bytes()) arena = Arena(bytes, "scratch of a product");
  return arena.data();
}

void multiply(Instructions by, const Result& c, const bf16* a, int64_t a_stride, int64_t m, const Strips& b) {
  TEKIO_CHECK(by != Instructions::none, "a bf16 product on a processor without the instructions");
  by == Instructions::amx ? amx::multiply(c, a, a_stride, m, b) : avx512::multiply(c, a, a_stride, m, b);
}

namespace {

void pack(const Strips& to, const MatrixView<bf16>& from, int64_t begin) {
  if (from.transposed)
    pack_columns(to, from.data + begin, from.stride);
  else
    pack_rows(to, from.data + begin * from.stride, from.stride);
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
    pack(right, b, 0);
    return multiply(by, c, a.data, a.stride, m, right);
  }
  constexpr int64_t kDepth = 256;  // four strips of b are then 32 KiB
  in_pieces(c, m, n, k, kDepth, [&](const Result& to, int64_t begin, int64_t depth) {
    const PackedPiece piece(depth, m, n);
    const bf16* const from = a.data + begin * a.stride;
    float* const sums = a_sums != nullptr ? piece.sums : nullptr;
    if (sums != nullptr) std::fill_n(sums, m, 0.0f);
    if (by == Instructions::amx)
      transpose_rows(piece.rows(), from, a.stride, depth, m, sums);
    else
      pack_rows(piece.left, from, a.stride, sums);
    // Summed by pieces, which loses fewer digits than one long sum.
    if (sums != nullptr)
      for (int64_t i = 0; i < m; ++i) a_sums[i] += sums[i];
    pack(piece.right, b, begin);
    if (by == Instructions::amx) return amx::multiply(to, piece.rows(), Strips::whole_tiles(depth), m, piece.right);
    const int64_t next = begin + depth, rows = std::min(kDepth, k - next);
    std::array<avx512::Soon, 2> soon = {};
    if (rows > 0) soon[0] = {a.data + next * a.stride, rows, m, a.stride};
    if (rows > 0 && !b.transposed) soon[1] = {b.data + next * b.stride, rows, n, b.stride};
    avx512::multiply(to, piece.left, piece.right, soon);
  });
}

}  // namespace tekio::kernels
