#include "serve/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

#include "base/json.h"

namespace tekio::serve {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

ServedModel echo(std::string name) {
  return {.name = std::move(name),
          .family = "BERT",
          .mask_token = "[MASK]",
          .dtype = "f32",
          .vocabulary = 100,
          .max_length = 16,
          .answer_size = [](const std::string&, uint64_t predictions) { return predictions; },
          .desk = std::make_unique<Desk>(
              [](std::span<const std::string> texts, const FillOptions&) {
                Filled filled;
                for (const std::string& text : texts) {
                  if (text == "long") throw Refusal(422, "it is too long");
                  if (text == "broken") throw std::runtime_error("no memory");
                  filled.push_back({{{.score = 1, .token = 3, .token_str = "x", .sequence = text}}});
                }
                return filled;
              },
              [](const std::string& text) { return text != "long"; })};
}

std::unique_ptr<Service> service_of(ServiceOptions options = {}, WatchedRun run = {}) {
  std::vector<ServedModel> models;
  models.push_back(echo("base"));
  models.push_back(echo("org/name@v1"));
  auto service = std::make_unique<Service>(std::move(options));
  service->open(std::move(models), std::move(run));
  return service;
}

/// What a client gets.
http::Reply reply_to(Service& service, const http::Request& request) {
  http::Reply reply;
  if (http::Request own = request; service.admit(own, reply)) reply = service.answer(own);
  return reply;
}

http::Reply posted(Service& service, const std::string& path, const std::string& body, const std::string& token = "") {
  return reply_to(service, {.method = "POST", .path = path, .authorization = token, .body = body});
}

http::Reply got(Service& service, const std::string& path, const std::string& token = "") {
  return reply_to(service, {.method = "GET", .path = path, .authorization = token});
}

TEST(Service, FillsByAModelsName) {
  const auto service = service_of();
  for (const char* path : {"/models/base", "/models/org/name@v1"}) {
    const http::Reply reply = posted(*service, path, R"({"inputs": "a [MASK]."})");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, R"([{"score":1.0,"token":3,"token_str":"x","sequence":"a [MASK]."}])");
    EXPECT_EQ(reply.type, "application/json");
  }
}

TEST(Service, LetsGoABodyOnceItIsRead) {
  const auto service = service_of();
  http::Request request{.method = "POST", .path = "/models/base"};
  request.body = R"({"inputs": ")" + std::string(1'000, 'a') + "\"}";
  EXPECT_EQ(service->answer(request).status, 200);
  EXPECT_LT(request.body.capacity(), 1'000u);
}

TEST(Service, RefusesWithASentence) {
  const auto service = service_of();
  const auto error = [](const http::Reply& reply) { return Json::parse(reply.body).at("error").get<std::string>(); };
  const auto check = [&](const http::Reply& reply, int status, const char* sentence) {
    EXPECT_EQ(reply.status, status);
    EXPECT_THAT(error(reply), HasSubstr(sentence));
  };
  check(posted(*service, "/models/base", "{"), 400, "the body");
  check(posted(*service, "/models/base", R"({"inputs": "long"})"), 422, "it is too long");
  check(posted(*service, "/models/base", R"({"inputs": "broken"})"), 500, "no memory");
  check(posted(*service, "/models/none", "{}"), 404, "there is no model none");
  check(posted(*service, "/models/", "{}"), 404, "nothing here");
  check(got(*service, "/nowhere"), 404, "nothing here");
  check(got(*service, "/events"), 404, "--run");
  check(service->error(408), 408, "too long to come");
  check(service->error(413), 413, "--max_body");
  check(service->error(431), 431, "at most 8 kB each");
  check(service->error(429), 429, "too many large requests");
}

