// Names on the Hub in place of folders, against tests/hub/server.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tekio/masked_lm.h>
#include <tekio/tokenizer.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "hub/hub_server.h"
#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Hub : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& file : fs::directory_iterator(model_folder()))
      if (file.is_regular_file())
        server_.add("models/org/tiny/" + file.path().filename().string(), read_file(file.path()));
    server_.start();
    start_.environment = {
        {"HF_ENDPOINT", server_.endpoint()}, {"HF_HUB_CACHE", server_.cache()}, {"HF_HUB_OFFLINE", "0"}};
  }
  Result fill(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"fill", "--model", "org/tiny", "--json", "the [MASK] is good"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, start_);
  }

  HubServer server_;
  Start start_;
};

TEST_F(Hub, ANameIsFetchedOnceAndThenUsed) {
  const Result local = run({"fill", "--model", model_folder(), "--json", "the [MASK] is good"});
  const Result first = fill();
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, local.out);
  server_.take_log();
  EXPECT_EQ(fill().out, local.out);
  EXPECT_THAT(file_requests(server_.take_log()), IsEmpty());
  EXPECT_EQ(fill({"--offline"}).out, local.out);
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(Hub, PullPrintsTheFolderAndTellsItsFiles) {
  const Result result = run({"pull", "org/tiny", "--json"}, start_);
  ASSERT_EQ(result.code, 0) << result.err;
  const auto report = result.json();
  EXPECT_TRUE(fs::is_directory(report["path"].get<std::string>()));
  EXPECT_EQ(report["revision"].get<std::string>().size(), 40u);
  EXPECT_THAT(report["files"].get<std::vector<std::string>>(), testing::Contains("config.json"));
  const Result plain = run({"pull", "org/tiny", "--quiet"}, start_);
  EXPECT_EQ(plain.out, report["path"].get<std::string>() + "\n");
  EXPECT_EQ(plain.err, "");
}

/// Part of a commit is not taken for the whole of it, with the Hub or without.
TEST_F(Hub, PullIsWholeOrSaysThatItIsNot) {
  Start text = start_;
  text.input = "the\n";
  const Result tokenizer = run({"tokenize", "--model", "org/tiny"}, text);
  ASSERT_EQ(tokenizer.code, 0) << tokenizer.err;
  const fs::path repository = server_.cache() / "models--org--tiny";
  const std::string commit = fs::directory_iterator(repository / "snapshots")->path().filename();
  fs::remove_all(repository / "listings");  // as huggingface_hub leaves a part
  const Result part = run({"pull", "org/tiny", "--all", "--offline", "--json"}, start_);
  ASSERT_EQ(part.code, 0) << part.err;
  EXPECT_EQ(part.json()["complete"], false);
  EXPECT_THAT(part.err, HasSubstr("whether they are all cannot be known without the Hub"));
  for (const std::string& name : {std::string("org/tiny"), "org/tiny@" + commit}) {
    const Result without_weights = run({"pull", name, "--offline"}, start_);
    EXPECT_EQ(without_weights.code, 4);
    EXPECT_THAT(without_weights.err, HasSubstr("not what is needed"));
    const Result offline = run({"fill", "--model", name, "--offline", "a [MASK]"}, start_);
    EXPECT_EQ(offline.code, 4);
    EXPECT_THAT(offline.err, AllOf(HasSubstr("not what is needed"), HasSubstr("'tekio pull " + name + "'")));
  }
  const Result whole = run({"pull", "org/tiny@" + commit, "--all", "--json"}, start_);
  ASSERT_EQ(whole.code, 0) << whole.err;
  EXPECT_EQ(whole.json()["complete"], true);
  std::vector<std::string> here;
  for (const auto& file : fs::directory_iterator(model_folder()))
    if (file.is_regular_file()) here.push_back(file.path().filename());
  EXPECT_THAT(whole.json()["files"].get<std::vector<std::string>>(), testing::UnorderedElementsAreArray(here));
  for (const std::string& name : here)
    EXPECT_EQ(read_file(repository / "snapshots" / commit / name), read_file(model_folder() + "/" + name));
  // And once its files are known, one that is missing is missing.
  fs::remove(repository / "snapshots" / commit / "model.safetensors");
  const Result damaged = run({"pull", "org/tiny@" + commit, "--offline"}, start_);
  EXPECT_EQ(damaged.code, 4);
  EXPECT_THAT(damaged.err, HasSubstr("model.safetensors of org/tiny@" + commit + " is not in the Hub's cache"));
}

