// Which chunks a run sees when: epoch by epoch, update by update, with evaluations between, and what is drawn on the
// way. The order is the reference's in every mode (a permutation from torch's generator seeded with seed + epoch). With
// the reference's streams the loader runs one batch ahead of the training, so an evaluation or dropout finds that
// batch's draws already made.
//
//   RunMasking masking(options, vocabulary);
//   TrainingBatches training(masking, split.train, {.batch_size = 64, .accumulation = 2});
//   EvaluationBatches evaluation(masking, split.test, 64, EvalMasking::frozen);
//   evaluation.start(0);  while (auto b = evaluation.next()) …;             // before
//   training.start_epoch(0);
//   for (auto update = training.next_update(); !update.empty(); update = training.next_update()) …;
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
  int64_t batch_size = 64;   ///< chunks per micro-batch
  int64_t accumulation = 1;  ///< micro-batches per update
  uint64_t seed = 42;
  std::optional<uint64_t> data_seed{};  ///< of the order, if different
  bool checksums = false;               ///< fill the crc32s
  /// The share that an update (from 0, over the whole run) masks, where it is not always MaskOptions::rate().
  std::function<double(int64_t update)> rate{};
};

/// The micro-batches of a training run. `masking` must outlive it.
class TrainingBatches {
 public:
  TrainingBatches(RunMasking& masking, Chunks chunks, const TrainingOrder& order);

  int64_t batches_per_epoch() const;  ///< the last one may be smaller
  int64_t updates_per_epoch() const;  ///< the last one may have fewer micro-batches

  /// Begins an epoch with its own order. Draws nothing: a loader's draw at its start is made by the first
  /// next_update().
  void start_epoch(int64_t epoch);
  /// The micro-batches of the epoch's next update; empty after the last. Batch::first_key counts within the update.
  std::vector<CollatedBatch> next_update();

  /// For a checkpoint: all that a resumed run needs beside the number of updates done, as a JSON text; empty with the
  /// counter. It is the streams as they stand, and as they stood before the batch that was collated ahead, which is
  /// thus made again. To be taken between updates, and not amid an evaluation.
  std::string state() const;
  /// Instead of start_epoch: continues `epoch` after `updates_done` of its updates as if the run had never stopped,
  /// whether an epoch's end is told as its last update or as 0 of the next epoch. Errors: input (`state` is not of this
  /// kind of run, or damaged; `where` names its file).
  void resume(int64_t epoch, int64_t updates_done, std::string_view state, const std::string& where);

 private:
  CollatedBatch collate_next();
  void collate_ahead();
  RunMasking& masking_;
  Chunks chunks_;
  TrainingOrder order_;
  int64_t epoch_ = 0, updates_done_ = 0;
  int64_t collated_ = 0;                ///< batches of this epoch
  std::vector<int64_t> permutation_;    ///< this epoch's chunks
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
