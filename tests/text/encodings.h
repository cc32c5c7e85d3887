// What golden files say of encodings.
#pragma once

#include <gtest/gtest.h>

#include <tekio/tokenizer.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "folders.h"
#include "text/text_encoder.h"

namespace tekio::test {

/// Checks an encoding against a golden file's.
inline void expect_equal(const Encoding& got, const Json& expected, const std::string& what) {
  EXPECT_EQ(got.ids, expected["ids"].get<std::vector<int32_t>>()) << what;
  EXPECT_EQ(got.word_ids, expected["words"].get<std::vector<int32_t>>()) << what;
  std::vector<int32_t> offsets;
  for (const auto& [begin, end] : got.offsets) offsets.insert(offsets.end(), {begin, end});
  EXPECT_EQ(offsets, expected["offsets"].get<std::vector<int32_t>>()) << what;
}

/// Checks TextEncoder against encode().
inline void expect_encoder_agrees(TextEncoder& encoder, std::string_view text, const Encoding& expected) {
  std::vector<int32_t> ids;
  std::vector<uint8_t> starts, expected_starts;
  encoder.append(text, ids, starts);
  for (size_t i = 0; i < expected.ids.size(); ++i)
    expected_starts.push_back(expected.word_ids[i] >= 0 &&
                              (i == 0 || expected.word_ids[i] != expected.word_ids[i - 1]));
  EXPECT_EQ(ids, expected.ids) << text;
  EXPECT_EQ(starts, expected_starts) << text;
}

/// Checks a tokenizer against a golden file's: its size, encodings, what ids are decoded to, and the pair of two texts.
inline void expect_as_golden(const Tokenizer& tokenizer, const Json& one, const char* first, const char* second) {
  TextEncoder encoder(tokenizer);
  EXPECT_EQ(tokenizer.vocabulary_size(), one["size"].get<int64_t>());
  for (const Json& text : one["encodings"]) {
    const std::string bytes = from_hex(text["text"]);
    const Encoding got = tokenizer.encode(bytes);
    expect_equal(got, text, bytes);
    expect_encoder_agrees(encoder, bytes, got);
  }
  const auto ids = one["decode_ids"].get<std::vector<int32_t>>();
  EXPECT_EQ(tokenizer.decode(ids), one["decoded"].get<std::string>());
  EXPECT_EQ(tokenizer.decode(ids, {.skip_special_tokens = true}), one["decoded_skipping"].get<std::string>());
  const Encoding pair = tokenizer.encode_pair(first, second);
  EXPECT_EQ(pair.ids, one["pair"].get<std::vector<int32_t>>());
  EXPECT_EQ(pair.type_ids, one["pair_types"].get<std::vector<int32_t>>());
}

/// Checks which tokens are special, and the roles that some have.
inline void expect_special_tokens_as_golden(const Tokenizer& tokenizer, const Json& one) {
  const auto id = [&](const char* role) {
    return one[role].is_null() ? std::nullopt : std::optional(one[role].get<int32_t>());
  };
  EXPECT_EQ(tokenizer.all_special_ids(), one["special"].get<std::vector<int32_t>>());
  EXPECT_EQ(tokenizer.mask_id(), id("mask"));
  EXPECT_EQ(tokenizer.pad_id(), id("pad"));
  EXPECT_EQ(tokenizer.unknown_id(), id("unknown"));
  EXPECT_EQ(tokenizer.cls_id(), id("cls"));
  EXPECT_EQ(tokenizer.sep_id(), id("sep"));
}

}  // namespace tekio::test
