#include "data/split_slice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "scratch_folder.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::pair<int64_t, int64_t> rows(const std::string& text, int64_t count) {
  return parse_slices(text).value().at(0).rows(count);
}

TEST(SplitSlice, BoundsAreTheReferences) {
  EXPECT_THAT(rows("train[:10%]", 25), Pair(0, 2));  // 2.5: halves to the even row
  EXPECT_THAT(rows("train[:30%]", 25), Pair(0, 8));  // 7.5
  EXPECT_THAT(rows("train[10%:20%]", 25'000), Pair(2500, 5000));
  EXPECT_THAT(rows("train[-100:]", 250), Pair(150, 250));
  EXPECT_THAT(rows("train[-100:]", 50), Pair(0, 50));
  EXPECT_THAT(rows("train[-10%:]", 25), Pair(23, 25));
  EXPECT_THAT(rows("train[:5_000]", 10'000), Pair(0, 5000));
  EXPECT_THAT(rows("train[:5000]", 300), Pair(0, 300));
  EXPECT_THAT(rows("train[10:5]", 300).second, 10);  // none
  EXPECT_THAT(rows("train[:]", 300), Pair(0, 300));
  EXPECT_THAT(rows("train", 300), Pair(0, 300));
  EXPECT_THAT(rows("train[10:20%]", 300), Pair(30, 60));  // one % is for both
  EXPECT_THAT(rows("train[:50%](closest)", 3), Pair(0, 2));
}

TEST(SplitSlice, NoMoreRowsAreCountedThanItTakes) {
  const auto needed = [](const std::string& text) { return parse_slices(text).value().at(0).rows_needed(); };
  EXPECT_EQ(needed("train[:500]"), 500);
  EXPECT_EQ(needed("train[100:500]"), 500);
  EXPECT_EQ(needed("train[500:100]"), 500);
  EXPECT_EQ(needed("train[:0]"), 0);
  for (const char* all : {"train", "train[:]", "train[5:]", "train[:-5]", "train[-9:5]", "train[:10%]", "train[5:10%]"})
    EXPECT_EQ(needed(all), std::nullopt) << all;
  for (const char* text : {"train[:500]", "train[3:9]", "train[9:3]"})
    for (const int64_t count : {0, 2, 5, 9, 10, 499, 500, 501, 5000})
      EXPECT_EQ(rows(text, count), rows(text, std::min(count, *needed(text)))) << text << " of " << count;
}

TEST(SplitSlice, SumsAreTakenApart) {
  const auto slices = parse_slices("train[:100]+ train[-100:] + test").value();
  ASSERT_EQ(slices.size(), 3u);
  EXPECT_EQ(slices[0].split, "train");
  EXPECT_EQ(slices[1].from, -100);
  EXPECT_EQ(slices[2].split, "test");
  EXPECT_TRUE(slices[2].is_whole());
}

TEST(SplitSlice, WhatHasAnotherFormIsNone) {
  for (const char* text : {"", "my-split", "train[", "train[:5", "train]", "[:5]", "train[:5]x", "train+", "+train",
                           "a/b", "train(closest)x", "a..b", ".a"})
    EXPECT_FALSE(parse_slices(text)) << text;
  for (const char* text : {"train", "a.b_1", "zwölf", "train[:1]"}) EXPECT_TRUE(parse_slices(text)) << text;
}

TEST(SplitSlice, WhatHasTheFormButNoMeaningIsRefused) {
  for (const char* text : {"train[]", "train[5]", "train[a:]", "train[1:2:3]", "train[:1O]", "train[: 5]",
                           "train[--5:]", "train[:%]", "train[:5.5%]", "train[_1:]", "train[:9999999999999999999]"})
    expect_error(ErrorKind::usage, {"the slice", "train[:5000]"}, [&] { parse_slices(text); });
  expect_error(ErrorKind::usage, {"101 %", "-100 to 100"}, [] { parse_slices("train[:101%]"); });
  expect_error(ErrorKind::usage, {"pct1_dropremainder", "not supported"},
               [] { parse_slices("train[:10%](pct1_dropremainder)"); });
}

TEST(SplitSlice, TheColonBeforeASplitIsFound) {
  const auto split = [](const std::string& spec) {
    const auto colon = find_split_colon(spec);
    return colon ? spec.substr(*colon + 1) : "none";
  };
  EXPECT_EQ(split("imdb"), "none");
  EXPECT_EQ(split("imdb:train"), "train");
  EXPECT_EQ(split("imdb:train[:10%]"), "train[:10%]");
  EXPECT_EQ(split("imdb:train[1:2]+test[3:]"), "train[1:2]+test[3:]");
  EXPECT_EQ(split("a:b/c:train[1:2]"), "train[1:2]");
  EXPECT_EQ(split("notes/[ab].txt:train[:3]"), "train[:3]");
  EXPECT_EQ(split("d:my-split"), "my-split");
  EXPECT_EQ(split(":train"), "none");
}

/// The reference's rows of 200 random slices.
TEST(SplitSlice, RandomSlicesAreTheReferences) {
  const Json golden = read_json(TEKIO_GOLDEN_DIR "/data/slices.json");
  ASSERT_EQ(golden.size(), 200u);
  for (const Json& one : golden) {
    const std::string text = one["slice"];
    const auto slices = parse_slices(text);
    ASSERT_TRUE(slices) << text;
    std::vector<int64_t> rows;
    for (const SplitSlice& slice : *slices) {
      const auto [begin, end] = slice.rows(one["rows"]);
      for (int64_t row = begin; row < end; ++row) rows.push_back(row);
    }
    const std::vector<int64_t> ends =
        rows.empty() ? std::vector<int64_t>() : std::vector<int64_t>{rows.front(), rows.back()};
    EXPECT_EQ(static_cast<int64_t>(rows.size()), one["count"]) << text << " of " << one["rows"];
    EXPECT_EQ(ends, one["ends"].get<std::vector<int64_t>>()) << text << " of " << one["rows"];
  }
}

}  // namespace
}  // namespace tekio::test
