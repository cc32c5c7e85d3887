// Cross entropy over the vocabulary, and softmax: a block a row, which is read twice, the second time from the cache,
// eight numbers at a time where rows begin on borders: see logits_width().
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

// The first `width` numbers of a row, eight at a time: visit(begin, eight numbers, how many of them there are).
template <typename T, typename Visit>
__device__ void for_eights(const T* row, int64_t width, bool whole, const Visit& visit) {
  for (int64_t begin = threadIdx.x * int64_t{kEight}; begin < width; begin += kBlock * kEight) {
    const int count = static_cast<int>(min(int64_t{kEight}, width - begin));
    float number[kEight];
    load_eight(number, row + begin, count, whole && count == kEight);
    visit(begin, number, count);
  }
}

__device__ inline RowSum sum_of(const float (&number)[kEight], int count) {
  float most = kNothing, sum = 0;
  for (int j = 0; j < kEight; ++j)
    if (j < count) most = fmaxf(most, number[j]);
  for (int j = 0; j < kEight; ++j)
    if (j < count) sum += number[j] == most ? 1.0f : expf(number[j] - most);  // two infinities make no NaN either
  return {most, sum};
}

// The threads' sums together, for all of them. `shared`: [kBlock].
__device__ inline RowSum join_all(RowSum* shared, RowSum own) {
  shared[threadIdx.x] = own;
  for (int half = kBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half)
      shared[threadIdx.x] = join(shared[threadIdx.x], shared[threadIdx.x + half]);
  }
  __syncthreads();
  return shared[0];
}

// Rows as they lie: what is used of each, how far they are apart, and whether each begins on a border of eight.
struct LogitRows {
  static constexpr bool kNoPadding = true;
  int64_t width, stride, whole;

  LogitRows(int64_t used, int64_t wide) : width(used), stride(wide), whole(whole_eights(wide) ? 1 : 0) {}
};

// d_logits may be nullptr, or logits. outcomes[row], and each[places[row]] unless that is nullptr.
template <typename T>
__global__ void vocabulary_loss_kernel(T* d_logits, LabelLoss* outcomes, LabelLoss* each, const T* logits,
                                       const int32_t* labels, const int32_t* places, LogitRows rows,
                                       const float* scale) {
  const int64_t first = blockIdx.x * rows.stride;
  const T* const row = logits + first;
  T* const d_row = d_logits != nullptr ? d_logits + first : nullptr;
  const bool whole = rows.whole != 0;
  const int label = labels[blockIdx.x];
  if (label < 0) {  // a row that does not count
    if (threadIdx.x == 0) outcomes[blockIdx.x] = {};
    if (d_row != nullptr)
      for (int64_t v = threadIdx.x; v < rows.width; v += kBlock) d_row[v] = narrow<T>(0.0f);
    return;
  }
  const float own = wide(row[label]);
  RowSum sum{kNothing, 0};
  int before = 0;
  for_eights(row, rows.width, whole, [&](int64_t begin, const float(&number)[kEight], int count) {
    sum = join(sum, sum_of(number, count));
    for (int j = 0; j < kEight; ++j)
      if (j < count && (begin + j < label ? number[j] >= own : number[j] > own)) before = 1;
  });
  const RowSum all = join_all(shared_memory<RowSum>(), sum);
  before = __syncthreads_or(before);  // also: all have read the row before it is overwritten
  const float normaliser = all.most + logf(all.sum);
  if (threadIdx.x == 0) {
    const double loss = static_cast<double>(all.most) + log(static_cast<double>(all.sum)) - static_cast<double>(own);
    const LabelLoss outcome{loss, before == 0 && loss == loss ? 1.0 : 0.0, 1 / static_cast<double>(all.sum)};
    outcomes[blockIdx.x] = outcome;
    if (each != nullptr) each[places[blockIdx.x]] = outcome;
  }
  if (d_row == nullptr) return;
  for_eights(row, rows.width, whole, [&](int64_t begin, const float(&number)[kEight], int count) {
    float d[kEight];
    for (int j = 0; j < kEight; ++j)
      d[j] = (expf(number[j] - normaliser) - (begin + j == label ? 1.0f : 0.0f)) * *scale;
    store_eight(d_row + begin, d, count, whole && count == kEight);
  });
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
__global__ void softmax_rows_kernel(T* x, LogitRows rows) {
  T* const row = x + blockIdx.x * rows.stride;
  const bool whole = rows.whole != 0;
  RowSum sum{kNothing, 0};
  for_eights(row, rows.width, whole,
             [&](int64_t, const float(&number)[kEight], int count) { sum = join(sum, sum_of(number, count)); });
  const RowSum all = join_all(shared_memory<RowSum>(), sum);
  const float normaliser = all.most + logf(all.sum);
  for_eights(row, rows.width, whole, [&](int64_t begin, const float(&number)[kEight], int count) {
    float probability[kEight];
    for (int j = 0; j < kEight; ++j) probability[j] = expf(number[j] - normaliser);
    store_eight(row + begin, probability, count, whole && count == kEight);
  });
}

constexpr int64_t kShared = kBlock * sizeof(RowSum);

}  // namespace

void CudaBackend::compute(const verb::VocabularyLoss& op) {
  const int64_t rows = op.logits.dim[0];
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
           data_of<T>(op.d_logits), outcomes, each, data_of<T>(op.logits), labels, places,
           LogitRows(op.vocabulary, op.logits.dim[1]), scale);
  });
  if (op.sum)
    launch(device_, "add_up", dim3(1), kBlock, kBlock * static_cast<int64_t>(sizeof(LabelLoss)), add_up,
           reinterpret_cast<LabelLoss*>(op.sum.f64()), outcomes, static_cast<int>(rows));
}

void CudaBackend::compute(const verb::SoftmaxRows& op) {
  if (op.vocabulary == 0) return;
  with_type(op.logits.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device_, "softmax_rows", dim3(static_cast<unsigned>(op.logits.dim[0])), kBlock, kShared,
           softmax_rows_kernel<T>, data_of<T>(op.logits), LogitRows(op.vocabulary, op.logits.dim[1]));
  });
}

}  // namespace tekio::cuda
