// A pass over n tokens takes a fixed time and one for each token. Both are found by two sizes of batches, four times
// apart, of the run's own chunks, since few tokens are multiplied at another rate than many, and rows of a line-by-line
// run are shorter than a chunk.
#include "train/estimate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/stopwatch.h"
#include "data/chunks.h"
#include "data/order.h"
#include "train/model_lease.h"
#include "train/optimizer.h"

namespace tekio {
namespace {

/// The time of `action`, in seconds.
template <typename Action>
double timed(const Action& action) {
  const Stopwatch watch;
  action();
  return watch.seconds();
}

/// Tokens of a chunk, on average over some that are evenly spread.
double mean_tokens(const Chunks& chunks) {
  constexpr int64_t kSample = 4096;
  const int64_t count = std::min(kSample, chunks.size());
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += static_cast<double>(ChunksView::of(chunks).ids(i * chunks.size() / count).size());
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

/// Seconds of a pass over a batch, as a line.
class PassTime {
 public:
  void add(double tokens, double seconds) { points_.push_back({tokens, seconds}); }
  double of(double tokens) const {
    if (points_.empty()) return 0;
    const Point& last = points_.back();
    if (points_.size() == 1) return last.seconds * tokens / last.tokens;
    const Point& before = points_[points_.size() - 2];
    // Clocks are not exact: a token takes no more than its share of the whole, and no less than a third of that.
    const double share = last.seconds / last.tokens,
                 slope = (last.seconds - before.seconds) / std::max(1.0, last.tokens - before.tokens);
    return last.seconds + std::clamp(slope, share / 3, share) * (tokens - last.tokens);
  }

 private:
  struct Point {
    double tokens, seconds;
  };
  std::vector<Point> points_;
};

/// Times updates and evaluations of a run's model.
class Trial {
 public:
  Trial(MaskedLMImpl& impl, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& o, DType type)
      : impl_(impl),
        model_(impl.model()),
        data_(data),
        options_(o),
        type_(type),
        masking_({o}, MaskingVocabulary::of(tokenizer)),
        // Of rate 0 and without decay: it takes its time and leaves the weights as they are.
        optimizer_(model_.backend(), model_.config(),
                   {.weight_decay = 0, .beta1 = o.adam_beta1, .beta2 = o.adam_beta2, .epsilon = o.adam_epsilon}) {}

  /// False: there is no memory for it.
  bool run() {
    const auto train = [&](int64_t size) { return time_training(size); };
    if (!grow(options_.per_device_train_batch_size, data_.train, train)) return false;
    evaluation_ = time_evaluations(data_.test);
    if (options_.general) general_ = time_evaluations(*options_.general);
    return true;
  }

  /// An update's time by the chunks in it, on average over an epoch.
  double seconds_per_chunk(const Schedule& schedule) const {
    const int64_t size = options_.per_device_train_batch_size, whole = data_.train.size() / size;
    const double tokens = mean_tokens(data_.train), rest = static_cast<double>(data_.train.size() % size);
    double epoch = static_cast<double>(schedule.updates_per_epoch()) * optimizer_seconds_;
    if (whole > 0) epoch += static_cast<double>(whole) * training_.of(tokens * static_cast<double>(size));
    if (rest > 0) epoch += training_.of(tokens * rest);
    return epoch / static_cast<double>(data_.train.size());
  }
  double evaluation_seconds() const { return evaluation_; }
  double general_seconds() const { return general_; }

 private:
  BatchLimits limits(int64_t chunks) const { return batch_limits(chunks, data_.train.chunk_size(), options_); }

  bool has_memory(int64_t chunks) const {
    const int64_t bytes = MlmNetwork::plan(model_.config(), model_.backend(), limits(chunks), /*training=*/true,
                                           /*explicit_dropout=*/true, type_)
                              .total();
    return memory_shortage(bytes, available_to(model_.backend())).empty();
  }

  /// Times batches of 1, 4, 16… chunks, up to the run's, until one takes long enough to tell. False: there is no
  /// memory.
  template <typename Time>
  bool grow(int64_t batch_size, const Chunks& chunks, const Time& time) {
    constexpr double kEnough = 0.1, kTooMuch = 0.5;
    const int64_t most = std::min(batch_size, chunks.size());
    for (int64_t size = 1, sizes = 1;; size = std::min(4 * size, most), ++sizes) {
      if (!has_memory(size)) return sizes > 1;
      const double seconds = time(size);
      if (size == most || seconds > kTooMuch || (sizes > 1 && seconds > kEnough)) return true;
    }
  }

  /// Calls `once`, which returns its seconds, until that makes some time; the first call warms up. Returns the mean.
  template <typename Once>
  static double repeated(const Once& once) {
    constexpr double kLong = 0.05;
    constexpr int kMost = 100;
    once();
    double seconds = 0;
    int times = 0;
    do seconds += once();
    while (++times < kMost && seconds < kLong);
    return seconds / times;
  }

  /// An update's seconds, on average over some.
  double time_training(int64_t size) {
    ModelLease lease(impl_, limits(size), /*training=*/true, type_);
    const double rate = (options_.initial_rate() + options_.rate()) / 2;  // on average, where it changes
    TrainingBatches batches(masking_, data_.train, UpdatePlan(data_.train.size(), size, /*accumulation=*/1),
                            {.seed = options_.seed, .rate = [rate](int64_t) { return rate; }});
    double passes = 0, optimizer = 0, tokens = 0;
    int times = 0;
    const double seconds = repeated([&] {
      UpdateBatches update;
      const double passed = timed([&] {
        update = batches.next_update();
        const Batch& batch = update.batches.front().batch;
        lease.ensure_fits(batch);
        model_.clear_gradients();
        model_.forward(batch, {.seed = options_.seed, .step = 0, .stream = masking_.dropout_stream()});
        model_.backward(batch, 0, {});
        model_.backend().wait();
      });
      const double updated = timed([&] {
        optimizer_.update(model_.weights(), model_.gradients(), /*learning_rate=*/0, /*step=*/1);
        model_.backend().wait();
      });
      if (times++ == 0) return 0.0;
      passes += passed, optimizer += updated, tokens += static_cast<double>(update.batches.front().batch.tokens());
      return passed + updated;
    });
    training_.add(tokens / (times - 1), passes / (times - 1));
    optimizer_seconds_ = optimizer / (times - 1);
    return seconds;
  }

  /// An evaluation's seconds on all of `chunks`, by some of them.
  double time_evaluations(const Chunks& chunks) {
    if (chunks.size() == 0) return 0;
    constexpr int64_t kSample = 512;
    std::vector<int64_t> sample(static_cast<size_t>(std::min(kSample, chunks.size())));
    for (size_t i = 0; i < sample.size(); ++i)
      sample[i] = static_cast<int64_t>(i) * chunks.size() / static_cast<int64_t>(sample.size());
    const Chunks some = chunks.select(sample);
    PassTime passes;
    grow(options_.per_device_eval_batch_size, some, [&](int64_t size) {
      ModelLease lease(impl_, limits(size), /*training=*/false, type_);
      EvaluationBatches batches(masking_, some, size, EvalMasking::frozen);
      batches.start(0);
      double tokens = 0;
      int times = 0;
      const double seconds = repeated([&] {
        std::optional<CollatedBatch> next;
        const double passed = timed([&] {
          next = batches.next();
          if (!next) batches.start(0), next = batches.next();
          lease.ensure_fits(next->batch);
          model_.evaluate(next->batch);
          model_.backend().wait();
        });
        if (times++ > 0) tokens += static_cast<double>(next->batch.tokens());
        return passed;
      });
      passes.add(tokens / (times - 1), seconds);
      return seconds;
    });
    const auto size = static_cast<double>(options_.per_device_eval_batch_size);
    const double batches = std::ceil(static_cast<double>(chunks.size()) / size);
    return batches * passes.of(mean_tokens(chunks) * static_cast<double>(chunks.size()) / batches);
  }

  MaskedLMImpl& impl_;
  MlmNetwork& model_;
  const Chunks::Split& data_;
  const TrainingOptions& options_;
  DType type_;
  RunMasking masking_;
  Optimizer optimizer_;
  PassTime training_;
  double optimizer_seconds_ = 0, evaluation_ = 0, general_ = 0;
};

}  // namespace

WorkLeft WorkLeft::after(int64_t steps, const TrainingOptions& o, const Schedule& schedule, const Chunks::Split& data) {
  WorkLeft left;
  left.chunks =
      (schedule.epoch_after(schedule.updates()) - schedule.epoch_after(steps)) * static_cast<double>(data.train.size());
  // Frozen masks give the last evaluation's figure again; fresh ones, or no evaluation between, need one more.
  if (data.test.size() > 0)
    left.evaluations = schedule.evaluations_left(steps) +
                       (o.eval_strategy == Interval::no || o.eval_masking == EvalMasking::fresh ? 1 : 0);
  left.general_evaluations = o.general ? 1 : 0;
  left.checkpoints = schedule.saves_left(steps);
  return left;
}

double WorkCosts::of(const WorkLeft& work) const {
  return work.chunks * chunk + static_cast<double>(work.evaluations) * evaluation +
         static_cast<double>(work.general_evaluations) * general_evaluation +
         static_cast<double>(work.checkpoints) * checkpoint + (work.model ? model : 0);
}

WorkCosts WorkCosts::of_files(const TrainingOptions& o, const DiskPlan& disk) {
  constexpr double kFiles = 10;  // of a model and its tokenizer, or a checkpoint, each with its folder
  const WriteSpeed speed = measure_write_speed(o.output_dir);
  const auto seconds = [&](int64_t bytes) {
    return static_cast<double>(bytes) / speed.bytes_per_second + kFiles * speed.sync_seconds;
  };
  WorkCosts costs;
  costs.checkpoint = seconds(disk.checkpoint_bytes);
  costs.model = seconds(disk.model_bytes);
  return costs;
}

std::optional<WorkCosts> measure_costs(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                                       const TrainingOptions& o, const DiskPlan& disk, DType type) {
  MaskedLMImpl& impl = MaskedLMImpl::of(model);
  const int64_t states = 3 * ParameterSet::bytes(impl.model().config());  // weights that can be changed, and moments
  if (!memory_shortage(states, available_to(impl.model().backend())).empty()) return std::nullopt;
  try {
    Trial trial(impl, tokenizer, data, o, type);
    if (!trial.run()) return std::nullopt;
    WorkCosts costs = WorkCosts::of_files(o, disk);
    costs.chunk = trial.seconds_per_chunk(Schedule(o, data.train.size()));
    costs.evaluation = trial.evaluation_seconds();
    costs.general_evaluation = trial.general_seconds();
    return costs;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::device) throw;
  } catch (const std::bad_alloc&) {}
  return std::nullopt;
}

}  // namespace tekio
