// tekio adapt --watch and tekio pretrain --watch: the page from inside of a run, which changes nothing in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "program.h"
#include "silent_server.h"
#include "support/http_client.h"

namespace tekio::test {
namespace {

using testing::HasSubstr, testing::Not;
using Json = nlohmann::ordered_json;

class WatchedRun : public testing::Test {
 protected:
  void SetUp() override {
    if (!TEKIO_HAS_HTTP) GTEST_SKIP() << "this build has no HTTP module";
  }

  std::vector<std::string> adapt(const std::string& name, int steps, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"adapt",
                                    "--model",
                                    model_folder(),
                                    "--data",
                                    text_,
                                    "--output_dir",
                                    folder_ / name,
                                    "--chunk_size",
                                    "16",
                                    "--max_steps",
                                    std::to_string(steps),
                                    "--per_device_train_batch_size",
                                    "8",
                                    "--dropout",
                                    "0.1",
                                    "--no_cache",
                                    "--eval_strategy",
                                    "steps",
                                    "--eval_steps",
                                    "50",
                                    "--prompt",
                                    "the [MASK] of"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Starts a run that is watched on a port of its own, and waits until it is served.
  void start(std::vector<std::string> arguments, const Start& how = {}) {
    arguments.insert(arguments.end(), {"--watch", "0"});
    run_ = std::make_unique<Running>(arguments, how);
    const std::string before = " watch    http://127.0.0.1:";
    ASSERT_TRUE(run_->wait_for(before)) << run_->said();
    port_ = std::stoi(run_->said().substr(run_->said().find(before) + before.size()));
  }
  HttpReply ask(const std::string& model, const Json& request) const {
    return http_request(port_, "POST", "/models/" + model, request.dump());
  }
  std::string weights(const std::string& name) const { return read_file(folder_ / name + "/model.safetensors"); }

  ScratchFolder folder_;
  const std::string text_ = folder_.write("text.txt", sentences(300));
  std::unique_ptr<Running> run_;
  int port_ = 0;
};

TEST_F(WatchedRun, HasTheBitsOfOneThatIsNot) {
  ASSERT_EQ(run(adapt("alone", 200, {"--save_strategy", "no"})).code, 0);
  start(adapt("watched", 200, {"--save_strategy", "no"}));
  EXPECT_THAT(http_request(port_, "GET", "/").body, HasSubstr("<title>Tekio"));
  const Json listed = Json::parse(http_request(port_, "GET", "/models").body);
  EXPECT_EQ(listed["run"], "watched");
  EXPECT_EQ(listed["prompts"], Json({"the [MASK] of"}));
  std::vector<double> scores;
  for (int i = 0; i < 3; ++i) {  // each between two updates
    const HttpReply reply = ask("watched", {{"inputs", "a [MASK]."}, {"parameters", {{"targets", {"the"}}}}});
    ASSERT_EQ(reply.status, 200) << reply.body;
    scores.push_back(Json::parse(reply.body)[0]["score"].get<double>());
  }
  EXPECT_NE(scores[0], scores[2]) << "the answers are not the model's of now";
  EXPECT_EQ(ask("watched", {{"inputs", "no mask"}}).status, 400);
  EXPECT_EQ(ask("watched", {{"inputs", "a [MASK]."}, {"parameters", {{"targets", {"unheardof"}}}}}).status, 200);
  HttpClient watching(port_);
  watching.send("GET", "/events", "");
  EXPECT_TRUE(watching.read_until("event: update\ndata: {\"step\":1,"));
  EXPECT_TRUE(watching.read_until("event: evaluation\ndata: {\"epoch\""));
  const Result result = run_->finish();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("unheardof"))) << "clients write into the log";
  EXPECT_FALSE(HttpClient(port_).is_connected()) << "the server outlives the run";
  EXPECT_FALSE(weights("alone").empty());
  EXPECT_TRUE(weights("alone") == weights("watched"));
  EXPECT_THAT(read_file(folder_ / "watched/options.toml"), Not(HasSubstr("watch =")));
}

TEST_F(WatchedRun, EndsBySignalThoughAClientWaits) {
  start(adapt("watched", 3000, {"--eval_strategy", "no", "--num_train_epochs", "100"}));
  ASSERT_EQ(ask("watched", {{"inputs", "a [MASK]."}}).status, 200);
  HttpClient waiting(port_), idle(port_);
  waiting.send("POST", "/models/watched", R"({"inputs": "a [MASK]."})");
  run_->signal(SIGTERM);
  const HttpReply reply = waiting.read();
  EXPECT_THAT(reply.status, testing::AnyOf(200, 503));
  EXPECT_EQ(run_->finish().code, 143);
}

TEST_F(WatchedRun, EndsBeforeItsFirstUpdateThoughAClientWaits) {
  const std::string text = folder_.write("long.txt", sentences(6'000));
  start({"adapt", "--model", model_folder(), "--data", text, "--output_dir", folder_ / "watched", "--chunk_size", "16",
         "--test_size", "5000", "--per_device_eval_batch_size", "1", "--max_steps", "1", "--no_cache"});
  HttpClient waiting(port_), idle(port_);
  waiting.send("POST", "/models/watched", R"({"inputs": "a [MASK]."})");
  EXPECT_EQ(http_request(port_, "GET", "/health").status, 200);
  run_->signal(SIGTERM);
  const HttpReply reply = waiting.read();
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("the run ends"));
  EXPECT_TRUE(idle.closes_without_reply());
  const Result result = run_->finish();
  EXPECT_EQ(result.code, 143);
  EXPECT_THAT(result.err, HasSubstr("before the first update: there was nothing to save"));
}

TEST_F(WatchedRun, SaysThatItIsBeingOpened) {
  const SilentServer hub;
  const ScratchFolder cache;
  const int port = SilentServer().port();  // free again
  Running run({"adapt", "--model", model_folder(), "--data", "org/data", "--output_dir", folder_ / "watched", "--watch",
               std::to_string(port)},
              {.environment = {{"HF_ENDPOINT", "http://127.0.0.1:" + std::to_string(hub.port())},
                               {"HF_HUB_CACHE", cache / ""},
                               {"HF_HUB_OFFLINE", "0"}}});
  hub.wait_for_client();
  const HttpReply health = http_request(port, "GET", "/health");
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(Json::parse(health.body)["status"], "opening");
  HttpClient waiting(port);
  waiting.send("GET", "/models", "");
  run.signal(SIGTERM);
  EXPECT_EQ(run.finish().code, 143);
  EXPECT_TRUE(waiting.closes_without_reply());
}

TEST_F(WatchedRun, DemandsATokenAndElseRefusesPagesOfOtherServers) {
  start(adapt("open", 3000));
  EXPECT_EQ(http_request(port_, "GET", "/models").status, 200);
  EXPECT_EQ(http_request(port_, "GET", "/models", "", "Origin: http://a.example\r\n").status, 403);
  run_->signal(SIGTERM);
  run_->finish();
  start(adapt("secret", 3000), {.environment = {{"TEKIO_SERVE_TOKEN", "secret"}}});
  EXPECT_EQ(http_request(port_, "GET", "/models").status, 401);
  EXPECT_EQ(http_request(port_, "GET", "/models", "", "Authorization: Bearer secret\r\n").status, 200);
  run_->signal(SIGTERM);
  run_->finish();
}

TEST_F(WatchedRun, MayBeOneOfPretrain) {
  const std::string config = folder_.write("mini.json", Json{{"model_type", "bert"},
                                                             {"vocab_size", 2048},
                                                             {"hidden_size", 32},
                                                             {"num_hidden_layers", 2},
                                                             {"num_attention_heads", 2},
                                                             {"intermediate_size", 64},
                                                             {"max_position_embeddings", 32}}
                                                            .dump());
  start({"pretrain", "--config", config, "--tokenizer", model_folder(), "--data", text_, "--output_dir",
         folder_ / "new", "--chunk_size", "16", "--max_steps", "50", "--no_cache"});
  EXPECT_EQ(ask("new", {{"inputs", "a [MASK]."}}).status, 200);
  EXPECT_EQ(run_->finish().code, 0);
}

TEST_F(WatchedRun, SaysThatThePortIsTakenBeforeAnythingIsOpened) {
  start(adapt("first", 3000));
  std::vector<std::string> other = adapt("second", 1, {"--watch", std::to_string(port_)});
  const Result result = run(other);
  EXPECT_EQ(result.code, 4);
  EXPECT_EQ(result.err, "tekio: cannot listen on 127.0.0.1 port " + std::to_string(port_) +
                            ": Address already in use; another port or address may be free\n");
  run_->signal(SIGTERM);
  run_->finish();
}

TEST_F(WatchedRun, IsOnlyPlannedWithoutAServer) {
  const Result plan = run(adapt("planned", 1, {"--watch", "0", "--dry_run"}));
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out + plan.err, Not(HasSubstr(" watch ")));
}

}  // namespace
}  // namespace tekio::test
