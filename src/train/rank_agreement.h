// What ranks must have in common before they work on one run, and what they agree on while they do.
#pragma once

#include <functional>

#include "dist/communicator.h"
#include "model/masked_lm.h"
#include "train/run_checkpoint.h"

namespace tekio {

/// Refuses ranks that were given different work ("tekio adapt"), or told different things: another value in `told`,
/// whose keys are as a sentence names them ("--seed", "the device"), or one that not all have. All ranks call it.
/// Errors: usage (names what differs, and on which rank), comms (a rank sent something else).
void require_same_on_all(Communicator& ranks, const std::string& work, const Json& told);
/// The same for a run: the program, its options and data, the model, what it computes by, and its tokenizer.
void require_same_run(Communicator& ranks, const RunIdentity& identity, const TrainingOptions& options,
                      const MlmNetwork& model, const Tokenizer& tokenizer);
/// The same for an evaluation.
void require_same_evaluation(Communicator& ranks, const Chunks& evaluated, const EvaluationOptions& options,
                             const MlmNetwork& model, const Tokenizer& tokenizer);

/// Lets all ranks compute in what rank 0 computes in: what would be measured may differ by a hair. Errors: usage (the
/// processor of one cannot).
void compute_in_the_same(Communicator& ranks, const MaskedLM& model, MaskingRng masking);

/// A whole number that another rank sent. Errors: comms (it sent something else).
int64_t number_from_rank(const std::string& text);

/// Gives rank 0's numbers to all. Returns when they are there.
void give_to_all(Communicator& ranks, ParameterSet& numbers);

/// Whether a run is to stop. Each process is told by its own should_stop: one that works alone heeds it at once,
/// several heed what all of them have been told, so that they stop after the same update.
class StopAgreement {
 public:
  /// Both must outlive this; `should_stop` may be empty.
  StopAgreement(Communicator& ranks, const std::function<int()>& should_stop)
      : ranks_(ranks), should_stop_(should_stop) {}
  /// What this process was told: what should_stop says now, or once said. 0: to go on.
  int told();
  /// What the run is to stop by; 0: nothing.
  int number() { return ranks_.size() == 1 ? told() : agreed_; }
  /// What all ranks have been told at once.
  void learn(int number) {
    if (agreed_ == 0) agreed_ = number;
  }
  /// Tells each other. All ranks call it.
  void agree();

 private:
  Communicator& ranks_;
  const std::function<int()>& should_stop_;
  int told_ = 0, agreed_ = 0;
};

}  // namespace tekio
