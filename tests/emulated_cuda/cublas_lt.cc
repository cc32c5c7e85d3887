// Emulated cuBLASLt, and the table of its functions that src/compute/cuda/cublas_lt.cc finds in the real library.
#include "compute/cuda/cublas_lt.h"

#include <cstring>
#include <vector>

#include "compute/bf16.h"

struct EmulatedProduct {
  bool transpose_a = false, transpose_b = false;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct EmulatedLayout {
  cudaDataType_t type;
  int64_t rows, columns, leading;
};
struct EmulatedPreference {
  int alignments = 0;
  uint32_t reductions = 0xFFFFFFFF;
};

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; }
const char* cublasLtGetStatusString(cublasStatus_t) { return "an emulated error"; }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute, cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  *desc = new EmulatedProduct;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  delete desc;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  int number = 0;
  if (attribute != CUBLASLT_MATMUL_DESC_BIAS_POINTER) {
    if (bytes != sizeof number) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&number, value, bytes);
  }
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      desc->transpose_a = number == CUBLAS_OP_T;
      break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      desc->transpose_b = number == CUBLAS_OP_T;
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      desc->epilogue = static_cast<cublasLtEpilogue_t>(number);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      std::memcpy(&desc->bias, value, sizeof desc->bias);
      break;
  }
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t leading) {
  if (rows == 0 || columns == 0 || leading < static_cast<int64_t>(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  *layout = new EmulatedLayout{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), leading};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new EmulatedPreference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t bytes) {
  if (bytes != (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES ? sizeof(uint64_t) : sizeof(uint32_t)))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
    std::memcpy(&preference->reductions, value, bytes);
  else
    preference->alignments += attribute != CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
  return CUBLAS_STATUS_SUCCESS;
}

namespace {

// Rows and columns of op(layout).
int64_t rows_of(const EmulatedLayout& layout, bool transposed) { return transposed ? layout.columns : layout.rows; }
int64_t columns_of(const EmulatedLayout& layout, bool transposed) { return transposed ? layout.rows : layout.columns; }

// What the real library can do: operands of one kind, the result of that kind or float32.
bool supported(const EmulatedProduct& p, const EmulatedLayout& a, const EmulatedLayout& b, const EmulatedLayout& c,
               const EmulatedLayout& d) {
  return a.type == b.type && c.type == d.type && (d.type == a.type || d.type == CUDA_R_32F) &&
         columns_of(a, p.transpose_a) == rows_of(b, p.transpose_b) && rows_of(a, p.transpose_a) == d.rows &&
         columns_of(b, p.transpose_b) == d.columns && c.rows == d.rows && c.columns == d.columns;
}

float number_at(const void* data, cudaDataType_t type, int64_t i) {
  return type == CUDA_R_32F ? static_cast<const float*>(data)[i] : float(static_cast<const tekio::bf16*>(data)[i]);
}

}  // namespace

namespace {

struct Matmul {
  EmulatedProduct how;
  float factor, keep;
  const void *a, *b, *c;
  void* d;
  EmulatedLayout a_layout, b_layout, c_layout, d_layout;

  void run() const {
    const int64_t depth = columns_of(a_layout, how.transpose_a);
    const int64_t a_row = how.transpose_a ? a_layout.leading : 1, a_depth = how.transpose_a ? 1 : a_layout.leading;
    const int64_t b_column = how.transpose_b ? 1 : b_layout.leading, b_depth = how.transpose_b ? b_layout.leading : 1;
    for (int64_t column = 0; column < d_layout.columns; ++column)
      for (int64_t row = 0; row < d_layout.rows; ++row) {
        float sum = 0;
        for (int64_t k = 0; k < depth; ++k)
          sum += number_at(a, a_layout.type, row * a_row + k * a_depth) *
                 number_at(b, b_layout.type, column * b_column + k * b_depth);
        sum *= factor;
        if (keep != 0) sum += keep * number_at(c, c_layout.type, column * c_layout.leading + row);
        if (how.epilogue == CUBLASLT_EPILOGUE_BIAS) sum += number_at(how.bias, d_layout.type, row);
        const int64_t at = column * d_layout.leading + row;
        if (d_layout.type == CUDA_R_32F)
          static_cast<float*>(d)[at] = sum;
        else
          static_cast<tekio::bf16*>(d)[at] = tekio::bf16(sum);
      }
  }
};

}  // namespace

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  *found = 0;
  if (!supported(*desc, *a, *b, *c, *d) || preference->alignments != 4) return CUBLAS_STATUS_INVALID_VALUE;
  // Sums that are cut must not be rounded between; a bias must be there to be looked at.
  if ((preference->reductions & ~uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE}) != 0 ||
      (desc->epilogue == CUBLASLT_EPILOGUE_BIAS && desc->bias == nullptr))
    return CUBLAS_STATUS_INVALID_VALUE;
  // As the real one may: no way to add a bias of bf16 to an odd number of outputs.
  if (desc->epilogue == CUBLASLT_EPILOGUE_BIAS && d->type == CUDA_R_16BF && d->rows % 2 != 0)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = {};
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo, void*, size_t,
                              cudaStream_t stream) {
  if (!supported(*desc, *a_layout, *b_layout, *c_layout, *d_layout) || algo == nullptr)
    return CUBLAS_STATUS_INVALID_VALUE;
  // By what it was told now, whenever it is done.
  const Matmul work{*desc,
                    *static_cast<const float*>(alpha),
                    *static_cast<const float*>(beta),
                    a,
                    b,
                    c,
                    d,
                    *a_layout,
                    *b_layout,
                    *c_layout,
                    *d_layout};
  const cudaError_t error = emulated_work(stream, [work] { work.run(); });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

namespace tekio::cuda {

const CublasLt& cublas_lt() {
  static const CublasLt table{cublasLtCreate,
                              cublasLtDestroy,
                              cublasLtGetStatusString,
                              cublasLtMatmulDescCreate,
                              cublasLtMatmulDescDestroy,
                              cublasLtMatmulDescSetAttribute,
                              cublasLtMatrixLayoutCreate,
                              cublasLtMatrixLayoutDestroy,
                              cublasLtMatmulPreferenceCreate,
                              cublasLtMatmulPreferenceDestroy,
                              cublasLtMatmulPreferenceSetAttribute,
                              cublasLtMatmulAlgoGetHeuristic,
                              cublasLtMatmul};
  return table;
}

}  // namespace tekio::cuda
