// Products of bf16 matrices by the own kernel: operands that do not lie as it reads them are packed into the calling
// thread's scratch memory, piece by piece of the depth.
#include <dnnl.h>

#include <algorithm>

#include "compute/arena.h"
#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/product.h"

namespace tekio::own {

bool supported() { return dnnl_get_effective_cpu_isa() == dnnl_cpu_isa_avx512_core_bf16; }

void* scratch(Scratch use, int64_t bytes) {
  thread_local Arena arenas[2];
  Arena& arena = arenas[static_cast<int>(use)];
  if (bytes > arena.bytes()) arena = Arena(bytes, "scratch of a product");
  return arena.data();
}

namespace {

void pack(const Strips& to, const MatrixView<bf16>& from, int64_t begin) {
  if (from.transposed)
    pack_columns(to, from.data + begin, from.stride);
  else
    pack_rows(to, from.data + begin * from.stride, from.stride);
}

}  // namespace

void product(const Result& c, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n, int64_t k, float* a_sums) {
  if (!a.transposed) {
    const Strips right(scratch(Scratch::operands, Strips(nullptr, k, n).bytes()), k, n);
    pack(right, b, 0);
    return multiply(c, a.data, a.stride, m, right);
  }
  constexpr int64_t kDepth = 256;  // four strips of b are then 32 KiB
  in_pieces(c, m, n, k, kDepth, [&](const Result& to, int64_t begin, int64_t depth) {
    Strips left(nullptr, depth, m), right(nullptr, depth, n);
    left.data =
        static_cast<std::byte*>(scratch(Scratch::operands, left.bytes() + right.bytes() + m * size_of(DType::f32)));
    right.data = left.data + left.bytes();
    if (a_sums != nullptr) {  // by pieces, which loses fewer digits than one long sum
      float* const sums = reinterpret_cast<float*>(right.data + right.bytes());
      std::fill_n(sums, m, 0.0f);
      pack_rows(left, a.data + begin * a.stride, a.stride, sums);
      for (int64_t i = 0; i < m; ++i) a_sums[i] += sums[i];
    } else {
      pack_rows(left, a.data + begin * a.stride, a.stride);
    }
    pack(right, b, begin);
    const int64_t next = begin + depth, rows = std::min(kDepth, k - next);
    multiply(to, left, right,
             {Soon{a.data + next * a.stride, rows, m, a.stride},
              b.transposed ? Soon() : Soon{b.data + next * b.stride, rows, n, b.stride}});
  });
}

}  // namespace tekio::own
