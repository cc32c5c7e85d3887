// cuBLASLt's matrices are column by column, so that ours, row by row, are its transposes: it is asked for
// to^T = b^T a^T, in which nothing needs to be moved.
#include "compute/cuda/product.h"

#include <algorithm>

namespace tekio::cuda {
namespace {

constexpr int64_t kWorkspace = 32 << 20;  // what the library's guide names for Hopper

void check_product(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(ErrorKind::device, "the GPU's matrix products failed at {}: {}", call, cublas_lt().status_text(status));
}

cudaDataType_t kind_of(DType type) { return type == DType::f32 ? CUDA_R_32F : CUDA_R_16BF; }

/// The largest power of two, up to 256, that divides an address.
uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data) | 256;
  return static_cast<uint32_t>(address & (~address + 1));
}

}  // namespace

struct Products::Product {
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t left = nullptr, right = nullptr, result = nullptr;
  cublasLtMatmulAlgo_t algorithm{};

  Product() = default;
  Product(Product&&) = delete;
  ~Product() {
    const CublasLt& lt = cublas_lt();
    if (result != nullptr) lt.layout_destroy(result);
    if (right != nullptr) lt.layout_destroy(right);
    if (left != nullptr) lt.layout_destroy(left);
    if (description != nullptr) lt.product_destroy(description);
  }
  template <typename Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    check_product(cublas_lt().product_set(description, attribute, &value, sizeof value),
                  "cublasLtMatmulDescSetAttribute");
  }
};

Products::Products(Device& device) : device_(device), workspace_(kWorkspace, "the products' workspace") {
  check_product(cublas_lt().create(&handle_), "cublasLtCreate");
}

Products::~Products() {
  known_.clear();
  cublas_lt().destroy(handle_);
}

Products::Product& Products::product_for(const Key& key) {
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  const auto& [m, n, k, type, to_type, a_transposed, b_transposed, biased, alignment] = key;
  const CublasLt& lt = cublas_lt();
  Product& p = known_[key];
  try {
    check_product(lt.product_create(&p.description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
    // Its left operand is our b, its right one our a.
    p.set(CUBLASLT_MATMUL_DESC_TRANSA, b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    p.set(CUBLASLT_MATMUL_DESC_TRANSB, a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, biased ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT);
    // A matrix of ours with R rows of C is one of its with C rows, R columns.
    const auto layout = [&](cublasLtMatrixLayout_t& of, DType kind, int64_t rows, int64_t columns) {
      check_product(
          lt.layout_create(&of, kind_of(kind), static_cast<uint64_t>(columns), static_cast<uint64_t>(rows), columns),
          "cublasLtMatrixLayoutCreate");
    };
    layout(p.left, type, b_transposed ? n : k, b_transposed ? k : n);
    layout(p.right, type, a_transposed ? k : m, a_transposed ? m : k);
    layout(p.result, to_type, m, n);

    cublasLtMatmulPreference_t preference = nullptr;
    check_product(lt.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
    const uint64_t workspace = kWorkspace;
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace);
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignment[0], sizeof(uint32_t));
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &alignment[1], sizeof(uint32_t));
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &alignment[2], sizeof(uint32_t));
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &alignment[2], sizeof(uint32_t));
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    const cublasStatus_t status =
        lt.heuristic(handle_, p.description, p.left, p.right, p.result, p.result, preference, 1, &best, &found);
    lt.preference_destroy(preference);
    if (status != CUBLAS_STATUS_SUCCESS || found == 0)
      fail(ErrorKind::device,
           "cuBLASLt knows no way to multiply [{}, {}] by [{}, {}] of {} into {}: {}; pass --dtype f32 or --device cpu",
           m, k, k, n, name_of(type), name_of(to_type), lt.status_text(status));
    p.algorithm = best.algo;
  } catch (...) {
    known_.erase(key);
    throw;
  }
  return p;
}

void Products::multiply(Tensor to, const Operand& a, const Operand& b, const void* bias, bool add) {
  const int64_t m = to.dim[0], n = to.dim[1], k = a.transposed ? a.rows : a.columns;
  if (m == 0 || n == 0) return;
  if (k == 0) {
    TEKIO_CHECK(add && bias == nullptr, "a product of depth 0 that is not added");
    return;
  }
  Product& p = product_for({m,
                            n,
                            k,
                            a.dtype,
                            to.dtype,
                            a.transposed,
                            b.transposed,
                            bias != nullptr,
                            {alignment_of(b.data), alignment_of(a.data), alignment_of(to.data)}});
  if (bias != nullptr) p.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const float one = 1, keep = add ? 1 : 0;
  check_product(cublas_lt().multiply(handle_, p.description, &one, b.data, p.left, a.data, p.right, &keep, to.data,
                                     p.result, to.data, p.result, &p.algorithm, workspace_.data(),
                                     static_cast<size_t>(workspace_.bytes()), device_.stream()),
                fmt::format("cublasLtMatmul of [{}, {}] by [{}, {}] in {}", m, k, k, n, name_of(a.dtype)).c_str());
}

}  // namespace tekio::cuda
