#include "train/run_record.h"

#include "base/file.h"

namespace tekio {
namespace {

Json evaluation_json(const EvaluationReport* r) {
  if (r == nullptr) return nullptr;
  return {{"perplexity", r->perplexity},
          {"perplexity_interval", r->perplexity_interval},  // null where there is none
          {"loss", r->loss},
          {"accuracy", r->accuracy},
          {"chunks", r->chunks},
          {"masked_tokens", r->masked_tokens}};
}

Json points_json(const std::vector<EvaluationPoint>& points) {
  Json list = Json::array();
  for (const EvaluationPoint& point : points) {
    Json entry = evaluation_json(&point.evaluation);
    entry.update({{"epoch", point.epoch}, {"step", point.step}, {"train_loss", point.train_loss}});
    list.push_back(std::move(entry));
  }
  return list;
}

Json prompts_json(const std::vector<AdaptReport::Prompt>& prompts) {
  const auto words = [](const std::vector<Prediction>& predictions) {
    Json list = Json::array();
    for (const Prediction& p : predictions) list.push_back({{"token_str", p.token_str}, {"score", p.score}});
    return list;
  };
  Json list = Json::array();
  for (const AdaptReport::Prompt& p : prompts)
    list.push_back({{"text", p.text}, {"before", words(p.before)}, {"after", words(p.after)}});
  return list;
}

Json machine_json(const RunMachine& m) {
  Json json = {{"processor", m.processor}, {"threads", m.threads}, {"processes", m.processes}};
  if (m.limit_gflops > 0)
    json.update(
        {{"gflops", m.gflops}, {"limit_gflops", m.limit_gflops}, {"share_of_limit", m.gflops / m.limit_gflops}});
  return json;
}

}  // namespace

void write_run_record(const fs::path& folder, const TrainingOptions& o, const Chunks::Split& data, const AdaptReport& r,
                      const EvaluationReport* after, const RunSetting& setting) {
  const RunDescription& d = o.description;
  const auto of_general = [&](const EvaluationReport& report) { return evaluation_json(&report); };
  const Json record = {{"tekio_format", 1},
                       {"version", d.version},
                       {"command", d.command},
                       {"model",
                        {{"name", d.model},
                         {"repository", d.model_repository},
                         {"commit", d.model_commit},
                         {"family", r.model.family},
                         {"parameters", r.model.parameters}}},
                       {"data",
                        {{"name", d.data},
                         {"repositories", d.data_repositories},
                         {"attribution", d.data_attribution},
                         {"text_column", d.text_column},
                         {"rows", d.rows},
                         {"skipped_rows", d.skipped_rows},
                         {"duplicate_rows", d.duplicate_rows ? Json(*d.duplicate_rows) : Json()},
                         {"held_out_duplicates", d.held_out_duplicates ? Json(*d.held_out_duplicates) : Json()},
                         {"tokens", d.tokens},
                         {"chunk_size", data.train.chunk_size()},
                         {"train_chunks", r.train_chunks},
                         {"eval_chunks", r.eval_chunks}}},
                       {"before", evaluation_json(setting.before ? &*setting.before : nullptr)},
                       {"evaluations", points_json(r.evaluations)},
                       {"after", evaluation_json(after)},
                       {"general", r.general ? Json{{"name", o.general_name},
                                                    {"before", of_general(r.general->before)},
                                                    {"after", of_general(r.general->after)}}
                                             : Json()},
                       {"train",
                        {{"steps", r.steps},
                         {"loss", r.train_loss},
                         {"seconds", r.train_seconds},
                         {"batch_seconds", setting.waits.batches},
                         {"evaluation_seconds", setting.waits.evaluations},
                         {"checkpoint_seconds", setting.waits.checkpoints},
                         {"tokens_per_second", r.tokens_per_second}}},
                       {"prompts", prompts_json(r.prompts)},
                       {"device", setting.device},
                       {"dtype", setting.dtype},
                       {"machine", machine_json(setting.machine)}};
  write_atomically(folder / kRunRecord, pretty_json(record));
}

}  // namespace tekio
