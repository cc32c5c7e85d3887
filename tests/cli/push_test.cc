// tekio push and --push_to_hub, against tests/hub/server.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/base64.h"
#include "hub/hub_server.h"
#include "program.h"
#include "support/base64.h"
#include "support/pseudo_terminal.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kToken = "hf_write_0123456789";

class Push : public testing::Test {
 protected:
  void SetUp() override {
    server_.add("models/org/theirs/config.json", "{\"theirs\": 1}");
    for (const auto& file : fs::directory_iterator(model_folder()))
      if (file.is_regular_file())
        server_.add("models/org/base/" + file.path().filename().string(), read_file(file.path()));
    server_.add("models/org/base/README.md", "---\nlicense: apache-2.0\nlanguage:\n- en\n---\n");
    server_.add("datasets/org/reviews/data.txt", sentences(300));
    server_.start({"--token", kToken, "--moved", "base=org/base", "--moved", "reviews=org/reviews"});
    start_.environment = {{"HF_ENDPOINT", server_.endpoint()},
                          {"HF_HUB_CACHE", server_.cache()},
                          {"HF_HUB_OFFLINE", "0"},
                          {"HF_TOKEN", kToken},
                          {"TEKIO_CACHE", folder_ / "cache"}};
    fs::copy(model_folder(), model_);
  }
  std::vector<std::string> adapt(std::vector<std::string> more) const {
    std::vector<std::string> all = {"adapt",    "--model",
                                    "org/base", "--chunk_size",
                                    "16",       "--max_steps",
                                    "2",        "--data",
                                    text_,      "--per_device_train_batch_size",
                                    "4",        "--output_dir",
                                    run_,       "--no_cache"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  nlohmann::json repository(const std::string& id) const { return server_.repositories()["models/" + id]; }
  bool is_there(const std::string& id) const { return server_.repositories().contains("models/" + id); }
  int64_t commits(const std::string& id) const { return static_cast<int64_t>(repository(id)["history"].size()); }
  /// Whether what was pushed of a folder is what lies there, and a model with its tokenizer is among it.
  void expect_equal(const std::string& id, const std::string& folder) const {
    const nlohmann::json files = repository(id)["files"];
    for (const char* name : {"README.md", "config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"})
      EXPECT_TRUE(files.contains(name)) << name;
    for (const auto& [name, content] : files.items()) {
      if (name == "README.md") continue;
      EXPECT_EQ(content, base64(read_file(folder + "/" + name))) << name;
    }
  }
  /// The files below a folder that hold a text.
  static std::vector<std::string> files_with(const std::string& folder, const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && read_file(entry.path()).find(text) != std::string::npos)
        found.push_back(entry.path());
    return found;
  }
  std::string card(const std::string& id) const {
    return from_base64(repository(id)["files"]["README.md"].get<std::string>());
  }

  HubServer server_;
  ScratchFolder folder_;
  const std::string model_ = folder_ / "model", run_ = folder_ / "run",
                    text_ = folder_.write("text.txt", sentences(60));
  Start start_;
};

TEST_F(Push, AModelFolderGoesWithACard) {
  fs::create_directory(model_ + "/checkpoint-5");
  std::ofstream(model_ + "/token") << kToken;
  const Result result = run({"push", model_, "org/new", "--json", "--message", "Hello"}, start_);
  ASSERT_EQ(result.code, 0) << result.err;
  const Json report = result.json();
  EXPECT_EQ(report["repository"], "org/new");
  EXPECT_EQ(report["url"], server_.endpoint() + "/org/new");
  EXPECT_EQ(report["commit"], repository("org/new")["history"][1]["commit"].get<std::string>());
  EXPECT_EQ(repository("org/new")["history"][1]["summary"], "Hello");
  EXPECT_THAT(
      report["sent"]["files"].get<std::vector<std::string>>(),
      AllOf(Contains("model.safetensors"), Contains("config.json"), Contains("README.md"), Contains("vocab.txt")));
  EXPECT_THAT(report["left_out"].get<std::vector<std::string>>(), AllOf(Contains("checkpoint-5"), Contains("token")));
  EXPECT_EQ(report["card_written"], true);
  EXPECT_FALSE(fs::exists(model_ + "/README.md"));
  expect_equal("org/new", model_);
  EXPECT_THAT(card("org/new"), testing::StartsWith("---\nlibrary_name: transformers\n"));

  const Result again = run({"push", model_, "org/new"}, start_);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, AllOf(testing::StartsWith(server_.endpoint() + "/org/new\n"),
                               HasSubstr("has all of it already"), HasSubstr("sent     0 files, 0 bytes"),
                               HasSubstr("skipped"), HasSubstr("left     checkpoint-5, token")));
  EXPECT_EQ(commits("org/new"), 2);
}