TEST(Service, RefusesWhatComesTooLate) {
  const auto service = service_of();
  service->refuse_from(std::chrono::steady_clock::now());
  for (const char* path : {"/models/base", "/models/org/name@v1"}) {
    const http::Reply reply = posted(*service, path, R"({"inputs": "a [MASK]."})");
    EXPECT_EQ(reply.status, 503);
    EXPECT_THAT(reply.body, HasSubstr("the server is stopping"));
    EXPECT_THAT(reply.headers, Contains(Pair("Retry-After", "1")));
  }
  EXPECT_EQ(got(*service, "/health").status, 200);
}

TEST(Service, SaysWhetherItsModelsAreOpen) {
  Service service(ServiceOptions{});
  const auto check = [&](int status, const char* body) {
    const http::Reply reply = got(service, "/health");
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(reply.body, body);
    EXPECT_THAT(reply.headers, Contains(Pair("Retry-After", "1")));
  };
  check(503, R"({"status":"opening","error":"the models are not open yet"})");
  EXPECT_THAT(got(service, "/metrics").body, HasSubstr("\nprocess_resident_memory_bytes "));
  EXPECT_THAT(got(service, "/").body, HasSubstr("<title>Tekio"));
  std::future<http::Reply> listed = std::async(std::launch::async, [&] { return got(service, "/models"); });
  EXPECT_EQ(listed.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  service.give_up();
  check(503, R"({"status":"stopping","error":"the server is stopping"})");
  EXPECT_EQ(listed.get().status, 503);
  EXPECT_EQ(got(*service_of(), "/health").body, R"({"status":"ok"})");
}

TEST(Service, AllowsWhatAPlaceIsFor) {
  const auto service = service_of();
  const http::Reply fill = got(*service, "/models/base");
  EXPECT_EQ(fill.status, 405);
  EXPECT_THAT(fill.headers, Contains(Pair("Allow", "POST")));
  const http::Reply page = posted(*service, "/", "");
  EXPECT_EQ(page.status, 405);
  EXPECT_THAT(page.headers, Contains(Pair("Allow", "GET, HEAD")));
}

TEST(Service, TokenIsDemandedOfModelsAndRunsOnly) {
  const auto service = service_of({.token = "secret"});
  const std::string body = R"({"inputs": "a [MASK]."})";
  const http::Reply without = posted(*service, "/models/base", body);
  EXPECT_EQ(without.status, 401);
  EXPECT_THAT(without.headers, Contains(Pair("WWW-Authenticate", "Bearer")));
  for (const char* wrong :
       {"secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secret2", "Basic secret", "Bearersecret"})
    EXPECT_EQ(posted(*service, "/models/base", body, wrong).status, 401) << wrong;
  for (const char* right : {"Bearer secret", "bearer secret", "BEARER  secret"})
    EXPECT_EQ(posted(*service, "/models/base", body, right).status, 200) << right;
  EXPECT_EQ(posted(*service, "/models/none", body).status, 401);  // which models there are is not told
  EXPECT_EQ(got(*service, "/models").status, 401);
  EXPECT_EQ(got(*service, "/models", "Bearer secret").status, 200);
  EXPECT_EQ(got(*service, "/events").status, 401);
  for (const char* open : {"/", "/page.js", "/page.css", "/health", "/metrics", "/openapi.json"})
    EXPECT_EQ(got(*service, open).status, 200) << open;
}

TEST(Service, RefusesWhatAPageOfAnotherServerAsks) {
  const std::vector<std::string> own = {"localhost", "127.0.0.1", "[::1]", "127.0.0.2"};
  const auto service = service_of({.hosts = own});
  const auto status = [](Service& asked, const std::string& host, const std::string& origin) {
    return reply_to(asked, {.method = "GET", .path = "/health", .host = host, .origin = origin}).status;
  };
  for (const char* host : {"", "localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]", "[::1]:8080", "127.0.0.2:80"})
    EXPECT_EQ(status(*service, host, ""), 200) << host;
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example", "localhost:8080.evil.example",
                           "localhost.", "[::1", "[::1]x", "[::2]", "::1", ":8080", "127.0.0.3", "a@localhost"})
    EXPECT_EQ(status(*service, host, ""), 403) << host;
  for (const char* origin : {"http://localhost:8080", "https://127.0.0.1", "http://[::1]:3000"})
    EXPECT_EQ(status(*service, "localhost", origin), 200) << origin;
  for (const char* origin : {"null", "http://evil.example", "https://localhost.evil.example", "file://", "localhost"})
    EXPECT_EQ(status(*service, "localhost", origin), 403) << origin;
  const auto with_token = service_of({.hosts = own, .token = "secret"});  // a page has no token; a proxy has a name
  EXPECT_EQ(status(*with_token, "models.example", "https://models.example"), 200);
  const auto reached_by_others = service_of();
  EXPECT_EQ(status(*reached_by_others, "models.example", "https://models.example"), 200);
}

