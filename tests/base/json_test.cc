// JSON from outside: what is refused, and in which words; what a reader makes of each kind of value.
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

template <typename Action>
std::string input_error(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
    return error.what();
  }
  return "no error";
}
std::string parse_error(std::string_view text) {
  const std::string plain = input_error([&] { parse_json(text, "x.json"); });
  EXPECT_EQ(input_error([&] { parse_ordered_json(text, "x.json"); }), plain);
  return plain;
}
std::string nested(int depth, const char* open, const char* close) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  text += "1";
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Json, ReadsADocument) {
  EXPECT_EQ(parse_json(R"({"b": [1, 2.5, "ä", null, true]})", "x")["b"].size(), 5u);
  EXPECT_EQ(parse_ordered_json(R"({"b": 1, "a": 2})", "x").begin().key(), "b");
  EXPECT_EQ(parse_json("\xEF\xBB\xBF{}", "x"), Json::object());  // a byte order mark, as some editors leave
}

TEST(Json, SaysWhereADocumentEndsToBeJson) {
  EXPECT_THAT(parse_error(""), AllOf(StartsWith("x.json "), HasSubstr("not valid JSON")));
  EXPECT_THAT(parse_error("{\"a\": 1"), HasSubstr("at byte 8 of 7"));
  EXPECT_THAT(parse_error("{\"a\": 1,}"), HasSubstr("at byte 9 of 9"));
  EXPECT_THAT(parse_error("{} {}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(parse_error("[NaN]"), HasSubstr("not valid JSON"));
  EXPECT_THAT(parse_error("[1e999]"), HasSubstr("not valid JSON"));
  EXPECT_THAT(parse_error("[\"\xFF\"]"), HasSubstr("not valid JSON"));          // not UTF-8
  EXPECT_THAT(parse_error("[\"\xED\xA0\x80\"]"), HasSubstr("not valid JSON"));  // a surrogate
  EXPECT_THAT(parse_error("[\"\\ud800\"]"), HasSubstr("not valid JSON"));
  EXPECT_THAT(parse_error(std::string_view("[1]\0", 4)), HasSubstr("not valid JSON"));
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_EQ(parse_error(nested(128, "[", "]")), "no error");
  EXPECT_EQ(parse_error(nested(128, "{\"a\":", "}")), "no error");
  EXPECT_THAT(parse_error(nested(129, "[", "]")), HasSubstr("nested deeper than 128 levels"));
  EXPECT_THAT(parse_error(nested(129, "{\"a\":", "}")), HasSubstr("nested deeper than 128 levels"));
  EXPECT_THAT(parse_error(nested(1'000'000, "[", "]")), HasSubstr("nested deeper"));
  EXPECT_THAT(parse_error(std::string(1'000'000, '[')), HasSubstr("nested deeper"));
}

/// A list of all files of a large repository, say.
TEST(Json, ReadsALongListInTimeThatGrowsWithIt) {
  std::string text = "[";
  constexpr size_t kCount = 300'000;
  for (size_t i = 0; i < kCount; ++i)
    text += fmt::format("{}{{\"name\": \"{}\", \"of\": [{{}}]}}", i == 0 ? "" : ",", i);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_json(text + "]", "list").size(), kCount);
  EXPECT_EQ(parse_ordered_json(text + "]", "list").size(), kCount);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << "minutes, if it is quadratic";
}

TEST(Json, RefusesAKeyTwiceInOneObject) {
  EXPECT_THAT(parse_error(R"({"a": 1, "b": 2, "a": 3})"), HasSubstr("the key \"a\" stands twice"));
  EXPECT_THAT(parse_error(R"([{"b": {"a": 1, "\u0061": 3}}])"), HasSubstr("the key \"a\" stands twice"));
  EXPECT_THAT(parse_error("{\"a\\n\": 1, \"a\\n\": 3}"), HasSubstr("\"a\\x0a\""));
  EXPECT_EQ(parse_error(R"({"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]})"), "no error");
}

TEST(Json, ReadsAFile) {
  EXPECT_THROW(read_json("/nowhere/x.json"), Error);
  EXPECT_TRUE(read_json(TEKIO_GOLDEN_DIR "/rng.json").contains("versions"));
}

TEST(JsonReader, GivesEachKind) {
  const Json document = parse_json(R"({"i": -3, "d": 0.5, "b": false, "s": "text", "n": null, "o": {}})", "x");
  const JsonReader reader(document, "x.json");
  EXPECT_EQ(reader.integer("i"), -3);
  EXPECT_EQ(reader.number("i"), -3.0);
  EXPECT_EQ(reader.number("d"), 0.5);
  EXPECT_EQ(reader.boolean("b"), false);
  EXPECT_EQ(reader.string("s"), "text");
  EXPECT_NE(reader.find("o"), nullptr);
  for (const char* absent : {"n", "none"}) {
    EXPECT_EQ(reader.integer(absent), std::nullopt);
    EXPECT_EQ(reader.number(absent), std::nullopt);
    EXPECT_EQ(reader.boolean(absent), std::nullopt);
    EXPECT_EQ(reader.string(absent), std::nullopt);
    EXPECT_EQ(reader.find(absent), nullptr);
  }
}

TEST(JsonReader, TakesWholeNumbersInEveryForm) {
  const auto integer = [](const char* text) {
    const Json document = parse_json(fmt::format(R"({{"k": {}}})", text), "x");
    return JsonReader(document, "x").integer("k");
  };
  EXPECT_EQ(integer("512.0"), 512);
  EXPECT_EQ(integer("1e3"), 1000);
  EXPECT_EQ(integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(integer("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(integer("9223372036854775808"), INT64_MAX);  // "no limit"
  EXPECT_EQ(integer("18446744073709551615"), INT64_MAX);
  EXPECT_EQ(integer("1000000000000000019884624838656"), INT64_MAX);  // int(1e30), as the reference writes it
  EXPECT_EQ(integer("1e30"), INT64_MAX);
  EXPECT_THAT(input_error([&] { integer("1.5"); }), HasSubstr("k must be a whole number, got 1.5"));
  EXPECT_THAT(input_error([&] { integer("-1e30"); }), HasSubstr("must be a whole number"));
  EXPECT_THAT(input_error([&] { integer("\"3\""); }), HasSubstr("got \"3\""));
  EXPECT_THAT(input_error([&] { integer("true"); }), HasSubstr("got true"));
}

TEST(JsonReader, SaysWhatStandsInsteadAndWhere) {
  const Json document = parse_json(R"({"i": 3, "s": "a\nb", "l": [1]})", "x");
  const JsonReader reader(document, "f/config.json");
  EXPECT_EQ(input_error([&] { (void)reader.boolean("i"); }), "f/config.json: i must be true or false, got 3");
  EXPECT_EQ(input_error([&] { (void)reader.string("i"); }), "f/config.json: i must be a string, got 3");
  EXPECT_EQ(input_error([&] { (void)reader.number("l"); }), "f/config.json: l must be a number, got [1]");
  EXPECT_EQ(input_error([&] { (void)reader.integer("s"); }), "f/config.json: s must be a whole number, got \"a\\nb\"");
  EXPECT_THAT(input_error([&] { JsonReader(document["l"], "x"); }), HasSubstr("expected a JSON object, got array"));
}

TEST(PrettyJson, WritesAsTheReferenceStackDoes) {
  EXPECT_EQ(pretty_json(parse_json(R"({"b": ["ä"], "a": {}})", "x")),
            "{\n  \"a\": {},\n  \"b\": [\n    \"ä\"\n  ]\n}\n");
}

}  // namespace
}  // namespace tekio::test
