// Vocabularies frozen from the reference (scripts/golden/make_word_piece_golden.py), entry by entry; what the trainer
// draws where the reference is not determined; tables and queue on their own.
#include "text/word_piece_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <queue>
#include <random>
#include <set>
#include <tuple>

#include "folders.h"
#include "text/pair_merger.h"
#include "text/pair_queue.h"
#include "text/tokenized_words.h"
#include "word_piece_training.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(WordPieceGolden, EveryEntryHasTheReferencesId) {
  const Json document = read_json(golden("word_piece.json"));
  ASSERT_GT(document["cases"].size(), 20u);
  for (const Json& one : document["cases"]) {
    const WordPieceOptions options = training_options(one["options"]);
    const std::string text = document["texts"][one["text"].get<std::string>()];
    const std::vector<std::string> expected = one["entries"];
    const DrawnLetters drawn = drawn_letters(expected, options);
    EXPECT_EQ(train_on(text, options, drawn), expected) << one["text"] << one["options"];
    EXPECT_EQ(train_on(text, options, drawn, 3), expected) << one["text"] << one["options"] << ", three threads";
  }
}

std::vector<std::string> behind_special(std::vector<std::string> entries) {
  entries.erase(entries.begin(), entries.begin() + 5);
  return entries;
}

TEST(WordPieceTrainer, ContinuingLettersComeAsFrequentWordsHaveThem) {
  // "zyx" is the most frequent, of the others "ba" comes before "ca"; y and x are met in "zyx", a in "ba".
  EXPECT_THAT(behind_special(train_on("ca ba zyx zyx", {.vocab_size = 1})),
              ElementsAre("a", "b", "c", "x", "y", "z", "##y", "##x", "##a"));
}

TEST(WordPieceTrainer, OfEquallyFrequentLettersSmallCodePointsAreKept) {
  EXPECT_THAT(behind_special(train_on("d c b a a", {.vocab_size = 1, .limit_alphabet = 3})),
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(behind_special(train_on("d c b a a", {.vocab_size = 1, .limit_alphabet = 3}, {.alphabet = U"cd"})),
              ElementsAre("a", "c", "d"));
}

TEST(WordPieceTrainer, ALetterLeftOutOfAWordJoinsItsNeighbours) {
  EXPECT_THAT(behind_special(train_on("axb axb xab a b a", {.min_frequency = 1, .limit_alphabet = 2})),
              ElementsAre("a", "b", "##b", "##a", "ab", "##ab"));
}

TEST(WordPieceTrainer, RefusesMoreWordsThanPlacesCanTell) {
  check_places(UINT32_MAX);
  try {
    check_places(uint64_t{UINT32_MAX} + 1);
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_STREQ(
        error.what(),
        "the corpus has too many distinct words: 4,294,967,296 letters in all, at most 4,294,967,295; train on "
        "a part of it");
  }
}

// The reference's steps, word by word, each word one sequence of tokens.
std::vector<std::string> merged_plainly(std::vector<std::pair<std::vector<uint32_t>, int64_t>> words,
                                        std::vector<std::string> tokens, size_t size) {
  std::map<PairKey, int64_t> counts;
  for (const auto& [word, count] : words)
    for (size_t i = 0; i + 1 < word.size(); ++i) counts[pair_key(word[i], word[i + 1])] += count;
  std::map<PairKey, int64_t> waiting = counts;
  while (tokens.size() < size) {
    auto top = waiting.end();
    for (auto at = waiting.begin(); at != waiting.end(); ++at)
      if (at->second > 0 && (top == waiting.end() || at->second > top->second)) top = at;
    if (top == waiting.end()) break;
    const PairKey pair = top->first;
    waiting.erase(top);
    const uint32_t left = left_of(pair), right = right_of(pair);
    const std::string token = tokens[left] + tokens[right];
    const auto merged = static_cast<uint32_t>(std::find(tokens.begin(), tokens.end(), token) - tokens.begin());
    if (merged == tokens.size()) tokens.push_back(token);
    std::set<PairKey> grown;
    for (auto& [word, count] : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        const auto change = [&, count = count](uint32_t a, uint32_t b, int sign) {
          counts[pair_key(a, b)] += sign * count;
          if (sign > 0) grown.insert(pair_key(a, b));
        };
        if (i > 0) change(word[i - 1], left, -1), change(word[i - 1], merged, 1);
        word[i] = merged;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        if (i + 1 < word.size()) change(right, word[i + 1], -1), change(merged, word[i + 1], 1);
      }
    }
    for (auto& [waits, count] : waiting) count = counts[waits];
    for (const PairKey one : grown) waiting[one] = counts[one];
  }
  return tokens;
}

