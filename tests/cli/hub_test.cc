// Names on the Hub in place of folders, against tests/hub/server.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "hub/hub_server.h"
#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

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

}  // namespace
}  // namespace tekio::test
