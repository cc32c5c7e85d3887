// bf16 weights as products like them best: packed once an update, both ways (for x w^T and for d_y w).
#pragma once

#include <cstdint>
#include <memory>

#include "compute/backend.h"

namespace tekio {

class PackedMatrices {
 public:
  virtual ~PackedMatrices() = default;

  /// Whether this processor multiplies bf16 at full speed (AVX-512 BF16 or AMX).
  static bool supported();
  /// Bytes of a matrix [O,I], packed both ways.
  virtual int64_t bytes(int64_t rows, int64_t columns) const = 0;
  /// Packs one way, on the calling thread: 0 for forward(), 1 for backward().
  virtual void pack(int worker, const Matrix& to, ConstTensor from, int way) = 0;

  /// Of a product's columns, those that are wanted; all of them, unless cuts_columns(). Begins are multiples of 64.
  struct Columns {
    int64_t begin, size;
  };
  virtual bool cuts_columns() const = 0;
  /// y[m,O] = x[m,I] w^T + b[O] (b may be null), rows contiguous, on the calling thread.
  virtual void forward(int worker, bf16* y, const bf16* x, int64_t m, const Matrix& w, Columns columns,
                       const float* b) = 0;
  /// d_x[m,I] = d_y[m,O] w, plus d_x itself where `add`.
  virtual void backward(int worker, bf16* d_x, const bf16* d_y, int64_t m, const Matrix& w, Columns columns,
                        bool add) = 0;
};

/// Those for this processor.
std::unique_ptr<PackedMatrices> make_packed_matrices(int workers);
/// oneDNN's, for `workers` threads, each of which passes its number.
std::unique_ptr<PackedMatrices> make_onednn_matrices(int workers);
/// The own kernel's; any thread may pass any number.
std::unique_ptr<PackedMatrices> make_own_matrices();

}  // namespace tekio
