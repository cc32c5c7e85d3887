// The page needs nothing but itself, shows what the run has, and takes nothing that a run holds for markup.
#include "report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "markup.h"

namespace tekio::report {
namespace {

using test::nesting_problem, testing::HasSubstr, testing::Not;

report::Run example(const std::string& name = "run") {
  report::Run run{.name = name, .folder = "/runs/" + name, .record = {}, .options = {}, .details = {}, .updates = {}};
  run.record = Json::parse(R"({
    "before": {"perplexity": 18.846, "perplexity_interval": 1.6, "accuracy": 0.459, "masked_tokens": 6200},
    "after": {"perplexity": 8.6409, "perplexity_interval": 0.68, "accuracy": 0.5556, "masked_tokens": 6200},
    "general": {"before": {"perplexity": 18.4}, "after": {"perplexity": 30.8}, "name": "general"},
    "evaluations": [{"epoch": 1, "step": 201, "perplexity": 10.5, "perplexity_interval": 0.8, "accuracy": 0.52},
                    {"epoch": 2, "step": 402, "perplexity": 8.6409, "perplexity_interval": 0.68, "accuracy": 0.5556}],
    "model": {"name": "base", "family": "DistilBERT", "parameters": 5808832},
    "data": {"name": "cooking", "rows": 3444, "train_chunks": 3204, "chunk_size": 128, "text_column": "text"},
    "train": {"seconds": 85, "steps": 402, "tokens_per_second": 14949},
    "prompts": [{"text": "Add the [MASK].", "before": [{"score": 0.02, "token_str": "nose"}], "after": [{"score": 0.23, "token_str": "sugar"}]}],
    "command": "tekio adapt", "device": "cpu", "dtype": "bf16", "version": "0.1.0",
    "machine": {"processor": "A <processor>", "threads": 2, "processes": 4, "gflops": 590.2, "limit_gflops": 710.5,
                "share_of_limit": 0.8307}})");
  run.options = {{"seed", 42}, {"learning_rate", 0.0005}};
  for (int step = 1; step <= 402; ++step)
    run.updates.push_back({double(step), step / 201.0, 3.0 - step / 400.0, 3, 5e-4 * (1 - step / 402.0), 2048, 0.14});
  run.details = Json::parse(R"({"loss_difference": {"value": -0.78, "low": -0.83, "high": -0.73},
    "words": {"gained": [{"token": "flour", "masked": 12, "in_training": 900, "log_probability": {"before": -5.1, "after": -0.4}, "gain": {"value": 4.7, "low": 4.0, "high": 5.4}}], "lost": []},
    "frequencies": [{"name": "100 to 999", "masked": 40, "accuracy": {"before": {"value": 0.4, "low": 0.3, "high": 0.5}, "after": {"value": 0.6, "low": 0.5, "high": 0.7}},
      "log_probability": {"before": -4.25, "after": -1.5}, "gain": {"value": 2.75, "low": 2.5, "high": 3.0},
      "gained": [{"token": "butter", "gain": {"value": 4.25}}, {"token": "yeast", "gain": {"value": 3.5}}]}],
    "kinds": [], "calibration": {"before": {"error": 0.02, "bins": []}, "after": {"error": 0.01, "bins": [{"tokens": 9, "confidence": 0.5, "accuracy": {"value": 0.4, "low": 0.2, "high": 0.6}}]}},
    "chunks": {"all": 334, "worse_count": 20, "worse": [{"chunk": 7, "masked": 19, "text": "stir the", "log_probability": {"before": -2, "after": -3}}]}})");
  return run;
}

