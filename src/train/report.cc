// eval_loss in the files is the mean over masked tokens, so that perplexity = exp(eval_loss) whatever the batch size;
// the figure weighted as the reference's Trainer weights it stands beside it as eval_loss_reference.
#include "train/report.h"

#include <fmt/ranges.h>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace tekio {
namespace {

double rounded(double value, int digits) {
  const double unit = std::pow(10.0, digits);
  return std::round(value * unit) / unit;
}

double rate(double count, double seconds) { return seconds > 0 ? rounded(count / seconds, 3) : 0; }

std::string words_of(const std::vector<Prediction>& predictions) {
  std::vector<std::string> words;
  for (const Prediction& p : predictions) words.push_back(p.token_str);
  return printable(fmt::format("{}", fmt::join(words, ", ")), 200);
}

}  // namespace

Json training_entry(int64_t step, double epoch, double loss, double grad_norm, double learning_rate) {
  return {{"epoch", epoch}, {"grad_norm", grad_norm}, {"learning_rate", learning_rate}, {"loss", loss}, {"step", step}};
}

Json evaluation_entry(int64_t step, double epoch, const EvaluationReport& r, int64_t batches) {
  return {{"epoch", epoch},
          {"eval_accuracy", r.accuracy},
          {"eval_loss", r.loss},
          {"eval_loss_reference", r.reference_loss},
          {"eval_runtime", rounded(r.seconds, 4)},
          {"eval_samples_per_second", rate(static_cast<double>(r.chunks), r.seconds)},
          {"eval_steps_per_second", rate(static_cast<double>(batches), r.seconds)},
          {"step", step}};
}

Json final_entry(const RunState& s, const Schedule& schedule, const TrainingOptions& o, int64_t train_chunks) {
  const auto samples = o.max_steps > 0 ? static_cast<double>(o.max_steps * schedule.plan().chunks_per_update())
                                       : static_cast<double>(train_chunks) * o.num_train_epochs;
  return {{"epoch", schedule.epoch_after(s.step)},
          {"step", s.step},
          {"total_flos", s.total_flos},
          {"train_loss", s.loss.mean()},
          {"train_runtime", rounded(s.run_seconds, 4)},
          {"train_samples_per_second", rate(samples, s.run_seconds)},
          {"train_steps_per_second", rate(static_cast<double>(schedule.updates()), s.run_seconds)}};
}

std::string trainer_state_json(const RunState& s, const Schedule& schedule, const TrainingOptions& o,
                               const RunFolder& folder, bool should_stop, int64_t saved) {
  const auto every = [&](int64_t updates) { return updates > 0 ? updates : schedule.updates_per_epoch(); };
  const bool has_best = s.best_loss.has_value();
  const bool is_kept = has_best && (s.best_step == saved || fs::exists(folder.checkpoint(s.best_step)));
  const std::string best_folder = is_kept ? folder.checkpoint(s.best_step).string() : "";
  Json callbacks = {{"TrainerControl",
                     {{"args",
                       {{"should_epoch_stop", false},
                        {"should_evaluate", false},
                        {"should_log", false},
                        {"should_save", true},
                        {"should_training_stop", should_stop}}},
                      {"attributes", Json::object()}}}};
  if (o.early_stopping_patience > 0)
    callbacks["EarlyStoppingCallback"] = {
        {"args", {{"early_stopping_patience", o.early_stopping_patience}, {"early_stopping_threshold", 0.0}}},
        {"attributes", {{"early_stopping_patience_counter", s.evaluations_without_gain}}}};
  const Json state = {{"best_global_step", has_best ? Json(s.best_step) : Json()},
                      {"best_metric", has_best ? Json(*s.best_loss) : Json()},
                      {"best_model_checkpoint", best_folder.empty() ? Json() : Json(best_folder)},
                      {"epoch", schedule.epoch_after(s.step)},
                      {"eval_steps", every(schedule.evaluate_every())},
                      {"global_step", s.step},
                      {"is_hyper_param_search", false},
                      {"is_local_process_zero", true},
                      {"is_world_process_zero", true},
                      {"log_history", s.log_history},
                      {"logging_steps", every(schedule.log_every())},
                      {"max_steps", schedule.updates()},
                      {"num_input_tokens_seen", s.tokens},
                      {"num_train_epochs", schedule.epochs()},
                      {"save_steps", every(schedule.save_every())},
                      {"stateful_callbacks", callbacks},
                      {"total_flos", s.total_flos},
                      {"train_batch_size", o.per_device_train_batch_size},
                      {"trial_name", nullptr},
                      {"trial_params", nullptr}};
  return pretty_json(state);
}

