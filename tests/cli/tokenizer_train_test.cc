// tekio tokenizer train: what it prints and saves, what it leaves alone, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  return names;
}

TEST(TokenizerTrain, SavesAFolderThatTokenizes) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(400)), out = folder / "deep/tokenizer";
  const Result result =
      run({"tokenizer", "train", "--data", text, "--vocab_size", "120", "--output_dir", out, "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json json = result.json();
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("path", "vocab_size", "rows", "words", "word_occurrences", "seconds"));
  EXPECT_EQ(json["path"], out);
  EXPECT_EQ(json["vocab_size"], 120);
  EXPECT_EQ(json["rows"], 400);
  EXPECT_THAT(names_in(out),
              UnorderedElementsAre("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"));
  const std::string vocabulary = read_file(out + "/vocab.txt");
  EXPECT_THAT(vocabulary, testing::StartsWith("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"));
  EXPECT_EQ(std::count(vocabulary.begin(), vocabulary.end(), '\n'), 120);
  const Result ids = run({"tokenize", "--tokenizer", out, "--ids"}, {.input = "a [MASK]\n"});
  EXPECT_THAT(ids.out, testing::AllOf(testing::StartsWith("2 "), testing::EndsWith(" 4 3\n"))) << ids.err;
  EXPECT_THAT(names_in(folder / "deep"), ElementsAre("tokenizer")) << "nothing half written beside it";
}

TEST(TokenizerTrain, SavesAByteLevelBpe) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(400)), out = folder / "bytes";
  const Result result = run({"tokenizer", "train", "--data", text, "--model_type", "bpe", "--vocab_size", "300",
                             "--output_dir", out, "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["vocab_size"], 300);
  EXPECT_THAT(names_in(out), UnorderedElementsAre("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                                  "vocab.json", "merges.txt"));
  const std::string merges = read_file(out + "/merges.txt");
  EXPECT_EQ(std::count(merges.begin(), merges.end(), '\n'), 1 + 300 - 5 - 256);
  const Result ids = run({"tokenize", "--tokenizer", out, "--ids"}, {.input = "a <mask>\n"});
  EXPECT_THAT(ids.out, testing::AllOf(testing::StartsWith("0 "), testing::EndsWith(" 4 2\n"))) << ids.err;
  // Capitals are kept unless it is said otherwise, as in RoBERTa.
  const Result lower =
      run({"tokenizer", "train", "--data", text, "--model_type", "bpe", "--lowercase", "true", "--output_dir", out});
  EXPECT_EQ(lower.code, 0) << lower.err;
  EXPECT_THAT(read_file(out + "/tokenizer.json"), HasSubstr("\"Lowercase\""));
}

TEST(TokenizerTrain, SavesAUnigram) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(400)), out = folder / "pieces";
  const auto train = [&](std::vector<std::string> options) {
    std::vector<std::string> arguments = {"tokenizer",    "train",   "--data",       text,
                                          "--model_type", "unigram", "--output_dir", out};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return result;
  };
  EXPECT_EQ(train({"--vocab_size", "60", "--json"}).json()["vocab_size"], 60);
  EXPECT_THAT(names_in(out),
              UnorderedElementsAre("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"));
  const Result ids = run({"tokenize", "--tokenizer", out, "--ids"}, {.input = "a <mask>\n"});
  EXPECT_THAT(ids.out, testing::AllOf(testing::StartsWith("0 "), testing::EndsWith(" 4 2\n"))) << ids.err;
  EXPECT_THAT(train({"--initial_alphabet", "\xC3\x9F"}).err, HasSubstr("less than --vocab_size 30,000: there are no "
                                                                       "more pieces"));
  EXPECT_THAT(read_file(out + "/tokenizer.json"), HasSubstr("\xC3\x9F"));
  train({"--vocab_size", "60", "--lowercase", "true"});
  EXPECT_THAT(read_file(out + "/tokenizer.json"), HasSubstr("\"Lowercase\""));
}

TEST(TokenizerTrain, PrintsTheFolderAndTellsWhereTheSizeIsAnother) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", "abc abc abd\n"), out = folder / "out";
  const Result less = run({"tokenizer", "train", "--data", text, "--output_dir", out});
  EXPECT_EQ(less.out, out + "\n");
  EXPECT_THAT(less.err, HasSubstr("less than --vocab_size 30,000: no further pair occurs 2 times; more text or a "
                                  "smaller --min_frequency"));
  for (const char* type : {"wordpiece", "bpe"})
    for (const char* least : {"0", "1"}) {
      const Result all = run({"tokenizer", "train", "--data", text, "--output_dir", folder / type, "--model_type", type,
                              "--min_frequency", least});
      EXPECT_THAT(all.err, HasSubstr("less than --vocab_size 30,000: there are no more pairs; more text makes it"));
      EXPECT_THAT(all.err, testing::Not(HasSubstr("min_frequency"))) << "none is smaller";
    }
  const Result more = run({"tokenizer", "train", "--data", text, "--output_dir", out, "--vocab_size", "7"});
  EXPECT_THAT(more.err, HasSubstr("more than --vocab_size 7: special tokens and alphabet alone"));
  const Result exact = run({"tokenizer", "train", "--data", text, "--output_dir", out, "--vocab_size", "13"});
  EXPECT_THAT(exact.err, testing::Not(HasSubstr("warning"))) << read_file(out + "/vocab.txt");
  const Result quiet = run({"tokenizer", "train", "--data", text, "--output_dir", out, "--quiet"});
  EXPECT_THAT(quiet.err, testing::StartsWith("tekio: warning: ")) << "a warning is no note";
  EXPECT_EQ(std::count(quiet.err.begin(), quiet.err.end(), '\n'), 1) << quiet.err;
}

