// How an epoch's chunks are cut into batches and these into updates, and which of an update's batches each of the
// processes that work on one run has: a pure function of the sizes below. Whoever counts batches counts them here.
//
// The batches of an epoch are numbered as one process with all the micro-batches would number them; a rank has a
// contiguous block of an update's, so that neither order nor masks nor dropout depend on how many ranks there are.
#pragma once

#include <cstdint>

namespace tekio {

constexpr int64_t divided_up(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

/// Numbers [begin, end).
struct NumberRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
  bool operator==(const NumberRange&) const = default;
};

/// One optimizer step: where it stands in the run and in its epoch, and whose its micro-batches are.
struct Update {
  int64_t step = 0;         ///< from 0, over the whole run
  int64_t epoch = 0;        ///< from 0
  int64_t first_batch = 0;  ///< its first micro-batch within the epoch
  int64_t batches = 0;      ///< micro-batches of all ranks; fewer in an epoch's last update
  int64_t per_rank = 1;     ///< the most that a rank has of them

  /// Which of the update's micro-batches (from 0) are `rank`'s; none, perhaps, in an epoch's last update.
  NumberRange share(int rank) const;
  /// How many ranks have any: the first so many.
  int givers() const { return static_cast<int>(divided_up(batches, per_rank)); }
};

class UpdatePlan {
 public:
  /// `chunks` in batches of `batch_size`, of which each of `ranks` takes `accumulation` for an update. All above 0.
  UpdatePlan(int64_t chunks, int64_t batch_size, int64_t accumulation, int ranks = 1);

  int64_t batches_per_epoch() const { return batches_per_epoch_; }  ///< the last one may be smaller
  int64_t updates_per_epoch() const { return updates_per_epoch_; }  ///< the last one may have fewer micro-batches
  int64_t chunks() const { return chunks_; }
  int64_t batch_size() const { return batch_size_; }
  int64_t chunks_per_update() const { return per_update_ * batch_size_; }  ///< of all ranks; an epoch's last: fewer

  Update update(int64_t step) const;
  /// The places in the epoch's order of the chunks of its micro-batch `batch`.
  NumberRange chunks_of(int64_t batch) const;

 private:
  int64_t chunks_, batch_size_, per_rank_, per_update_;
  int64_t batches_per_epoch_, updates_per_epoch_;
};

}  // namespace tekio
