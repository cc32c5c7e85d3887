// tekio serve: what it answers, what it refuses, and how it ends.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <thread>

#include "program.h"
#include "silent_server.h"
#include "support/http_client.h"
#include "support/notify_socket.h"

namespace tekio::test {
namespace {

using testing::Contains, testing::HasSubstr, testing::Not, testing::Pair;
using Json = nlohmann::ordered_json;

class ServeCommand : public testing::Test {
 protected:
  void SetUp() override {
    if (!TEKIO_HAS_HTTP) GTEST_SKIP() << "this build has no HTTP module";
  }

  void start(std::vector<std::string> more = {}, const Start& how = {}) {
    std::vector<std::string> arguments = {"serve", "--port", "0", "--model", model_folder()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    server_ = std::make_unique<Running>(arguments, how);
    const std::string before = " serving  http://127.0.0.1:";
    ASSERT_TRUE(server_->wait_for(before)) << server_->said();
    port_ = std::stoi(server_->said().substr(server_->said().find(before) + before.size()));
  }
  HttpReply fill(const Json& request, const std::string& headers = "", const std::string& model = "tiny-model") const {
    return http_request(port_, "POST", "/models/" + model, request.dump(), headers);
  }
  static std::string error_of(const HttpReply& reply) { return Json::parse(reply.body).at("error").get<std::string>(); }
  Result stop(int signal = SIGTERM) {
    server_->signal(signal);
    return server_->finish();
  }

  std::unique_ptr<Running> server_;
  int port_ = 0;
};

TEST_F(ServeCommand, AnswersWhatFillPrints) {
  start({"--dtype", "f32"});
  const std::string one = "a [MASK].", two = "a [MASK] is [MASK].";
  const auto printed = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"fill", "--json", "--model", model_folder()});
    return run(arguments).json();
  };
  const auto answered = [&](const Json& request) {
    const HttpReply reply = fill(request);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body);
  };
  EXPECT_EQ(answered({{"inputs", one}}), printed({one}));
  EXPECT_EQ(answered({{"inputs", two}}), printed({two}));
  EXPECT_EQ(answered({{"inputs", {one}}}), printed({one}));
  EXPECT_EQ(answered({{"inputs", one}, {"parameters", {{"top_k", 3}}}}), printed({"--top_k", "3", one}));
  EXPECT_EQ(answered({{"inputs", one}, {"parameters", {{"targets", {"the", "film"}}}}}),
            printed({"--targets", "the,film", one}));
  const Json both = answered({{"inputs", {one, two}}}), expected = printed({one, two});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0][0]["token"], expected[0][0]["token"]);
  EXPECT_EQ(both[1][1][0]["token"], expected[1][1][0]["token"]);
  EXPECT_NEAR(both[0][0]["score"].get<double>(), expected[0][0]["score"].get<double>(), 1e-6);
  answered({{"inputs", one}, {"parameters", {{"targets", {"unheardof", "film"}}}}});
  const Result result = stop();
  EXPECT_EQ(result.code, 143);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, Not(HasSubstr("unheardof"))) << "clients write into the log";
}

TEST_F(ServeCommand, ComputesInWhatIsFastestHere) {
  const std::string text = "a [MASK] of the film.";
  const Json exact = run({"fill", "--json", "--model", model_folder(), text}).json();
  start();
  EXPECT_THAT(server_->said(), testing::ContainsRegex(" model    tiny-model · DistilBERT · (f32|bf16)"));
  const Json listed = Json::parse(http_request(port_, "GET", "/models").body)["models"][0];
  EXPECT_THAT(server_->said(), HasSubstr(" · " + listed["dtype"].get<std::string>()));
  const Json reply = Json::parse(fill({{"inputs", text}, {"parameters", {{"top_k", 2048}}}}).body);
  for (const Json& prediction : exact) {
    const auto same = std::ranges::find(reply, prediction["token"], [](const Json& each) { return each["token"]; });
    ASSERT_NE(same, reply.end());
    const double score = prediction["score"].get<double>();
    EXPECT_NEAR((*same)["score"].get<double>(), score, 0.02 * score);  // a few roundings to eight bits
  }
}

