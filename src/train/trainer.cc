// The life of a run in order. Randomness is a function of (seed, step) or a stream whose place checkpoints keep, so
// resuming restores tensors and a small state, and goes on.
#include "train/trainer.h"

#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "model/model_folder.h"
#include "train/options_json.h"
#include "train/plan.h"
#include "train/report.h"
#include "train/signals.h"

namespace tekio {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

bool stop_requested() { return StopSignals::received() != 0; }

MaskingOptions masking_options(const TrainingOptions& o) {
  return {.mlm_probability = o.mlm_probability,
          .whole_word = o.whole_word_mask,
          .wwm_probability = o.wwm_probability,
          .seed = o.seed};
}

/// The reference's FLOP count leaves out every embedding table, the head's tied matrix among them.
double parameters_without_embeddings(const ParameterSet& weights) {
  const ModelConfig& c = weights.config();
  return static_cast<double>(weights.count() - (c.vocabulary + c.max_positions + c.type_vocabulary) * c.width);
}

MlmNetwork& configured(MaskedLM& handle, const TrainingOptions& options) {
  MlmNetwork& model = handle.impl().model();
  if (options.dropout) model.config().set_dropout(*options.dropout);
  return model;
}

int64_t tokens_of(const std::vector<CollatedBatch>& batches) {
  return std::accumulate(batches.begin(), batches.end(), int64_t{0},
                         [](int64_t sum, const CollatedBatch& b) { return sum + b.batch.tokens(); });
}

double masked_of(const Batch& batch) { return static_cast<double>(batch.masked_rows.size()); }

}  // namespace

Trainer::Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& o)
    : handle_(model),
      tokenizer_(tokenizer),
      data_(data),
      options_(o),
      accumulation_loss_(o.accumulation_loss),
      model_(configured(model, o)),
      schedule_(o, data.train.size()),
      folder_(o),
      identity_(RunIdentity::of(o, data, model, model_.backend())),
      masking_(o.masking_rng, masking_options(o), MaskingVocabulary::of(tokenizer)),
      batches_(masking_, data.train,
               {.batch_size = o.per_device_train_batch_size,
                .accumulation = o.gradient_accumulation_steps,
                .seed = o.seed,
                .data_seed = o.data_seed,
                .checksums = !o.trace.empty()}),
      lease_(model.impl(), batch_limits(o, data), /*training=*/true, working_type(model, o.masking_rng)),
      optimizer_(model_.backend(), model_.config(),
                 {.weight_decay = o.weight_decay,
                  .beta1 = o.adam_beta1,
                  .beta2 = o.adam_beta2,
                  .epsilon = o.adam_epsilon,
                  .max_grad_norm = o.max_grad_norm}) {
  if (accumulation_loss_ == AccumulationLoss::automatic)
    accumulation_loss_ = o.masking_rng == MaskingRng::counter ? AccumulationLoss::tokens : AccumulationLoss::sum;
  if (evaluates())
    evaluator_.emplace(lease_, masking_, data.test, o.per_device_eval_batch_size, o.eval_masking);
  else if (o.eval_strategy != Interval::no)
    fail(ErrorKind::input,
         "there is no chunk to judge by: the evaluation text is shorter than one chunk; give more text or pass "
         "--eval_strategy no");
  params_without_embeddings_ = parameters_without_embeddings(std::as_const(model_).weights());
}

AdaptReport Trainer::run() {
  begin();
  if (!stop_requested()) train();
  state_.run_seconds = seconds_before_ + seconds_since(begun_);
  return stop_requested() ? stopped(batches_.state()) : finish();
}

/// Opens the folder and judges the model as it is, or takes up a run where it was left.
void Trainer::begin() {
  folder_.claim();
  model_reserve_ = folder_.reserve(disk_plan(model_.config(), options_, schedule_));
  const auto checkpoint = folder_.checkpoint_to_resume();
  const FillMask fill(handle_, tokenizer_);
  if (checkpoint)
    resume(*checkpoint);
  else
    for (const std::string& text : options_.prompts)
      state_.prompts.push_back({.text = text, .before = fill(text), .after = {}});
  lease_.enter();
  if (!options_.trace.empty()) LineLog::refuse_foreign(options_.trace, "--trace");
  folder_.begin(identity_.options, options_.options_toml);
  if (!options_.trace.empty()) trace_ = LineLog(options_.trace, state_.step);
  metrics_ = LineLog(folder_.path() / "metrics.jsonl", state_.step);
  if (!checkpoint && evaluates()) state_.before = evaluate();
  if (state_.before) note_before(*state_.before);
  begun_ = Clock::now();
  seconds_before_ = state_.run_seconds;
}

