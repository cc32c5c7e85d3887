// The public functions: what a run is given is checked here, and the trainer does the rest.
#include <fmt/ranges.h>

#include <tekio/adapt.h>
#include <algorithm>

#include "base/error.h"
#include "train/plan.h"
#include "train/prompts.h"
#include "train/signals.h"
#include "train/trainer.h"

namespace tekio {
namespace {

void require_no_problems(const std::vector<std::string>& problems) {
  if (!problems.empty()) fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
}

/// Chunks that the tokenizer made must be chunks that the model can read.
void require_fit(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks) {
  const ModelConfig& config = model.impl().model().config();
  model.impl().check_tokenizer(tokenizer);
  if (chunks.chunk_size() > config.max_positions)
    fail(ErrorKind::usage, "--chunk_size {} is longer than the model's {} positions", chunks.chunk_size(),
         config.max_positions);
}

void require_sane(const EvaluationOptions& o) {
  std::vector<std::string> problems;
  const auto unless = [&](bool ok, std::string problem) {
    if (!ok) problems.push_back(std::move(problem));
  };
  const auto probability = [&](const char* name, double p) {
    unless(p > 0 && p <= 1, fmt::format("--{} must be above 0 and at most 1, got {}", name, p));
  };
  unless(o.batch_size >= 1 && o.batch_size <= int64_t{1} << 31,
         fmt::format("--per_device_eval_batch_size must be a whole number above 0, got {}", o.batch_size));
  unless(o.max_chunks >= 0, fmt::format("--max_chunks must be at least 0, got {}", o.max_chunks));
  probability("mlm_probability", o.mlm_probability);
  probability("wwm_probability", o.wwm_probability);
  require_no_problems(problems);
}

}  // namespace

AdaptReport adapt(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                  const TrainingOptions& options) {
  require_no_problems(options.problems());
  require_fit(model, tokenizer, data.train);
  check_prompts(model, tokenizer, options.prompts);
  const StopSignals signals;
  return Trainer(model, tokenizer, data, options).run();
}

AdaptPlan plan(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
               const TrainingOptions& options) {
  require_no_problems(options.problems());
  require_fit(model, tokenizer, data.train);
  const Schedule schedule(options, data.train.size());
  const std::lock_guard use(model.impl().mutex());
  const MlmNetwork& m = model.impl().model();
  const int64_t chunk_size = data.train.chunk_size();
  const DType type = working_type(model, options.masking_rng);
  AdaptPlan p{.train_chunks = data.train.size(),
              .eval_chunks = data.test.size(),
              .steps_per_epoch = schedule.updates_per_epoch(),
              .steps = schedule.updates(),
              .memory = {},
              .memory_bytes = 0,
              .disk_bytes = disk_plan(m.config(), options, schedule).total(),
              .seconds = 0};
  for (const MemoryPlan::Line& line : memory_plan(m.config(), m.backend(), options, data, type).lines) {
    p.memory.push_back({line.purpose, line.bytes});
    p.memory_bytes += line.bytes;
  }
  p.seconds = estimated_seconds(m.config(), m.backend(), options, schedule, data.train.size(), data.test.size(),
                                chunk_size, type);
  return p;
}

EvaluationReport evaluate(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks,
                          const EvaluationOptions& o) {
  require_sane(o);
  require_fit(model, tokenizer, chunks);
  std::vector<int64_t> first(static_cast<size_t>(o.max_chunks > 0 ? std::min(o.max_chunks, chunks.size()) : 0));
  for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int64_t>(i);
  const Chunks judged = first.empty() ? chunks : chunks.select(std::move(first));
  if (judged.size() == 0)
    fail(ErrorKind::input,
         "there is no chunk to judge by: the text is shorter than one chunk; give more text or a smaller --chunk_size");
  const MaskingOptions masking_options{.mlm_probability = o.mlm_probability,
                                       .whole_word = o.whole_word_mask,
                                       .wwm_probability = o.wwm_probability,
                                       .seed = o.seed};
  RunMasking masking(o.masking_rng, masking_options, MaskingVocabulary::of(tokenizer));
  ModelLease lease(model.impl(),
                   batch_limits(std::min(o.batch_size, judged.size()), judged.chunk_size(), o.mlm_probability,
                                o.whole_word_mask, o.wwm_probability),
                   /*training=*/false, working_type(model, o.masking_rng));
  lease.enter();
  return *Evaluator(lease, masking, judged, o.batch_size, EvalMasking::frozen).run(0, [] { return false; });
}

}  // namespace tekio