TEST(TokenizerTrain, OptionsReachTheTrainer) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", "Caf\xC3\xA9 Caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC q\n"),
                    out = folder / "out";
  const auto vocabulary = [&](std::vector<std::string> options) {
    std::vector<std::string> arguments = {"tokenizer", "train", "--data", text, "--output_dir", out, "--quiet"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return read_file(out + "/vocab.txt");
  };
  EXPECT_THAT(vocabulary({}), testing::AllOf(HasSubstr("\ncafe\n"), HasSubstr("\n\xE6\x97\xA5\n")));
  EXPECT_THAT(vocabulary({"--lowercase", "false"}), HasSubstr("\nCaf\xC3\xA9\n"));
  EXPECT_THAT(vocabulary({"--strip_accents", "false"}), HasSubstr("\ncaf\xC3\xA9\n"));
  EXPECT_THAT(vocabulary({"--lowercase", "false", "--strip_accents", "true"}), HasSubstr("\nCafe\n"));
  EXPECT_THAT(vocabulary({"--handle_chinese_chars", "false", "--min_frequency", "1"}),
              HasSubstr("\n\xE6\x97\xA5\xE6\x9C\xAC\n"));
  EXPECT_THAT(vocabulary({"--min_frequency", "3"}), testing::Not(HasSubstr("ca")));
  EXPECT_THAT(vocabulary({"--limit_alphabet", "4"}), testing::Not(HasSubstr("q")));
  EXPECT_THAT(vocabulary({"--limit_alphabet", "4", "--initial_alphabet", "xq"}),
              testing::AllOf(HasSubstr("\nq\n"), HasSubstr("\nx\n")));
  EXPECT_THAT(vocabulary({"--special_tokens", "[MASK]", "[X]", "[PAD]", "[UNK]", "[SEP]", "[CLS]"}),
              testing::StartsWith("[MASK]\n[X]\n[PAD]\n[UNK]\n[SEP]\n[CLS]\n"));
  vocabulary({"--model_max_length", "77"});
  EXPECT_EQ(Json::parse(read_file(out + "/tokenizer_config.json"))["model_max_length"], 77);
}

TEST(TokenizerTrain, TakesSplitTrain) {
  const ScratchFolder folder;
  folder.write("data/train.txt", "aa aa\n");
  folder.write("data/test.jsonl", "{\"note\": \"bb bb\"}\n");
  const std::string out = folder / "out";
  EXPECT_EQ(run({"tokenizer", "train", "--data", folder / "data", "--output_dir", out, "--json"}).json()["rows"], 1);
  EXPECT_THAT(read_file(out + "/vocab.txt"), HasSubstr("\naa\n"));
  run({"tokenizer", "train", "--data", folder / "data" + ":test", "--text_column_name", "note", "--output_dir", out});
  EXPECT_THAT(read_file(out + "/vocab.txt"), HasSubstr("\nbb\n"));
}

