#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/assets.h"
#include "serve/fill_request.h"

namespace tekio::serve {
namespace {

const Json& document() {
  static const Json parsed = parse_json(assets::kOpenApi, "openapi.json");
  return parsed;
}

/// Follows {"$ref": "#/…"}.
const Json& resolved(const Json& at) {
  if (!at.contains("$ref")) return at;
  return document().at(Json::json_pointer(at.at("$ref").get<std::string>().substr(1)));
}

TEST(OpenApi, DescribesEveryPlace) {
  for (const char* path : {"/models/{name}", "/models", "/events", "/health", "/metrics", "/openapi.json"})
    EXPECT_TRUE(document().at("paths").contains(path)) << path;
}

TEST(OpenApi, ReferencesLeadSomewhere) {
  for (const auto& [path, methods] : document().at("paths").items())
    for (const auto& [method, operation] : methods.items())
      for (const auto& [status, response] : operation.at("responses").items())
        EXPECT_TRUE(resolved(response).contains("description")) << path << method << status;
}

TEST(OpenApi, SaysWhoIsRefusedWhereTheModelsAreNotOpen) {
  for (const auto& [path, methods] : document().at("paths").items())
    for (const auto& [method, operation] : methods.items())
      EXPECT_EQ(operation.at("responses").contains("503"), path != "/metrics") << path;
}

TEST(OpenApi, SaysWhatAnyRequestMayBeRefusedFor) {
  for (const auto& [path, methods] : document().at("paths").items())
    for (const auto& [method, operation] : methods.items())
      for (const char* status : {"400", "403", "408", "414", "431", "500", "501"})
        EXPECT_TRUE(operation.at("responses").contains(status)) << path << status;
}

TEST(OpenApi, LimitsAreThoseOfTheParser) {
  const Json& properties = document().at("components").at("schemas").at("Request").at("properties");
  const RequestLimits limits{.vocabulary = 1};
  EXPECT_EQ(properties.at("inputs").at("oneOf").at(1).at("maxItems"), limits.texts);
  const Json& parameters = properties.at("parameters").at("properties");
  EXPECT_EQ(parameters.at("targets").at("oneOf").at(1).at("maxItems"), limits.targets);
  EXPECT_EQ(parameters.at("top_k").at("minimum"), 1);
  EXPECT_EQ(parameters.at("top_k").at("default"), FillRequest().options.top_k);
}

TEST(OpenApi, AnEventIsAnObjectOfItsFields) {
  const Json& content = document().at("paths").at("/events").at("get").at("responses").at("200").at("content");
  const Json& event = resolved(content.at("text/event-stream").at("schema"));
  EXPECT_EQ(event.at("type"), "object");
  EXPECT_EQ(event.at("properties").at("event").at("enum"), Json({"update", "evaluation", "again"}));
  EXPECT_EQ(event.at("properties").at("data").at("type"), "string");
}

}  // namespace
}  // namespace tekio::serve
