// bf16 weights in strips for the own kernel: those of w^T for forward, after them those of w for backward.
#include "compute/arena.h"
#include "compute/cpu/bf16_kernel.h"
#include "compute/cpu/packed_matrices.h"

namespace tekio {
namespace {

using own::Strips;

Strips forward_strips(const Matrix& w) { return {w.data, w.columns, w.rows}; }
Strips backward_strips(const Matrix& w) {
  return {static_cast<std::byte*>(w.data) + forward_strips(w).bytes(), w.rows, w.columns};
}

class OwnMatrices final : public PackedMatrices {
 public:
  int64_t bytes(int64_t rows, int64_t columns) const override {
    return Strips(nullptr, columns, rows).bytes() + Strips(nullptr, rows, columns).bytes();
  }
  void pack(int, const Matrix& to, ConstTensor from, int way) override {
    if (way == 0)
      pack_columns(forward_strips(to), from.f32(), to.columns);
    else
      pack_rows(backward_strips(to), from.f32(), to.columns);
  }
  bool cuts_columns() const override { return true; }
  void forward(int, bf16* y, const bf16* x, int64_t m, const Matrix& w, Columns columns, const float* b) override {
    multiply({y + columns.begin, w.rows, DType::bf16, b != nullptr ? b + columns.begin : nullptr}, x, w.columns, m,
             forward_strips(w).cut(columns.begin, columns.size));
  }
  void backward(int, bf16* d_x, const bf16* d_y, int64_t m, const Matrix& w, Columns columns, bool add) override {
    multiply({d_x + columns.begin, w.columns, DType::bf16, nullptr, add}, d_y, w.rows, m,
             backward_strips(w).cut(columns.begin, columns.size));
  }
};

}  // namespace

std::unique_ptr<PackedMatrices> make_own_matrices() { return std::make_unique<OwnMatrices>(); }

}  // namespace tekio
