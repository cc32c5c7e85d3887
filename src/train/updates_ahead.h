// Updates' batches, each made by a thread of its own while the update before is computed, so that training waits for
// the first alone.
//
// What is drawn does not depend on it. Where an evaluation or dropout draws from the same stream as masks do, what
// comes after it is made after it, as one thread would.
#pragma once

#include <tekio/adapt.h>
#include <string>
#include <string_view>

#include "base/worker_thread.h"
#include "data/order.h"
#include "train/schedule.h"

namespace tekio {

class UpdatesAhead {
 public:
  /// Of `rank`'s share of a run. All references must outlive this.
  UpdatesAhead(RunMasking& masking, const Chunks& chunks, const Schedule& schedule, const TrainingOptions& options,
               int rank);

  /// The next update's batches. Those of the one after are begun. Errors: as of making them.
  UpdateBatches next();
  /// As TrainingBatches: as of the last update that next() gave.
  std::string state() const;
  void resume(int64_t updates_done, std::string_view state, const std::string& where);

 private:
  bool may_run_ahead(int64_t step) const;
  const RunMasking& masking_;
  const Schedule& schedule_;
  bool evaluations_draw_;  ///< from the streams that masks are drawn from
  TrainingBatches batches_;
  TrainingBatches::Streams before_begun_;  ///< as they stood before what is begun
  MadeAhead<UpdateBatches> ahead_;
};

}  // namespace tekio
