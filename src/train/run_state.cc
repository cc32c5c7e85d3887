// Doubles are written with as many digits as bring back the same bits, so a resumed run reports the same figures.
#include "train/run_state.h"

#include <cmath>

#include "base/error.h"

namespace tekio {
namespace {

Json of(const EvaluationReport& r) {
  return {{"loss", r.loss},
          {"accuracy", r.accuracy},
          {"reference_loss", r.reference_loss},
          {"perplexity_interval", r.perplexity_interval},
          {"chunks", r.chunks},
          {"masked_tokens", r.masked_tokens},
          {"seconds", r.seconds}};
}

EvaluationReport evaluation_of(const Json& j) {
  EvaluationReport r;
  r.loss = j.at("loss").get<double>();
  r.perplexity = std::exp(r.loss);
  r.accuracy = j.at("accuracy").get<double>();
  r.reference_loss = j.at("reference_loss").get<double>();
  // An interval past the largest double was written as null.
  r.perplexity_interval = j.at("perplexity_interval").is_null() ? INFINITY : j.at("perplexity_interval").get<double>();
  r.chunks = j.at("chunks").get<int64_t>();
  r.masked_tokens = j.at("masked_tokens").get<int64_t>();
  r.seconds = j.at("seconds").get<double>();
  return r;
}

Json of(const MeanLoss& loss) { return {{"sum", loss.sum}, {"weight", loss.weight}}; }

MeanLoss loss_of(const Json& j) { return {.sum = j.at("sum").get<double>(), .weight = j.at("weight").get<double>()}; }

Json of(const EvaluationPoint& r) {
  return {{"epoch", r.epoch}, {"step", r.step}, {"train_loss", r.train_loss}, {"evaluation", of(r.evaluation)}};
}

EvaluationPoint point_of(const Json& j) {
  EvaluationPoint r;
  r.epoch = j.at("epoch").get<double>();
  r.step = j.at("step").get<int64_t>();
  r.train_loss = j.at("train_loss").get<double>();
  r.evaluation = evaluation_of(j.at("evaluation"));
  return r;
}

Json of(const AdaptReport::Prompt& p) {
  Json before = Json::array();
  for (const Prediction& b : p.before)
    before.push_back({{"score", b.score}, {"token", b.token}, {"token_str", b.token_str}, {"sequence", b.sequence}});
  return {{"text", p.text}, {"before", before}};
}

AdaptReport::Prompt prompt_of(const Json& j) {
  AdaptReport::Prompt p{.text = j.at("text").get<std::string>(), .before = {}, .after = {}};
  for (const Json& b : j.at("before"))
    p.before.push_back({b.at("score").get<float>(), b.at("token").get<int32_t>(), b.at("token_str").get<std::string>(),
                        b.at("sequence").get<std::string>()});
  return p;
}

}  // namespace

Json RunState::to_json() const {
  Json j = {{"step", step},
            {"tokens", tokens},
            {"total_flos", total_flos},
            {"update_seconds", update_seconds},
            {"batch_seconds", batch_seconds},
            {"checkpoint_seconds", checkpoint_seconds},
            {"run_seconds", run_seconds},
            {"loss", of(loss)},
            {"loss_since_log", of(loss_since_log)},
            {"loss_since_evaluation", of(loss_since_evaluation)},
            {"steps_without_masked_tokens", steps_without_masked_tokens},
            {"evaluation_due", evaluation_due},
            {"evaluations_done", evaluations_done},
            {"best_step", best_step},
            {"evaluations_without_gain", evaluations_without_gain},
            {"best_loss", nullptr},
            {"before", nullptr},
            {"general_before", nullptr},
            {"evaluations", Json::array()},
            {"prompts", Json::array()},
            {"log_history", log_history}};
  if (best_loss) j["best_loss"] = *best_loss;
  if (before) j["before"] = of(*before);
  if (general_before) j["general_before"] = of(*general_before);
  for (const EvaluationPoint& r : evaluations) j["evaluations"].push_back(of(r));
  for (const AdaptReport::Prompt& p : prompts) j["prompts"].push_back(of(p));
  return j;
}

RunState RunState::from_json(const Json& j, const std::string& where) {
  try {
    RunState s;
    s.step = j.at("step").get<int64_t>();
    s.tokens = j.at("tokens").get<int64_t>();
    s.total_flos = j.at("total_flos").get<double>();
    s.update_seconds = j.at("update_seconds").get<double>();
    s.batch_seconds = j.value("batch_seconds", 0.0);  // earlier versions did not tell them
    s.checkpoint_seconds = j.value("checkpoint_seconds", 0.0);
    s.run_seconds = j.at("run_seconds").get<double>();
    s.loss = loss_of(j.at("loss"));
    s.loss_since_log = loss_of(j.at("loss_since_log"));
    s.loss_since_evaluation = loss_of(j.at("loss_since_evaluation"));
    s.steps_without_masked_tokens = j.at("steps_without_masked_tokens").get<int64_t>();
    s.evaluation_due = j.at("evaluation_due").get<bool>();
    s.evaluations_done = j.at("evaluations_done").get<int64_t>();
    s.best_step = j.at("best_step").get<int64_t>();
    s.evaluations_without_gain = j.at("evaluations_without_gain").get<int64_t>();
    if (!j.at("best_loss").is_null()) s.best_loss = j.at("best_loss").get<double>();
    if (!j.at("before").is_null()) s.before = evaluation_of(j.at("before"));
    if (!j.at("general_before").is_null()) s.general_before = evaluation_of(j.at("general_before"));
    for (const Json& r : j.at("evaluations")) s.evaluations.push_back(point_of(r));
    for (const Json& p : j.at("prompts")) s.prompts.push_back(prompt_of(p));
    s.log_history = j.at("log_history");
    return s;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::input, "{} does not hold a run's state: {}", where, printable(error.what(), 200));
  }
}

Json RunState::from_form_1(Json j, MaskingRng rng, double masked_share) {
  const double step = j.at("step").get<double>();
  const double masked_per_update = step > 0 ? masked_share * j.at("tokens").get<double>() / step : 0;
  const double weight = rng == MaskingRng::counter ? masked_per_update : 1;
  const auto mean = [&](const char* sum, double updates) {
    return of(MeanLoss{.sum = j.at(sum).get<double>() * weight, .weight = updates * weight});
  };
  const Json since_log = mean("loss_since_log", step - j.at("logged_step").get<double>());
  const Json since_evaluation = mean("loss_since_report", step - j.at("reported_step").get<double>());
  j["loss"] = mean("loss_total", step);
  j["loss_since_log"] = since_log;
  j["loss_since_evaluation"] = since_evaluation;
  j["steps_without_masked_tokens"] = 0;  // it did not count them
  j["evaluations_done"] = j.at("evaluations");
  j["evaluations"] = j.at("epochs");
  j["general_before"] = nullptr;
  return j;
}

}  // namespace tekio
