// A back end that gives the loss of some rows only, as the reference does with labels of -100: the others' logits get
// no gradient. With it the last layer and the head can run on every row, and must give the same loss and gradients as
// on masked rows alone.
#pragma once

#include <vector>

#include "compute/forwarding.h"

namespace tekio::test {

class IgnoringBackend : public ForwardingBackend {
 public:
  IgnoringBackend(Backend& inner, std::vector<bool> counted) : ForwardingBackend(inner), counted_(std::move(counted)) {}
  std::string name() const override { return "ignoring " + ForwardingBackend::name(); }

 protected:
  using ForwardingBackend::run;
  void run(const verb::VocabularyLoss& op) override {
    LabelLoss sum;
    for (size_t i = 0; i < op.labels.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      const Tensor d = op.d_logits.rows(row, row + 1);
      if (!counted_[i]) {
        run(verb::Zero{d});
        continue;
      }
      LabelLoss one;
      ForwardingBackend::run(
          verb::VocabularyLoss{&one, {}, d, op.logits.rows(row, row + 1), op.labels.subspan(i, 1), op.scale});
      sum += one;
    }
    *op.found = sum;
  }

 private:
  std::vector<bool> counted_;
};

}  // namespace tekio::test
