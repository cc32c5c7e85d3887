#include "train/updates_ahead.h"

namespace tekio {
namespace {

/// What changes over a run; the schedule must outlive it.
std::function<double(int64_t)> rates_of(const Schedule& schedule) {
  if (!schedule.masking_rate_changes()) return {};
  return [&schedule](int64_t update) { return schedule.masking_rate(update); };
}

}  // namespace

UpdatesAhead::UpdatesAhead(RunMasking& masking, const Chunks& chunks, const Schedule& schedule,
                           const TrainingOptions& o, int rank)
    : masking_(masking),
      schedule_(schedule),
      evaluations_draw_(masking.streams() != nullptr && o.eval_masking == EvalMasking::fresh),
      batches_(masking, chunks, schedule.plan(),
               {.seed = o.seed,
                .data_seed = o.data_seed,
                .rank = rank,
                .checksums = !o.trace.empty(),
                .rate = rates_of(schedule)}),
      ahead_([this] { return batches_.next_update(); }) {}

UpdateBatches UpdatesAhead::next() {
  UpdateBatches made = ahead_.take();
  if (may_run_ahead(made.update.step + 1)) {
    before_begun_ = batches_.streams();
    ahead_.begin();
  }
  return made;
}

/// Whether update `step` may be made before the one before it is done, with all that follows that one.
bool UpdatesAhead::may_run_ahead(int64_t step) const {
  if (step >= schedule_.updates() || masking_.rng() == MaskingRng::torch_cpu) return false;
  return !evaluations_draw_ || !schedule_.evaluates_after(step);
}

std::string UpdatesAhead::state() const {
  return TrainingBatches::to_text(ahead_.has_begun() ? before_begun_ : batches_.streams());
}

void UpdatesAhead::resume(int64_t updates_done, std::string_view state, const std::string& where) {
  batches_.resume(updates_done, state, where);
}

}  // namespace tekio