TEST_F(Hub, PullOfWhatIsNoModelNamesIt) {
  HubServer other;
  other.add("models/org/gguf/model.gguf", "x");
  other.add("models/org/gguf/config.json", "{}");
  other.start();
  start_.environment["HF_ENDPOINT"] = other.endpoint();
  const Result result = run({"pull", "org/gguf"}, start_);
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, AllOf(HasSubstr("org/gguf: "), HasSubstr("no weights"), HasSubstr("--all")));
  EXPECT_EQ(run({"pull", "org/gguf", "--all"}, start_).code, 0);
}

TEST_F(Hub, NoSecretIsPrinted) {
  start_.environment["HF_ENDPOINT"] = "http://user:s3cret@127.0.0.1:1";
  const Result endpoint = run({"pull", "org/tiny"}, start_);
  EXPECT_EQ(endpoint.code, 2);
  EXPECT_THAT(endpoint.err, AllOf(HasSubstr("HF_ENDPOINT (http://127.0.0.1:1)"), Not(HasSubstr("s3cret"))));
  const Result token =
      run({"adapt", "--push_to_hub_token", "hf_s3cret", "--model", "org/tiny", "--data", "x.txt"}, start_);
  EXPECT_EQ(token.code, 2);
  EXPECT_THAT(token.err, AllOf(HasSubstr("--push_to_hub_token cannot be honoured"), Not(HasSubstr("s3cret"))));
}

TEST_F(Hub, ACacheInTheHomeFolderIsNamedAsInAShell) {
  start_.environment["HOME"] = server_.cache().string();
  const Result result = run({"pull", "org/tiny", "--json", "--cache_dir=~/mine"}, start_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.json()["path"].get<std::string>(), testing::StartsWith(server_.cache().string() + "/mine/"));
}

TEST_F(Hub, WhatCannotBeFetchedIsOneSentence) {
  const Result absent = run({"fill", "--model", "org/absent", "a [MASK]"}, start_);
  EXPECT_EQ(absent.code, 4);
  EXPECT_THAT(absent.err,
              AllOf(HasSubstr("tekio: there is no folder org/absent here, and"), HasSubstr("has no model org/absent")));
  const Result offline = run({"fill", "--model", "org/tiny", "--offline", "a [MASK]"}, start_);
  EXPECT_EQ(offline.code, 4);
  EXPECT_THAT(offline.err, HasSubstr("tekio pull org/tiny"));
  EXPECT_EQ(run({"pull"}, start_).code, 2);
  EXPECT_EQ(run({"pull", "../etc"}, start_).code, 2);
}

