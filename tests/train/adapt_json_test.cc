// A run as a document: what the program prints with --json, from the library alone.
#include <gmock/gmock.h>

#include <tekio/json.h>
#include <limits>

#include "tiny.h"

namespace tekio::test {
namespace {

class AdaptJson : public TinyRun {};

TEST_F(AdaptJson, HasWhatTheRunCameTo) {
  TrainingOptions o = options();
  o.prompts = {"ah ao [MASK] bc"};
  o.description.model = "tiny";
  o.description.text_column = "text";
  o.description.rows = 220;
  o.description.skipped_rows = 3;
  o.description.duplicate_rows = 7;
  const AdaptReport r = adapt_fresh(o);
  const Json document = Json::parse(to_json(r, o));
  EXPECT_EQ(document["run_dir"], o.output_dir);
  EXPECT_EQ(document["model"]["name"], "tiny");
  EXPECT_EQ(document["model"]["parameters"], r.model.parameters);
  EXPECT_EQ(document["data"], (Json{{"rows", 220},
                                    {"tokens", 0},
                                    {"train_chunks", 40},
                                    {"eval_chunks", 12},
                                    {"text_column", "text"},
                                    {"skipped_rows", 3},
                                    {"duplicate_rows", 7},
                                    {"held_out_duplicates", nullptr}}));
  EXPECT_EQ(document["perplexity"]["before"], r.before.perplexity);
  EXPECT_EQ(document["perplexity"]["epochs"].size(), 2u);
  EXPECT_EQ(document["eval_loss"]["after"], r.after.loss);
  EXPECT_EQ(document["train"]["steps"], 10);
  EXPECT_EQ(document["general"], nullptr);
  EXPECT_EQ(document["prompts"][0]["after"].size(), 5u);
  EXPECT_EQ(document["masking"]["rate"]["last"], 0.15);
  EXPECT_EQ(document["world_size"], 1);
  EXPECT_EQ(document["stopped"], false);
}

TEST_F(AdaptJson, WhatIsNotKnownIsNull) {
  TrainingOptions o = options();
  AdaptReport r;
  r.stopped = 15;
  r.before.perplexity = std::numeric_limits<double>::infinity();
  const Json document = Json::parse(to_json(r, o));
  EXPECT_EQ(document["perplexity"]["before"], nullptr);
  EXPECT_EQ(document["perplexity"]["after"], nullptr);
  EXPECT_EQ(document["stopped"], true);
}

}  // namespace
}  // namespace tekio::test
