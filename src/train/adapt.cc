// The public functions: what a run is given is checked here, and the trainer does the rest.
#include <fmt/ranges.h>

#include <tekio/adapt.h>
#include <algorithm>

#include "base/error.h"
#include "base/interruption.h"
#include "model/vocabulary.h"
#include "train/estimate.h"
#include "train/on_ranks.h"
#include "train/options_json.h"
#include "train/plan.h"
#include "train/prompts.h"
#include "train/rank_agreement.h"
#include "train/run_checkpoint.h"
#include "train/trainer.h"

namespace tekio {
namespace {

void require_no_problems(const std::vector<std::string>& problems) {
  if (!problems.empty()) fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
}

/// Chunks that the tokenizer made must be chunks that the model can read, of words that can be masked.
void require_fit(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks, const MaskOptions& masking) {
  require_words(masking, chunks);
  const ModelConfig& config = MaskedLMImpl::of(model).model().config();
  MaskedLMImpl::of(model).check_tokenizer(tokenizer);
  if (chunks.chunk_size() > config.longest_input())
    fail(ErrorKind::usage, "--chunk_size {} is longer than the model's {} positions", chunks.chunk_size(),
         config.longest_input());
}

/// What training would have to compute, filling and evaluating not.
void require_supported_dropout(const MaskedLM& model, const TrainingOptions& options) {
  const float rate = MaskedLMImpl::of(model).model().config().feed_forward_dropout;
  if (rate > 0 && options.dropout != 0.0)
    fail(ErrorKind::input,
         "{}: mlp_dropout is {} in config.json, but dropout between the feed-forward's products is not supported in "
         "training; pass --dropout 0, or set it to 0 there",
         printable(model.info().path, 300), rate);
}

void require_sane(const EvaluationOptions& o) {
  std::vector<std::string> problems;
  const auto unless = [&](bool ok, std::string problem) {
    if (!ok) problems.push_back(std::move(problem));
  };
  unless(o.batch_size >= 1 && o.batch_size <= int64_t{1} << 31,
         message("--per_device_eval_batch_size must be a whole number above 0, got {}", o.batch_size));
  unless(o.max_chunks >= 0, message("--max_chunks must be at least 0, got {}", o.max_chunks));
  for (std::string& problem : o.masking_problems()) problems.push_back(std::move(problem));
  require_no_problems(problems);
}

}  // namespace

AdaptReport adapt(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                  const TrainingOptions& options) {
  return adapt(model, tokenizer, data, options, *alone());
}

AdaptReport adapt(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                  const TrainingOptions& options, Communicator& ranks) {
  const Interruptible by_should_stop({});  // between updates alone, so that there is a checkpoint
  require_no_problems(options.problems());
  require_fit(model, tokenizer, data.train, options);
  require_supported_dropout(model, options);
  if (options.general) require_fit(model, tokenizer, *options.general, options);
  check_prompts(model, tokenizer, options.prompts);
  settle_arithmetic(model, options, ranks);
  const Tokenizer saved = limited_to_positions(tokenizer, MaskedLMImpl::of(model).model().config());
  return Trainer(model, saved, data, options, ranks).run();
}

void settle_arithmetic(const MaskedLM& model, const TrainingOptions& options, Communicator& ranks) {
  if (ranks.rank() == 0) go_on_as_before(model, options);
  compute_in_the_same(ranks, model, options.masking_rng);
}

int64_t accumulation_to_resume(const TrainingOptions& options, int ranks) {
  const Json before = recorded_options(options);
  const int64_t had = chunks_per_update(before), each = options.per_device_train_batch_size * ranks;
  const bool on_as_many = ranks_of(before) == ranks;
  return had > 0 && !on_as_many && had % each == 0 ? had / each : options.gradient_accumulation_steps;
}

int64_t accumulation_to_resume(const TrainingOptions& options, Communicator& ranks) {
  const int64_t found = ranks.rank() == 0 ? accumulation_to_resume(options, ranks.size()) : 0;
  return number_from_rank(ranks.broadcast(std::to_string(found)));
}

AdaptPlan plan(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
               const TrainingOptions& options) {
  return plan(model, tokenizer, data, options, RankCount());
}

AdaptPlan plan(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
               const TrainingOptions& options, RankCount ranks) {
  require_no_problems(options.problems());
  require_fit(model, tokenizer, data.train, options);
  if (options.general) require_fit(model, tokenizer, *options.general, options);
  go_on_as_before(model, options);
  const Schedule schedule(options, data.train.size(), ranks.all);
  const MlmNetwork& m = MaskedLMImpl::of(model).model();
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
  for (const MemoryPlan::Line& line : memory_plan(m.config(), m.backend(), options, data, type, ranks).lines) {
    p.memory.push_back({line.purpose, line.bytes});
    p.memory_bytes += line.bytes;
  }
  if (const auto costs = measure_costs(model, tokenizer, data, options, disk, type)) {
    WorkLeft work = WorkLeft::after(0, options, schedule, data);
    work.chunks /= ranks.all;
    work.evaluations += data.test.size() > 0 ? 1 : 0;  // before training
    work.general_evaluations *= 2;
    p.seconds = costs->of(work);
  }
  return p;
}

EvaluationReport evaluate(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks,
                          const EvaluationOptions& options, ChunkLosses* each) {
  return evaluate(model, tokenizer, chunks, options, each, *alone());
}

EvaluationReport evaluate(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks,
                          const EvaluationOptions& o, ChunkLosses* each, Communicator& ranks) {
  std::optional<Interruptible> by_should_stop;
  if (ranks.size() > 1) by_should_stop.emplace(std::function<void()>());  // all end with the same batch
  require_sane(o);
  require_fit(model, tokenizer, chunks, o);
  std::vector<int64_t> first(static_cast<size_t>(o.max_chunks > 0 ? std::min(o.max_chunks, chunks.size()) : 0));
  for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int64_t>(i);
  const Chunks evaluated = first.empty() ? chunks : chunks.select(std::move(first));
  if (evaluated.size() == 0)
    fail(ErrorKind::input,
         "there is no chunk to evaluate on: the text is shorter than one chunk; give more text or a smaller "
         "--chunk_size");
  require_same_evaluation(ranks, evaluated, o, MaskedLMImpl::of(model).model(), tokenizer);
  compute_in_the_same(ranks, model, o.masking_rng);
  RunMasking masking({o}, MaskingVocabulary::of(tokenizer));
  ModelLease lease(MaskedLMImpl::of(model),
                   batch_limits(std::min(o.batch_size, evaluated.size()), evaluated.chunk_size(), o),
                   /*training=*/false, working_type(model, o.masking_rng));
  StopAgreement stop(ranks, o.should_stop);
  Evaluator evaluator(lease, masking, evaluated, o.batch_size, EvalMasking::frozen, ranks);
  if (const auto report = evaluator.run(
          0, [&] { return stop.told(); }, each))
    return *report;
  stop.agree();
  EvaluationReport none;
  none.stopped = stop.number();
  return none;
}

}  // namespace tekio
