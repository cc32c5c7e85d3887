// The account of a run, kept update by update, and what is written of it.
#include "train/run_journal.h"

#include <ctime>
#include <utility>

#include "base/error.h"
#include "model/family.h"
#include "train/chunk_losses.h"
#include "train/plan.h"
#include "train/rank_agreement.h"
#include "train/report.h"

namespace tekio {
namespace {

/// The reference's FLOP count leaves out every embedding table, the head's tied matrix among them where the reference
/// does not take that for the head's first.
double parameters_without_embeddings(const ParameterSet& weights) {
  const ModelConfig& c = weights.config();
  const bool counts_words = c.tied && table_of(c.family).traits.head_comes_first;
  const int64_t left_out = (counts_words ? 0 : c.vocabulary) + c.position_rows() + c.type_vocabulary;
  return static_cast<double>(weights.count() - left_out * c.embedding_width);
}

}  // namespace

RunJournal::RunJournal(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data,
                       const TrainingOptions& options, const Schedule& schedule, Communicator& ranks)
    : handle_(model),
      tokenizer_(tokenizer),
      data_(data),
      options_(options),
      schedule_(schedule),
      ranks_(ranks),
      model_(MaskedLMImpl::of(model).model()),
      folder_(ranks.rank() == 0 ? std::make_unique<RunFolder>(options) : nullptr),
      identity_(RunIdentity::of(options, data, model, model_.backend(), ranks.size())),
      checkpoints_(folder_
                       ? std::make_unique<CheckpointWriter>(*folder_, tokenizer, identity_, options.save_total_limit)
                       : nullptr),
      params_without_embeddings_(parameters_without_embeddings(model_.weights())) {}

// ---- a run's beginning ----

std::optional<fs::path> RunJournal::open() {
  require_same_run(ranks_, identity_, options_, model_, tokenizer_);
  std::string checkpoint;
  if (folder_) {
    folder_->claim();
    const DiskPlan disk = disk_plan(model_.config(), options_, schedule_);
    model_reserve_ = folder_->reserve(disk);
    if (progress_is_shown()) costs_ = WorkCosts::of_files(options_, disk);  // for the time left
    checkpoint = folder_->checkpoint_to_resume().value_or("").string();
  }
  checkpoint = ranks_.broadcast(checkpoint);
  return checkpoint.empty() ? std::nullopt : std::optional<fs::path>(checkpoint);
}

void RunJournal::fill_prompts() {
  if (!folder_) return;
  const FillMask fill(handle_, tokenizer_);
  for (const std::string& text : options_.prompts)
    state_.prompts.push_back({.text = text, .before = fill(text), .after = {}});
}

CheckpointRecord RunJournal::read(const fs::path& checkpoint) {
  CheckpointRecord record;
  if (folder_) {
    record = read_checkpoint(checkpoint);
    check_same_run(record.identity, identity_, checkpoint.string());
    if (record.state.step > schedule_.updates())
      fail(ErrorKind::usage, "{} is {} updates into its run, but --max_steps or --num_train_epochs ask for {} in all",
           checkpoint.string(), record.state.step, schedule_.updates());
  }
  if (ranks_.size() > 1) record = of_rank_0(record, checkpoint.string());
  state_ = record.state;
  return record;
}

/// What it has for all ranks; the identity is looked at on rank 0 alone.
CheckpointRecord RunJournal::of_rank_0(const CheckpointRecord& record, const std::string& where) {
  const Json own = {{"form", record.form}, {"state", record.state.to_json()}, {"masking", record.masking_state}};
  const Json its = Json::parse(ranks_.broadcast(folder_ ? own.dump() : ""));
  CheckpointRecord shared;
  shared.form = its.at("form").get<int64_t>();
  shared.state = RunState::from_json(its.at("state"), where);
  shared.masking_state = its.at("masking").get<std::string>();
  return shared;
}

void RunJournal::resumed(const fs::path& checkpoint, int64_t form) {
  saved_step_ = state_.step;
  const bool has_best = folder_ && fs::exists(this->checkpoint(state_.best_step));
  if (options_.load_best_model_at_end && state_.best_loss && ranks_.broadcast(has_best ? "here" : "").empty()) {
    if (folder_)
      warn(fmt::format("the best model so far, of update {}, is not in {}: the best is sought from here on",
                       state_.best_step, options_.output_dir));
    state_.best_loss.reset();
    state_.best_step = 0;
  }
  if (!folder_) return;
  before_ = read_chunk_losses(folder_->path() / kEvaluationBefore);
  if (before_ && (!state_.before || static_cast<int64_t>(before_->tokens.size()) != state_.before->masked_tokens))
    before_.reset();
  note(fmt::format(" resuming {} at update {} of {}", printable(checkpoint.string(), 300), with_commas(state_.step),
                   with_commas(schedule_.updates())));
  if (form == 1 && options_.masking_rng == MaskingRng::counter)
    note("          it is an earlier version's: its losses enter the means by updates, not by masked tokens");
}

void RunJournal::begin() {
  if (!folder_) return;
  if (!options_.trace.empty()) LineLog::refuse_foreign(options_.trace, message("--trace"));
  folder_->begin(identity_.options, options_.description.options_toml);
  if (!options_.trace.empty()) trace_ = LineLog(options_.trace, state_.step);
  metrics_ = LineLog(folder_->path() / "metrics.jsonl", state_.step);
  if (options_.report_to == Tracker::tensorboard) begin_tracking();
}

/// As the reference's TensorBoardCallback begins.
void RunJournal::begin_tracking() {
  fs::path folder = options_.logging_dir;
  if (folder.empty()) {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    char moment[32];
    std::strftime(moment, sizeof moment, "%b%d_%H-%M-%S", &local);
    folder = folder_->path() / "runs" / fmt::format("{}_{}", moment, report::host_name());
  }
  events_.emplace(folder);
  events_->add_text("args", pretty_json(identity_.options));
  events_->add_text("model_config", model_.config().to_json());
}

void RunJournal::keep_before(const ChunkLosses& each) {
  if (!folder_ || options_.eval_masking != EvalMasking::frozen) return;
  before_ = each;
  write_chunk_losses(folder_->path() / kEvaluationBefore, each);
}

void RunJournal::start_clock() {
  if (folder_ && state_.before) note_before(*state_.before);
  watch_.restart();
  seconds_before_ = state_.run_seconds;
  update_seconds_before_ = state_.update_seconds;
  chunks_before_ = chunks_done();
}

void RunJournal::abandon() {
  if (folder_) folder_->abandon();
}

// ---- updates ----

void RunJournal::record(const UpdateResult& result) {
  if (folder_) checkpoints_->check();
  ++state_.step;
  state_.tokens += result.tokens;
  state_.update_seconds += result.seconds;
  for (const BatchFigures& batch : result.batches)
    state_.total_flos += 6 * static_cast<double>(batch.padded_tokens) * params_without_embeddings_;
  const double weight = RunState::loss_weight(options_.masking_rng, result.masked);
  for (MeanLoss* mean : {&state_.loss, &state_.loss_since_log, &state_.loss_since_evaluation})
    mean->add(result.loss, weight);
  if (result.masked == 0) ++state_.steps_without_masked_tokens;
  if (trace_.is_open()) trace(result);
  if (metrics_.is_open()) {
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
  }
}

UpdatePoint RunJournal::point(const UpdateResult& result) const {
  return {.epoch = schedule_.epoch_after(state_.step),
          .step = state_.step,
          .steps = schedule_.updates(),
          .loss = result.loss,
          .grad_norm = result.grad_norm,
          .learning_rate = result.learning_rate,
          .tokens = state_.tokens,
          .seconds = result.seconds};
}

void RunJournal::trace(const UpdateResult& result) {
  OrderedJson line = {{"step", state_.step},
                      {"loss", result.loss},
                      {"grad_norm", result.grad_norm},
                      {"learning_rate", result.learning_rate},
                      {"batches", OrderedJson::array()}};
  for (const BatchFigures& batch : result.batches)
    line["batches"].push_back({{"input_ids_crc32", batch.input_ids_crc32},
                               {"labels_crc32", batch.labels_crc32},
                               {"masked", static_cast<uint64_t>(batch.masked)}});
  trace_.append(line);
}

/// Once per epoch the evaluation's line says it all.
void RunJournal::log(const UpdateResult& result, bool evaluates) {
  const double epoch = schedule_.epoch_after(state_.step);
  const Json entry = training_entry(state_.step, epoch, std::exchange(state_.loss_since_log, {}).mean(),
                                    result.grad_norm, result.learning_rate);
  if (folder_ && (schedule_.log_every() > 0 || !evaluates)) note_update(entry);
  add_to_history(entry);
}

void RunJournal::add_to_history(Json entry) {
  state_.log_history.push_back(std::move(entry));
  const Json& last = state_.log_history.back();
  if (folder_ && options_.on_log) options_.on_log(last.dump());
  track(last);
}

void RunJournal::track(const Json& entry) {
  if (!events_) return;
  for (const auto& [key, value] : entry.items())
    if (value.is_number() && key != "step") events_->add_scalar(report::tag_of(key), value.get<double>(), state_.step);
}

void RunJournal::show_progress(const UpdateResult& result) {
  if (!folder_) return;
  if (!bar_) {
    bar_.emplace(" training", schedule_.updates(), "tokens", state_.step - 1);
    bar_tokens_ = 0;
  }
  bar_tokens_ += result.tokens;
  bar_->update(state_.step, bar_tokens_, "loss " + loss_text(result.loss), seconds_left());
}

double RunJournal::chunks_done() const {
  return schedule_.epoch_after(state_.step) * static_cast<double>(data_.train.size());
}

/// With evaluations and files that are still to come, each as long as the last one was.
double RunJournal::seconds_left() const {
  WorkCosts costs = costs_;
  costs.chunk = (state_.update_seconds - update_seconds_before_) / (chunks_done() - chunks_before_);
  return costs.of(WorkLeft::after(state_.step, options_, schedule_, data_));
}

// ---- evaluations and checkpoints ----

void RunJournal::on_evaluated(const EvaluationReport& evaluation, int64_t batches) {
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
  if (folder_) note_evaluation(state_.evaluations.back(), schedule_, run_seconds());
  add_to_history(evaluation_entry(state_.step, epoch, evaluation, batches));
}

bool RunJournal::stops_early() const {
  return ends_early_ ||
         (options_.early_stopping_patience > 0 && state_.evaluations_without_gain >= options_.early_stopping_patience);
}

void RunJournal::save(Optimizer& optimizer, const std::string& masking_state, bool training_goes_on) {
  state_.run_seconds = run_seconds();
  saved_step_ = state_.step;
  if (!folder_) {
    if (optimizer.is_shared())
      for (const Moment moment : {Moment::first, Moment::second}) optimizer.collect(moment, nullptr);
    return;
  }
  const Stopwatch watch;
  checkpoints_->wait();  // what the text below says of the folder is then true
  const bool should_stop = state_.step == schedule_.updates() || stops_early();
  checkpoints_->write(
      model_.weights(), optimizer,
      {.config = model_.config(),
       .state = state_,
       .masking_state = masking_state,
       .trainer_state = trainer_state_json(state_, schedule_, options_, *folder_, should_stop, state_.step)},
      training_goes_on && !options_.on_save);
  costs_.checkpoint = watch.seconds();
  state_.checkpoint_seconds += costs_.checkpoint;
  if (options_.on_save) options_.on_save(checkpoint(state_.step).string(), state_.step);
}

void RunJournal::wait_for_checkpoints() {
  if (!folder_) return;
  const Stopwatch watch;
  checkpoints_->wait();
  state_.checkpoint_seconds += watch.seconds();
}

void RunJournal::keep_best_alone() {
  if (folder_) folder_->rotate(1, state_.best_step, state_.best_step);
}

}  // namespace tekio
