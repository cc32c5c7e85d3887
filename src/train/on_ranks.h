// The public functions of <tekio/adapt.h>, as one of several processes that work on one run calls them: all call the
// same with the same arguments, and all get the same figures.
#pragma once

#include <tekio/adapt.h>

#include "dist/communicator.h"

namespace tekio {

/// Rank 0 has the run's folder and writes it. Errors: also usage (the ranks were told different things), comms.
AdaptReport adapt(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                  const TrainingOptions& options, Communicator& ranks);
/// What it would be on so many ranks: memory is each one's.
AdaptPlan plan(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
               const TrainingOptions& options, RankCount ranks);
EvaluationReport evaluate(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks,
                          const EvaluationOptions& options, ChunkLosses* each, Communicator& ranks);

/// What the model computes in: as before where a run is resumed, and on all ranks the same.
void settle_arithmetic(const MaskedLM& model, const TrainingOptions& options, Communicator& ranks);
/// The gradient_accumulation_steps with which a run that is resumed on another number of ranks has the updates that it
/// had; else those of the options.
int64_t accumulation_to_resume(const TrainingOptions& options, int ranks);
/// What rank 0 finds.
int64_t accumulation_to_resume(const TrainingOptions& options, Communicator& ranks);

}  // namespace tekio