TEST_F(ServeCommand, RefusesWithAStatusAndASentence) {
  start({"--max_body", "2kB"});
  const auto check = [](const HttpReply& reply, int status, const char* sentence) {
    EXPECT_EQ(reply.status, status);
    EXPECT_THAT(error_of(reply), HasSubstr(sentence));
  };
  check(fill({{"inputs", "no mask"}}), 400, "no [MASK] in \"no mask\"");
  check(fill({{"inputs", {"a [MASK].", "no mask"}}}), 400, "text 2 of 2: no [MASK]");
  check(fill({{"inputs", "[MASK]" + std::string(600, '.')}}), 422, "the model takes at most");
  check(fill({{"inputs", std::string(3'000, 'x')}}), 413, "--max_body");
  check(fill({{"inputs", "a [MASK]."}}, "", "other"), 404, "there is no model other");
  check(http_request(port_, "POST", "/models/tiny-model", "{\"inputs\""), 400, "the body");
  check(http_request(port_, "POST", "/models/tiny-model", std::string(1'900, '[')), 400, "the body");
  check(http_request(port_, "GET", "/nothing"), 404, "nothing here");
  const HttpReply wrong = http_request(port_, "PUT", "/models/tiny-model", "{}");
  check(wrong, 405, "PUT");
  EXPECT_THAT(wrong.headers, Contains(Pair("allow", "POST")));
  EXPECT_EQ(http_request(port_, "GET", "/health").status, 200);
  EXPECT_THAT(http_request(port_, "GET", "/metrics").body,
              HasSubstr("tekio_http_requests_total{route=\"/models/{name}\",status=\"413\"} 1\n"));
  EXPECT_THAT(http_request(port_, "GET", "/").body, HasSubstr("<title>Tekio"));
}

TEST_F(ServeCommand, DemandsItsToken) {
  start({}, {.environment = {{"TEKIO_SERVE_TOKEN", "secret"}}});
  EXPECT_EQ(fill({{"inputs", "a [MASK]."}}).status, 401);
  EXPECT_EQ(fill({{"inputs", "a [MASK]."}}, "Authorization: Bearer secret\r\n").status, 200);
  EXPECT_EQ(http_request(port_, "GET", "/health").status, 200);
}

TEST_F(ServeCommand, WarnsWhereOtherMachinesReachItWithoutAToken) {
  const auto said_with = [](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"serve", "--port", "0", "--model", model_folder()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Running server(arguments);
    EXPECT_TRUE(server.wait_for(" serving  http://")) << server.said();
    server.signal(SIGTERM);
    return server.finish().err;
  };
  const std::string advice = "TEKIO_SERVE_TOKEN limits that to who has it";
  EXPECT_THAT(said_with({"--host", "0.0.0.0"}), HasSubstr(advice));
  EXPECT_THAT(said_with({"--host", "0.0.0.0", "--token", "secret"}), Not(HasSubstr(advice)));
  EXPECT_THAT(said_with({}), Not(HasSubstr(advice)));
}

TEST_F(ServeCommand, RefusesPagesOfOtherServers) {
  start();
  EXPECT_EQ(http_request(port_, "GET", "/models").status, 200);
  const HttpReply reply = http_request(port_, "GET", "/models", "", "Origin: http://a.example\r\n");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.body, HasSubstr("the request is for localhost from a page of http://a.example; expected"));
}

TEST_F(ServeCommand, EndsWhenWhatHadArrivedIsAnswered) {
  start({"--json"});
  const std::string body = R"({"inputs": "a [MASK]."})";
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port_));
    ASSERT_TRUE(clients.back()->send("POST", "/models/tiny-model", body));
    ASSERT_EQ(clients.back()->read().status, 200);
  }
  // So many that most wait when the server hears the signal. In one piece: what is sent to this machine has arrived,
  // while of many pieces some wait on this side until others are acknowledged.
  constexpr int kRequests = 50;
  std::string requests;
  for (int i = 0; i < kRequests; ++i)
    requests += fmt::format("POST /models/tiny-model HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
                            body.size(), body);
  for (const auto& client : clients) ASSERT_TRUE(client->send(requests));
  server_->signal(SIGTERM);
  for (const auto& client : clients) {
    for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client->read().status, 200) << i;
    EXPECT_TRUE(client->closes_without_reply());
  }
  const Result result = server_->finish();
  EXPECT_EQ(result.code, 143);
  EXPECT_THAT(result.err, HasSubstr(" stopped  what had arrived is answered"));
  EXPECT_EQ(result.json()["models"], Json({"tiny-model"}));
}

TEST_F(ServeCommand, RefusesWhoWaitsForModelsThatAreNotOpenedAnyMore) {
  const SilentServer hub;
  const ScratchFolder cache;
  const std::string name = "@tekio-opening-" + std::to_string(::getpid());
  const NotifySocket manager(name);
  const int port = SilentServer().port();  // free again
  Running server({"serve", "--port", std::to_string(port), "--model", "org/model"},
                 {.environment = {{"NOTIFY_SOCKET", name},
                                  {"HF_ENDPOINT", "http://127.0.0.1:" + std::to_string(hub.port())},
                                  {"HF_HUB_CACHE", cache / ""},
                                  {"HF_HUB_OFFLINE", "0"}}});
  hub.wait_for_client();  // the model is being opened
  HttpClient fill(port), several(port);
  const std::string body = R"({"inputs": "a [MASK]."})";
  ASSERT_TRUE(fill.send("POST", "/models/model", body));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(several.send("GET", "/models", ""));
  const HttpReply health = http_request(port, "GET", "/health");
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(Json::parse(health.body)["status"], "opening");
  server.signal(SIGTERM);
  for (HttpClient* client : {&fill, &several}) {
    const HttpReply reply = client->read();
    EXPECT_EQ(reply.status, 503);
    EXPECT_THAT(reply.headers, Contains(Pair("retry-after", "1")));
    EXPECT_THAT(error_of(reply), HasSubstr("stopping"));
  }
  for (int i = 1; i < 3; ++i) EXPECT_EQ(several.read().status, 503);
  const Result result = server.finish();
  EXPECT_EQ(result.code, 143);
  EXPECT_THAT(result.err, HasSubstr(" stopped  what had arrived is answered"));
  EXPECT_EQ(manager.told(), "STOPPING=1") << "it was never ready";
}

TEST_F(ServeCommand, TellsItsServiceManagerWhenModelsAreOpenAndWhenItStops) {
  const std::string name = "@tekio-serve-" + std::to_string(::getpid());
  const NotifySocket manager(name);
  start({}, {.environment = {{"NOTIFY_SOCKET", name}}});
  EXPECT_EQ(http_request(port_, "GET", "/health").status, 200);
  EXPECT_EQ(manager.told(), fmt::format("READY=1\nSTATUS=serving http://127.0.0.1:{}", port_));
  EXPECT_EQ(manager.told(), "");
  EXPECT_EQ(stop().code, 143);
  EXPECT_EQ(manager.told(), "STOPPING=1");
}

TEST_F(ServeCommand, EndsByCtrlC) {
  start();
  EXPECT_EQ(stop(SIGINT).code, 130);
}

TEST_F(ServeCommand, EndsAtOnceByASecondSignalOfEitherKind) {
  for (const int second : {SIGINT, SIGTERM}) {
    start();
    const HttpClient reader(port_);  // takes nothing of an answer that no buffer holds, for which a stop waits
    const Json request = {{"inputs", std::vector<std::string>(100, "a [MASK] of the film.")},
                          {"parameters", {{"top_k", 2048}}}};
    ASSERT_TRUE(reader.send("POST", "/models/tiny-model", request.dump()));
    server_->signal(SIGTERM);
    while (HttpClient(port_).is_connected()) std::this_thread::yield();  // it has heard
    server_->signal(second);
    const Result result = server_->finish();
    EXPECT_EQ(result.code, 143) << second;
    EXPECT_THAT(result.err, Not(HasSubstr(" stopped ")));
  }
}

TEST_F(ServeCommand, ShowsARun) {
  const ScratchFolder folder;
  folder.write("metrics.jsonl", "{\"step\":1,\"loss\":2.5}\n");
  folder.write("options.json", "{\"prompts\":[\"a [MASK].\"]}");
  start({"--run", folder / ""});
  EXPECT_EQ(Json::parse(http_request(port_, "GET", "/models").body)["prompts"], Json({"a [MASK]."}));
  HttpClient watching(port_);
  watching.send("GET", "/events", "");
  EXPECT_TRUE(watching.read_until("event: update\ndata: {\"step\":1,\"loss\":2.5}\n\n"));
  EXPECT_EQ(stop().code, 143);
}

TEST_F(ServeCommand, RefusesWhatCannotBeServed) {
  const auto check = [](std::vector<std::string> more, int code, const char* sentence) {
    more.insert(more.begin(), {"serve", "--model", model_folder()});
    const Result result = run(more);
    EXPECT_EQ(result.code, code);
    EXPECT_THAT(result.err, HasSubstr(sentence));
  };
  check({"--model", model_folder(), "--port", "0"}, 2, "two models are called tiny-model");
  check({"--max_body", "lots"}, 2, "--max_body is lots; expected 100 to 4GB");
  check({"--max_body", "5GB"}, 2, "--max_body is 5GB");
  check({"--port", "65536"}, 2, "--port");
  check({"--host", "192.0.2.1"}, 4, "cannot listen on 192.0.2.1 port 8080");
  check({"--host", "no such host"}, 4, "cannot listen on no such host port 8080");
  check({"--run", model_folder() + "/config.json"}, 2, "is a file, expected the folder of a run");
  start();
  check({"--port", std::to_string(port_)}, 4, "Address already in use");
}

TEST(ServeWithoutItsModule, SaysSoInOneSentence) {
  const Result result = run({"serve"}, {.environment = {{"TEKIO_HTTP_MODULE", "/nonexistent/libtekio_http.so"}}});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("without it this Tekio has no server: install"));
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1);
}

}  // namespace
}  // namespace tekio::test