TEST(PairMerger, WordsOfManyPiecesAreMergedAsOneSequence) {
  // Words around the borders of pieces and several pieces long; few letters, so that pairs overlap, merges reach over
  // borders, and pieces become empty.
  constexpr size_t kMost = TokenizedWords::kMost;
  std::mt19937 random(7);
  for (const uint32_t letters : {1u, 2u, 3u, 7u}) {
    std::vector<std::pair<std::vector<uint32_t>, int64_t>> words;
    for (const size_t length : {size_t{2}, size_t{50}, kMost - 1, kMost, kMost + 1, 2 * kMost + 1, 5 * kMost})
      for (int i = 0; i < 2; ++i) {
        std::vector<uint32_t> word(length);
        for (uint32_t& token : word) token = static_cast<uint32_t>(random() % letters);
        words.emplace_back(word, 1 + random() % 5);
      }
    std::vector<std::string> tokens;
    for (uint32_t i = 0; i < letters; ++i) tokens.emplace_back(1, static_cast<char>('a' + i));
    const std::vector<std::string> expected = merged_plainly(words, tokens, 300);
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      Vocabulary vocabulary;
      for (uint32_t i = 0; i < letters; ++i) vocabulary.add(tokens[i], static_cast<int32_t>(i));
      TokenizedWords tokenized;
      for (const auto& [word, count] : words) {
        tokenized.begin_word(static_cast<uint64_t>(count));
        for (const uint32_t token : word) tokenized.push(token);
        tokenized.end_word();
      }
      PairMerger(vocabulary, "", std::move(tokenized), pool).run(300, 1);
      std::vector<std::string> entries;
      for (int64_t id = 0; id < vocabulary.id_end(); ++id) entries.emplace_back(vocabulary.token(id).value());
      EXPECT_EQ(entries, expected) << letters << " letters, " << threads << " threads";
    }
  }
}

TEST(VocabularyTest, RefusesMoreBytesThanPlacesCanTell) {
  Vocabulary::check_bytes(UINT32_MAX);
  try {
    Vocabulary::check_bytes(uint64_t{UINT32_MAX} + 1);
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_STREQ(
        error.what(),
        "the vocabulary's tokens have 4,294,967,296 bytes in all; at most 4,294,967,295 can be held: leave very "
        "long words out");
  }
}

TEST(PairQueue, FrequentPairsFirstThenSmallIdsThenThoseThatWaitLonger) {
  // Against the plain rule, with pushes between pops: counts around the border of its lists, many of them equal.
  const auto later = [](const WaitingPair& a, const WaitingPair& b) {
    return std::tuple(a.count, b.pair, b.begin) < std::tuple(b.count, a.pair, a.begin);
  };
  std::priority_queue<WaitingPair, std::vector<WaitingPair>, decltype(later)> expected(later);
  PairQueue queue;
  uint64_t state = 1, popped = 0;
  const auto random = [&](uint64_t below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % below;
  };
  EXPECT_FALSE(queue.pop());
  for (uint64_t begin = 0; begin < 20'000; ++begin) {
    const uint64_t near[] = {random(4), 4094 + random(4), 100, random(9000)};
    const WaitingPair pair{pair_key(static_cast<uint32_t>(random(9)), 1), begin, 1, near[random(4)]};
    queue.push(pair);
    expected.push(pair);
    for (uint64_t pops = random(3); pops > 0 && !expected.empty(); --pops, ++popped) {
      const auto next = queue.pop();
      ASSERT_TRUE(next);
      ASSERT_EQ(next->begin, expected.top().begin);
      expected.pop();
    }
  }
  for (; !expected.empty(); expected.pop()) ASSERT_EQ(queue.pop().value().begin, expected.top().begin);
  EXPECT_FALSE(queue.pop());
  EXPECT_GT(popped, 10'000u);
}

TEST(CountTable, CountsStringsOfAllLengths) {
  std::map<std::string, uint64_t> expected;
  CountTable table;
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 20'000; ++i) {
      const std::string text = std::to_string(i) + std::string(static_cast<size_t>(i % 40), 'x');
      table.add(text, static_cast<uint64_t>(i) + 1);
      expected[text] += static_cast<uint64_t>(i) + 1;
    }
  std::map<std::string, uint64_t> got;
  table.for_each([&](std::string_view text, uint64_t count) { got.emplace(text, count); });
  EXPECT_EQ(table.size(), expected.size());
  EXPECT_EQ(got, expected);
}

