// Copying takes a fraction of what writing does: memory's speed against a disk's. A copy that has no room costs no run:
// training then waits, as it does where it is over anyway.
#include "train/checkpoint_writer.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

namespace tekio {
namespace {

/// The numbers of `from`, wherever they are, in a set of the host's.
void copy_numbers(ParameterSet& to, const ParameterSet& from, Memory& memory) {
  const ConstTensor numbers = from.flat();
  memory.read(to.flat_to_change().data, numbers.data, numbers.bytes());
}

}  // namespace

struct CheckpointWriter::Copy {
  explicit Copy(const ModelConfig& config)
      : weights(config, "the weights' copy"), moment1(config, "a moment's copy"), moment2(config, "a moment's copy") {}
  ParameterSet weights, moment1, moment2;
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
bool CheckpointWriter::has_copy(const ModelConfig& config) {
  if (copy_ || has_no_room_) return copy_ != nullptr;
  try {
    if (copy_fits(config, available_memory())) copy_ = std::make_unique<Copy>(config);
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
  const bool beside = training_goes_on && has_copy(weights.config());
  if (!beside && optimizer.is_shared()) {
    ParameterSet moment1(weights.config(), "all ranks' moments"), moment2(weights.config(), "all ranks' moments");
    optimizer.collect(Moment::first, &moment1);
    optimizer.collect(Moment::second, &moment2);
    return write_all(weights, moment1, moment2, contents);
  }
  if (!beside) return write_all(weights, optimizer.moment1(), optimizer.moment2(), contents);
  copy_numbers(copy_->weights, weights, optimizer.memory());
  if (optimizer.is_shared()) {
    optimizer.collect(Moment::first, &copy_->moment1);
    optimizer.collect(Moment::second, &copy_->moment2);
  } else {
    copy_numbers(copy_->moment1, optimizer.moment1(), optimizer.memory());
    copy_numbers(copy_->moment2, optimizer.moment2(), optimizer.memory());
  }
  thread_.begin(
      [this, contents = std::move(contents)] { write_all(copy_->weights, copy_->moment1, copy_->moment2, contents); });
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
