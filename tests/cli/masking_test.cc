// What is masked, from the outside: words by their rules, spans, shares that change, given words; told, kept, refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string M = model_folder();

class MaskingOptions : public testing::Test {
 protected:
  Result adapt(std::vector<std::string> more) {
    std::vector<std::string> all = {"adapt", "--model",     M,   "--chunk_size", "16", "--per_device_train_batch_size",
                                    "8",     "--max_steps", "4", "--output_dir", run_, "--no_cache",
                                    "--json"};
    all.insert(all.end(), more.begin(), more.end());
    fs::remove_all(run_);
    return run(all);
  }
  // Chunk 0 as it is masked.
  Json shown(std::vector<std::string> more) {
    std::vector<std::string> all = {"data",       "chunks", text_,           "--model", M,
                                    "--no_cache", "--json", "--show_masked", "0"};
    all.insert(all.end(), more.begin(), more.end());
    const Result result = run(all);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.json()["show_masked"];
  }
  static int masked(const Json& chunk) {
    int count = 0;
    for (const Json& label : chunk["labels"]) count += label != -100;
    return count;
  }

  ScratchFolder folder_;
  const std::string run_ = folder_ / "run";
  const std::string text_ = folder_.write("text.txt", sentences(60));
  const std::string words_ = folder_.write("words.jsonl", [] {
    std::string rows;
    for (int i = 0; i < 60; ++i) rows += "{\"tokens\": [\"the work\", \"of\", \"the license\", \"\"]}\n";
    return rows;
  }());
};

TEST_F(MaskingOptions, AreToldAndKept) {
  struct Case {
    std::vector<std::string> options;
    std::string line;
    Json masking;
  };
  const auto json = [](const char* of, Json rule, double first, double last) -> Json {
    return {{"of", of}, {"rule", rule}, {"rate", {{"first", first}, {"last", last}, {"evaluation", last}}}};
  };
  for (const Case& c : {Case{{}, "", json("tokens", nullptr, 0.15, 0.15)},
                        Case{{"--mlm_probability", "0.3:0.15"},
                             " masking  tokens, 30 % falling to 15 % of them · 15 % in evaluations\n",
                             json("tokens", nullptr, 0.3, 0.15)},
                        Case{{"--whole_word_mask", "--wwm_probability", "0.1:0.3"},
                             " masking  whole words, 10 % rising to 30 % of them · 30 % in evaluations\n",
                             json("words", "words", 0.1, 0.3)},
                        Case{{"--whole_word_mask", "--whole_word_rule", "offsets"},
                             " masking  whole words by offsets, 15 % of them\n",
                             json("words", "offsets", 0.15, 0.15)},
                        Case{{"--whole_word_mask", "--whole_word_rule", "legacy", "--masking_rng", "torch"},
                             " masking  whole words by the legacy rule, 15 % of the tokens\n",
                             json("words", "legacy", 0.15, 0.15)},
                        Case{{"--masking", "span", "--max_span_length", "4"},
                             " masking  spans of up to 4 words, 15 % of the tokens\n",
                             json("spans", nullptr, 0.15, 0.15)}}) {
    std::vector<std::string> options = c.options;
    options.insert(options.end(), {"--data", text_});
    const Result result = adapt(options);
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.json()["masking"], c.masking);
    if (c.line.empty())
      EXPECT_THAT(result.err, Not(HasSubstr(" masking ")));
    else
      EXPECT_THAT(result.err, HasSubstr(c.line));
    // What was kept asks for the same again.
    const Result again =
        run({"adapt", "--config", run_ + "/options.toml", "--output_dir", folder_ / "again", "--dry_run", "--json"});
    ASSERT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(again.json()["masking"], c.masking);
  }
}

TEST_F(MaskingOptions, ShowWhatTheyMask) {
  EXPECT_EQ(masked(shown({"--mlm_probability", "1"})), 113) << "all but special tokens";
  const Json span = shown({"--masking", "span", "--mlm_probability", "0.5"});
  EXPECT_GE(masked(span), 56);
  EXPECT_LT(masked(span), 64);
  EXPECT_NE(span, shown({"--masking", "span", "--mlm_probability", "0.5", "--seed", "1"}));
  EXPECT_EQ(span, shown({"--masking", "span", "--mlm_probability", "0.5"}));
  const Json legacy = shown({"--whole_word_mask", "--whole_word_rule", "legacy", "--mlm_probability", "0.25"});
  EXPECT_GT(masked(legacy), 25);
  EXPECT_LE(masked(legacy), 32);
  EXPECT_NE(shown({"--whole_word_mask", "--whole_word_rule", "offsets", "--mlm_probability", "0.2"}),
            shown({"--whole_word_mask"}));
}