TEST_F(Push, ACardOfTheFoldersOwnGoesAsItIs) {
  std::ofstream(model_ + "/README.md") << "mine";
  const Result result = run({"push", model_, "org/new", "--json"}, start_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["card_written"], false);
  EXPECT_EQ(card("org/new"), "mine");
  EXPECT_EQ(read_file(model_ + "/README.md"), "mine");
}

TEST_F(Push, PrivateRepositoriesOpenWithTheTokenAlone) {
  ASSERT_EQ(run({"push", model_, "secret", "--private"}, start_).code, 0);
  Start nobody = start_;
  nobody.environment["HF_TOKEN"] = "";
  EXPECT_EQ(run({"pull", "somebody/secret"}, nobody).code, 4);
  const Result mine = run({"pull", "somebody/secret", "--json"}, start_);
  ASSERT_EQ(mine.code, 0) << mine.err;
  const Json pulled = mine.json();
  for (const auto& name : pulled["files"]) {
    if (name == "README.md") continue;
    EXPECT_EQ(read_file(pulled["path"].get<std::string>() + "/" + name.get<std::string>()),
              read_file(model_ + "/" + name.get<std::string>()));
  }
}

TEST_F(Push, WhatCannotBePushedIsOneSentence) {
  const auto refused = [&](std::vector<std::string> arguments, const Start& start) {
    const Result result = run(arguments, start);
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
    return std::pair(result.code, result.err);
  };
  using testing::Pair;
  EXPECT_THAT(refused({"push"}, start_), Pair(2, HasSubstr("tekio push RUN ID")));
  EXPECT_THAT(refused({"push", model_}, start_), Pair(2, HasSubstr("tekio push RUN ID")));
  for (const char* id : {"a/b/c", "../x", "org/new@v2", "x-", "a b", ""})
    EXPECT_THAT(refused({"push", model_, id}, start_), Pair(2, HasSubstr("is no id of a repository"))) << id;
  EXPECT_THAT(refused({"push", model_, "org/new", "--message", ""}, start_), Pair(2, HasSubstr("--message")));
  EXPECT_THAT(refused({"push", folder_ / "absent", "org/new"}, start_), Pair(4, HasSubstr("there is no run folder")));
  EXPECT_THAT(refused({"push", text_, "org/new"}, start_), Pair(2, HasSubstr("is a file")));
  EXPECT_THAT(refused({"push", folder_.path(), "org/new"}, start_), Pair(3, HasSubstr("config.json")));
  EXPECT_THAT(refused({"push", model_, "org/theirs"}, start_), Pair(4, HasSubstr("--overwrite")));
  EXPECT_THAT(refused({"push", model_, "org/new", "--offline"}, start_), Pair(2, HasSubstr("needs the network")));
  Start other = start_;
  other.environment["HF_TOKEN"] = "";
  other.environment["HF_HOME"] = folder_.path();
  EXPECT_THAT(refused({"push", model_, "org/new"}, other), Pair(2, HasSubstr("needs a token")));
  other.environment["HF_TOKEN"] = "hf_wrong";
  EXPECT_THAT(refused({"push", model_, "org/new"}, other),
              Pair(4, AllOf(HasSubstr("401"), Not(HasSubstr("hf_wrong")))));
  other.environment["HF_TOKEN"] = "hf_read";
  EXPECT_THAT(refused({"push", model_, "org/new"}, other), Pair(4, HasSubstr("can only read")));
  other = start_;
  other.environment["HF_ENDPOINT"] = "http://127.0.0.1:9";
  // Nothing was sent yet, so there is nothing to be patient for.
  EXPECT_THAT(refused({"push", model_, "org/new"}, other), Pair(4, HasSubstr("(3 tries)")));
  EXPECT_FALSE(is_there("org/new"));
  EXPECT_EQ(commits("org/theirs"), 1);
  ASSERT_EQ(run({"push", model_, "org/theirs", "--overwrite"}, start_).code, 0);
}