void Trainer::resume(const fs::path& checkpoint) {
  CheckpointRecord record = read_checkpoint(checkpoint);
  check_same_run(record.identity, identity_, checkpoint.string());
  if (record.state.step > schedule_.updates())
    fail(ErrorKind::usage, "{} is {} updates into its run, but --max_steps or --num_train_epochs ask for {} in all",
         checkpoint.string(), record.state.step, schedule_.updates());
  state_ = std::move(record.state);
  restore_tensors(checkpoint, model_.config(), model_.weights(), optimizer_);
  const Update last = schedule_.update(state_.step - 1);
  batches_.resume(last.epoch, last.step % schedule_.updates_per_epoch() + 1, record.masking_state, checkpoint.string());
  saved_step_ = state_.step;
  if (options_.load_best_model_at_end && state_.best_loss && !fs::exists(folder_.checkpoint(state_.best_step))) {
    warn(fmt::format("the best model so far, of update {}, is not in {}: the best is sought from here on",
                     state_.best_step, options_.output_dir));
    state_.best_loss.reset();
    state_.best_step = 0;
  }
  note(fmt::format(" resuming {} at update {} of {}", checkpoint.string(), state_.step, schedule_.updates()));
}

void Trainer::train() {
  if (state_.evaluation_due) evaluate_and_save();
  while (state_.step < schedule_.updates() && !stop_early() && !stop_requested()) {
    const auto begun = Clock::now();
    const Update update = schedule_.update(state_.step);
    if (update.first_batch == 0) batches_.start_epoch(update.epoch);
    const std::vector<CollatedBatch> batches = batches_.next_update();
    const double learning_rate = schedule_.learning_rate(update.step);
    double loss = 0;
    const double norm = update_weights(update, batches, learning_rate, loss);
    record(update, batches, loss, norm, learning_rate, seconds_since(begun));
    evaluate_and_save();
  }
  bar_.reset();
}

/// One update: gradients of all its micro-batches, clipped, into the weights. Returns their norm.
double Trainer::update_weights(const Update& update, const std::vector<CollatedBatch>& batches, double learning_rate,
                               double& loss) {
  for (const CollatedBatch& micro : batches) lease_.ensure_fits(micro.batch);
  model_.clear_gradients();
  for (const CollatedBatch& micro : batches) {
    const double factor = scale(micro.batch, batches);
    model_.forward(micro.batch, random(update));
    loss += factor * model_.backward(micro.batch, static_cast<float>(factor));
  }
  const double norm = optimizer_.update(model_.weights(), model_.gradients(), learning_rate, update.step + 1);
  if (!std::isfinite(loss) || !std::isfinite(norm))
    fail(ErrorKind::input,
         "training diverged: at update {} the loss is {} and the gradients' norm {}; this update was not saved; try a "
         "lower --learning_rate than {}",
         update.step + 1, loss, norm, options_.learning_rate);
  return norm;
}

/// What a micro-batch's summed loss is multiplied by: see AccumulationLoss. 0 where nothing is masked: the mean would
/// be 0/0.
double Trainer::scale(const Batch& batch, const std::vector<CollatedBatch>& update) const {
  if (batch.masked_rows.empty()) return 0;
  if (accumulation_loss_ == AccumulationLoss::sum) return 1 / masked_of(batch);
  if (accumulation_loss_ == AccumulationLoss::mean) return 1 / (masked_of(batch) * static_cast<double>(update.size()));
  double all = 0;
  for (const CollatedBatch& micro : update) all += masked_of(micro.batch);
  return 1 / all;
}

StepRandom Trainer::random(const Update& update) {
  return {.seed = options_.seed, .step = static_cast<uint64_t>(update.step), .stream = masking_.dropout_stream()};
}

void Trainer::record(const Update& update, const std::vector<CollatedBatch>& batches, double loss, double norm,
                     double learning_rate, double seconds) {
  const int64_t tokens = tokens_of(batches);
  const bool nothing_masked =
      std::all_of(batches.begin(), batches.end(), [](const CollatedBatch& b) { return b.batch.masked_rows.empty(); });
  if (nothing_masked && !std::exchange(warned_of_nothing_masked_, true))
    warn(
        fmt::format("no token of update {} was masked, so its loss counts as 0; raise --per_device_train_batch_size or "
                    "--mlm_probability",
                    update.step + 1));
  state_.step = update.step + 1;
  state_.tokens += tokens;
  state_.update_seconds += seconds;
  for (const CollatedBatch& b : batches)
    state_.total_flos +=
        6 * static_cast<double>(b.batch.sequences() * b.batch.padded_length) * params_without_embeddings_;
  state_.loss_total += loss;
  state_.loss_since_log += loss;
  state_.loss_since_report += loss;
  const double epoch = schedule_.epoch_after(state_.step);
  if (trace_.is_open()) trace(batches, loss, norm, learning_rate);
  metrics_.append({{"step", state_.step},
                   {"epoch", epoch},
                   {"loss", loss},
                   {"grad_norm", norm},
                   {"learning_rate", learning_rate},
                   {"tokens", tokens},
                   {"seconds", seconds}});
  if (schedule_.logs_after(state_.step)) {
    const double mean = state_.loss_since_log / static_cast<double>(state_.step - state_.logged_step);
    state_.log_history.push_back(training_entry(state_.step, epoch, mean, norm, learning_rate));
    state_.loss_since_log = 0;
    state_.logged_step = state_.step;
  }
  show_progress(update, tokens, loss);
}

