#include "data/update_plan.h"

#include <algorithm>

#include "base/error.h"

namespace tekio {

NumberRange Update::share(int rank) const {
  return {std::min(rank * per_rank, batches), std::min((rank + 1) * per_rank, batches)};
}

UpdatePlan::UpdatePlan(int64_t chunks, int64_t batch_size, int64_t accumulation, int ranks)
    : chunks_(chunks), batch_size_(batch_size), per_rank_(accumulation), per_update_(accumulation * ranks) {
  TEKIO_CHECK(chunks > 0 && batch_size > 0 && accumulation > 0 && ranks > 0,
              "{} chunks, {} a batch, {} batches a rank, {} ranks", chunks, batch_size, accumulation, ranks);
  batches_per_epoch_ = divided_up(chunks, batch_size);
  updates_per_epoch_ = divided_up(batches_per_epoch_, per_update_);
}

Update UpdatePlan::update(int64_t step) const {
  const int64_t first = step % updates_per_epoch_ * per_update_;
  return {.step = step,
          .epoch = step / updates_per_epoch_,
          .first_batch = first,
          .batches = std::min(per_update_, batches_per_epoch_ - first),
          .per_rank = per_rank_};
}

NumberRange UpdatePlan::chunks_of(int64_t batch) const {
  return {batch * batch_size_, std::min((batch + 1) * batch_size_, chunks_)};
}

}  // namespace tekio
