// What verbs leave in a back end's memory, brought to the host at once.
#pragma once

#include <span>
#include <vector>

#include "compute/arena.h"
#include "compute/backend.h"

namespace tekio::test {

/// A float64 tensor of a back end's, which it is asked for by host().
class ResultTensor {
 public:
  ResultTensor(Backend& be, int64_t count)
      : be_(be), arena_(Arena::size_of_tensor(DType::f64, {count}) + 64, "results", be.memory()), count_(count) {}
  Tensor get() const { return Tensor(arena_.data(), DType::f64, {count_}); }
  Tensor rows_of(int64_t width) const { return Tensor(arena_.data(), DType::f64, {count_ / width, width}); }
  std::vector<double> host() const {
    std::vector<double> numbers(static_cast<size_t>(count_));
    be_.memory().read(numbers.data(), arena_.data(), count_ * size_of(DType::f64));
    return numbers;
  }

 private:
  Backend& be_;
  Arena arena_;
  int64_t count_;
};

inline LabelLoss label_loss(const std::vector<double>& numbers, size_t row = 0) {
  return {.loss = numbers[3 * row], .hits = numbers[3 * row + 1], .confidence = numbers[3 * row + 2]};
}

/// `each`, if wanted, is as long as there are labels that count.
inline LabelLoss loss_of(Backend& be, Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels, float scale,
                         std::span<LabelLoss> each = {}) {
  const ResultTensor sum(be, kLabelLoss), rows(be, kLabelLoss * static_cast<int64_t>(each.size()));
  be.vocabulary_loss(sum.get(), each.empty() ? Tensor() : rows.rows_of(kLabelLoss), d_logits, logits, labels,
                     logits.dim[1], scale);
  const std::vector<double> numbers = rows.host();
  for (size_t i = 0; i < each.size(); ++i) each[i] = label_loss(numbers, i);
  return label_loss(sum.host());
}

inline std::vector<double> squared_norms(Backend& be, ConstTensor x) {
  const ResultTensor sums(be, norm_blocks(x.numel()));
  be.squared_norms(sums.get(), x);
  return sums.host();
}
inline double squared_norm(Backend& be, ConstTensor x) {
  double sum = 0;
  for (const double of_block : squared_norms(be, x)) sum += of_block;
  return sum;
}

/// A step with gradients that are multiplied by `scale`.
inline void adamw(Backend& be, Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                  const AdamWStep& step, float scale = 1) {
  const ResultTensor clipping(be, kClipping);
  const Clipping numbers{.norm = 1, .scale = scale};
  be.memory().write(clipping.get().data, &numbers, sizeof numbers);
  be.adamw(parameters, moment1, moment2, gradients, clipping.get(), step);
}

}  // namespace tekio::test
