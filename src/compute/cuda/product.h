// Matrix products by cuBLASLt: which algorithm a product takes is decided once for each shape, and remembered.
#pragma once

#include <map>
#include <memory>
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
  int64_t rows, columns, stride;  // as it lies in memory, rows `stride` numbers apart
  bool transposed = false;
};

class Products {
 public:
  explicit Products(Device& device);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// to[m,n] = a[m,k] b[k,n] (+ to, where `add`) (+ bias[n], of to's kind), in the first n columns of `to`. Sums are
  /// float32, never TF32; the result is rounded once. Depth 0 only where it is added to.
  void multiply(Tensor to, const Operand& a, const Operand& b, const void* bias, bool add);
  /// to += a b, beside what is queued afterwards: see Device::queue_beside().
  void add_beside(Tensor to, const Operand& a, const Operand& b);
  /// Whether the library can add such a bias in that product.
  bool take_bias(Tensor to, const Operand& a, const Operand& b, const void* bias);

 private:
  struct Product;                           // cuBLASLt's description of one, with the chosen algorithm
  using Shared = std::shared_ptr<Product>;  // queued work may outlive what is known
  // Everything that the choice depends on: m, n, k, kinds, transpositions, epilogue, the strides of b, a and to, and
  // the alignment of b, a, to and bias.
  using Key = std::tuple<int64_t, int64_t, int64_t, DType, DType, bool, bool, bool, std::array<int64_t, 3>,
                         std::array<uint32_t, 4>>;
  static Key key_of(const Tensor& to, const Operand& a, const Operand& b, const void* bias);
  /// Its algorithm is absent where the library has none.
  Shared product_for(const Key& key, const void* bias);
  enum class Place { in_order, beside };
  void multiply(Tensor to, const Operand& a, const Operand& b, const void* bias, bool add, Place place);

  Device& device_;
  cublasLtHandle_t handle_ = nullptr;
  DeviceBuffer workspace_, workspace_beside_;
  std::map<Key, Shared> known_;
};

}  // namespace tekio::cuda