TEST(Service, ListsModels) {
  const auto service = service_of();
  const Json listed = Json::parse(got(*service, "/models").body);
  EXPECT_EQ(listed.at("models").size(), 2u);
  EXPECT_EQ(listed.at("models").at(1).at("name"), "org/name@v1");
  EXPECT_EQ(listed.at("models").at(0).at("mask_token"), "[MASK]");
  EXPECT_TRUE(listed.at("run").is_null());
  EXPECT_TRUE(listed.at("prompts").empty());
}

TEST(Service, DescribesItself) {
  const auto service = service_of();
  const Json document = Json::parse(got(*service, "/openapi.json").body);
  const Json& name = document.at("paths").at("/models/{name}").at("post").at("parameters").at(0).at("schema");
  EXPECT_EQ(name.at("enum"), Json({"base", "org/name@v1"}));
  EXPECT_EQ(
      document.at(Json::json_pointer("/components/schemas/Request/properties/parameters/properties/top_k/maximum")),
      100);
  EXPECT_EQ(document.at("components").at("schemas").at("Text").at("pattern"), "\\[MASK\\]");
}

TEST(Service, MetricsNameNoPathThatAClientMadeUp) {
  const auto service = service_of();
  posted(*service, "/models/base", R"({"inputs": "a"})");
  service->answered({.method = "POST", .path = "/models/base"}, 200, 0.01);
  service->answered({.method = "GET", .path = "/made-up\"}"}, 404, 0.01);
  const std::string text = got(*service, "/metrics").body;
  EXPECT_THAT(text, HasSubstr("tekio_http_requests_total{route=\"/models/{name}\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tekio_http_requests_total{route=\"other\",status=\"404\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tekio_texts_total{model=\"base\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tekio_texts_total{model=\"org/name@v1\"} 0\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("made-up")));
}

TEST(Service, WatchesARunForSomeClientsAtOnce) {
  const auto service = service_of({}, {.folder = "/nowhere/run"});
  std::vector<http::Reply> open;
  for (int i = 0; i < 32; ++i) open.push_back(got(*service, "/events"));
  EXPECT_EQ(open.back().status, 200);
  EXPECT_EQ(open.back().type, "text/event-stream");
  EXPECT_EQ(got(*service, "/events").status, 429);
  open.pop_back();
  http::Reply next = got(*service, "/events");
  ASSERT_TRUE(next.stream);
  std::string piece;
  EXPECT_TRUE(next.stream(piece));
  EXPECT_EQ(piece, ": nothing new\n\n");  // so that a browser sees that it is connected
}

TEST(Service, EndsTheEventsOfWhoHasLeft) {
  const auto service = service_of({}, {.folder = "/nowhere/run"});
  bool has_left = false;
  http::Reply reply =
      reply_to(*service, {.method = "GET", .path = "/events", .has_left = [&has_left] { return has_left; }});
  std::string piece;
  EXPECT_TRUE(reply.stream(piece));
  EXPECT_TRUE(reply.stream(piece));
  has_left = true;
  EXPECT_FALSE(reply.stream(piece));
}

}  // namespace
}  // namespace tekio::serve
