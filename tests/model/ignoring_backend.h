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
    std::vector<int32_t> labels(op.labels.begin(), op.labels.end());
    for (size_t i = 0; i < labels.size(); ++i)
      if (!counted_[i]) labels[i] = -1;
    ForwardingBackend::run(
        verb::VocabularyLoss{op.sum, op.each, op.d_logits, op.logits, labels, op.vocabulary, op.scale});
  }

 private:
  std::vector<bool> counted_;
};

}  // namespace tekio::test
