// Cross entropy over the vocabulary, and softmax, specified.
#include <algorithm>
#include <cmath>

#include "compute/ref/ref.h"

namespace tekio {
namespace {

// log(sum(exp(row))), by way of the maximum so that nothing overflows.
double log_sum_exp(const float* row, int64_t size) {
  const double most = *std::max_element(row, row + size);
  double sum = 0;
  for (int64_t v = 0; v < size; ++v) sum += std::exp(row[v] - most);
  return most + std::log(sum);
}

}  // namespace

double RefBackend::do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                                      float scale) {
  const int64_t vocabulary = logits.dim[1];
  double loss = 0;
  for (int64_t r = 0; r < logits.dim[0]; ++r) {
    const float* row = logits.f32() + r * vocabulary;
    const int32_t label = labels[static_cast<size_t>(r)];
    const double normaliser = log_sum_exp(row, vocabulary);
    loss += normaliser - row[label];
    if (!d_logits) continue;
    for (int64_t v = 0; v < vocabulary; ++v)
      d_logits.f32()[r * vocabulary + v] =
          static_cast<float>((std::exp(row[v] - normaliser) - (v == label ? 1 : 0)) * scale);
  }
  return loss;
}

void RefBackend::do_softmax_rows(Tensor logits) {
  const int64_t width = logits.dim[1];
  for (int64_t r = 0; r < logits.dim[0] && width > 0; ++r) {
    float* row = logits.f32() + r * width;
    const double normaliser = log_sum_exp(row, width);
    for (int64_t v = 0; v < width; ++v) row[v] = static_cast<float>(std::exp(row[v] - normaliser));
  }
}

}  // namespace tekio
