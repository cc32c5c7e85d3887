// Cross entropy over the vocabulary, and softmax: a block a row, which is read twice, the second time from the cache.
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 512;

/// A row's maximum, and the sum of exp(x - maximum).
struct RowSum {
  float most, sum;
};
constexpr float kNothing = -INFINITY;

__device__ inline RowSum join(RowSum a, RowSum b) {
  // fmaxf passes over NaN: it comes back in through exp() in the sum. Two empty parts, or infinities, must not become
  // NaN.
  const float most = fmaxf(a.most, b.most);
  return {most, (a.most == most ? a.sum : a.sum * expf(a.most - most)) +
                    (b.most == most ? b.sum : b.sum * expf(b.most - most))};
}

// The whole row's, for all threads. `shared`: [kBlock].
template <typename T>
__device__ RowSum row_sum(RowSum* shared, const T* x, int64_t width) {
  RowSum own{kNothing, 0};
  for (int64_t v = threadIdx.x; v < width; v += kBlock) {
    const float value = wide(x[v]);
    own = join(own, {value, 1});
  }
  shared[threadIdx.x] = own;
  for (int half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half)
      shared[threadIdx.x] = join(shared[threadIdx.x], shared[threadIdx.x + half]);
  }
  __syncthreads();
  return shared[0];
}

// d_logits may be nullptr, or logits. outcomes[row], and each[places[row]] unless that is nullptr.
template <typename T>
__global__ void vocabulary_loss_kernel(T* d_logits, LabelLoss* outcomes, LabelLoss* each, const T* logits,
                                       const int32_t* labels, const int32_t* places, int64_t width,
                                       const float* scale) {
  const T* const row = logits + blockIdx.x * width;
  const int label = labels[blockIdx.x];
  if (label < 0) {  // a row that does not count
    if (threadIdx.x == 0) outcomes[blockIdx.x] = {};
    if (d_logits != nullptr)
      for (int64_t v = threadIdx.x; v < width; v += kBlock) d_logits[blockIdx.x * width + v] = narrow<T>(0.0f);
    return;
  }
  const float own = wide(row[label]);
  const RowSum all = row_sum(shared_memory<RowSum>(), row, width);
  int before = 0;
  for (int64_t v = threadIdx.x; v < width; v += kBlock) {
    const float value = wide(row[v]);
    if (v < label ? value >= own : value > own) before = 1;
  }
  before = __syncthreads_or(before);  // also: all have read the row's label before it is overwritten
  const float normaliser = all.most + logf(all.sum);
  if (threadIdx.x == 0) {
    const double loss = static_cast<double>(all.most) + log(static_cast<double>(all.sum)) - static_cast<double>(own);
    const LabelLoss outcome{loss, before == 0 && loss == loss ? 1.0 : 0.0, 1 / static_cast<double>(all.sum)};
    outcomes[blockIdx.x] = outcome;
    if (each != nullptr) each[places[blockIdx.x]] = outcome;
  }
  if (d_logits == nullptr) return;
  T* const d_row = d_logits + blockIdx.x * width;
  for (int64_t v = threadIdx.x; v < width; v += kBlock)
    d_row[v] = narrow<T>((expf(wide(row[v]) - normaliser) - (v == label ? 1.0f : 0.0f)) * *scale);
}

// One block: the rows' outcomes together, in an order that does not change.
__global__ void add_up(LabelLoss* sum, const LabelLoss* outcomes, int rows) {
  LabelLoss* const shared = shared_memory<LabelLoss>();  // [kBlock]
  double loss = 0, hits = 0, confidence = 0;
  for (int r = static_cast<int>(threadIdx.x); r < rows; r += kBlock) {
    loss += outcomes[r].loss;
    hits += outcomes[r].hits;
    confidence += outcomes[r].confidence;
  }
  shared[threadIdx.x] = {loss, hits, confidence};
  for (int half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) >= half) continue;
    shared[threadIdx.x].loss += shared[threadIdx.x + half].loss;
    shared[threadIdx.x].hits += shared[threadIdx.x + half].hits;
    shared[threadIdx.x].confidence += shared[threadIdx.x + half].confidence;
  }
  if (threadIdx.x == 0) *sum = shared[0];
}

template <typename T>
__global__ void softmax_rows_kernel(T* x, int64_t width) {
  T* const row = x + blockIdx.x * width;
  const RowSum all = row_sum(shared_memory<RowSum>(), row, width);
  const float normaliser = all.most + logf(all.sum);
  for (int64_t v = threadIdx.x; v < width; v += kBlock) row[v] = narrow<T>(expf(wide(row[v]) - normaliser));
}

constexpr int64_t kShared = kBlock * sizeof(RowSum);

}  // namespace

void CudaBackend::run(const verb::VocabularyLoss& op) {
  const int64_t rows = op.logits.dim[0], width = op.logits.dim[1];
  if (rows == 0) {
    if (op.sum) device_.zero(op.sum.data, op.sum.bytes());
    return;
  }
  auto* const outcomes = static_cast<LabelLoss*>(device_.scratch(rows * static_cast<int64_t>(sizeof(LabelLoss))));
  auto* const each = op.each ? reinterpret_cast<LabelLoss*>(op.each.f64()) : nullptr;
  std::vector<int32_t> place_of_row;
  for (int32_t place = 0; each != nullptr && place_of_row.size() < op.labels.size();) {
    const bool counts = op.labels[place_of_row.size()] >= 0;
    place_of_row.push_back(counts ? place++ : -1);
  }
  const int32_t* const places = each != nullptr ? device_.upload(std::span<const int32_t>(place_of_row)) : nullptr;
  const int32_t* const labels = device_.upload(op.labels);
  const float* const scale = device_.upload_one(op.scale);
  with_type(op.logits.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device_, "vocabulary_loss", dim3(static_cast<unsigned>(rows)), kBlock, kShared, vocabulary_loss_kernel<T>,
           data_of<T>(op.d_logits), outcomes, each, data_of<T>(op.logits), labels, places, width, scale);
  });
  if (op.sum)
    launch(device_, "add_up", dim3(1), kBlock, kBlock * static_cast<int64_t>(sizeof(LabelLoss)), add_up,
           reinterpret_cast<LabelLoss*>(op.sum.f64()), outcomes, static_cast<int>(rows));
}

void CudaBackend::run(const verb::SoftmaxRows& op) {
  const int64_t width = op.logits.dim[1];
  if (width == 0) return;
  with_type(op.logits.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device_, "softmax_rows", dim3(static_cast<unsigned>(op.logits.dim[0])), kBlock, kShared,
           softmax_rows_kernel<T>, data_of<T>(op.logits), width);
  });
}

}  // namespace tekio::cuda
