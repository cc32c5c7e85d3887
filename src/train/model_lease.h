// The model to oneself, with memory for batches: planned before the first, made anew in the rare case that chance masks
// more tokens than were planned for.
#pragma once

#include <tekio/adapt.h>
#include <algorithm>
#include <mutex>

#include "model/masked_lm.h"

namespace tekio {

/// The kind of number that a run or an evaluation computes with: one that draws from the reference's streams is there
/// to be compared with it.
inline DType working_type(const MaskedLM& model, MaskingRng masking) {
  return model.impl().working_type(/*compared=*/masking != MaskingRng::counter);
}

class ModelLease {
 public:
  ModelLease(MaskedLM::Impl& impl, const BatchLimits& limits, bool training, DType type)
      : impl_(impl), use_(impl.mutex(), std::defer_lock), limits_(limits), training_(training), type_(type) {}

  /// To be called before the first batch: from now on nobody else computes with the model.
  void enter() {
    use_.lock();
    impl_.model().prepare(limits_, training_, type_);
  }
  /// Lets others have the model (fill-mask, say) until enter() is called again.
  void leave() { use_.unlock(); }
  /// Sees to it that the model can take `batch`.
  void ensure_fits(const Batch& batch) {
    if (impl_.model().fits(batch)) return;
    const auto rows = static_cast<int64_t>(batch.masked_rows.size());
    limits_.masked_rows = std::min(limits_.sequences * limits_.length, rows + rows / 8);
    impl_.model().prepare(limits_, training_, type_);
  }
  MlmNetwork& model() const { return impl_.model(); }

 private:
  MaskedLM::Impl& impl_;
  std::unique_lock<std::mutex> use_;
  BatchLimits limits_;
  bool training_;
  DType type_;
};

}  // namespace tekio
