// How a run's account is closed: stopped, with a checkpoint, or with the adapted model, its last figures and its files.
#include <algorithm>
#include <csignal>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "compute/cpu/cpu_features.h"
#include "compute/product_rate.h"
#include "model/flops.h"
#include "model/masked_lm.h"
#include "model/model_folder.h"
#include "report/page.h"
#include "train/evaluation_details.h"
#include "train/report.h"
#include "train/run_journal.h"
#include "train/run_record.h"

namespace tekio {
namespace {

// A program mostly tells a run to stop for a signal, whose number it then gives.
std::string stopped_by(int number) {
  constexpr std::pair<int, const char*> kSignals[] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}};
  for (const auto& [signal, name] : kSignals)
    if (signal == number) return fmt::format("by {}", name);
  return "as asked";
}

constexpr double kWorthALimit = 10;  // seconds of training that are worth measuring what they could have been

RunMachine machine_of(MaskedLMImpl& impl, bool in_bf16, int processes, double operations_per_second,
                      double train_seconds) {
  RunMachine machine{.processor = describe_processor().model, .threads = impl.pool().threads(), .processes = processes};
  if (train_seconds < kWorthALimit) return machine;
  try {
    const std::lock_guard lock(impl.mutex());
    Backend& backend = impl.model().backend();
    const DType type = in_bf16 ? DType::bf16 : DType::f32;
    machine.limit_gflops = measure_product_rate(backend, type, plain_product(backend), 0.2).best * processes;
    machine.gflops = operations_per_second * 1e-9;
  } catch (const Error&) {  // no memory is left for it, and a run is no worse without
  }
  return machine;
}

RunWaits waits_of(const RunState& state) {
  RunWaits waits{.batches = state.batch_seconds, .evaluations = 0, .checkpoints = state.checkpoint_seconds};
  for (const EvaluationPoint& point : state.evaluations) waits.evaluations += point.evaluation.seconds;
  return waits;
}

}  // namespace

void RunJournal::end_training() {
  state_.run_seconds = run_seconds();
  final_entry_ = final_entry(state_, schedule_, options_, data_.train.size());
}

AdaptReport RunJournal::stopped(int number) {
  const std::string by = stopped_by(number);
  if (folder_ && state_.step > 0)
    note(message(" stopped  {} after update {} of {} · saved in {} · go on with --resume_from_checkpoint", by,
                 with_commas(state_.step), with_commas(schedule_.updates()),
                 printable(checkpoint(saved_step_).string(), 300)));
  else if (folder_)
    note(fmt::format(" stopped  {} before the first update: there was nothing to save", by));
  if (state_.step == 0) abandon();
  AdaptReport r = report();
  r.stopped = number;
  return r;
}

AdaptReport RunJournal::finish(const After& after) {
  AdaptReport r = report();
  if (after.evaluation) r.after = *after.evaluation;
  if (after.general) r.general = {.before = *state_.general_before, .after = *after.general};
  const double epoch = schedule_.epoch_after(state_.step);
  add_to_history(final_entry_);
  // As run_mlm.py evaluates after its training: the history is the training's, TensorBoard sees both.
  const bool was_evaluated_anew = state_.evaluations.empty() || options_.eval_masking == EvalMasking::fresh;
  if (after.evaluation && was_evaluated_anew)
    track(evaluation_entry(state_.step, epoch, *after.evaluation, after.batches));
  if (!folder_) return r;
  if (after.evaluation) note_after(r.before, r.after);
  const FillMask fill(handle_, tokenizer_);
  for (AdaptReport::Prompt& prompt : r.prompts) {
    prompt.after = fill(prompt.text);
    note_prompt(prompt);
  }
  if (r.general) note_general(*r.general, options_.general_name);
  warn_of_updates_without_masked_tokens(state_, options_);
  write_files(r, after);
  note_saved(r.run_dir);
  return r;
}

