// Which chunks a run sees when: epoch by epoch, update by update, with evaluations between, and what is drawn on the
// way. The order is the reference's in every mode (a permutation from torch's generator seeded with seed + epoch). With
// the reference's streams the loader runs one batch ahead of the training, so an evaluation or dropout finds that
// batch's draws already made.
//
//   RunMasking masking(options, vocabulary);
//   const UpdatePlan plan(split.train.size(), 64, 2);
//   TrainingBatches training(masking, split.train, plan, {.seed = 42});
//   EvaluationBatches evaluation(masking, split.test, 64, EvalMasking::frozen);
//   evaluation.start(0);  while (auto b = evaluation.next()) …;             // before
//   for (int64_t step = 0; step < plan.updates_per_epoch(); ++step) … training.next_update() …;
#pragma once

#include <tekio/dataset.h>
#include <tekio/masking.h>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/masking.h"
#include "data/update_plan.h"

namespace tekio {

/// How a run masks, and what its masks are drawn from. One for a run: training and fresh evaluation share its streams.
class RunMasking {
 public:
  RunMasking(const CollatorOptions& options, const MaskingVocabulary& vocabulary);

  MaskingRng rng() const { return options_.masking_rng; }
  const CollatorOptions& options() const { return options_; }
  const MaskingVocabulary& vocabulary() const { return vocabulary_; }
  Collator& collator() { return *collator_; }
  /// nullptr: MaskingRng::counter, which needs none.
  ReferenceStreams* streams() { return streams_.get(); }
  /// What dropout is drawn from (MaskingRng::torch_cpu), else nullptr: StepRandom::stream.
  TorchStream* dropout_stream() { return rng() == MaskingRng::torch_cpu ? &streams_->torch : nullptr; }

 private:
  CollatorOptions options_;
  MaskingVocabulary vocabulary_;
  std::unique_ptr<ReferenceStreams> streams_;
  std::unique_ptr<Collator> collator_;
};

struct TrainingOrder {
  uint64_t seed = 42;
  std::optional<uint64_t> data_seed{};  ///< of the order, if different
  int rank = 0;                         ///< whose share of the updates is wanted
  bool checksums = false;               ///< fill the crc32s
  /// The share that an update (from 0, over the whole run) masks, where it is not always MaskOptions::rate().
  std::function<double(int64_t update)> rate{};
};

/// What a rank must have of an update's micro-batches: its own, and with the reference's streams the others' as well,
/// since masks and dropout are drawn one after another.
struct UpdateBatches {
  Update update;
  int64_t first = 0;                   ///< number within the update of batches[0]
  std::vector<CollatedBatch> batches;  ///< Batch::first_key counts within the update
};

/// The micro-batches of a training run, update by update and epoch by epoch. `masking` must outlive it.
class TrainingBatches {
 public:
  TrainingBatches(RunMasking& masking, Chunks chunks, const UpdatePlan& plan, const TrainingOrder& order);

  /// Those of the run's next update; after an epoch's last one those of the next epoch, in its own order.
  UpdateBatches next_update();

  /// For a checkpoint: all that a resumed run needs beside the number of updates done, as a JSON text; empty with the
  /// counter. It is the streams as they stand, and as they stood before the batch that was collated ahead, which is
  /// thus made again. To be taken between updates, and not amid an evaluation.
  std::string state() const { return to_text(streams()); }
  /// What that text holds; nothing with the counter.
  struct Streams {
    std::optional<ReferenceStreams> now, before_look_ahead;
  };
  Streams streams() const;
  static std::string to_text(const Streams& streams);
  /// Goes on after `updates_done` of the run's updates as if it had never stopped. Errors: input (`state` is not of
  /// this kind of run, or damaged; `where` names its file).
  void resume(int64_t updates_done, std::string_view state, const std::string& where);

 private:
  void start_epoch(int64_t epoch);
  CollatedBatch collate(const Update& update, int64_t number);
  void collate_ahead(const Update& update);
  RunMasking& masking_;
  Chunks chunks_;
  UpdatePlan plan_;
  TrainingOrder order_;
  int64_t updates_done_ = 0;
  std::optional<int64_t> epoch_;        ///< whose order permutation_ is
  std::vector<int64_t> permutation_;    ///< that epoch's chunks
  std::optional<CollatedBatch> ahead_;  ///< reference's streams: the first batch of the update to come
  std::optional<ReferenceStreams> before_ahead_;
};

/// The evaluation set in batches, in its own order, as often as wanted. `masking` must outlive it.
class EvaluationBatches {
 public:
  /// Frozen: always the same masks, which depend on the seed alone and draw nothing from the run's streams. With the
  /// reference's streams they are those of one collator call over all chunks after seeding with `seed`.
  EvaluationBatches(RunMasking& masking, Chunks chunks, int64_t batch_size, EvalMasking kind, bool checksums = false);

  int64_t batches() const;
  /// Begins a pass. `number` tells fresh counter masks apart (the updates done so far, say). A pass may be broken off,
  /// but a fresh one has then drawn from the run's streams: a checkpoint's state() must be older.
  void start(uint64_t number);
  /// The next batch; nullopt after the last.
  std::optional<CollatedBatch> next();
  /// Passes over the next batch, which is another's: what it draws is drawn.
  void skip();

 private:
  RunMasking& masking_;
  Chunks chunks_;
  int64_t batch_size_;
  bool fresh_, checksums_;
  std::unique_ptr<Collator> counter_;             ///< counter: masks of their own, no training batch's
  std::unique_ptr<FrozenReferenceMasks> frozen_;  ///< reference's streams
  int64_t next_ = 0;                              ///< chunk
  uint64_t pass_ = 0;                             ///< 0: frozen
};

}  // namespace tekio
