// cuBLASLt's matrices are column by column, so that ours, row by row, are its transposes: it is asked for
// to^T = b^T a^T, in which nothing needs to be moved.
#include "compute/cuda/product.h"

#include <algorithm>

namespace tekio::cuda {
namespace {

constexpr int64_t kWorkspace = 32 << 20;  // what the library's guide names for Hopper
// Batches of texts have products of ever other sizes: beyond this many, all are forgotten and described anew.
constexpr size_t kMostKnown = 1024;

void check_product(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail(ErrorKind::device, "the GPU's matrix products failed at {}: {}", call, cublas_lt().status_text(status));
}

cudaDataType_t kind_of(DType type) { return type == DType::f32 ? CUDA_R_32F : CUDA_R_16BF; }

int64_t bytes_of(const Operand& x) { return x.rows * x.stride * size_of(x.dtype); }

/// The largest power of two, up to the 16 that algorithms ask for, that divides an address.
uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data) | 16;
  return static_cast<uint32_t>(address & (~address + 1));
}

}  // namespace

struct Products::Product {
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t left = nullptr, right = nullptr, result = nullptr;
  std::optional<cublasLtMatmulAlgo_t> algorithm;

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

Products::Products(Device& device)
    : device_(device),
      workspace_(kWorkspace, "the products' workspace"),
      workspace_beside_(kWorkspace, "the products' second workspace") {
  check_product(cublas_lt().create(&handle_), "cublasLtCreate");
}

Products::~Products() {
  known_.clear();
  cublas_lt().destroy(handle_);
}

namespace {

/// What an algorithm may need, for the time of the question.
class Preference {
 public:
  Preference() { check_product(cublas_lt().preference_create(&preference_), "cublasLtMatmulPreferenceCreate"); }
  ~Preference() { cublas_lt().preference_destroy(preference_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;
  template <typename Value>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, Value value) {
    check_product(cublas_lt().preference_set(preference_, attribute, &value, sizeof value),
                  "cublasLtMatmulPreferenceSetAttribute");
  }
  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

Products::Key Products::key_of(const Tensor& to, const Operand& a, const Operand& b, const void* bias) {
  return {to.dim[0],
          b.transposed ? b.rows : b.columns,
          a.transposed ? a.rows : a.columns,
          a.dtype,
          to.dtype,
          a.transposed,
          b.transposed,
          bias != nullptr,
          {b.stride, a.stride, to.dim[1]},
          {alignment_of(b.data), alignment_of(a.data), alignment_of(to.data), alignment_of(bias)}};
}

Products::Shared Products::product_for(const Key& key, const void* bias) {
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  if (known_.size() >= kMostKnown) known_.clear();
  const auto& [m, n, k, type, to_type, a_transposed, b_transposed, biased, stride, alignment] = key;
  const CublasLt& lt = cublas_lt();
  device_.make_current();  // what is best is asked for there
  const Shared product = std::make_shared<Product>();
  Product& p = *product;
  check_product(lt.product_create(&p.description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  // Its left operand is our b, its right one our a.
  p.set(CUBLASLT_MATMUL_DESC_TRANSA, b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  p.set(CUBLASLT_MATMUL_DESC_TRANSB, a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, biased ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT);
  if (biased) p.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);  // its alignment is part of the question
  // A matrix of ours with R rows of C is one of its with C rows, R columns.
  const auto layout = [&](cublasLtMatrixLayout_t& of, DType kind, int64_t rows, int64_t columns, int64_t apart) {
    check_product(
        lt.layout_create(&of, kind_of(kind), static_cast<uint64_t>(columns), static_cast<uint64_t>(rows), apart),
        "cublasLtMatrixLayoutCreate");
  };
  layout(p.left, type, b_transposed ? n : k, b_transposed ? k : n, stride[0]);
  layout(p.right, type, a_transposed ? k : m, a_transposed ? m : k, stride[1]);
  layout(p.result, to_type, m, n, stride[2]);

  Preference preference;
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kWorkspace});
  // Depth that is cut among blocks is added up in float32, not in the result's kind.
  preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment[0]);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment[1]);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment[2]);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment[2]);
  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const cublasStatus_t status =
      lt.heuristic(handle_, p.description, p.left, p.right, p.result, p.result, preference.get(), 1, &best, &found);
  if (status == CUBLAS_STATUS_SUCCESS && found > 0 && best.state == CUBLAS_STATUS_SUCCESS)
    p.algorithm = best.algo;
  else if (status != CUBLAS_STATUS_SUCCESS && status != CUBLAS_STATUS_NOT_SUPPORTED)
    check_product(status, "cublasLtMatmulAlgoGetHeuristic");
  return known_[key] = product;
}

bool Products::take_bias(Tensor to, const Operand& a, const Operand& b, const void* bias) {
  return product_for(key_of(to, a, b, bias), bias)->algorithm.has_value();
}

void Products::multiply(Tensor to, const Operand& a, const Operand& b, const void* bias, bool add) {
  multiply(to, a, b, bias, add, Place::in_order);
}

void Products::add_beside(Tensor to, const Operand& a, const Operand& b) {
  multiply(to, a, b, nullptr, true, Place::beside);
}

void Products::multiply(Tensor to, const Operand& a, const Operand& b, const void* bias, bool add, Place place) {
  const Key key = key_of(to, a, b, bias);
  const int64_t m = std::get<0>(key), n = std::get<1>(key), k = std::get<2>(key);
  if (m == 0 || n == 0) return;
  if (k == 0) {
    TEKIO_CHECK(add && bias == nullptr, "a product of depth 0 that is not added");
    return;
  }
  const Shared product = product_for(key, bias);
  const auto what = [=, kind = a.dtype] {
    return fmt::format("[{}, {}] by [{}, {}] of {} into {}", m, k, k, n, name_of(kind), name_of(to.dtype));
  };
  if (!product->algorithm)
    fail(ErrorKind::device, "cuBLASLt knows no way to multiply {}: pass --dtype f32 or --device cpu", what());
  const DeviceBuffer& workspace = place == Place::beside ? workspace_beside_ : workspace_;
  const auto work = [=, this, left = b.data, right = a.data, &workspace](cudaStream_t stream) {
    Product& p = *product;
    if (bias != nullptr) p.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    const float one = 1, keep = add ? 1 : 0;
    const cublasStatus_t status = cublas_lt().multiply(
        handle_, p.description, &one, left, p.left, right, p.right, &keep, to.data, p.result, to.data, p.result,
        &*p.algorithm, workspace.data(), static_cast<size_t>(workspace.bytes()), stream);
    if (status != CUBLAS_STATUS_SUCCESS) check_product(status, ("cublasLtMatmul of " + what()).c_str());
  };
  // How a product is cut follows from its key and the algorithm.
  const auto queue = [&](const auto&... identity) {
    if (place == Place::in_order)
      device_.queue(work, identity...);
    else
      device_.queue_beside({{a.data, bytes_of(a), false}, {b.data, bytes_of(b), false}, {to.data, to.bytes(), true}},
                           work, identity...);
  };
  queue(m, n, k, a.dtype, to.dtype, a.transposed, b.transposed, add, *product->algorithm, a.stride, b.stride, to.dim[1],
        a.data, b.data, to.data, bias);
}

}  // namespace tekio::cuda
