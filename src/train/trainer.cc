// The life of a run in order. Randomness is a function of (seed, step) or a stream whose place checkpoints keep, so
// resuming restores tensors and a small state, and goes on.
#include "train/trainer.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "model/family.h"
#include "train/options_json.h"
#include "train/plan.h"
#include "train/report.h"
#include "train/signals.h"

namespace tekio {
namespace {

bool stop_requested() { return StopSignals::received() != 0; }

/// The reference's FLOP count leaves out every embedding table, the head's tied matrix among them where the reference
/// does not take that for the head's first.
double parameters_without_embeddings(const ParameterSet& weights) {
  const ModelConfig& c = weights.config();
  const bool counts_words = c.tied && table_of(c.family).traits.head_comes_first;
  const int64_t left_out = (counts_words ? 0 : c.vocabulary) + c.position_rows() + c.type_vocabulary;
  return static_cast<double>(weights.count() - left_out * c.embedding_width);
}

/// What changes over a run; the schedule must outlive it.
std::function<double(int64_t)> rates_of(const Schedule& schedule) {
  if (!schedule.masking_rate_changes()) return {};
  return [&schedule](int64_t update) { return schedule.masking_rate(update); };
}

int64_t tokens_of(const std::vector<CollatedBatch>& batches) {
  return std::accumulate(batches.begin(), batches.end(), int64_t{0},
                         [](int64_t sum, const CollatedBatch& b) { return sum + b.batch.tokens(); });
}

int64_t masked_of(const std::vector<CollatedBatch>& batches) {
  return std::accumulate(batches.begin(), batches.end(), int64_t{0}, [](int64_t sum, const CollatedBatch& b) {
    return sum + static_cast<int64_t>(b.batch.masked_rows.size());
  });
}

}  // namespace

Trainer::Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& o)
    : handle_(model),
      tokenizer_(tokenizer),
      data_(data),
      options_(o),
      accumulation_loss_(o.accumulation_loss),
      model_(model.impl().model()),
      schedule_(o, data.train.size()),
      folder_(o),
      identity_(RunIdentity::of(o, data, model, model_.backend())),
      masking_({o}, MaskingVocabulary::of(tokenizer)),
      batches_(masking_, data.train, schedule_.plan(),
               {.seed = o.seed, .data_seed = o.data_seed, .checksums = !o.trace.empty(), .rate = rates_of(schedule_)}),
      optimizer_(model_.backend(), model_.config(),
                 {.weight_decay = o.weight_decay,
                  .beta1 = o.adam_beta1,
                  .beta2 = o.adam_beta2,
                  .epsilon = o.adam_epsilon,
                  .max_grad_norm = o.max_grad_norm}) {
  if (accumulation_loss_ == AccumulationLoss::automatic)
    accumulation_loss_ =
        o.masking_rng == MaskingRng::counter || table_of(model_.config().family).traits.loss_counts_tokens
            ? AccumulationLoss::tokens
            : AccumulationLoss::sum;
  if (!evaluates() && o.eval_strategy != Interval::no)
    fail(ErrorKind::input,
         "there is no chunk to evaluate on: the evaluation text is shorter than one chunk; give more text or pass "
         "--eval_strategy no");
  params_without_embeddings_ = parameters_without_embeddings(std::as_const(model_).weights());
}

AdaptReport Trainer::run() {
  try {
    begin();
    if (!stop_requested()) train();
  } catch (...) {
    if (state_.step == 0) folder_.abandon();
    throw;
  }
  state_.run_seconds = run_seconds();
  return stop_requested() ? stopped(batches_.state()) : finish();
}

/// Opens the folder and evaluates the model as it is, or takes up a run where it was left.
void Trainer::begin() {
  folder_.claim();
  const DiskPlan disk = disk_plan(model_.config(), options_, schedule_);
  model_reserve_ = folder_.reserve(disk);
  if (!is_quiet()) costs_ = WorkCosts::of_files(options_, disk);  // for the time left
  const auto checkpoint = folder_.checkpoint_to_resume();
  if (options_.dropout) model_.config().set_dropout(*options_.dropout);
  const FillMask fill(handle_, tokenizer_);
  if (!checkpoint)
    for (const std::string& text : options_.prompts)
      state_.prompts.push_back({.text = text, .before = fill(text), .after = {}});
  lease_model();
  if (checkpoint) resume(*checkpoint);
  if (!options_.trace.empty()) LineLog::refuse_foreign(options_.trace, "--trace");
  folder_.begin(identity_.options, options_.options_toml);
  if (!options_.trace.empty()) trace_ = LineLog(options_.trace, state_.step);
  metrics_ = LineLog(folder_.path() / "metrics.jsonl", state_.step);
  if (!checkpoint && evaluator_) state_.before = evaluate();
  if (!checkpoint && general_evaluator_ && !stop_requested()) state_.general_before = evaluate_general();
  if (state_.before) note_before(*state_.before);
  watch_.restart();
  seconds_before_ = state_.run_seconds;
  update_seconds_before_ = state_.update_seconds;
  chunks_before_ = chunks_done();
}

