// The table of tokens where its slots end: tokens of every length, alike in all but one place.
#include "text/vocabulary.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>

namespace tekio::test {
namespace {

TEST(VocabularyTest, TellsTokensApartThatDifferInOnePlace) {
  Vocabulary vocabulary;
  std::vector<std::string> tokens;
  for (const size_t length : {0, 1, 2, 7, 8, 9, 10, 11, 12, 13, 16, 40, 254, 255, 256, 300}) {
    tokens.emplace_back(length, 'a');
    for (size_t at = 0; at < length; ++at) (tokens.emplace_back(length, 'a'))[at] = 'b';
    if (length > 0) (tokens.emplace_back(length, 'a'))[length - 1] = '\0';
  }
  for (size_t id = 0; id < tokens.size(); ++id) ASSERT_TRUE(vocabulary.add(tokens[id], static_cast<int32_t>(id)));
  EXPECT_EQ(vocabulary.size(), tokens.size());
  EXPECT_EQ(vocabulary.longest_token_bytes(), 300u);
  for (size_t id = 0; id < tokens.size(); ++id) {
    const auto expected = static_cast<int32_t>(id);
    EXPECT_EQ(vocabulary.find(tokens[id]), expected);
    EXPECT_EQ(vocabulary.token(expected), tokens[id]);
    // By its hash, among bytes that go on.
    const std::string longer = tokens[id] + "aaaaaaaaaaaa";
    EXPECT_EQ(vocabulary.find(Vocabulary::hash(Vocabulary::kHashStart, tokens[id]), longer.data(), tokens[id].size()),
              expected);
    EXPECT_EQ(vocabulary.find(tokens[id] + "c"), -1);
  }
}

TEST(VocabularyTest, RefusesWhatIsTakenAndLeavesNothingBehind) {
  Vocabulary vocabulary;
  EXPECT_EQ(vocabulary.find("a"), -1);
  EXPECT_FALSE(vocabulary.token(0));
  EXPECT_TRUE(vocabulary.add("a", 5));
  EXPECT_FALSE(vocabulary.add("a", 9));
  EXPECT_FALSE(vocabulary.add("b", 5));
  EXPECT_EQ(vocabulary.id_end(), 6);
  EXPECT_EQ(vocabulary.size(), 1u);
  EXPECT_EQ(vocabulary.find("b"), -1);
  EXPECT_FALSE(vocabulary.token(4));
  EXPECT_FALSE(vocabulary.token(-1));
}

TEST(VocabularyTest, EqualsAMapWhileItGrows) {
  std::mt19937 random(3);
  Vocabulary vocabulary;
  std::unordered_map<std::string, int32_t> map;
  for (int32_t id = 0; id < 20'000; ++id) {
    std::string token;
    for (auto n = random() % 16; n > 0; --n) token.push_back(static_cast<char>('a' + random() % 3));
    EXPECT_EQ(vocabulary.add(token, id), map.emplace(token, id).second);
  }
  for (const auto& [token, id] : map) ASSERT_EQ(vocabulary.find(token), id);
}

}  // namespace
}  // namespace tekio::test