TEST(Page, ShowsWhatTheRunHas) {
  const report::Run run = example();
  const std::string text = page({&run, 1});
  EXPECT_EQ(nesting_problem(text), "");
  for (const char* part :
       {"<html lang=\"en\">", "base adapted to cooking", "18.8 ± 1.6", "8.64 ± 0.68", "2.18 times lower", "45.9 %",
        "55.6 %", "30.8", "sugar", "nose", "flour", "4.70 (4.00 to 5.40)", "20 of 334 chunks", "stir the", "butter",
        "learning_rate", "tekio adapt", "1:25"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(Page, SharesHaveWilsonsInterval) {
  report::Run run = example();
  run.record["after"] = {{"perplexity", 8.6}, {"accuracy", 0.5}, {"masked_tokens", 100}};
  run.record["evaluations"][1] = {{"epoch", 2}, {"accuracy", 0.5}, {"masked_tokens", 100}};
  const std::string text = page({&run, 1});
  EXPECT_THAT(text, HasSubstr("45.9 % (44.7 to 47.1)"));
  EXPECT_THAT(text, HasSubstr("<strong>50.0 %</strong><span class=\"range\"> (40.4 to 59.6)</span>"));
  const size_t chart = text.find("<svg", text.find("Share of masked tokens that the model finds"));
  EXPECT_THAT(text.substr(chart, text.find("</svg>", chart) - chart), HasSubstr("<line class=\"interval s1\""));
  const OrderedJson after = document({&run, 1})["runs"][0]["accuracy"]["after"];
  EXPECT_EQ(after["value"], 0.5);
  EXPECT_NEAR(after["low"].get<double>(), 0.40383, 1e-5);
  EXPECT_NEAR(after["high"].get<double>(), 0.59617, 1e-5);
  run.record["after"].erase("masked_tokens");
  EXPECT_THAT(page({&run, 1}), HasSubstr("<strong>50.0 %</strong>"));
}

TEST(Page, AChangeHasItsPairedInterval) {
  report::Run run = example();
  EXPECT_THAT(page({&run, 1}), HasSubstr("2.18 times lower (2.08 to 2.29)"));
  EXPECT_EQ(document({&run, 1})["runs"][0]["loss_difference"]["low"], -0.83);
  std::swap(run.record["before"], run.record["after"]);
  run.details["loss_difference"] = {{"value", 0.78}, {"low", 0.73}, {"high", 0.83}};
  EXPECT_THAT(page({&run, 1}), HasSubstr("2.18 times higher (2.08 to 2.29)"));
  run.record["before"]["perplexity"] = 8.728;
  run.record["after"]["perplexity"] = 8.641;
  run.details["loss_difference"] = {{"value", -0.01}, {"low", -0.03}, {"high", 0.01}};
  EXPECT_THAT(page({&run, 1}), HasSubstr("1.01 times lower (0.990 to 1.03: it may be chance)"));
  run.details["loss_difference"] = {{"value", -0.01}, {"low", nullptr}, {"high", nullptr}};
  EXPECT_THAT(page({&run, 1}), HasSubstr(">1.01 times lower<"));
}

TEST(Page, SaysWhichRowsStandTwice) {
  report::Run run = example();
  EXPECT_THAT(page({&run, 1}), Not(HasSubstr("twice")));
  run.record["data"]["duplicate_rows"] = 0;
  EXPECT_THAT(page({&run, 1}), HasSubstr("<p>No row trained on stands twice.</p>"));
  run.record["data"]["duplicate_rows"] = 50;
  EXPECT_THAT(page({&run, 1}), HasSubstr("50 of the rows repeat an earlier one: some may be both"));
  run.record["data"]["duplicate_rows"] = 0;
  run.record["data"]["held_out_duplicates"] = 0;
  EXPECT_THAT(page({&run, 1}), HasSubstr("and none evaluated on was trained on."));
  run.record["data"]["duplicate_rows"] = 1'234;
  const std::string repeated = page({&run, 1});
  EXPECT_THAT(repeated, HasSubstr("1,234 of the rows trained on repeat an earlier one"));
  EXPECT_THAT(repeated, HasSubstr("that repeat an earlier one</th><td>1,234</td>"));
  run.record["data"]["held_out_duplicates"] = 1;
  EXPECT_THAT(page({&run, 1}), HasSubstr("1 of the rows evaluated on was trained on too"));
  EXPECT_EQ(document({&run, 1})["runs"][0]["data"]["duplicate_rows"], 1'234);
}

TEST(Page, WordsAreToldByClass) {
  const report::Run run = example();
  EXPECT_THAT(page({&run, 1}),
              HasSubstr("<th scope=\"row\">100 to 999</th><td>40</td><td>-4.25 → -1.50</td><td>2.75 (2.50 to "
                        "3.00)</td><td>butter +4.25, yeast +3.50</td>"));
}

TEST(Page, NeedsNothingElse) {
  const report::Run run = example();
  const std::string text = page({&run, 1});
  for (const char* reference : {"<script", "<link", "src=", "href=", "url(", "@import", "http://", "https://"})
    EXPECT_THAT(text, Not(HasSubstr(reference)));
}

TEST(Page, EveryIdStandsOnce) {
  const report::Run run = example();
  const std::string text = page({&run, 1});
  std::set<std::string> seen;
  for (size_t at = text.find(" id=\""); at != std::string::npos; at = text.find(" id=\"", at + 1)) {
    const std::string id = text.substr(at + 5, text.find('"', at + 5) - at - 5);
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
  EXPECT_GT(seen.size(), 10);
}

/// Every string of a document becomes `text`, every number one that is hard to draw.
void spoil(Json& document, const std::string& text) {
  if (document.is_string()) document = text;
  if (document.is_number()) document = 1e300;
  if (document.is_structured())
    for (auto& part : document) spoil(part, text);
}

TEST(Page, NothingInARunIsMarkup) {
  report::Run run = example("<script>alert(1)</script>");
  const std::string bad = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' \x1b[31m";
  for (Json* document : {&run.record, &run.options, &run.details}) spoil(*document, bad);
  run.options[bad] = bad;
  const std::vector<report::Run> two = {run, run};
  for (const std::string& text : {page({&run, 1}), page(two)}) {
    EXPECT_EQ(nesting_problem(text), "");
    EXPECT_THAT(text, Not(HasSubstr("<script")));
    EXPECT_THAT(text, Not(HasSubstr("<img")));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  }
}

TEST(Page, WhatIsMissingIsLeftOut) {
  report::Run run{
      .name = "bare", .folder = "bare", .record = Json::object(), .options = {}, .details = {}, .updates = {}};
  EXPECT_EQ(nesting_problem(page({&run, 1})), "");
  for (const char* odd : {R"({"before": 3, "after": [], "prompts": {}, "evaluations": 7})",
                          R"({"prompts": [1, null, {"text": 3, "before": [2]}], "evaluations": [null, 3]})"}) {
    run.record = Json::parse(odd);
    EXPECT_EQ(nesting_problem(page({&run, 1})), "") << odd;
  }
}

TEST(Page, RunsStandBesideEachOther) {
  std::vector<report::Run> runs = {example("a"), example("b"), example("a")};
  runs[1].options["learning_rate"] = 0.001;
  runs[1].options["dropout"] = 0.2;
  runs[1].record["data"]["name"] = "other-texts";
  const std::string text = page(runs);
  EXPECT_EQ(nesting_problem(text), "");
  EXPECT_THAT(text, HasSubstr("3 runs compared"));
  EXPECT_THAT(text, HasSubstr("a (2)"));
  EXPECT_THAT(text, Not(HasSubstr("class=\"line s0\""))) << "the grey of what was before";
  EXPECT_THAT(text, Not(HasSubstr("key s0")));
  EXPECT_THAT(text, HasSubstr("class=\"line s3\""));
  const size_t table = text.find("What differs"), end = text.find("</table>", table);
  ASSERT_NE(table, std::string::npos);
  const std::string differing = text.substr(table, end - table);
  EXPECT_THAT(differing,
              testing::AllOf(HasSubstr("learning_rate"), HasSubstr("0.001"), HasSubstr("dropout"),
                             HasSubstr("other-texts"), Not(HasSubstr("seed")), Not(HasSubstr("tokens a chunk"))));
}

TEST(Csv, HasARowForEveryUpdateAndEvaluation) {
  report::Run run = example("a \"b\", c");
  run.updates.resize(2);
  run.updates[1].loss = std::nan("");
  const std::string text = csv({&run, 1});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 2 + 3) << "header, updates, evaluations and the one before";
  EXPECT_THAT(text, HasSubstr("\"a \"\"b\"\", c\",1,"));
  EXPECT_THAT(text, HasSubstr(",201,1,,,,,,,10.5,0.52\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(Document, HoldsWhatTheContractNames) {
  const std::vector<report::Run> runs = {example("a"), example("b")};
  const OrderedJson all = document(runs);
  ASSERT_EQ(all["runs"].size(), 2);
  const OrderedJson& run = all["runs"][0];
  for (const char* key : {"run", "perplexity", "accuracy", "loss_difference", "general", "prompts", "words", "metrics",
                          "options", "data", "machine"})
    EXPECT_TRUE(run.contains(key)) << key;
  EXPECT_EQ(run["perplexity"]["after"], 8.6409);
  EXPECT_EQ(run["metrics"].size(), 2);
  EXPECT_EQ(run["machine"]["dtype"], "bf16");
  EXPECT_EQ(run["machine"]["processes"], 4);
}

TEST(Page, SaysWhatTheMachineGave) {
  report::Run run = example();
  const std::string text = page({&run, 1});
  for (const char* part : {"A &lt;processor&gt;", "<td>4, 2</td>", "83 %, 590 of 711 GFLOP/s of matrix products"})
    EXPECT_THAT(text, HasSubstr(part));
  run.record["machine"].erase("share_of_limit");
  EXPECT_THAT(page({&run, 1}), Not(HasSubstr("limit")));
}

}  // namespace
}  // namespace tekio::report
