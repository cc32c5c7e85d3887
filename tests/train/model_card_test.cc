// The model card of a run: what is in it, and that names from outside are neither YAML nor Markdown in it.
#include "train/model_card.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "tiny.h"
#include "train/run_record.h"

namespace tekio::test {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ModelCard : public TinyRun {
 protected:
  void write(const char* name, const std::string& text) { std::ofstream(folder_ / name, std::ios::binary) << text; }
  std::string card(const CardSubject& subject = {.repository = "org/name", .license = "", .languages = {}}) {
    return model_card(folder_, subject);
  }
  /// A whole record, as write_run_record() leaves it.
  static Json record() {
    const Json figures = {{"perplexity", 12.5}, {"perplexity_interval", 0.25}, {"loss", 2.5257}, {"accuracy", 0.53125},
                          {"chunks", 1'000},    {"masked_tokens", 19'200}};
    Json before = figures, point = figures;
    before["perplexity"] = 21.75;
    point.update({{"epoch", 1.0}, {"step", 157}, {"train_loss", 2.75}});
    return {{"tekio_format", 1},
            {"version", "1.2"},
            {"command", "tekio adapt --model distilbert-base-uncased --data imdb"},
            {"model",
             {{"name", "distilbert-base-uncased"},
              {"repository", "distilbert-base-uncased"},
              {"commit", std::string(40, 'a')},
              {"family", "DistilBERT"},
              {"parameters", 66'985'530}}},
            {"data",
             {{"name", "imdb"},
              {"repositories", {"stanfordnlp/imdb"}},
              {"attribution", ""},
              {"text_column", "text"},
              {"rows", 25'000},
              {"skipped_rows", 3},
              {"tokens", 7'000'000},
              {"chunk_size", 128},
              {"train_chunks", 10'000},
              {"eval_chunks", 1'000}}},
            {"before", before},
            {"evaluations", {point}},
            {"after", figures},
            {"general", {{"name", "encyclopaedia"}, {"before", before}, {"after", figures}}},
            {"train", {{"steps", 157}, {"loss", 2.75}, {"seconds", 75.4}, {"tokens_per_second", 12'345.6}}},
            {"prompts",
             {{{"text", "a [MASK] film"},
               {"before", {{{"token_str", "new"}, {"score", 0.5}}}},
               {"after", {{{"token_str", "great"}, {"score", 0.5}}, {{"token_str", "good"}, {"score", 0.25}}}}}}},
            {"device", "cpu"},
            {"dtype", "bf16"}};
  }
};

TEST_F(ModelCard, CallsModelAndDatasetsAsTheHubDoes) {
  Json run = record();
  run["data"]["repositories"] = {"imdb", "stanfordnlp/imdb", "squad"};
  write("run.json", run.dump());
  const std::string text = card(
      {.repository = "org/name",
       .license = "",
       .languages = {},
       .moved = {{"distilbert-base-uncased", "distilbert/distilbert-base-uncased"}, {"imdb", "stanfordnlp/imdb"}}});
  EXPECT_THAT(text, HasSubstr("base_model: \"distilbert/distilbert-base-uncased\"\n"));
  EXPECT_THAT(text, HasSubstr("datasets:\n- \"stanfordnlp/imdb\"\n- \"squad\"\n"));
  EXPECT_THAT(text, HasSubstr("(https://huggingface.co/distilbert/distilbert-base-uncased)"));
}

TEST_F(ModelCard, HoldsWhatTheRunMeasuredAndHowItWasMade) {
  write("run.json", record().dump());
  write("options.json", R"({"tekio_format": 1, "learning_rate": 2e-05, "seed": 42, "mlm_probability": 0.15,
      "per_device_train_batch_size": 16, "gradient_accumulation_steps": 2, "world_size": 4, "eval_masking": "frozen", "output_dir": "/home/me/run", "dropout": null, "prompts": ["x"]})");
  const std::string text = card({.repository = "org/name", .license = "apache-2.0", .languages = {"en"}});
  EXPECT_THAT(text, StartsWith(R"(---
library_name: transformers
language:
- "en"
license: "apache-2.0"
base_model: "distilbert-base-uncased"
pipeline_tag: fill-mask
tags:
- "fill-mask"
- "masked-lm"
- "tekio"
datasets:
- "stanfordnlp/imdb"
metrics:
- "perplexity"
- "accuracy"
model-index:
- name: "name"
  results:
  - task:
      type: fill-mask
      name: Masked language modelling
    dataset:
      type: "stanfordnlp/imdb"
      name: "imdb"
    metrics:
    - type: perplexity
      name: Perplexity
      value: 12.5000
    - type: accuracy
      name: Accuracy
      value: 0.5312
---

)"));
  EXPECT_THAT(text, AllOf(HasSubstr("| perplexity | 21.75 ± 0.25 | 12.50 ± 0.25 |\n"),
                          HasSubstr("| accuracy | 53.12 % | 53.12 % |\n"),
                          HasSubstr("| perplexity on encyclopaedia | 21.75 ± 0.25 | 12.50 ± 0.25 |\n"),
                          HasSubstr("over 19,200 masked tokens in 1,000 chunks"), HasSubstr("masked once"),
                          HasSubstr("- `a [MASK] film`\n  - before: `new`\n  - after: `great`, `good`\n")));
  EXPECT_THAT(text, AllOf(HasSubstr("25,000 rows of it, 7,000,000 tokens"), HasSubstr("- left out: 3 rows"),
                          HasSubstr("- 157 updates in 1:15, 12,346 tokens a second, on cpu in bf16"),
                          HasSubstr("| 1 | 157 | 2.7500 | 2.5257 | 12.50 ± 0.25 | 53.12 % |"),
                          HasSubstr("- `learning_rate`: 2e-05\n"), HasSubstr("- `seed`: 42\n"),
                          HasSubstr("- `gradient_accumulation_steps`: 2\n- `total_train_batch_size`: 128\n"),
                          HasSubstr("```\ntekio adapt --model distilbert-base-uncased --data imdb\n```\n"),
                          HasSubstr("model=\"org/name\""), EndsWith("- Tekio 1.2\n")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("/home/me")), Not(HasSubstr("dropout"))));
  EXPECT_EQ(run_sources(folder_).model, "distilbert-base-uncased");
  EXPECT_THAT(run_sources(folder_).datasets, testing::ElementsAre("stanfordnlp/imdb"));
}

TEST_F(ModelCard, OfAFolderWithoutARecordHasNoFigures) {
  const std::string text = card();
  EXPECT_THAT(text, AllOf(StartsWith("---\nlibrary_name: transformers\npipeline_tag: fill-mask\n"),
                          HasSubstr("# name\n"), Not(HasSubstr("perplexity")), Not(HasSubstr("## Training"))));
  EXPECT_EQ(run_sources(folder_).model, "");
  Json bare = record();
  for (const char* key : {"before", "after", "general", "evaluations", "prompts"}) bare[key] = nullptr;
  bare["model"]["repository"] = "";
  bare["data"]["repositories"] = Json::array();
  bare["after"] = {{"perplexity", nullptr}};
  write("run.json", bare.dump());
  EXPECT_THAT(card(), AllOf(Not(HasSubstr("model-index")), Not(HasSubstr("base_model")), HasSubstr("## Training")));
}

TEST_F(ModelCard, NamesFromOutsideStayNames) {
  const std::string hostile = "x\"\n- y: {a: 1}\n---\n# [z](http://evil) | `b` <script> ``` $1$ \xFF\x1B[0m";
  Json run = record();
  for (const char* key : {"name", "attribution", "text_column"}) run["data"][key] = hostile;
  for (const char* key : {"name", "repository", "commit", "family"}) run["model"][key] = hostile;
  run["data"]["repositories"] = {hostile, "org/good"};
  run["general"]["name"] = run["version"] = run["command"] = run["device"] = run["dtype"] = hostile;
  run["prompts"][0]["text"] = run["prompts"][0]["before"][0]["token_str"] = hostile;
  write("run.json", run.dump(-1, ' ', false, Json::error_handler_t::replace));
  write("options.json", Json{{"learning_rate", "a\n# b"}, {"seed", {1}}}.dump());
  const std::string text = card({.repository = "org/name", .license = "mit\nx: y", .languages = {"en\n- x", "de"}});
  const size_t end = text.find("\n---\n", 4);
  const std::string head = text.substr(0, end);
  EXPECT_THAT(head, AllOf(Not(HasSubstr("license")), Not(HasSubstr("base_model")), Not(HasSubstr("\n- y: {")),
                          HasSubstr("datasets:\n- \"org/good\"\n"), HasSubstr("language:\n- \"de\"\n")));
  const std::string body = text.substr(end + 5);
  EXPECT_THAT(body, AllOf(Not(HasSubstr("\n---")), Not(HasSubstr("\n- y")), Not(HasSubstr("\x1B")),
                          Not(HasSubstr("\n# b")), HasSubstr("\\<script\\>"), HasSubstr("\\[z\\](http://evil)")));
  EXPECT_THAT(body, HasSubstr("````\nx\""));  // the command's fence is longer than what is in it
}

TEST_F(ModelCard, ARecordOfOtherKindsIsNoCrash) {
  for (const char* text : {"[]", "1", "\"x\"", "{}", R"({"model": 1, "data": [], "after": {"perplexity": "x"}})",
                           R"({"evaluations": [1, null, {"step": 1e300, "epoch": -1e300}], "prompts": [[], 2]})",
                           R"({"data": {"repositories": "x", "rows": 1e99}, "after": {"perplexity": 1e300}})"}) {
    write("run.json", text);
    EXPECT_THAT(card(), StartsWith("---\nlibrary_name: transformers\n")) << text;
  }
  write("run.json", "{");
  try {
    card();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_THAT(error.what(), HasSubstr("run.json"));
  }
}

}  // namespace
}  // namespace tekio::test
