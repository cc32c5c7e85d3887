// The model to oneself, with memory for batches: planned before the first, made anew in the rare case that chance masks
// more tokens than were planned for.
#pragma once

#include <tekio/adapt.h>
#include <algorithm>
#include <mutex>

#include "model/masked_lm.h"

namespace tekio {

/// What a run or an evaluation computes in: one that draws from the reference's streams is there to be compared with
/// it.
inline const ArithmeticChoice& arithmetic_of(const MaskedLM& model, MaskingRng masking) {
  return MaskedLMImpl::of(model).arithmetic(/*compared=*/masking != MaskingRng::counter);
}
inline DType working_type(const MaskedLM& model, MaskingRng masking) {
  return arithmetic_of(model, masking).taken.type;
}

/// As long as it lives nobody else computes with the model.
class ModelLease {
 public:
  /// Waits until the model is free. Errors (device): no memory for batches up to `limits`.
  ModelLease(MaskedLMImpl& impl, const BatchLimits& limits, bool training, DType type)
      : impl_(impl), use_(impl.mutex()), limits_(limits), training_(training), type_(type) {
    prepare();
  }

  /// Calls `use` while others may have the model (fill masks with it, say).
  template <typename Use>
  void lend(const Use& use) {
    const int64_t before = model().preparations();
    {
      const Loan loan(use_);
      use();
    }
    if (model().preparations() != before) prepare();
  }
  /// Sees to it that the model can take `batch`.
  void ensure_fits(const Batch& batch) {
    if (impl_.model().fits(batch)) return;
    const auto rows = static_cast<int64_t>(batch.masked_rows.size());
    limits_.masked_rows = std::min(limits_.sequences * limits_.length, rows + rows / 8);
    prepare();
  }
  MlmNetwork& model() const { return impl_.model(); }

 private:
  struct Loan {
    explicit Loan(std::unique_lock<std::mutex>& lock) : use(lock) { use.unlock(); }
    ~Loan() { use.lock(); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    std::unique_lock<std::mutex>& use;
  };
  void prepare() { impl_.model().prepare(limits_, training_, type_); }

  MaskedLMImpl& impl_;
  std::unique_lock<std::mutex> use_;
  BatchLimits limits_;
  bool training_;
  DType type_;
};

}  // namespace tekio
