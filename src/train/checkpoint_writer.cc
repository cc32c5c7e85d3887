// Copying takes a fraction of what writing does: memory's speed against a disk's. What is on a device is copied there,
// and fetched by the thread. A copy that has no room costs no run: training then waits, as it does where it is over
// anyway.
#include "train/checkpoint_writer.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

namespace tekio {

struct CheckpointWriter::Copy {
  /// The numbers of one set in the host's memory. Where they are in another that has room for a snapshot, they are
  /// there between take() and fetch().
  struct Part {
    Part(const ModelConfig& config, const std::string& purpose, Memory& memory)
        : numbers(config, purpose), snapshot(memory.make_snapshot(ParameterSet::bytes(config))) {}
    void take(const ParameterSet& from, Memory& memory) {
      const ConstTensor flat = from.flat();
      if (snapshot)
        snapshot->take(flat.data);
      else
        memory.read(numbers.flat_to_change().data, flat.data, flat.bytes());
    }
    void fetch() {
      if (snapshot) snapshot->read(numbers.flat_to_change().data);
    }
    ParameterSet numbers;
    std::unique_ptr<Snapshot> snapshot;
  };
  /// `of_moments`: where moments are that take() is called with.
  Copy(const ModelConfig& config, Memory& memory, Memory& of_moments)
      : weights(config, "the weights' copy", memory),
        moment1(config, "a moment's copy", of_moments),
        moment2(config, "a moment's copy", of_moments) {}
  Part weights, moment1, moment2;
};

CheckpointWriter::CheckpointWriter(const RunFolder& folder, const Tokenizer& tokenizer, const RunIdentity& identity,
                                   int64_t limit)
    : folder_(folder), tokenizer_(tokenizer), identity_(identity), limit_(limit) {}

CheckpointWriter::~CheckpointWriter() = default;

int64_t CheckpointWriter::copy_bytes(const ModelConfig& config) { return 3 * ParameterSet::bytes(config); }

bool CheckpointWriter::copy_fits(const ModelConfig& config, std::optional<int64_t> available) {
  constexpr int64_t kSpare = 256 << 20;  // batches, texts of results, and what malloc reserves for threads
  return !available || *available >= copy_bytes(config) + kSpare;
}

/// Makes room for a copy, unless there was none before.
bool CheckpointWriter::has_copy(const ModelConfig& config, Optimizer& optimizer) {
  if (copy_ || has_no_room_) return copy_ != nullptr;
  try {
    Memory& here = optimizer.memory();
    if (copy_fits(config, available_memory()))
      copy_ = std::make_unique<Copy>(config, here, optimizer.is_shared() ? host_memory() : here);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::device) throw;
  }
  has_no_room_ = !copy_;
  if (has_no_room_)
    note(fmt::format(" training waits while checkpoints are written: there is no room for a copy of {}",
                     bytes_text(static_cast<uint64_t>(copy_bytes(config)))));
  return !has_no_room_;
}

void CheckpointWriter::write(const ParameterSet& weights, Optimizer& optimizer, CheckpointContents contents,
                             bool training_goes_on) {
  const bool beside = training_goes_on && has_copy(weights.config(), optimizer);
  if (!beside && optimizer.is_shared()) {
    ParameterSet moment1(weights.config(), "all ranks' moments"), moment2(weights.config(), "all ranks' moments");
    optimizer.collect(Moment::first, &moment1);
    optimizer.collect(Moment::second, &moment2);
    return write_all(weights, moment1, moment2, contents);
  }
  if (!beside) return write_all(weights, optimizer.moment1(), optimizer.moment2(), contents);
  Copy& copy = *copy_;
  copy.weights.take(weights, optimizer.memory());
  if (optimizer.is_shared()) {
    optimizer.collect(Moment::first, &copy.moment1.numbers);
    optimizer.collect(Moment::second, &copy.moment2.numbers);
  } else {
    copy.moment1.take(optimizer.moment1(), optimizer.memory());
    copy.moment2.take(optimizer.moment2(), optimizer.memory());
  }
  thread_.begin([this, &copy, contents = std::move(contents)] {
    for (Copy::Part* const part : {&copy.weights, &copy.moment1, &copy.moment2}) part->fetch();
    write_all(copy.weights.numbers, copy.moment1.numbers, copy.moment2.numbers, contents);
  });
}

void CheckpointWriter::check() {
  if (!thread_.is_busy()) thread_.wait();
}

void CheckpointWriter::write_all(const ParameterSet& weights, const ParameterSet& moment1, const ParameterSet& moment2,
                                 const CheckpointContents& contents) const {
  const RunState& state = contents.state;
  save_checkpoint(folder_.checkpoint(state.step), {.config = contents.config,
                                                   .weights = weights,
                                                   .moment1 = moment1,
                                                   .moment2 = moment2,
                                                   .tokenizer = tokenizer_,
                                                   .identity = identity_,
                                                   .state = state,
                                                   .masking_state = contents.masking_state,
                                                   .trainer_state = contents.trainer_state});
  folder_.rotate(limit_, state.step, state.best_step);
}

}  // namespace tekio