TEST_F(MaskingOptions, WithoutEffectAreNoted) {
  EXPECT_THAT(adapt({"--data", text_, "--wwm_probability", "0.3"}).err,
              HasSubstr("without effect here: --wwm_probability (words are masked with --whole_word_mask only)"));
  EXPECT_THAT(
      adapt({"--data", text_, "--whole_word_mask", "--mlm_probability", "0.3"}).err,
      HasSubstr("without effect here: --mlm_probability (--whole_word_mask chooses words by --wwm_probability)"));
  EXPECT_THAT(adapt({"--data", text_, "--max_span_length", "3"}).err,
              HasSubstr("without effect here: --max_span_length (it is of --masking span)"));
}

// A tokenizer that does not split at spaces has one word for a whole text.
TEST_F(MaskingOptions, PassagesForWordsAreToldOf) {
  Json vocabulary = Json::array({Json::array({"<unk>", 0.0}), Json::array({"_", -1.0})});
  for (char c = 'a'; c <= 'z'; ++c) vocabulary.push_back(Json::array({std::string(1, c), -2.0}));
  const auto tokenizer = [&](bool splits) {
    const Json json = {{"added_tokens", {{{"id", 28}, {"content", "[MASK]"}, {"special", true}}}},
                       {"pre_tokenizer",
                        {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "always"}, {"split", splits}}},
                       {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocabulary}}}};
    const std::string name = splits ? "split" : "whole";
    folder_.write(name + "/tokenizer_config.json", R"({"mask_token": "[MASK]"})");
    folder_.write(name + "/tokenizer.json", json.dump());
    return folder_ / name;
  };
  const std::string whole = tokenizer(false), split = tokenizer(true);
  const auto masked_by = [&](const std::string& which, const std::vector<std::string>& more) {
    std::vector<std::string> all = {"data", "chunks", text_,           "--tokenizer", which,       "--chunk_size",
                                    "32",   "--json", "--show_masked", "0",           "--no_cache"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  const std::vector<std::string> words = {"--whole_word_mask"},
                                 offsets = {"--whole_word_mask", "--whole_word_rule", "offsets"},
                                 legacy = {"--whole_word_mask", "--whole_word_rule", "legacy"},
                                 spans = {"--masking", "span"};
  for (const auto& rule : {words, offsets, legacy})
    EXPECT_THAT(masked_by(whole, rule).err,
                AllOf(HasSubstr("tokens on average"), HasSubstr("give words in the data (--word_column"),
                      HasSubstr("whole passages are masked")));
  const Result by_spans = masked_by(whole, spans);
  EXPECT_THAT(by_spans.err, HasSubstr("spans are of tokens where a word is long"));
  EXPECT_EQ(masked(by_spans.json()["show_masked"]), 5) << "15 % of 32";
  EXPECT_THAT(masked_by(split, offsets).err, HasSubstr("--whole_word_rule words masks the tokenizer's words"));
  for (const auto& rule : {words, spans, {}}) EXPECT_THAT(masked_by(split, rule).err, Not(HasSubstr("on average")));
  EXPECT_THAT(masked_by(whole, {}).err, Not(HasSubstr("on average")));
}

TEST_F(MaskingOptions, EvaluateWithTheLastShare) {
  const Json constant = adapt({"--data", text_}).json(),
             falling = adapt({"--data", text_, "--mlm_probability", "0.9:0.15"}).json();
  EXPECT_EQ(constant["eval_loss"]["before"], falling["eval_loss"]["before"]);
  EXPECT_NE(constant["train"]["loss"], falling["train"]["loss"]);
  const auto eval = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"eval", "--model",    M,       "--data", text_, "--chunk_size",
                                    "16",   "--no_cache", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all).json()["masked_tokens"].get<int>();
  };
  EXPECT_GT(eval({"--masking", "span", "--mlm_probability", "0.5"}), 2 * eval({"--masking", "span"}));
}