void RunJournal::write_files(const AdaptReport& r, const After& after) {
  const EvaluationReport* const evaluation = after.evaluation ? &*after.evaluation : nullptr;
  save_result();
  write_atomically(folder_->path() / "trainer_state.json",
                   trainer_state_json(state_, schedule_, options_, *folder_, /*should_stop=*/true, /*saved=*/0));
  const double per_token =
      flops_per_chunk(model_.config(), data_.train.chunk_size(), (options_.initial_rate() + options_.rate()) / 2) /
      static_cast<double>(data_.train.chunk_size());
  write_run_record(folder_->path(), options_, data_, r, evaluation,
                   {.device = identity_.device,
                    .dtype = identity_.dtype,
                    .machine = machine_of(MaskedLMImpl::of(handle_), identity_.dtype == tekio::name_of(DType::bf16),
                                          r.world_size, per_token * r.tokens_per_second, r.train_seconds),
                    .waits = waits_of(state_),
                    .before = state_.before});
  write_report(after);
  write_results(*folder_, final_entry_, data_.train.size(), evaluation, schedule_.epoch_after(state_.step),
                after.batches);
  folder_->end();
}

/// What the evaluations before and after say beyond their means, where they are of the same masks, and the run as a
/// page. What a run is worth does not hang on them.
void RunJournal::write_report(const After& after) const {
  const fs::path& folder = folder_->path();
  try {
    if (before_ && after.evaluation && are_of_the_same_masks(*before_, *after.each)) {
      const auto vocabulary = std::max(tokenizer_.vocabulary_size(), model_.config().vocabulary);
      const OrderedJson details =
          evaluation_details(*before_, *after.each, data_.test, tokenizer_, count_ids(data_.train, vocabulary));
      write_atomically(folder / kEvaluationDetails, details.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
    }
    std::error_code ignored;
    fs::remove(folder / kEvaluationBefore, ignored);  // it is in there now
    const report::Run run = report::read_run(folder);
    write_atomically(folder / kReportPage, report::page({&run, 1}));
  } catch (const Error& error) {
    warn(fmt::format("the run has no report: {}", error.what()));
  }
}

/// Where the model cannot be written, what is left of it is told: hours of work may hang on that.
void RunJournal::save_result() {
  model_reserve_.release();
  try {
    const std::lock_guard lock(MaskedLMImpl::of(handle_).mutex());  // the caller's threads may fill masks already
    save_model(folder_->path(), model_.config(), model_.weights());
    tokenizer_.save_pretrained(folder_->path());
  } catch (const Error& error) {
    const fs::path newest = checkpoint(saved_step_);
    const std::string shown = printable(newest.string(), 300);
    const std::string left =
        !fs::exists(newest)
            ? message("what this run has learnt is lost, as no checkpoint was kept (--save_strategy no)")
        : saved_step_ == state_.step
            ? message("{} holds the run: make room and go on with --resume_from_checkpoint", shown)
            : fmt::format("what was learnt after {} is lost", shown);
    fail(error.kind(), "the trained model was not saved: {}; {}", error.what(), left);
  }
}

AdaptReport RunJournal::report() const {
  AdaptReport r;
  r.run_dir = fs::path(options_.output_dir).string();
  r.model = handle_.info();
  r.train_chunks = data_.train.size();
  r.eval_chunks = data_.test.size();
  if (state_.before) r.before = *state_.before;
  r.evaluations = state_.evaluations;
  r.steps = state_.step;
  r.steps_without_masked_tokens = state_.steps_without_masked_tokens;
  r.train_loss = state_.loss.mean();
  r.train_seconds = state_.run_seconds;
  r.tokens_per_second = state_.update_seconds > 0 ? static_cast<double>(state_.tokens) / state_.update_seconds : 0;
  r.prompts = state_.prompts;
  r.world_size = ranks_.size();
  return r;
}

}  // namespace tekio