void Trainer::trace(const std::vector<CollatedBatch>& batches, double loss, double norm, double learning_rate) {
  OrderedJson line = {{"step", state_.step},
                      {"loss", loss},
                      {"grad_norm", norm},
                      {"learning_rate", learning_rate},
                      {"batches", OrderedJson::array()}};
  for (const CollatedBatch& b : batches)
    line["batches"].push_back({{"input_ids_crc32", b.input_ids_crc32},
                               {"labels_crc32", b.labels_crc32},
                               {"masked", b.batch.masked_rows.size()}});
  trace_.append(line);
}

void Trainer::show_progress(const Update& update, int64_t tokens, double loss) {
  const int64_t in_epoch = update.step % schedule_.updates_per_epoch();
  if (!bar_) {
    const int64_t total =
        std::min(schedule_.updates_per_epoch(), schedule_.updates() - update.epoch * schedule_.updates_per_epoch());
    bar_.emplace(fmt::format(" epoch {}/{}", update.epoch + 1, schedule_.epochs()), total, "tokens", in_epoch);
    bar_tokens_ = 0;
  }
  bar_->update(in_epoch + 1, bar_tokens_ += tokens, fmt::format("loss {:.4g}", loss));
  if (in_epoch + 1 == schedule_.updates_per_epoch()) bar_.reset();
}

/// What follows an update: evaluation, then a checkpoint. A signal puts the evaluation off to the resumed run.
void Trainer::evaluate_and_save() {
  if (evaluates() && (state_.evaluation_due || schedule_.evaluates_after(state_.step))) {
    state_.evaluation_due = true;
    const std::string masking_before = batches_.state();
    bar_.reset();
    const std::optional<EvaluationReport> report = stop_requested() ? std::nullopt : evaluate();
    if (!report) return save(masking_before);
    state_.evaluation_due = false;
    on_evaluated(*report);
  }
  const bool best_so_far = options_.load_best_model_at_end && state_.best_step == state_.step;
  if (schedule_.saves_after(state_.step) || best_so_far || stop_requested()) save(batches_.state());
}

std::optional<EvaluationReport> Trainer::evaluate() {
  const auto number = static_cast<uint64_t>(state_.evaluations);
  std::optional<EvaluationReport> report = evaluator_->run(number, stop_requested);
  if (report) ++state_.evaluations;
  return report;
}

void Trainer::on_evaluated(const EvaluationReport& evaluation) {
  const double epoch = schedule_.epoch_after(state_.step);
  const bool better = !state_.best_loss || evaluation.loss < *state_.best_loss;
  state_.evaluations_without_gain = better ? 0 : state_.evaluations_without_gain + 1;
  if (better) {
    state_.best_loss = evaluation.loss;
    state_.best_step = state_.step;
  }
  const auto updates = static_cast<double>(std::max<int64_t>(1, state_.step - state_.reported_step));
  state_.epochs.push_back({.epoch = epoch,
                           .step = state_.step,
                           .train_loss = state_.loss_since_report / updates,
                           .perplexity = evaluation.perplexity,
                           .evaluation = evaluation});
  state_.loss_since_report = 0;
  state_.reported_step = state_.step;
  state_.log_history.push_back(evaluation_entry(state_.step, epoch, evaluation, evaluator_->batches()));
  note_epoch(state_.epochs.back(), schedule_.epochs(), seconds_before_ + seconds_since(begun_));
  if (options_.on_epoch) {
    lease_.leave();  // the caller may fill masks with the model
    options_.on_epoch(state_.epochs.back());
    lease_.enter();
  }
}

bool Trainer::stop_early() const {
  return options_.early_stopping_patience > 0 && state_.evaluations_without_gain >= options_.early_stopping_patience;
}

void Trainer::save(const std::string& masking_state) {
  state_.run_seconds = seconds_before_ + seconds_since(begun_);
  const bool should_stop = state_.step == schedule_.updates() || stop_early();
  const std::string trainer_state = trainer_state_json(state_, schedule_, options_, folder_, should_stop);
  save_checkpoint(folder_.checkpoint(state_.step), {.config = model_.config(),
                                                    .weights = std::as_const(model_).weights(),
                                                    .optimizer = optimizer_,
                                                    .tokenizer = tokenizer_,
                                                    .identity = identity_,
                                                    .state = state_,
                                                    .masking_state = masking_state,
                                                    .trainer_state = trainer_state});
  saved_step_ = state_.step;
  folder_.rotate(options_.save_total_limit, saved_step_, state_.best_step);
}

