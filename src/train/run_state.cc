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

Json of(const EpochReport& r) {
  return {{"epoch", r.epoch}, {"step", r.step}, {"train_loss", r.train_loss}, {"evaluation", of(r.evaluation)}};
}

EpochReport epoch_of(const Json& j) {
  EpochReport r;
  r.epoch = j.at("epoch").get<double>();
  r.step = j.at("step").get<int64_t>();
  r.train_loss = j.at("train_loss").get<double>();
  r.evaluation = evaluation_of(j.at("evaluation"));
  r.perplexity = r.evaluation.perplexity;
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
            {"run_seconds", run_seconds},
            {"loss_total", loss_total},
            {"loss_since_log", loss_since_log},
            {"logged_step", logged_step},
            {"loss_since_report", loss_since_report},
            {"reported_step", reported_step},
            {"evaluation_due", evaluation_due},
            {"evaluations", evaluations},
            {"best_step", best_step},
            {"evaluations_without_gain", evaluations_without_gain},
            {"best_loss", nullptr},
            {"before", nullptr},
            {"epochs", Json::array()},
            {"prompts", Json::array()},
            {"log_history", log_history}};
  if (best_loss) j["best_loss"] = *best_loss;
  if (before) j["before"] = of(*before);
  for (const EpochReport& r : epochs) j["epochs"].push_back(of(r));
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
    s.run_seconds = j.at("run_seconds").get<double>();
    s.loss_total = j.at("loss_total").get<double>();
    s.loss_since_log = j.at("loss_since_log").get<double>();
    s.logged_step = j.at("logged_step").get<int64_t>();
    s.loss_since_report = j.at("loss_since_report").get<double>();
    s.reported_step = j.at("reported_step").get<int64_t>();
    s.evaluation_due = j.at("evaluation_due").get<bool>();
    s.evaluations = j.at("evaluations").get<int64_t>();
    s.best_step = j.at("best_step").get<int64_t>();
    s.evaluations_without_gain = j.at("evaluations_without_gain").get<int64_t>();
    if (!j.at("best_loss").is_null()) s.best_loss = j.at("best_loss").get<double>();
    if (!j.at("before").is_null()) s.before = evaluation_of(j.at("before"));
    for (const Json& r : j.at("epochs")) s.epochs.push_back(epoch_of(r));
    for (const Json& p : j.at("prompts")) s.prompts.push_back(prompt_of(p));
    s.log_history = j.at("log_history");
    return s;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::input, "{} does not hold a run's state: {}", where, printable(error.what(), 200));
  }
}

}  // namespace tekio
