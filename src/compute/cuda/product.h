// Matrix products by cuBLASLt: which algorithm a product takes is decided once for each shape, and remembered.
#pragma once

#include <map>
#include <optional>
#include <tuple>

#include "compute/cuda/cublas_lt.h"
#include "compute/cuda/device.h"
#include "compute/tensor.h"

namespace tekio::cuda {

/// A row-major matrix, or its transpose.
struct Operand {
  const void* data;
  DType dtype;
  int64_t rows, columns;  // as it lies in memory
  bool transposed = false;
};

class Products {
 public:
  explicit Products(Device& device);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// to[m,n] = a[m,k] b[k,n] (+ to, where `add`) (+ bias[n], of to's kind). Sums are float32, never TF32; the result is
  /// rounded once.
  void multiply(Tensor to, const Operand& a, const Operand& b, const void* bias, bool add);

 private:
  struct Product;  // cuBLASLt's description of one, with the chosen algorithm
  // Everything that the choice depends on: m, n, k, kinds, transpositions, epilogue, alignment.
  using Key = std::tuple<int64_t, int64_t, int64_t, DType, DType, bool, bool, bool, std::array<uint32_t, 3>>;
  Product& product_for(const Key& key);

  Device& device_;
  cublasLtHandle_t handle_ = nullptr;
  DeviceBuffer workspace_;
  std::map<Key, Product> known_;
};

}  // namespace tekio::cuda
