// Whole words with every kind of vocabulary: texts to chunks to masks, against what the reference's collators gave
// (tests/golden/data/whole_words.json).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "data/chunks_of.h"
#include "data/order.h"
#include "support/torch_draws.h"
#include "text/folders.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;
using Ids = std::vector<int32_t>;

const Json& golden_words() {
  static const Json document = read_json(TEKIO_GOLDEN_DIR "/data/whole_words.json");
  return document;
}

Tokenizer tokenizer_of(const Json& golden_tokenizer) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& [name, content] : golden_tokenizer.at("files").items()) files.emplace_back(name, content);
  return load(folder(files));
}

/// The golden texts in chunks.
Chunks cut_texts(const Tokenizer& tokenizer, WordBounds words) {
  const fs::path path = fresh_folder() / "texts.jsonl";
  {
    std::ofstream file(path);
    for (const Json& text : golden_words().at("texts")) file << Json{{"text", text}}.dump() << '\n';
  }
  return chunk(load_dataset(path.string())["train"], tokenizer,
               {.chunk_size = golden_words().at("chunk_size"), .words = words, .use_cache = false, .threads = 1});
}

class WholeWords : public testing::TestWithParam<size_t> {
 protected:
  const Json& golden_tokenizer() const { return golden_words().at("tokenizers").at(GetParam()); }
};

TEST_P(WholeWords, ChunksAndTheirWordsAreTheReferences) {
  const Chunks chunks = cut_texts(tokenizer_of(golden_tokenizer()), WordBounds::tokenizer);
  const Json& expected = golden_tokenizer().at("chunks");
  ASSERT_EQ(static_cast<size_t>(chunks.size()), expected.size());
  for (int64_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks.ids(i), expected.at(static_cast<size_t>(i)).at("ids").get<Ids>()) << i;
    EXPECT_EQ(chunks.word_ids(i), expected.at(static_cast<size_t>(i)).at("words").get<Ids>()) << i;
  }
}

TEST_P(WholeWords, AreMaskedAsTheReferenceMasksThem) {
  const Tokenizer tokenizer = tokenizer_of(golden_tokenizer());
  const MaskingVocabulary vocabulary = MaskingVocabulary::of(tokenizer);
  for (const auto& [name, rule] : {std::pair{"offsets", WholeWordRule::offsets},
                                   {"words", WholeWordRule::words},
                                   {"legacy", WholeWordRule::legacy}}) {
    if (!golden_tokenizer().contains(name)) continue;
    CollatorOptions options;
    options.whole_word_mask = true;
    options.whole_word_rule = rule;
    options.masking_rng = MaskingRng::torch;
    const Chunks chunks = cut_texts(tokenizer, options.word_bounds());
    for (const Json& golden_case : golden_tokenizer().at(name)) {
      SCOPED_TRACE(fmt::format("{}, {}, seed {}", golden_tokenizer().at("name").get<std::string>(), name,
                               golden_case.at("seed").get<int>()));
      options.seed = golden_case.at("seed");
      (rule == WholeWordRule::words ? options.wwm_probability : options.mlm_probability) =
          golden_case.at("probability");
      ReferenceStreams streams(options.seed);
      const auto collator = make_reference_collator(options, vocabulary, streams);
      for (const Json& call : golden_case.at("calls")) {
        const Ids ids = call.at("input_ids").get<Ids>();
        std::vector<int64_t> numbers(ids.size() / static_cast<size_t>(chunks.chunk_size()));
        std::iota(numbers.begin(), numbers.end(), call.at("first").get<int64_t>());
        const PaddedBatch got = padded(collator->collate(chunks, numbers, {}).batch);
        EXPECT_EQ(got.input_ids, ids);
        EXPECT_EQ(got.labels, call.at("labels").get<Ids>());
      }
      const Json& after = golden_case.at("after");
      EXPECT_EQ(torch_rand(streams.torch), after.at("torch").get<float>());
      EXPECT_EQ(streams.numpy.rand(), after.at("numpy").get<double>());
      EXPECT_EQ(streams.python.word(), after.at("python").get<uint32_t>());
    }
  }
}