TEST_F(Push, WhatDoesNotOpenIsNotPushed) {
  const std::string weights = read_file(model_ + "/model.safetensors");
  std::ofstream(model_ + "/model.safetensors", std::ios::binary) << weights.substr(0, weights.size() / 2);
  EXPECT_EQ(run({"push", model_, "org/new"}, start_).code, 3);
  std::ofstream(model_ + "/model.safetensors", std::ios::binary) << weights;
  std::ofstream(model_ + "/tokenizer.json") << "{";
  EXPECT_EQ(run({"push", model_, "org/new"}, start_).code, 3);
  EXPECT_FALSE(is_there("org/new"));
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "vocab.txt"}) fs::remove(model_ + "/" + name);
  const Result bare = run({"push", model_, "org/new"}, start_);
  EXPECT_EQ(bare.code, 0);
  EXPECT_THAT(bare.err, HasSubstr("has no tokenizer"));
}

TEST_F(Push, ALinkOutOfTheFolderIsNotFollowed) {
  const std::string secret = folder_.write("secret", "secret");
  for (const char* name : {"README.md", "metrics.jsonl"}) {
    fs::create_symlink(secret, model_ + "/" + name);
    const Result result = run({"push", model_, "org/new"}, start_);
    EXPECT_EQ(result.code, 3) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(name), HasSubstr("outside of the folder")));
    fs::remove(model_ + "/" + name);
  }
  EXPECT_FALSE(is_there("org/new"));
  fs::rename(model_ + "/vocab.txt", model_ + "/words");
  fs::create_symlink("words", model_ + "/vocab.txt");  // within it
  EXPECT_EQ(run({"push", model_, "org/new"}, start_).code, 0);
  // The Hub's cache is made of links to its blobs.
  const Result pulled = run({"pull", "org/base", "--json"}, start_);
  const Result result = run({"push", pulled.json()["path"], "org/copy"}, start_);
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST_F(Push, CutConnectionsAndKillsLeaveNothingHalf) {
  server_.set_faults({{{"match", "^PUT"}, {"kind", "lost"}}, {{"match", "/commit/"}, {"kind", "lost"}}});
  const Result cut = run({"push", model_, "org/cut", "--json"}, start_);
  EXPECT_EQ(cut.code, 0) << cut.err;
  EXPECT_EQ(commits("org/cut"), 2);
  expect_equal("org/cut", model_);
  fs::copy_file(model_ + "/config.json", model_ + "/generation_config.json");  // content of its own is sent anew
  server_.set_faults({{{"match", "/commit/"}, {"kind", "slow"}, {"seconds", 3}}});
  {
    Running killed({"push", model_, "org/killed"}, start_);
    for (int i = 0; i < 100 && !is_there("org/killed"); ++i) ::usleep(20'000);
    ::usleep(300'000);
    killed.signal(SIGKILL);
    killed.finish();
  }
  const Result again = run({"push", model_, "org/killed", "--json"}, start_);
  EXPECT_EQ(again.code, 0) << again.err;
  expect_equal("org/killed", model_);
}

TEST_F(Push, OnATerminalABarShowsHowFarItIs) {
  TEKIO_NEEDS_PSEUDO_TERMINAL();
  std::ofstream(model_ + "/config.json", std::ios::app) << "\n";
  server_.set_faults({{{"match", "^PUT"}, {"kind", "slow"}, {"seconds", 1}},
                      {{"match", "cdn /cdn/"}, {"kind", "stall"}, {"after", 2000}, {"seconds", 1}}});
  // The server has this model's weights: as the base's. Others are sent.
  std::string weights = read_file(model_ + "/model.safetensors");
  weights.back() = static_cast<char>(weights.back() ^ 1);
  std::ofstream(model_ + "/model.safetensors", std::ios::binary) << weights;
  Start terminal = start_;
  terminal.environment.insert({{"TERM", "xterm"}, {"NO_COLOR", "1"}, {"COLUMNS", ""}});
  terminal.terminal = 100;
  const Result push = run({"push", model_, "org/new"}, terminal);
  EXPECT_EQ(push.code, 0) << push.err;
  EXPECT_THAT(push.err, ContainsRegex("pushing [━╌]* ?[0-9.]+ [KM]B of [0-9.]+ [KM]B · "));
  const Result pull = run({"pull", "org/base"}, terminal);
  EXPECT_EQ(pull.code, 0) << pull.err;
  EXPECT_THAT(pull.err, HasSubstr("fetching "));
  for (const char* option : {"--quiet", "--json"}) {
    server_.set_faults({{{"match", "cdn /cdn/"}, {"kind", "stall"}, {"after", 2000}, {"seconds", 1}}});
    const Result quiet = run({"pull", "org/base", option, "--cache_dir", folder_ / option}, terminal);
    EXPECT_THAT(quiet.err, Not(HasSubstr("left"))) << option;
  }
}

TEST_F(Push, ARunIsPushedAtItsEnd) {
  const Result result = run(adapt({"--push_to_hub", "--hub_model_id", "org/run", "--hub_token", kToken, "--json",
                                   "--prompt", "the [MASK] of", "--save_steps", "1", "--save_strategy", "steps"}),
                            start_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["hub"]["url"], server_.endpoint() + "/org/run");
  EXPECT_EQ(result.json()["hub"]["commit"], repository("org/run")["history"][1]["commit"].get<std::string>());
  EXPECT_EQ(repository("org/run")["history"][1]["summary"], "End of training");
  expect_equal("org/run", run_);
  const auto files = repository("org/run")["files"];
  for (const char* name :
       {"model.safetensors", "config.json", "tokenizer.json", "all_results.json", "trainer_state.json", "metrics.jsonl",
        "options.json", "options.toml", "run.json", "README.md"})
    EXPECT_TRUE(files.contains(name)) << name;
  for (const auto& [name, content] : files.items()) EXPECT_THAT(name, Not(HasSubstr("checkpoint")));
  const std::string text = card("org/run");
  EXPECT_THAT(text, AllOf(HasSubstr("base_model: \"org/base\""), HasSubstr("license: \"apache-2.0\""),
                          HasSubstr("language:\n- \"en\"\n"), HasSubstr("| perplexity | "), HasSubstr("# run"),
                          HasSubstr("--max_steps 2"), HasSubstr("- `mlm_probability`: 0.15"), HasSubstr("`seed`: 42")));
  EXPECT_THAT(files_with(folder_.path(), kToken), IsEmpty());
  EXPECT_THAT(text + result.out + result.err, Not(HasSubstr(kToken)));
  // Once more, over the run: what this user pushed himself may be replaced.
  const Result second = run(adapt({"--push_to_hub", "--hub_model_id", "org/run", "--overwrite_output_dir", "--json",
                                   "--learning_rate", "1e-3"}),
                            start_);
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(commits("org/run"), 3);
  expect_equal("org/run", run_);
}

TEST_F(Push, WhatHasMovedIsAskedForWhereItIsAndCalledSo) {
  const Result result = run({"adapt", "--model", "base", "--data", "reviews", "--chunk_size", "16", "--max_steps", "2",
                             "--per_device_train_batch_size", "4", "--output_dir", run_, "--no_cache", "--push_to_hub",
                             "--hub_model_id", "org/run"},
                            start_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("reviews is org/reviews now"));
  std::set<std::string> old;  // what was asked for under the old names
  for (const auto& entry : server_.take_log()) {
    const std::string path = entry["path"];
    for (const char* name : {"/base/", "/api/models/base", "/datasets/reviews/", "/api/datasets/reviews"})
      if (path.starts_with(name)) old.insert(entry["method"].get<std::string>() + " " + path);
  }
  // What the revision means now, and for the card what the Hub knows of either.
  EXPECT_THAT(old, testing::UnorderedElementsAre("GET /api/models/base/revision/main",
                                                 "GET /api/datasets/reviews/revision/main", "GET /api/models/base",
                                                 "GET /api/datasets/reviews"));
  EXPECT_THAT(card("org/run"), AllOf(HasSubstr("base_model: \"org/base\""), HasSubstr("license: \"apache-2.0\""),
                                     HasSubstr("datasets:\n- \"org/reviews\"\n")));
  // The cache has them under the names that were given, as huggingface_hub has.
  EXPECT_TRUE(fs::is_directory(server_.cache() / "models--base/snapshots"));
  EXPECT_TRUE(fs::is_directory(server_.cache() / "datasets--reviews/snapshots"));
  const Result again = run({"adapt", "--model", "base", "--data", "reviews", "--chunk_size", "16", "--max_steps", "1",
                            "--output_dir", run_ + "2", "--no_cache", "--offline"},
                           start_);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(Push, WhatARunCannotBePushedToIsSaidBeforeIt) {
  const auto refused = [&](std::vector<std::string> more, int code, const Start& start) {
    more.push_back("--push_to_hub");
    const Result result = run(adapt(more), start);
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_FALSE(fs::exists(run_ + "/model.safetensors"));
    return result.err;
  };
  EXPECT_THAT(refused({"--hub_model_id", "org/theirs"}, 4, start_), HasSubstr("--overwrite"));
  EXPECT_THAT(refused({"--hub_model_id", "a b"}, 2, start_), HasSubstr("--hub_model_id a b is no name"));
  EXPECT_THAT(refused({"--output_dir", folder_ / "a b"}, 2, start_), HasSubstr("pass --hub_model_id"));
  EXPECT_THAT(refused({"--hub_strategy", "every_save"}, 2, start_), HasSubstr("pushed once, at its end"));
  EXPECT_THAT(refused({"--hub_token", "hf_wrong"}, 4, start_), AllOf(HasSubstr("401"), Not(HasSubstr("hf_wrong"))));
  EXPECT_THAT(refused({"--hub_token", "hf_read"}, 4, start_), HasSubstr("can only read"));
  EXPECT_THAT(refused({"--offline"}, 2, start_), HasSubstr("needs the network"));
  Start nobody = start_;
  nobody.environment["HF_TOKEN"] = "";
  nobody.environment["HF_HOME"] = folder_.path();
  EXPECT_THAT(refused({}, 2, nobody), HasSubstr("needs a token"));
  server_.set_faults({{{"match", "/repos/create"}, {"kind", "status"}, {"code", 403}, {"times", 9}}});
  EXPECT_THAT(refused({}, 4, start_), HasSubstr("the token may not write"));
  server_.set_faults(nlohmann::json::array());
  const Result planned = run(adapt({"--push_to_hub", "--dry_run"}), start_);
  EXPECT_EQ(planned.code, 0) << planned.err;
  EXPECT_THAT(planned.out, HasSubstr(server_.endpoint() + "/somebody/run, to be pushed at the end"));
  EXPECT_FALSE(is_there("somebody/run"));
}

TEST_F(Push, ARunThatIsNotPushedIsWhole) {
  server_.set_faults({{{"match", "/commit/"}, {"kind", "status"}, {"code", 403}, {"times", 9}}});
  const Result result = run(adapt({"--push_to_hub", "--hub_private_repo", "--json"}), start_);
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("the run is whole in " + run_), HasSubstr("403"),
                                HasSubstr("tekio push " + run_ + " somebody/run --private\n")));
  EXPECT_TRUE(result.json()["hub"].is_null());
  EXPECT_TRUE(fs::exists(run_ + "/all_results.json"));
  server_.set_faults(nlohmann::json::array());
  EXPECT_EQ(run({"push", run_, "somebody/run", "--private"}, start_).code, 0);
  expect_equal("somebody/run", run_);
}

TEST_F(Push, ARunThatWasStoppedIsNotPushed) {
  Running running(adapt({"--push_to_hub", "--hub_model_id", "org/run", "--max_steps", "1000000", "--json"}), start_);
  ASSERT_TRUE(running.wait_for(" before "));
  running.signal(SIGINT);
  const Result result = running.finish();
  EXPECT_EQ(result.code, 130);
  EXPECT_TRUE(result.json()["hub"].is_null());
  EXPECT_EQ(commits("org/run"), 1);  // it was made before the run, and stays empty
}

TEST_F(Push, TheTokenIsWrittenNowhere) {
  const Result dumped =
      run(adapt({"--push_to_hub", "--hub_token", kToken, "--token", kToken, "--dump_config"}), start_);
  EXPECT_THAT(dumped.out, AllOf(HasSubstr("push_to_hub = true"), Not(HasSubstr(kToken))));
  const std::string config = folder_.write("c.toml", std::string("hub_token = \"") + kToken + "\"\n");
  const Result held = run(adapt({"--config", config}), start_);
  EXPECT_EQ(held.code, 2);
  EXPECT_THAT(held.err, AllOf(HasSubstr("a file cannot hold the option 'hub_token'"), Not(HasSubstr(kToken))));
}

}  // namespace
}  // namespace tekio::test