void write_results(const RunFolder& folder, const Json& final_entry, int64_t train_chunks,
                   const EvaluationReport* after, double epoch, int64_t eval_batches) {
  Json training = final_entry;
  training.erase("step");
  training["train_samples"] = train_chunks;
  write_atomically(folder.path() / "train_results.json", pretty_json(training, 4));
  Json all = training;
  if (after != nullptr) {
    Json evaluation = evaluation_entry(0, epoch, *after, eval_batches);
    evaluation.erase("step");
    evaluation["eval_samples"] = after->chunks;
    evaluation["eval_masked_tokens"] = after->masked_tokens;
    evaluation["perplexity"] = after->perplexity;
    evaluation["perplexity_interval"] = after->perplexity_interval;
    write_atomically(folder.path() / "eval_results.json", pretty_json(evaluation, 4));
    all.update(evaluation);
  }
  write_atomically(folder.path() / "all_results.json", pretty_json(all, 4));
}

std::string epochs_text(double epochs) {
  std::string text = fmt::format("{:.2f}", epochs);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string accuracy_text(const EvaluationReport& r) { return fmt::format("accuracy {:.2f} %", 100 * r.accuracy); }

namespace {

// As many decimals as mean something in a figure of this size: 2, 1 from a hundred on, none from a thousand on.
std::string figure(double value, double size) {
  if (size < 1000) return fmt::format("{:.{}f}", value, size < 100 ? 2 : 1);
  return std::abs(value) < 1e15 ? with_commas(std::llround(value)) : fmt::format("{:.3g}", value);
}

// "(-54 %)"; a change that rounds to nothing has a decimal.
std::string change_text(double before, double after) {
  const double percent = 100 * (after / before - 1);
  return fmt::format("({:+.{}f} %)", percent, std::abs(percent) < 1 ? 1 : 0);
}

}  // namespace

std::string perplexity_text(const EvaluationReport& r) {
  const std::string value = figure(r.perplexity, r.perplexity);
  return std::isfinite(r.perplexity_interval)
             ? fmt::format("{} ± {}", value, figure(r.perplexity_interval, r.perplexity))
             : value;
}

std::string loss_text(double loss) { return fmt::format("{:#.4g}", loss); }

void note_before(const EvaluationReport& before) {
  note(fmt::format(" before   perplexity {} · {}", perplexity_text(before), accuracy_text(before)));
}

void note_update(const Json& e) {
  note(fmt::format(" step {} · epoch {:.2f} · loss {} · gradient norm {:.3g} · learning rate {:.3g}",
                   with_commas(e.at("step").get<int64_t>()), e.at("epoch").get<double>(),
                   loss_text(e.at("loss").get<double>()), e.at("grad_norm").get<double>(),
                   e.at("learning_rate").get<double>()));
}

void note_evaluation(const EvaluationPoint& p, const Schedule& schedule, double seconds) {
  note(fmt::format(" epoch {} of {} · step {} · loss {} · {} · perplexity {} · {}", epochs_text(p.epoch),
                   epochs_text(schedule.epoch_after(schedule.updates())), with_commas(p.step), loss_text(p.train_loss),
                   clock_time(seconds), perplexity_text(p.evaluation), accuracy_text(p.evaluation)));
}

void note_after(const EvaluationReport& before, const EvaluationReport& after) {
  note(fmt::format(" after    perplexity {}   {} · {}", perplexity_text(after),
                   change_text(before.perplexity, after.perplexity), accuracy_text(after)));
}

void note_prompt(const AdaptReport::Prompt& p) {
  note(fmt::format(" {}", printable(p.text, 200)));
  note(fmt::format("    before  {}", words_of(p.before)));
  note(fmt::format("    after   {}", words_of(p.after)));
}

void note_general(const AdaptReport::General& g, const std::string& name) {
  // The label says it of text that has no name, or that one.
  const std::string where = name.empty() || name == "general" ? "" : " · on " + printable(name, 300);
  note(fmt::format(" general  perplexity {} before, {} after   {}{}", perplexity_text(g.before),
                   perplexity_text(g.after), change_text(g.before.perplexity, g.after.perplexity), where));
}

void warn_of_updates_without_masked_tokens(const RunState& s, const MaskOptions& masking) {
  if (s.steps_without_masked_tokens == 0) return;
  warn(message("{} of {} updates had no masked token and taught nothing: raise --per_device_train_batch_size or {}",
               with_commas(s.steps_without_masked_tokens), with_commas(s.step),
               masking.by_wwm_probability() ? message("--wwm_probability") : message("--mlm_probability")));
}

void note_saved(const std::string& run_dir) {
  note(fmt::format(" saved    {}  ·  open with AutoModelForMaskedLM.from_pretrained(…) or tekio fill --model {}",
                   printable(run_dir, 4096), printable(run_dir, 4096)));
}

}  // namespace tekio