void Trainer::lease_model() {
  lease_.emplace(handle_.impl(), batch_limits(options_, data_), /*training=*/true,
                 working_type(handle_, options_.masking_rng));
  const int64_t size = options_.per_device_eval_batch_size;
  if (evaluates()) evaluator_.emplace(*lease_, masking_, data_.test, size, options_.eval_masking);
  if (options_.general) general_evaluator_.emplace(*lease_, masking_, *options_.general, size, EvalMasking::frozen);
}

void Trainer::resume(const fs::path& checkpoint) {
  CheckpointRecord record = read_checkpoint(checkpoint);
  check_same_run(record.identity, identity_, checkpoint.string());
  if (record.state.step > schedule_.updates())
    fail(ErrorKind::usage, "{} is {} updates into its run, but --max_steps or --num_train_epochs ask for {} in all",
         checkpoint.string(), record.state.step, schedule_.updates());
  state_ = std::move(record.state);
  // A run that did not evaluate on it before does so now, while the model is as it was before training.
  if (general_evaluator_ && !state_.general_before) state_.general_before = evaluate_general();
  restore_tensors(checkpoint, model_.config(), model_.weights(), optimizer_);
  batches_.resume(state_.step, record.masking_state, checkpoint.string());
  saved_step_ = state_.step;
  if (options_.load_best_model_at_end && state_.best_loss && !fs::exists(folder_.checkpoint(state_.best_step))) {
    warn(fmt::format("the best model so far, of update {}, is not in {}: the best is sought from here on",
                     state_.best_step, options_.output_dir));
    state_.best_loss.reset();
    state_.best_step = 0;
  }
  note(fmt::format(" resuming {} at update {} of {}", printable(checkpoint.string(), 300), with_commas(state_.step),
                   with_commas(schedule_.updates())));
  if (record.form == 1 && options_.masking_rng == MaskingRng::counter)
    note("          it is an earlier version's: its losses enter the means by updates, not by masked tokens");
}

void Trainer::train() {
  if (state_.evaluation_due) evaluate_and_save();
  while (state_.step < schedule_.updates() && !stop_early() && !stop_requested()) {
    const Stopwatch watch;
    const UpdateBatches made = batches_.next_update();
    StopSignals::now(StopSignals::Doing::updating, state_.step);
    UpdateResult result = update_weights(made.update, made.batches);
    result.seconds = watch.seconds();
    record(made.batches, result);
    evaluate_and_save();
  }
  bar_.reset();
}

/// One update: gradients of all its micro-batches, clipped, into the weights.
Trainer::UpdateResult Trainer::update_weights(const Update& update, const std::vector<CollatedBatch>& batches) {
  UpdateResult result{.learning_rate = schedule_.learning_rate(update.step),
                      .tokens = tokens_of(batches),
                      .masked = masked_of(batches)};
  for (const CollatedBatch& micro : batches) lease_->ensure_fits(micro.batch);
  model_.clear_gradients();
  for (const CollatedBatch& micro : batches) {
    const double factor = scale(micro.batch, batches);
    model_.forward(micro.batch, random(update));
    result.loss += factor * model_.backward(micro.batch, static_cast<float>(factor));
  }
  result.grad_norm = optimizer_.update(model_.weights(), model_.gradients(), result.learning_rate, update.step + 1);
  if (!std::isfinite(result.loss) || !std::isfinite(result.grad_norm))
    fail(ErrorKind::input,
         "training diverged: at update {} the loss is {} and the gradients' norm {}; this update was not saved; try a "
         "lower --learning_rate than {}",
         update.step + 1, std::abs(result.loss), std::abs(result.grad_norm),  // NaN has no sign
         options_.learning_rate);
  return result;
}

/// What a micro-batch's summed loss is multiplied by: see AccumulationLoss. 0 where nothing is masked: the mean would
/// be 0/0.
double Trainer::scale(const Batch& batch, const std::vector<CollatedBatch>& update) const {
  const auto masked = static_cast<double>(batch.masked_rows.size());
  if (masked == 0) return 0;
  if (accumulation_loss_ == AccumulationLoss::sum) return 1 / masked;
  if (accumulation_loss_ == AccumulationLoss::mean) return 1 / (masked * static_cast<double>(update.size()));
  return 1 / static_cast<double>(masked_of(update));
}

StepRandom Trainer::random(const Update& update) {
  return {.seed = options_.seed, .step = static_cast<uint64_t>(update.step), .stream = masking_.dropout_stream()};
}

