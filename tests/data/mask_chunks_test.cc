// The public tekio::mask: that it shows what training would be fed, and what it refuses.
#include <tekio/masking.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "data/chunks_of.h"
#include "text/folders.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

/// Eight chunks of ids that the golden vocabulary has.
Chunks some_chunks() {
  std::vector<std::vector<int32_t>> rows(8);
  for (int32_t r = 0; r < 8; ++r)
    for (int32_t t = 0; t < 40; ++t) rows[static_cast<size_t>(r)].push_back(10 + (r * 40 + t) % 50);
  return chunks_of(rows);
}

TEST(Mask, ShowsWhatTrainingIsFed) {
  const Chunks chunks = some_chunks();
  const Tokenizer tokenizer = bert();
  const std::vector<int64_t> numbers{5, 0, 7};
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch}) {
    for (const bool whole_word : {false, true}) {
      MaskOptions options{
          .mlm_probability = 0.3, .whole_word_mask = whole_word, .wwm_probability = 0.4, .masking_rng = rng, .seed = 9};
      const std::vector<MaskedChunk> got = mask(chunks, numbers, tokenizer, options, /*epoch=*/2);
      const CollatorOptions inner{options};
      ReferenceStreams streams(9);
      const auto collator = rng == MaskingRng::counter
                                ? make_counter_collator(inner, MaskingVocabulary::of(tokenizer))
                                : make_reference_collator(inner, MaskingVocabulary::of(tokenizer), streams);
      const PaddedBatch expected = padded(collator->collate(chunks, numbers, {.epoch = 2}).batch);
      PaddedBatch joined;
      ASSERT_EQ(got.size(), 3u);
      for (const MaskedChunk& c : got) {
        joined.input_ids.insert(joined.input_ids.end(), c.input_ids.begin(), c.input_ids.end());
        joined.labels.insert(joined.labels.end(), c.labels.begin(), c.labels.end());
      }
      EXPECT_EQ(joined.input_ids, expected.input_ids);
      EXPECT_EQ(joined.labels, expected.labels);
      EXPECT_THAT(joined.labels, testing::Contains(testing::Ne(MaskedChunk::kNotChosen)));
    }
  }
  EXPECT_TRUE(mask(chunks, {}, tokenizer).empty());
}

TEST(Mask, RefusesWhatIsNotThere) {
  const Chunks chunks = some_chunks();
  const Tokenizer tokenizer = bert();
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { mask(chunks, {8}, tokenizer); }), HasSubstr("chunk 8"));
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { mask(chunks, {-1}, tokenizer); }), HasSubstr("chunk -1"));
  for (const double wrong : {0.0, -0.1, 1.01, std::nan("")}) {
    EXPECT_THAT(message_of(ErrorKind::usage, [&] { mask(chunks, {0}, tokenizer, {.mlm_probability = wrong}); }),
                HasSubstr("mlm_probability"));
    EXPECT_THAT(message_of(ErrorKind::usage, [&] { mask(chunks, {0}, tokenizer, {.wwm_probability = wrong}); }),
                HasSubstr("wwm_probability"));
  }
}

TEST(MaskingVocabulary, IsTheTokenizers) {
  const Tokenizer tokenizer = bert();
  const auto vocabulary = MaskingVocabulary::of(tokenizer);
  EXPECT_EQ(vocabulary.mask_id, *tokenizer.mask_id());
  EXPECT_EQ(vocabulary.pad_id, *tokenizer.pad_id());
  EXPECT_EQ(vocabulary.size, tokenizer.vocabulary_size());
  EXPECT_EQ(vocabulary.special_ids, tokenizer.all_special_ids());
  for (const int32_t id : {*tokenizer.mask_id(), *tokenizer.unknown_id(), *tokenizer.cls_id()})
    EXPECT_TRUE(vocabulary.is_special(id));
  EXPECT_FALSE(vocabulary.is_special(20));
}

TEST(MaskingVocabulary, NeedsAMaskToken) {
  const Tokenizer tokenizer = load(
      folder({{"tokenizer.json", R"({"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1}}})"},
              {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast","unk_token":"[UNK]"})"}}));
  EXPECT_THAT(message_of(ErrorKind::input, [&] { MaskingVocabulary::of(tokenizer); }), HasSubstr("no mask token"));
}

}  // namespace
}  // namespace tekio::test
