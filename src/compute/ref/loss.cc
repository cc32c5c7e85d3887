// Cross entropy over the vocabulary, and softmax, specified.
#include <algorithm>
#include <cmath>

#include "compute/ref/ref_backend.h"

namespace tekio {
namespace {

double maximum(const ConstNumbers& x, int64_t begin, int64_t size) {
  double most = x[begin];
  for (int64_t v = 1; v < size; ++v) most = std::max(most, x[begin + v]);
  return most;
}

// log(sum(exp(row))) of `size` numbers from `begin` on, by way of the maximum so that nothing overflows.
double log_sum_exp(const ConstNumbers& x, int64_t begin, int64_t size) {
  const double most = maximum(x, begin, size);
  double sum = 0;
  for (int64_t v = 0; v < size; ++v) sum += std::exp(x[begin + v] - most);
  return most + std::log(sum);
}

// Whether `label` is where the row's maximum first stands.
bool is_first_maximum(const ConstNumbers& x, int64_t begin, int64_t size, int64_t label) {
  for (int64_t v = 0; v < size; ++v)
    if (v < label ? x[begin + v] >= x[begin + label] : x[begin + v] > x[begin + label]) return false;
  return true;
}

}  // namespace

void RefBackend::run(const verb::VocabularyLoss& op) {
  const int64_t vocabulary = op.vocabulary;
  const ConstNumbers x(op.logits);
  const Numbers d(op.d_logits);
  LabelLoss sum;
  auto* each = op.each ? reinterpret_cast<LabelLoss*>(op.each.f64()) : nullptr;
  for (int64_t r = 0; r < op.logits.dim[0]; ++r) {
    const int64_t row = r * op.logits.dim[1];
    const int32_t label = op.labels[static_cast<size_t>(r)];
    if (label < 0) {
      for (int64_t v = 0; op.d_logits && v < vocabulary; ++v) d.set(row + v, 0);
      continue;
    }
    const double normaliser = log_sum_exp(x, row, vocabulary);
    LabelLoss found{.loss = normaliser - x[row + label]};
    found.hits = !std::isnan(found.loss) && is_first_maximum(x, row, vocabulary, label) ? 1 : 0;
    found.confidence = std::exp(maximum(x, row, vocabulary) - normaliser);
    sum += found;
    if (each != nullptr) *each++ = found;
    if (!op.d_logits) continue;
    for (int64_t v = 0; v < vocabulary; ++v)
      d.set(row + v, (std::exp(x[row + v] - normaliser) - (v == label ? 1 : 0)) * op.scale);
  }
  if (op.sum) *reinterpret_cast<LabelLoss*>(op.sum.f64()) = sum;
}

void RefBackend::run(const verb::SoftmaxRows& op) {
  const Numbers x(op.logits);
  for (int64_t r = 0; r < op.logits.dim[0] && op.vocabulary > 0; ++r) {
    const int64_t row = r * op.logits.dim[1];
    const double normaliser = log_sum_exp(x, row, op.vocabulary);
    for (int64_t v = 0; v < op.vocabulary; ++v) x.set(row + v, std::exp(x[row + v] - normaliser));
  }
}

}  // namespace tekio
