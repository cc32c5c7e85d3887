#include "serve/fill_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"

namespace tekio::serve {
namespace {

using ::testing::HasSubstr;

const RequestLimits kLimits{
    .vocabulary = 1'000,
    .size = [](const std::string& text, uint64_t predictions) { return predictions * text.size(); },
    .texts = 3,
    .targets = 4,
    .answer = 1'000'000};

FillRequest parsed(std::string_view body) { return parse_fill_request(body, kLimits); }

void expect_refused(std::string_view body, const std::string& sentence) {
  try {
    parsed(body);
    ADD_FAILURE() << body << " was taken";
  } catch (const Refusal& refused) {
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.what(), HasSubstr(sentence)) << body;
  }
}

TEST(FillRequest, TakesATextOrAList) {
  const FillRequest one = parsed(R"({"inputs": "a [MASK]."})");
  EXPECT_EQ(one.inputs, std::vector<std::string>{"a [MASK]."});
  EXPECT_FALSE(one.is_list);
  EXPECT_EQ(one.options.top_k, 5);
  EXPECT_TRUE(one.options.targets.empty());
  const FillRequest two =
      parsed(R"({"inputs": ["a [MASK].", "b"], "parameters": null, "options": {"use_cache": false}})");
  EXPECT_EQ(two.inputs.size(), 2u);
  EXPECT_TRUE(two.is_list);
}

TEST(FillRequest, TakesParameters) {
  const FillRequest asked = parsed(R"({"parameters": {"top_k": 1000, "targets": ["x", "y"]}, "inputs": "[MASK]"})");
  EXPECT_EQ(asked.options.top_k, 1000);
  EXPECT_EQ(asked.options.targets, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(parsed(R"({"inputs": "[MASK]", "parameters": {"targets": "x"}})").options.targets.size(), 1u);
  EXPECT_EQ(parsed(R"({"inputs": "[MASK]", "parameters": {"top_k": null, "targets": null}})").options.top_k, 5);
}

TEST(FillRequest, RefusesWhatIsNoRequest) {
  expect_refused("", "the body");
  expect_refused("{\"inputs\": \"a", "the body");
  expect_refused("\"a [MASK].\"", "expected an object");
  expect_refused("[]", "the body is a list");
  expect_refused("{}", "inputs is missing");
  expect_refused(R"({"inputs": null})", "inputs is null");
  expect_refused(R"({"inputs": 3})", "inputs is 3");
  expect_refused(R"({"inputs": {"a": 1}})", "inputs is an object");
  expect_refused(R"({"inputs": []})", "empty list");
  expect_refused("", "the body is empty; expected an object");
  expect_refused(R"({"inputs": ["a", 1]})", "inputs holds 1");
  expect_refused(R"({"inputs": ["a", "b", "c", "d"]})", "expected 3 at most");
  expect_refused(R"({"input": "a", "inputs": "a"})", "input is not known");
  expect_refused(R"({"inputs": "a", "inputs": "b"})", "inputs");
  expect_refused("{\"inputs\": \"\xff\"}", "the body");
  expect_refused(std::string(100'000, '['), "the body");
  expect_refused("{\"inputs\":" + std::string(100'000, '['), "the body");
}

TEST(FillRequest, RefusesValuesOutOfRange) {
  for (const char* top_k : {"0", "-1", "1001", "1.5", "true", "\"5\"", "18446744073709551615", "1e99", "[5]", "{}"})
    expect_refused(std::string(R"({"inputs": "a", "parameters": {"top_k": )") + top_k + "}}",
                   "expected a whole number from 1 to 1000");
  expect_refused(R"({"inputs": "a", "parameters": []})", "parameters is a list");
  expect_refused(R"({"inputs": "a", "parameters": {"topk": 5}})", "topk is not known");
  expect_refused(R"({"inputs": "a", "parameters": {"targets": []}})", "targets is empty");
  expect_refused(R"({"inputs": "a", "parameters": {"targets": ""}})", "targets holds an empty text");
  expect_refused(R"({"inputs": "a", "parameters": {"targets": ["a", ""]}})", "targets holds an empty text");
  expect_refused(R"({"inputs": "a", "parameters": {"targets": 7}})", "targets is 7");
  expect_refused(R"({"inputs": "a", "parameters": {"targets": ["a", null]}})", "targets holds null");
  expect_refused(R"({"inputs": "a", "parameters": {"targets": ["a", "b", "c", "d", "e"]}})", "expected 4 at most");
}

TEST(FillRequest, RefusesAnAnswerThatFillsTheMemory) {
  const std::string texts =
      R"({"inputs": [")" + std::string(4'000, 'x') + R"(", ")" + std::string(3'000, 'x') + R"("])";
  expect_refused(texts + R"(, "parameters": {"top_k": 1000}})", "the answer would have up to 7 MB; expected 1 MB");
  EXPECT_EQ(parsed(texts + "}").answer_bytes, 35'000u);
  EXPECT_EQ(parsed(texts + R"(, "parameters": {"top_k": 1000, "targets": ["a"]}})").answer_bytes, 7'000u);
}

TEST(FillRequest, AnswersAsThePipelineShapesIt) {
  const std::vector<Prediction> list = {{.score = 0.5f, .token = 7, .token_str = "x", .sequence = "a x"}};
  const std::string told = R"([{"score":0.5,"token":7,"token_str":"x","sequence":"a x"}])";
  FillRequest request;
  EXPECT_EQ(answer_to(request, Filled{{list}}), told);
  EXPECT_EQ(answer_to(request, Filled{{list, list}}), "[" + told + "," + told + "]");
  request.is_list = true;
  EXPECT_EQ(answer_to(request, Filled{{list}}), told);  // a list of one text is answered as that text
  EXPECT_EQ(answer_to(request, Filled{{list}, {list, list}}), "[" + told + ",[" + told + "," + told + "]]");
}

TEST(FillRequest, ErrorsAreJson) {
  EXPECT_EQ(Json::parse(error_body("a \"b\"\n\xff")).at("error").get<std::string>(), "a \"b\"\n\xef\xbf\xbd");
}

}  // namespace
}  // namespace tekio::serve