AdaptReport Trainer::stopped(const std::string& masking_state) {
  if (state_.step > saved_step_) save(masking_state);
  const char* const name = StopSignals::received() == SIGINT ? "SIGINT" : "SIGTERM";
  if (state_.step > 0)
    note(fmt::format("stopped by {} after update {} of {}; saved in {}: go on with --resume_from_checkpoint", name,
                     state_.step, schedule_.updates(), folder_.checkpoint(saved_step_).string()));
  else
    note(fmt::format("stopped by {} before the first update; there was nothing to save", name));
  AdaptReport r = report();
  r.stopped = true;
  r.signal = StopSignals::received();
  return r;
}

/// The model that the run leaves behind, judged. Frozen masks give the figure that the same weights had before.
std::optional<EvaluationReport> Trainer::judge_after() {
  int64_t step = state_.step;
  if (options_.load_best_model_at_end && state_.best_step > 0) {
    step = state_.best_step;
    if (step != state_.step) {
      if (state_.step > saved_step_) save(batches_.state());  // these weights give way to the best ones
      load_weights(folder_.checkpoint(step), model_.config(), model_.weights(), /*seed=*/0);
    }
    if (options_.save_total_limit == 1) folder_.rotate(1, step, step);
  }
  if (!evaluates()) return std::nullopt;
  if (options_.eval_masking == EvalMasking::frozen)
    for (const EpochReport& r : state_.epochs)
      if (r.step == step) return r.evaluation;
  return evaluate();
}

AdaptReport Trainer::finish() {
  const Json last = final_entry(state_, schedule_, options_, data_.train.size());
  const std::string masking_before = batches_.state();
  const std::optional<EvaluationReport> after = judge_after();
  if (evaluates() && !after) return stopped(masking_before);
  const double epoch = schedule_.epoch_after(state_.step);
  state_.log_history.push_back(last);
  const bool judged_again = after && (state_.epochs.empty() || options_.eval_masking == EvalMasking::fresh);
  if (judged_again) state_.log_history.push_back(evaluation_entry(state_.step, epoch, *after, evaluator_->batches()));

  AdaptReport r = report();
  if (after) {
    r.after = *after;
    note_after(r.before, r.after);
  }
  lease_.leave();
  const FillMask fill(handle_, tokenizer_);
  for (AdaptReport::Prompt& prompt : r.prompts) {
    prompt.after = fill(prompt.text);
    note_prompt(prompt);
  }
  save_result();
  write_atomically(folder_.path() / "trainer_state.json",
                   trainer_state_json(state_, schedule_, options_, folder_, /*should_stop=*/true));
  write_results(folder_, last, data_.train.size(), after ? &*after : nullptr, epoch, after ? evaluator_->batches() : 0);
  folder_.end();
  note_saved(r.run_dir);
  return r;
}

/// Where the model cannot be written, what is left of it is told: hours of work may hang on that.
void Trainer::save_result() {
  model_reserve_.release();
  try {
    const std::lock_guard lock(handle_.impl().mutex());  // the caller's threads may fill masks already
    save_model(folder_.path(), model_.config(), std::as_const(model_).weights());
    tokenizer_.save_pretrained(folder_.path());
  } catch (const Error& error) {
    const fs::path newest = folder_.checkpoint(saved_step_);
    const std::string shown = printable(newest.string(), 300);
    const std::string left =
        !fs::exists(newest) ? "what this run has learnt is lost, as no checkpoint was kept (--save_strategy no)"
        : saved_step_ == state_.step
            ? fmt::format("{} holds the run: make room and go on with --resume_from_checkpoint", shown)
            : fmt::format("what was learnt after {} is lost", shown);
    fail(error.kind(), "the trained model was not saved: {}; {}", error.what(), left);
  }
}

AdaptReport Trainer::report() const {
  AdaptReport r;
  r.run_dir = folder_.path().string();
  r.model = handle_.info();
  r.train_chunks = data_.train.size();
  r.eval_chunks = data_.test.size();
  if (state_.before) r.before = *state_.before;
  r.epochs = state_.epochs;
  r.steps = state_.step;
  r.train_loss = state_.step > 0 ? state_.loss_total / static_cast<double>(state_.step) : 0;
  r.train_seconds = state_.run_seconds;
  r.tokens_per_second = state_.update_seconds > 0 ? static_cast<double>(state_.tokens) / state_.update_seconds : 0;
  r.prompts = state_.prompts;
  return r;
}

}  // namespace tekio