TEST_F(Hub, KilledInTheMiddleItGoesOn) {
  const auto whole = read_file(model_folder() + "/model.safetensors");
  server_.set_faults(
      {{{"match", "GET .*(cdn|model.safetensors)"}, {"kind", "stall"}, {"after", whole.size() / 2}, {"seconds", 60}}});
  {
    Running killed({"pull", "org/tiny"}, start_);
    killed.wait_for("fetching");
    const fs::path blobs = server_.cache() / "models--org--tiny" / "blobs";
    const auto has_part = [&] {
      std::error_code ignored;
      for (const auto& blob : fs::directory_iterator(blobs, ignored))
        if (blob.path().extension() == ".incomplete" && blob.file_size() == whole.size() / 2) return true;
      return false;
    };
    for (int i = 0; i < 200 && !has_part(); ++i) ::usleep(50'000);
    EXPECT_TRUE(has_part());
    killed.signal(SIGKILL);
    killed.finish();
  }
  server_.take_log();
  const Result again = run({"pull", "org/tiny", "--json"}, start_);
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(read_file(again.json()["path"].get<std::string>() + "/model.safetensors"), whole);
  bool resumed = false;
  for (const auto& entry : server_.take_log()) resumed |= !entry["range"].is_null();
  EXPECT_TRUE(resumed);
}

/// The contents of the weights that were asked for.
int64_t contents(const nlohmann::json& log) {
  return std::count_if(log.begin(), log.end(),
                       [](const auto& entry) { return entry["host"] == "cdn" && entry["method"] == "GET"; });
}

TEST_F(Hub, TwoProcessesAtOnceFetchOnce) {
  server_.set_faults({{{"match", "^GET cdn"}, {"kind", "slow"}, {"seconds", 2}}});
  Running one({"pull", "org/tiny", "--json"}, start_), other({"pull", "org/tiny", "--json"}, start_);
  const Result first = one.finish(), second = other.finish();
  ASSERT_EQ(first.code, 0) << first.err;
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(first.json()["path"], second.json()["path"]);
  EXPECT_EQ(contents(server_.take_log()), 1);
  EXPECT_THAT(first.err + second.err, HasSubstr("waiting for another process that fetches the same file"));
}

TEST_F(Hub, WhereOneOfTwoProcessesIsKilledTheOtherGoesOn) {
  const auto whole = read_file(model_folder() + "/model.safetensors");
  server_.set_faults({{{"match", "^GET cdn"}, {"kind", "stall"}, {"after", whole.size() / 2}, {"seconds", 60}}});
  Running killed({"pull", "org/tiny"}, start_);
  killed.wait_for("fetching");
  for (int i = 0; i < 200 && contents(server_.log()) == 0; ++i) ::usleep(50'000);
  Running other({"pull", "org/tiny", "--json"}, start_);
  EXPECT_TRUE(other.wait_for("waiting for another process"));
  killed.signal(SIGKILL);
  killed.finish();
  const Result result = other.finish();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(read_file(result.json()["path"].get<std::string>() + "/model.safetensors"), whole);
}

TEST_F(Hub, TheLibraryTakesNamesToo) {
  const auto set = [](const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); };
  for (const auto& [name, value] : start_.environment) set(name.c_str(), value);
  const Tokenizer tokenizer = Tokenizer::from_pretrained("org/tiny");
  EXPECT_EQ(tokenizer.vocabulary_size(), Tokenizer::from_pretrained(model_folder()).vocabulary_size());
  for (const auto& entry : server_.take_log())
    EXPECT_THAT(entry["path"].get<std::string>(), Not(HasSubstr("safetensors"))) << "a tokenizer needs no weights";
  EXPECT_EQ(MaskedLM::from_pretrained("org/tiny").num_parameters(),
            MaskedLM::from_pretrained(model_folder()).num_parameters());
  for (const auto& [name, value] : start_.environment) ::unsetenv(name.c_str());
}

/// What speaks to the network, reads Parquet or unpacks is loaded where it is needed.
TEST_F(Hub, FilesOfOnesOwnLoadNoLibraryOfTheHubs) {
  start_.environment["LD_DEBUG"] = "libs";
  const auto loaded = [&](const std::string& model) {
    return run({"fill", "--model", model, "the [MASK] is good"}, start_).err;
  };
  const std::string own = loaded(model_folder()), named = loaded("org/tiny");
  if (named.find("libcurl") == std::string::npos)
    GTEST_SKIP() << "the loader of this system does not say what it loads";
  for (const char* library : {"libcurl", "libcrypto", "libyaml", "libtekio_arrow", "libbz2", "liblzma"})
    EXPECT_THAT(own, Not(HasSubstr(library)));
}

}  // namespace
}  // namespace tekio::test