TEST(CountTable, PartsAreOfLikeSize) {
  std::vector<int> sizes(3);
  for (int i = 0; i < 30'000; ++i) ++sizes[CountTable::part_of("the" + std::to_string(i * 7), 3)];
  for (const int size : sizes) EXPECT_NEAR(size, 10'000, 1'000);
}

TEST(WordCounter, WordsDoNotDependOnTheirRegions) {
  const std::string text = "The the THE «the» a—b 日本 " + std::string(70, 'Q') + " naïve\x01 e\xCC\x81t\xC3\xA9 x.y";
  WordCounter counter({});
  for (int i = 0; i < 2; ++i) counter.add(text);
  std::vector<CountList> parts(2);
  counter.distribute(parts);
  std::map<std::string, uint64_t> got;
  for (const CountList& part : parts)
    CountTable(std::vector{&part}).for_each([&](std::string_view word, uint64_t count) {
      EXPECT_TRUE(got.emplace(word, count).second) << word;
    });
  const std::map<std::string, uint64_t> expected = {
      {"the", 8}, {"«", 2}, {"»", 2}, {"a", 2}, {"—", 2},     {"b", 2},   {"日", 2},
      {"本", 2},  {"x", 2}, {".", 2}, {"y", 2}, {"naive", 2}, {"ete", 2}, {std::string(70, 'q'), 2}};
  EXPECT_EQ(got, expected);
}

TEST(WordPieceOptionsTest, WhatMakesNoSenseIsRefusedByName) {
  const auto message = [](const std::function<void(WordPieceOptions&)>& change) {
    WordPieceOptions options;
    change(options);
    return message_of(ErrorKind::usage, [&] { check(options); });
  };
  EXPECT_THAT(message([](auto& o) { o.vocab_size = 0; }), HasSubstr("vocab_size is 0; expected an integer from 1"));
  EXPECT_THAT(message([](auto& o) { o.min_frequency = -1; }), HasSubstr("min_frequency is -1"));
  EXPECT_THAT(message([](auto& o) { o.limit_alphabet = 0; }), HasSubstr("limit_alphabet is 0"));
  EXPECT_THAT(message([](auto& o) { o.model_max_length = 0; }), HasSubstr("model_max_length is 0"));
  EXPECT_THAT(message([](auto& o) { o.threads = -1; }), HasSubstr("threads is -1"));
  EXPECT_THAT(message([](auto& o) { o.initial_alphabet = "a\xFF"; }),
              HasSubstr("initial_alphabet: a\\xff is not valid"));
  EXPECT_THAT(message([](auto& o) { o.special_tokens[1] = "\xFF"; }), HasSubstr("special_tokens: \\xff is not valid"));
  EXPECT_THAT(message([](auto& o) { o.special_tokens.push_back(""); }), HasSubstr("special_tokens: '' is no token"));
  EXPECT_THAT(message([](auto& o) { o.special_tokens.push_back("a\nb"); }), HasSubstr("'a\\x0ab' is no token"));
  EXPECT_THAT(message([](auto& o) { o.special_tokens.push_back("a "); }), HasSubstr("does not end in white space"));
  EXPECT_THAT(message([](auto& o) { o.special_tokens.erase(o.special_tokens.begin() + 3); }),
              HasSubstr("special_tokens has no [SEP]"));
}

TEST(BertTokenizer, IsWhatItsFolderGives) {
  WordPieceOptions options{.special_tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[NAME]"},
                           .lowercase = false,
                           .strip_accents = true,
                           .model_max_length = 128};
  Vocabulary vocabulary;
  for (const std::string& token : train_on("Der Wind, Der Wind, das himmlische Kind", options))
    vocabulary.add(token, static_cast<int32_t>(vocabulary.id_end()));
  const Tokenizer made = bert_tokenizer(std::move(vocabulary), options);
  const fs::path folder = fresh_folder();
  made.save_pretrained(folder);
  const Tokenizer read = load(folder);
  EXPECT_EQ(read.digest(), made.digest());
  EXPECT_EQ(made.all_special_ids(), read.all_special_ids());
  EXPECT_THAT(made.all_special_ids(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(made.model_max_length(), 128);
  EXPECT_EQ(read.model_max_length(), 128);
  EXPECT_EQ(made.template_lengths(), (std::pair<int64_t, int64_t>(1, 1)));
  const std::string text = "Dér Wind [NAME] [MASK]!";
  EXPECT_EQ(made.encode(text).ids, read.encode(text).ids);
  EXPECT_THAT(tokens_of(made, text), ElementsAre("Der", "Wind", "[NAME]", "[MASK]", "[UNK]"));
  const Json config = read_json(folder / "tokenizer_config.json");
  EXPECT_EQ(config["tokenizer_class"], "BertTokenizer");
  EXPECT_EQ(config["do_lower_case"], false);
  EXPECT_EQ(config["strip_accents"], true);
  EXPECT_EQ(config["additional_special_tokens"], Json({"[NAME]"}));
}

}  // namespace
}  // namespace tekio::test
