#include "base/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

Json yaml(std::string_view text) { return parse_yaml(text, "card"); }

std::string refusal(std::string_view text) {
  try {
    yaml(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    return error.what();
  }
  ADD_FAILURE() << "taken: " << text.substr(0, 100);
  return "";
}

TEST(Yaml, ScalarsAreWhatTheyAreWrittenAs) {
  EXPECT_EQ(yaml("a: 1\nb: true\nc: no\nd: 'x y'\ne: \"t\\tb\"\nf: 2020-01-01\n"),
            (Json{{"a", "1"}, {"b", "true"}, {"c", "no"}, {"d", "x y"}, {"e", "t\tb"}, {"f", "2020-01-01"}}));
  EXPECT_EQ(yaml("a: ~\nb:\nc: null\nd: 'null'\ne: ''\nf: !!str\n"),
            (Json{{"a", nullptr}, {"b", nullptr}, {"c", nullptr}, {"d", "null"}, {"e", ""}, {"f", ""}}));
  EXPECT_EQ(yaml("a: |\n  x\n  y\nb: >\n  x\n  y\n"), (Json{{"a", "x\ny\n"}, {"b", "x y\n"}}));
}

TEST(Yaml, ListsMappingsAliasesAndMerges) {
  EXPECT_EQ(yaml("- [a, b]\n- {c: d}\n-\n  - e\n"),
            Json::array({Json::array({"a", "b"}), Json{{"c", "d"}}, Json::array({"e"})}));
  EXPECT_EQ(yaml("a: &x [1]\nb: *x\n"), (Json{{"a", Json::array({"1"})}, {"b", Json::array({"1"})}}));
  EXPECT_EQ(yaml("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n")["y"], (Json{{"a", "1"}, {"b", "3"}}));
  EXPECT_EQ(yaml("x: &x {a: 1}\nz: &z {a: 2, c: 4}\ny: {<<: [*x, *z]}\n")["y"], (Json{{"a", "1"}, {"c", "4"}}));
  EXPECT_EQ(yaml("a: 1\na: 2\n"), (Json{{"a", "2"}}));
  EXPECT_EQ(yaml("&x a: *x\n"), (Json{{"a", "a"}}));
}

TEST(Yaml, NothingIsNull) {
  for (const char* text : {"", "\n", "# a comment\n", "---\n", "~"}) EXPECT_TRUE(yaml(text).is_null()) << text;
}

TEST(Yaml, FaultsAreToldWithTheirPlace) {
  EXPECT_THAT(refusal("a: 1\n\tb: 2\n"), HasSubstr("card:2:"));
  EXPECT_THAT(refusal("a: [1\n"), HasSubstr("card:2:1: "));
  EXPECT_THAT(refusal("a: *x\n"), HasSubstr("card:1:4: an alias without its anchor"));
  EXPECT_THAT(refusal("a: &x [*x]\n"), HasSubstr("stands in itself"));
  EXPECT_THAT(refusal("? [a]\n: b\n"), HasSubstr("a key that is itself"));
  EXPECT_THAT(refusal("a: !!python/object:os.system x\n"), HasSubstr("means nothing here"));
  EXPECT_THAT(refusal("a: !thing x\n"), HasSubstr("means nothing here"));
  EXPECT_THAT(refusal("a: 1\n---\nb: 2\n"), HasSubstr("a second document"));
  EXPECT_THAT(refusal("a: \xff\n"), HasSubstr("card:"));
  EXPECT_THAT(refusal(std::string_view("a: b\0c\n", 7)), HasSubstr("card:"));
  EXPECT_THAT(refusal("a: b: c\n"), HasSubstr("card:1:"));
  try {
    parse_yaml("x\n: y: z\n", "card", 10);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("card:1"));
  }
}

TEST(Yaml, DepthAndSizeAreBounded) {
  std::string deep = "a: ";
  for (int i = 0; i < 100'000; ++i) deep += '[';
  EXPECT_THAT(refusal(deep), HasSubstr("nested deeper than"));
  std::string blocks;
  for (int i = 0; i < 100; ++i) blocks += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(refusal(blocks), HasSubstr("nested deeper than"));
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    laughs += fmt::format("a{0}: &a{0} [", i);
    for (int k = 0; k < 10; ++k) laughs += fmt::format("{}*a{}", k == 0 ? "" : ", ", i - 1);
    laughs += "]\n";
  }
  EXPECT_THAT(refusal(laughs), HasSubstr("aliases unfolded"));
  std::string copies = "a: &a " + std::string(1 << 20, 'x') + "\nb: [";
  for (int i = 0; i < 100; ++i) copies += "*a, ";
  EXPECT_THAT(refusal(copies + "]\n"), HasSubstr("aliases unfolded"));
}

TEST(Yaml, ManyKeysTakeNoLongerThanTheyMust) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += fmt::format("key{}: value\n", i);
  EXPECT_EQ(yaml(text).size(), 100'000u);
}

}  // namespace
}  // namespace tekio::test
