// A Unigram vocabulary from files: what the reference makes of the same rows; the same whatever the threads and the
// order of rows; what is refused.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <tekio/dataset.h>
#include <tekio/error.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "data/scratch_folder.h"
#include "text/utf8.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

// Pieces by their scores to nine digits, those that are equal then by their texts; special tokens first. Characters
// that have the least score, or 0.0001 and so on more, have these in no order in the reference: here by code points.
std::vector<std::pair<std::string, double>> rounded(const Json& vocabulary) {
  std::vector<std::pair<std::string, double>> pieces;
  double least = 0;
  for (const Json& piece : vocabulary) {
    pieces.emplace_back(piece[0].get<std::string>(), std::round(piece[1].get<double>() * 1e9) / 1e9);
    least = std::min(least, pieces.back().second);
  }
  std::vector<size_t> places;
  std::vector<std::string> texts;
  std::vector<double> scores;
  for (size_t i = 5; i < pieces.size(); ++i) {
    const auto& [text, score] = pieces[i];
    const double steps = (score - least) * 1e4;
    if (utf8_length(text[0]) != text.size() || std::abs(steps - std::round(steps)) > 1e-4) continue;
    places.push_back(i);
    texts.push_back(text);
    scores.push_back(score);
  }
  std::sort(texts.begin(), texts.end());
  std::sort(scores.begin(), scores.end());
  for (size_t i = 0; i < places.size(); ++i) pieces[places[i]] = {texts[i], scores[i]};
  std::sort(pieces.begin() + 5, pieces.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return pieces;
}

TEST(TrainUnigram, EqualsTheReferences) {
  const Json cases = read_json(fs::path(TEKIO_GOLDEN_DIR) / "text" / "unigram_training.json");
  ASSERT_EQ(cases.size(), 5u);
  const ScratchFolder folder;
  for (const Json& one : cases) {
    SCOPED_TRACE(one["options"].dump());
    std::string rows, first;
    for (const Json& row : one["rows"]) rows += Json{{"text", row}}.dump() + "\n";
    const Dataset data = load_dataset(folder.write("rows.jsonl", rows))["train"];
    UnigramOptions options;
    options.vocab_size = one["options"]["vocab_size"];
    options.lowercase = one["options"]["lowercase"];
    options.initial_alphabet = one["options"]["initial_alphabet"];
    for (const int threads : {1, 3}) {
      options.threads = threads;
      const TrainedTokenizer trained = train_unigram(threads == 1 ? data : data.shuffle(1), options);
      const fs::path saved = folder.path() / "saved";
      trained.tokenizer.save_pretrained(saved);
      if (threads == 1) first = read_text(saved / "tokenizer.json");
      EXPECT_EQ(read_text(saved / "tokenizer.json"), first);
      // Of 15 digits at most, which readers that divide and readers that round take for the same number.
      const Json vocab = read_json(saved / "tokenizer.json")["model"]["vocab"];
      for (const Json& piece : vocab)
        EXPECT_EQ(std::stod(fmt::format("{:.15g}", piece[1].get<double>())), piece[1].get<double>()) << piece;
      const auto got = rounded(vocab), expected = rounded(one["vocab"]);
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].first, expected[i].first);
        EXPECT_NEAR(got[i].second, expected[i].second, 2e-9) << got[i].first;
      }
      EXPECT_EQ(read_json(saved / "tokenizer_config.json")["tokenizer_class"],
                options.lowercase ? "PreTrainedTokenizerFast" : "XLMRobertaTokenizer");
      const Tokenizer opened = Tokenizer::from_pretrained(saved.string());
      EXPECT_EQ(opened.digest(), trained.tokenizer.digest());
      EXPECT_EQ(opened.encode("The film <mask>.").ids, trained.tokenizer.encode("The film <mask>.").ids);
      EXPECT_EQ(opened.mask_id(), 4);
      EXPECT_EQ(trained.words, one["words"].get<int64_t>());
    }
  }
}

// The reference lists such a piece a second time, and the token's id is then the piece's.
TEST(TrainUnigram, SpecialTokensAreNoPiecesBesides) {
  const ScratchFolder folder;
  std::string rows;
  for (const char* row : {"a<mask>b", "b<mask>a", "c<mask>d", "d<mask>c", "e<mask>"}) rows += std::string(row) + "\n";
  const Dataset data = load_dataset(folder.write("a.txt", rows))["train"];
  const Tokenizer trained =
      train_unigram(data, {.special_tokens = {"<s>", "<pad>", "</s>", "<unk>", "<mask>", "<s>", "e"}}).tokenizer;
  EXPECT_EQ(trained.mask_id(), 4);
  EXPECT_EQ(trained.token_to_id("<s>"), 0);
  EXPECT_EQ(trained.token_to_id("e"), 5);
  std::set<std::string> texts;
  for (int32_t id = 0; id < trained.vocabulary_size(); ++id) texts.insert(trained.id_to_token(id));
  EXPECT_EQ(static_cast<int64_t>(texts.size()), trained.vocabulary_size());
}

TEST(TrainUnigram, RefusesWhatIsTooLongWithoutWhiteSpace) {
  const ScratchFolder folder;
  const std::string longest(size_t{1} << 20, 'a');
  const auto message = [&](const std::string& text) {
    try {
      train_unigram(load_dataset(folder.write("a.txt", "a b\n" + text + "\n"))["train"], {.vocab_size = 40});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(
      message(longest + "a"),
      HasSubstr("a.txt:2: 1,048,577 bytes without white space are too long for training a Unigram vocabulary: at "
                "most 1,048,576; cut the text at its sentences"));
  EXPECT_EQ(message("x " + longest.substr(longest.size() / 2) + " " + longest.substr(longest.size() / 2)), "nothing");
}

TEST(TrainUnigram, WhatMakesNoSense) {
  const ScratchFolder folder;
  const Dataset data = load_dataset(folder.write("a.txt", "a b\n"))["train"];
  const auto message = [&](const UnigramOptions& options, ErrorKind kind) {
    try {
      train_unigram(data, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(message({.vocab_size = 0}, ErrorKind::usage), HasSubstr("vocab_size is 0"));
  EXPECT_THAT(message({.initial_alphabet = "\xff"}, ErrorKind::usage), HasSubstr("initial_alphabet: "));
  EXPECT_THAT(message({.special_tokens = {"<s>"}}, ErrorKind::usage),
              HasSubstr("a tokenizer of XLM-RoBERTa's kind needs <s>, <pad>"));
  EXPECT_THAT(message({.vocab_size = 2}, ErrorKind::input),
              HasSubstr("the words have 3 different characters, each of which is a piece, but vocab_size is 2"));
}

}  // namespace
}  // namespace tekio::test