TEST(TokenizerTrain, LeavesOtherFoldersAlone) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(20)), full = folder / "full";
  folder.write("full/vocab.txt", "mine\n");
  folder.write("full/model.safetensors", "mine too");
  const Result refused = run({"tokenizer", "train", "--data", text, "--output_dir", full});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              HasSubstr("--output_dir " + full + " holds model.safetensors, which is no tokenizer's file"));
  EXPECT_EQ(read_file(full + "/vocab.txt"), "mine\n");
  EXPECT_EQ(run({"tokenizer", "train", "--data", text, "--output_dir", text}).code, 2);
  fs::create_directory(folder / "empty");
  EXPECT_EQ(run({"tokenizer", "train", "--data", text, "--output_dir", folder / "empty/"}).code, 0);
}

TEST(TokenizerTrain, WhatIsWrongHasACodeAndASentence) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(20)), blank = folder.write("blank.txt", "\n \n"),
                    out = folder / "out";
  const struct {
    std::vector<std::string> arguments;
    int code;
    std::string message;
  } cases[] = {
      {{"--output_dir", out}, 2, "--data is missing: tekio tokenizer train needs files or a folder of text"},
      {{"--data", text}, 2, "--output_dir is missing"},
      {{"--data", text, "--output_dir", out, "--vocab_size", "0"}, 2, "--vocab_size is '0'"},
      {{"--data", text, "--output_dir", out, "--min_frequency", "-1"}, 2, "--min_frequency is '-1'"},
      {{"--data", text, "--output_dir", out, "--limit_alphabet", "0"}, 2, "--limit_alphabet is '0'"},
      {{"--data", text, "--output_dir", out, "--model_type", "unigrams"}, 2, "--model_type is 'unigrams'"},
      {{"--data", text, "--output_dir", out, "--model_type", "unigram", "--min_frequency", "3"},
       2,
       "--min_frequency goes with --model_type wordpiece and bpe alone"},
      {{"--data", text, "--output_dir", out, "--model_type", "bpe", "--initial_alphabet", "x"},
       2,
       "--initial_alphabet goes with --model_type wordpiece and unigram alone"},
      {{"--data", text, "--output_dir", out, "--model_type", "unigram", "--vocab_size", "3"},
       3,
       "different characters, each of which is a piece, but vocab_size is 3"},
      {{"--data", blank, "--output_dir", out, "--model_type", "unigram"}, 3, "there is no word in the data"},
      {{"--data", text, "--output_dir", out, "--model_type", "bpe", "--limit_alphabet", "9"},
       2,
       "--limit_alphabet goes with --model_type wordpiece alone"},
      {{"--data", text, "--output_dir", out, "--add_prefix_space"},
       2,
       "--add_prefix_space goes with --model_type bpe alone"},
      {{"--data", text, "--output_dir", out, "--model_type", "bpe", "--special_tokens", "<s>"},
       2,
       "special_tokens has no </s>"},
      {{"--data", text, "--output_dir", out, "--strip_accents", "maybe"}, 2, "--strip_accents is 'maybe'"},
      {{"--data", text, "--output_dir", out, "--special_tokens", "[PAD]"}, 2, "special_tokens has no"},
      {{"--data", blank, "--output_dir", out}, 3, "there is no word in the data"},
      {{"--data", folder / "none", "--output_dir", out}, 4, "there is no file or folder"},
      {{"--data", text, "--output_dir", "/proc/none/out"}, 4, "cannot make the folder /proc/none"},
      {{"--data", text, "--output_dir", "/proc/none"}, 4, "cannot write"},
  };
  for (const auto& one : cases) {
    std::vector<std::string> arguments = {"tokenizer", "train"};
    arguments.insert(arguments.end(), one.arguments.begin(), one.arguments.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.code, one.code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(one.message));
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::exists(out)) << result.err;
  }
}

}  // namespace
}  // namespace tekio::test