void Trainer::record(const std::vector<CollatedBatch>& batches, const UpdateResult& result) {
  ++state_.step;
  state_.tokens += result.tokens;
  state_.update_seconds += result.seconds;
  for (const CollatedBatch& b : batches)
    state_.total_flos +=
        6 * static_cast<double>(b.batch.sequences() * b.batch.padded_length) * params_without_embeddings_;
  const double weight = RunState::loss_weight(options_.masking_rng, result.masked);
  for (MeanLoss* mean : {&state_.loss, &state_.loss_since_log, &state_.loss_since_evaluation})
    mean->add(result.loss, weight);
  if (result.masked == 0) ++state_.steps_without_masked_tokens;
  if (trace_.is_open()) trace(batches, result);
  OrderedJson metrics = {{"step", state_.step},
                         {"epoch", schedule_.epoch_after(state_.step)},
                         {"loss", result.loss},
                         {"grad_norm", result.grad_norm},
                         {"learning_rate", result.learning_rate},
                         {"tokens", result.tokens},
                         {"masked", result.masked},
                         {"seconds", result.seconds}};
  if (schedule_.masking_rate_changes()) metrics["masking_rate"] = schedule_.masking_rate(state_.step - 1);
  metrics_.append(metrics);
  if (schedule_.logs_after(state_.step)) log(result);
  show_progress(result);
}

void Trainer::trace(const std::vector<CollatedBatch>& batches, const UpdateResult& result) {
  OrderedJson line = {{"step", state_.step},
                      {"loss", result.loss},
                      {"grad_norm", result.grad_norm},
                      {"learning_rate", result.learning_rate},
                      {"batches", OrderedJson::array()}};
  for (const CollatedBatch& b : batches)
    line["batches"].push_back({{"input_ids_crc32", b.input_ids_crc32},
                               {"labels_crc32", b.labels_crc32},
                               {"masked", b.batch.masked_rows.size()}});
  trace_.append(line);
}

/// An entry of the log history, and its line: but once per epoch the evaluation's line says it all.
void Trainer::log(const UpdateResult& result) {
  const double epoch = schedule_.epoch_after(state_.step);
  const Json entry = training_entry(state_.step, epoch, std::exchange(state_.loss_since_log, {}).mean(),
                                    result.grad_norm, result.learning_rate);
  state_.log_history.push_back(entry);
  if (schedule_.log_every() > 0 || !evaluates() || !schedule_.evaluates_after(state_.step)) note_update(entry);
}

void Trainer::show_progress(const UpdateResult& result) {
  if (!bar_) {
    bar_.emplace(" training", schedule_.updates(), "tokens", state_.step - 1);
    bar_tokens_ = 0;
  }
  bar_tokens_ += result.tokens;
  bar_->update(state_.step, bar_tokens_, fmt::format("loss {:.4g}", result.loss), seconds_left());
}

double Trainer::run_seconds() const { return seconds_before_ + watch_.seconds(); }

double Trainer::chunks_done() const {
  return schedule_.epoch_after(state_.step) * static_cast<double>(data_.train.size());
}

/// With evaluations and files that are still to come, each as long as the last one was.
double Trainer::seconds_left() const {
  WorkCosts costs = costs_;
  costs.chunk = (state_.update_seconds - update_seconds_before_) / (chunks_done() - chunks_before_);
  return costs.of(WorkLeft::after(state_.step, options_, schedule_, data_));
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
  StopSignals::now(StopSignals::Doing::evaluating, state_.step);
  const auto number = static_cast<uint64_t>(state_.evaluations_done);
  std::optional<EvaluationReport> report = evaluator_->run(number, stop_requested);
  if (!report) return report;
  ++state_.evaluations_done;
  costs_.evaluation = report->seconds;
  return report;
}

std::optional<EvaluationReport> Trainer::evaluate_general() {
  StopSignals::now(StopSignals::Doing::evaluating, state_.step);
  std::optional<EvaluationReport> report = general_evaluator_->run(0, stop_requested);
  if (report) costs_.general_evaluation = report->seconds;
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
  state_.evaluations.push_back({.epoch = epoch,
                                .step = state_.step,
                                .train_loss = std::exchange(state_.loss_since_evaluation, {}).mean(),
                                .evaluation = evaluation});
  state_.log_history.push_back(evaluation_entry(state_.step, epoch, evaluation, evaluator_->batches()));
  note_evaluation(state_.evaluations.back(), schedule_, run_seconds());
  if (options_.on_evaluation) lease_->lend([&] { options_.on_evaluation(state_.evaluations.back()); });
}

bool Trainer::stop_early() const {
  return options_.early_stopping_patience > 0 && state_.evaluations_without_gain >= options_.early_stopping_patience;
}

void Trainer::save(const std::string& masking_state) {
  state_.run_seconds = run_seconds();
  const bool should_stop = state_.step == schedule_.updates() || stop_early();
  const std::string trainer_state = trainer_state_json(state_, schedule_, options_, folder_, should_stop);
  const Stopwatch watch;
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
  costs_.checkpoint = watch.seconds();
}

}  // namespace tekio