// Masks of the counter choose otherwise, but of the same words.
TEST_P(WholeWords, OfTheCounterAreTheSameWords) {
  const Tokenizer tokenizer = tokenizer_of(golden_tokenizer());
  for (const WholeWordRule rule : {WholeWordRule::words, WholeWordRule::offsets, WholeWordRule::legacy}) {
    MaskOptions options;
    options.whole_word_mask = true;
    options.whole_word_rule = rule;
    options.mlm_probability = options.wwm_probability = 0.5;
    const MaskingVocabulary vocabulary = MaskingVocabulary::of(tokenizer);
    const Chunks chunks = cut_texts(tokenizer, options.word_bounds());
    std::vector<int64_t> numbers(static_cast<size_t>(chunks.size()));
    std::iota(numbers.begin(), numbers.end(), 0);
    int64_t masked = 0;
    for (uint64_t epoch = 0; epoch < 20; ++epoch) {
      const std::vector<MaskedChunk> all = mask(chunks, numbers, tokenizer, options, epoch);
      for (int64_t i = 0; i < chunks.size(); ++i) {
        const Ids ids = chunks.ids(i), words = chunks.word_ids(i);
        const Ids& labels = all[static_cast<size_t>(i)].labels;
        for (size_t t = 0; t < ids.size(); ++t) {
          const bool chosen = labels[t] != MaskedChunk::kNotChosen;
          masked += chosen;
          EXPECT_FALSE(chosen && (vocabulary.is_special(ids[t]) || words[t] == Encoding::kNoWord));
          if (t == 0 || words[t] == Encoding::kNoWord || words[t] != words[t - 1]) continue;
          if (vocabulary.is_special(ids[t]) || vocabulary.is_special(ids[t - 1])) continue;
          EXPECT_EQ(chosen, labels[t - 1] != MaskedChunk::kNotChosen) << i << ' ' << t;
        }
      }
    }
    EXPECT_GT(masked, chunks.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, WholeWords, testing::Range(size_t{0}, size_t{6}));

TEST(WholeWordRules, AreTestedWithEveryGoldenTokenizer) { EXPECT_EQ(golden_words().at("tokenizers").size(), 6u); }

TEST(WholeWordRules, NeedChunksThatAreCutForThem) {
  const Tokenizer tokenizer = tokenizer_of(golden_words().at("tokenizers").at(0));
  MaskOptions options;
  options.whole_word_mask = true;
  options.whole_word_rule = WholeWordRule::offsets;
  EXPECT_THAT(
      message_of(ErrorKind::usage, [&] { mask(cut_texts(tokenizer, WordBounds::tokenizer), {0}, tokenizer, options); }),
      HasSubstr("whole_word_rule offsets needs chunks that are cut by words of its kind: pass "
                "ChunkOptions::words offsets to chunk()"));
  for (const WholeWordRule rule : {WholeWordRule::words, WholeWordRule::legacy}) {
    options.whole_word_rule = rule;
    EXPECT_THAT(
        message_of(ErrorKind::usage, [&] { mask(cut_texts(tokenizer, WordBounds::offsets), {0}, tokenizer, options); }),
        HasSubstr("ChunkOptions::words tokenizer"));
  }
  options.whole_word_mask = false;
  EXPECT_EQ(mask(cut_texts(tokenizer, WordBounds::offsets), {0}, tokenizer, options).size(), 1u);
}

TEST(WholeWordRules, ByOffsetsStayThatInPartsOfTheRows) {
  const Tokenizer tokenizer = tokenizer_of(golden_words().at("tokenizers").at(1));
  const Chunks chunks = cut_texts(tokenizer, WordBounds::offsets);
  MaskOptions options;
  options.whole_word_mask = true;
  options.whole_word_rule = WholeWordRule::offsets;
  EXPECT_EQ(mask(chunks.of_rows(0, chunks.source_rows()).select({1, 0}), {0, 1}, tokenizer, options).size(), 2u);
}

// A word that is longer than what may be taken is passed over; a special token is a word, but is never masked.
TEST(WholeWordRules, LegacyKeepsItsBudget) {
  MaskingVocabulary vocabulary = uncased_vocabulary();
  vocabulary.boundary_ids = {101, 102};
  const std::vector<std::vector<int32_t>> rows{{101, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 102},
                                               {101, 100, 103, 100, 103, 100, 103, 100, 103, 102},
                                               {101, 102, 101, 102}};
  const Chunks chunks = chunks_of(rows, {{0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, {0, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1}});
  CollatorOptions options;
  options.whole_word_mask = true;
  options.whole_word_rule = WholeWordRule::legacy;
  for (const double probability : {0.15, 1.0}) {
    options.mlm_probability = probability;
    ReferenceStreams streams(1);
    for (const auto& collator : {make_counter_collator(options, vocabulary, RandomUse::mask),
                                 make_reference_collator(options, vocabulary, streams)}) {
      const Batch batch = collator->collate(chunks, std::vector<int64_t>{0, 1, 2}, {}).batch;
      EXPECT_EQ(batch.masked_rows.size(), probability == 1 ? 8u : 0u);
    }
  }
}

}  // namespace
}  // namespace tekio::test
