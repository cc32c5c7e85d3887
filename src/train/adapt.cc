// The public functions: what a run is given is checked here, and the trainer does the rest.
#include <fmt/ranges.h>

#include <tekio/adapt.h>
#include <algorithm>

#include "base/error.h"
#include "dist/communicator.h"
#include "model/vocabulary.h"
#include "train/estimate.h"
#include "train/plan.h"
#include "train/prompts.h"
#include "train/run_checkpoint.h"
#include "train/signals.h"
#include "train/trainer.h"

namespace tekio {
namespace {

void require_no_problems(const std::vector<std::string>& problems) {
  if (!problems.empty()) fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
}

/// Chunks that the tokenizer made must be chunks that the model can read, of words that can be masked.
void require_fit(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks, const MaskOptions& masking) {
  require_words(masking, chunks);
  const ModelConfig& config = model.impl().model().config();
  model.impl().check_tokenizer(tokenizer);
  if (chunks.chunk_size() > config.longest_input())
    fail(ErrorKind::usage, "--chunk_size {} is longer than the model's {} positions", chunks.chunk_size(),
         config.longest_input());
}

void require_sane(const EvaluationOptions& o) {
  std::vector<std::string> problems;
  const auto unless = [&](bool ok, std::string problem) {
    if (!ok) problems.push_back(std::move(problem));
  };
  unless(o.batch_size >= 1 && o.batch_size <= int64_t{1} << 31,
         fmt::format("--per_device_eval_batch_size must be a whole number above 0, got {}", o.batch_size));
  unless(o.max_chunks >= 0, fmt::format("--max_chunks must be at least 0, got {}", o.max_chunks));
  for (std::string& problem : o.masking_problems()) problems.push_back(std::move(problem));
  require_no_problems(problems);
}

}  // namespace

AdaptReport adapt(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                  const TrainingOptions& options) {
  require_no_problems(options.problems());
  require_fit(model, tokenizer, data.train, options);
  if (options.general) require_fit(model, tokenizer, *options.general, options);
  check_prompts(model, tokenizer, options.prompts);
  go_on_as_before(model, options);
  const StopSignals signals;
  const Tokenizer saved = limited_to_positions(tokenizer, model.impl().model().config());
  const std::unique_ptr<Communicator> ranks = alone();
  return Trainer(model, saved, data, options, *ranks).run();
}

AdaptPlan plan(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
               const TrainingOptions& options) {
  require_no_problems(options.problems());
  require_fit(model, tokenizer, data.train, options);
  if (options.general) require_fit(model, tokenizer, *options.general, options);
  go_on_as_before(model, options);
  const Schedule schedule(options, data.train.size());
  const MlmNetwork& m = model.impl().model();
  const DType type = working_type(model, options.masking_rng);
  const DiskPlan disk = disk_plan(m.config(), options, schedule);
  AdaptPlan p{.train_chunks = data.train.size(),
              .eval_chunks = data.test.size(),
              .steps_per_epoch = schedule.updates_per_epoch(),
              .steps = schedule.updates(),
              .memory = {},
              .memory_bytes = 0,
              .disk_bytes = disk.total(),
              .seconds = {}};
  for (const MemoryPlan::Line& line : memory_plan(m.config(), m.backend(), options, data, type).lines) {
    p.memory.push_back({line.purpose, line.bytes});
    p.memory_bytes += line.bytes;
  }
  if (const auto costs = measure_costs(model, tokenizer, data, options, disk, type)) {
    WorkLeft work = WorkLeft::after(0, options, schedule, data);
    work.evaluations += data.test.size() > 0 ? 1 : 0;  // before training
    work.general_evaluations *= 2;
    p.seconds = costs->of(work);
  }
  return p;
}

EvaluationReport evaluate(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks,
                          const EvaluationOptions& o, ChunkLosses* each) {
  require_sane(o);
  require_fit(model, tokenizer, chunks, o);
  std::vector<int64_t> first(static_cast<size_t>(o.max_chunks > 0 ? std::min(o.max_chunks, chunks.size()) : 0));
  for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int64_t>(i);
  const Chunks evaluated = first.empty() ? chunks : chunks.select(std::move(first));
  if (evaluated.size() == 0)
    fail(ErrorKind::input,
         "there is no chunk to evaluate on: the text is shorter than one chunk; give more text or a smaller "
         "--chunk_size");
  RunMasking masking({o}, MaskingVocabulary::of(tokenizer));
  ModelLease lease(model.impl(), batch_limits(std::min(o.batch_size, evaluated.size()), evaluated.chunk_size(), o),
                   /*training=*/false, working_type(model, o.masking_rng));
  return *Evaluator(lease, masking, evaluated, o.batch_size, EvalMasking::frozen)
              .run(
                  0, [] { return false; }, each);
}

}  // namespace tekio
