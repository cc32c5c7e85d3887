// What this machine can do: its processor as the back end sees it, and the best rate of matrix products, the limit that
// a training step is measured against.
#pragma once

#include <cstdint>
#include <string>

#include "compute/arena.h"
#include "compute/backend.h"

namespace tekio {

/// Reproducible numbers in (-1, 1) whose bits change as those of real ones do. Products of equal numbers can be faster
/// than any model's: two cores with AMX took tiles of zeros from the second cache at 4,800 GFLOP/s, of these at 3,840.
class VariedNumbers {
 public:
  float draw() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(state_ >> 32)) * 0x1p-31f;
  }

 private:
  uint64_t state_ = 1;
};

/// A matrix [O,I] of varied numbers, to time products with. Errors (device): no memory.
class SampleMatrix {
 public:
  SampleMatrix(Backend& backend, int64_t rows, int64_t columns, DType type);
  const Matrix& get() const { return matrix_; }

 private:
  Arena arena_;
  Matrix matrix_;
};

/// The best rate, in GFLOP/s (a multiply-add is 2), of a plain product over repeated calls for about `seconds`: on the
/// host this job's plainest, [2048,768] x [768,768]^T, on a device [8192,8192] x [8192,8192]^T. The back end must have
/// products of that kind. Errors (device): no memory for its 14 MB, or 1 GB.
double measure_product_rate(Backend& backend, DType type, double seconds = 0.3);

struct ProcessorReport {
  std::string model;     ///< as /proc/cpuinfo names it; empty if it does not
  std::string kernels;   ///< the instruction set that our own kernels run with: "AVX-512", "AVX2" or "plain code"
  std::string products;  ///< who multiplies float32 and who bf16, where it can be, and with which instructions
};
ProcessorReport describe_processor();

/// The setting of the environment that keeps this processor from multiplying bf16 though it could,
/// "ONEDNN_MAX_CPU_ISA=AVX2"; empty where none does.
std::string bf16_limit();

}  // namespace tekio
