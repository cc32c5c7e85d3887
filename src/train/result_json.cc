#include "train/result_json.h"

#include <tekio/json.h>

#include "model/result_json.h"

namespace tekio {

OrderedJson json_of(const EvaluationReport& report) {
  return {{"eval_loss", report.loss},
          {"eval_loss_reference", report.reference_loss},
          {"perplexity", report.perplexity},
          {"perplexity_interval", report.perplexity_interval},
          {"accuracy", report.accuracy},
          {"eval_chunks", report.chunks},
          {"masked_tokens", report.masked_tokens}};
}

std::string to_json(const std::vector<Prediction>& predictions) { return json_of(predictions).dump(); }
std::string to_json(const ModelInfo& info) { return json_of(info).dump(); }
std::string to_json(const EvaluationReport& report) { return json_of(report).dump(); }

}  // namespace tekio