TEST_F(MaskingOptions, OfGivenWords) {
  const Result lists =
      adapt({"--data", words_, "--word_column", "tokens", "--whole_word_mask", "--wwm_probability", "0.5"});
  ASSERT_EQ(lists.code, 0) << lists.err;
  EXPECT_EQ(lists.json()["data"]["text_column"], "tokens");
  EXPECT_THAT(lists.err, HasSubstr("column tokens"));
  const std::string toml = read_file(run_ + "/options.toml");
  EXPECT_THAT(toml, HasSubstr("word_column = \"tokens\"\n"));
  EXPECT_THAT(toml, HasSubstr("# text_column_name is not set\n"));
  const Json again =
      run({"adapt", "--config", run_ + "/options.toml", "--output_dir", folder_ / "again", "--dry_run", "--json"})
          .json();
  EXPECT_EQ(again["data"], lists.json()["data"]);

  const Result split = adapt({"--data", text_, "--word_separator", "whitespace", "--masking", "span"});
  ASSERT_EQ(split.code, 0) << split.err;
  EXPECT_THAT(read_file(run_ + "/options.toml"),
              testing::AllOf(HasSubstr("word_column = \"text\"\n"), HasSubstr("word_separator = \"whitespace\"\n")));
  EXPECT_EQ(run({"eval", "--model", M, "--data", words_, "--word_column", "tokens", "--chunk_size", "16", "--no_cache",
                 "--json"})
                .code,
            0);
}

// The same tokens, whose words begin elsewhere, would be masked otherwise.
TEST_F(MaskingOptions, AResumedRunHasTheSameWords) {
  std::string rows;
  for (int i = 0; i < 40; ++i)
    rows +=
        R"({"one": ["the", "film", "was", "good", "and", "long"], "other": ["the film", "was", "good and", "long"]})"
        "\n";
  const std::string file = folder_.write("boundaries.jsonl", rows);
  const auto options = [&](const char* column) {
    return std::vector<std::string>{"--data",          file,    "--word_column", column, "--whole_word_mask",
                                    "--save_strategy", "steps", "--save_steps",  "2"};
  };
  ASSERT_EQ(adapt(options("one")).code, 0);
  const auto resume = [&](const char* column) {
    std::vector<std::string> all = {"adapt",
                                    "--model",
                                    M,
                                    "--chunk_size",
                                    "16",
                                    "--per_device_train_batch_size",
                                    "8",
                                    "--max_steps",
                                    "4",
                                    "--output_dir",
                                    folder_ / "resumed",
                                    "--no_cache",
                                    "--resume_from_checkpoint",
                                    run_ + "/checkpoint-2"};
    for (const std::string& option : options(column)) all.push_back(option);
    return run(all);
  };
  const Result other = resume("other");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("the training data's words began elsewhere"));
  const Result same = resume("one");
  EXPECT_EQ(same.code, 0) << same.err;
}

TEST_F(MaskingOptions, OfGivenWordsAreRefusedWhereThereAreNone) {
  struct Case {
    int code;
    std::vector<std::string> options;
    std::string message;
  };
  for (const Case& c :
       {Case{3, {text_, "--word_column", "text"}, "text.txt: its rows are texts, but --word_column text alone"},
        Case{3, {words_, "--word_column", "words"}, "there is no column \"words\""},
        Case{3,
             {words_},
             "no column holds text; there are: tokens (lists of strings); pass --word_column tokens if its rows"},
        Case{3,
             {words_, "--word_column", "tokens", "--word_separator", " "},
             "holds lists of strings, which are words already: pass --word_column tokens without --word_separator"},
        Case{2,
             {words_, "--word_column", "tokens", "--text_column_name", "text"},
             "--word_column contradicts --text_column_name"},
        Case{2, {words_, "--word_column", ""}, "--word_column is empty"},
        Case{2, {words_, "--word_separator", ""}, "--word_separator is empty"}}) {
    std::vector<std::string> all = {"data", "chunks", "--model", M, "--no_cache"};
    all.insert(all.end(), c.options.begin(), c.options.end());
    const Result result = run(all);
    EXPECT_EQ(result.code, c.code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(c.message));
  }
  const std::string some = folder_.write("some.jsonl", R"({"tokens": ["a", "b"]})"
                                                       "\n"
                                                       R"({"tokens": "a b"})"
                                                       "\n");
  const Result left_out =
      run({"data", "chunks", "--model", M, "--no_cache", some, "--word_column", "tokens", "--bad_rows", "skip"});
  EXPECT_THAT(left_out.err, HasSubstr("1 row left out: no words (null, missing or not a list of strings)"));
  const Result elsewhere = run({"tokenize", "--model", M, "--word_column", "tokens", words_});
  EXPECT_EQ(elsewhere.code, 2);
}

}  // namespace
}  // namespace tekio::test
