// What networks and servers do wrong: whatever it is, nothing half-written is ever taken for whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "hub/client.h"
#include "hub/fetch.h"
#include "hub/hub_server.h"
#include "support/log_capture.h"

namespace tekio::hub {
namespace {

using nlohmann::json;
using test::HubServer;
using test::LogCapture;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kContent = "^GET cdn /cdn/";

std::string content(size_t bytes) {
  std::mt19937 random(7);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class Fault : public testing::Test {
 protected:
  void SetUp() override {
    server_.add("models/m/config.json", "{}");
    server_.add("models/m/model.safetensors", weights_);
    server_.start();
  }
  /// The message of the error that fetching ends with; "" if it does not.
  std::string fetch_message() {
    try {
      const Snapshot snapshot = fetch(server_.settings(), {RepoType::model, "m"}, model_files);
      EXPECT_EQ(read_text(snapshot.folder / "model.safetensors"), weights_);
    } catch (const Error& error) {
      expect_nothing_whole();
      return error.what();
    }
    return "";
  }
  void expect_nothing_whole() {
    std::error_code ignored;
    for (fs::recursive_directory_iterator at(server_.cache(), ignored), end; at != end; at.increment(ignored)) {
      const bool whole =
          at->path().parent_path().filename() == "blobs" && !at->path().string().ends_with(".incomplete");
      if (whole && at->file_size() != 2) ADD_FAILURE() << at->path();  // but config.json's
      if (at->path().filename() == "model.safetensors") ADD_FAILURE() << at->path();
    }
  }

  std::string weights_ = content(400'000);
  HubServer server_;
};

TEST_F(Fault, CutAnywhereItGoesOnFromThere) {
  std::mt19937 random(1);
  json faults = json::array();
  constexpr int kCuts = 20;
  for (int i = 0; i < kCuts; ++i)  // all of them before its end
    faults.push_back({{"match", kContent}, {"kind", "cut"}, {"after", 1 + random() % (weights_.size() / kCuts - 1)}});
  server_.set_faults(faults);
  EXPECT_EQ(fetch_message(), "");
  int ranges = 0;
  for (const auto& entry : server_.take_log()) ranges += !entry["range"].is_null();
  EXPECT_EQ(ranges, kCuts);
}

TEST_F(Fault, AServerThatIgnoresRangesIsReadFromTheStart) {
  server_.set_faults(
      {{{"match", kContent}, {"kind", "cut"}, {"after", 1000}}, {{"match", kContent}, {"kind", "ignore_range"}}});
  EXPECT_EQ(fetch_message(), "");
}

TEST_F(Fault, APartThatIsTooLongIsDropped) {
  fetch(server_.settings(), {RepoType::model, "m"},
        [](const auto&) { return std::vector<std::string>{"config.json"}; });
  std::string etag;
  Client client(server_.settings());
  etag = client.head({RepoType::model, "m"}, "main", "model.safetensors")->etag;
  write_atomically(server_.cache() / "models--m" / "blobs" / (etag + ".incomplete"), weights_ + "more");
  EXPECT_EQ(fetch_message(), "");
}

TEST_F(Fault, APartOfOtherContentIsFoundOut) {
  Client client(server_.settings());
  const std::string etag = client.head({RepoType::model, "m"}, "main", "model.safetensors")->etag;
  fs::create_directories(server_.cache() / "models--m" / "blobs");
  write_atomically(server_.cache() / "models--m" / "blobs" / (etag + ".incomplete"), std::string(1000, 'x'));
  EXPECT_THAT(fetch_message(), HasSubstr("its SHA-256 is"));
  EXPECT_EQ(fetch_message(), "");  // the wrong part is gone
}

TEST_F(Fault, WrongContentIsDropped) {
  server_.set_faults({{{"match", kContent}, {"kind", "corrupt"}}});
  EXPECT_THAT(fetch_message(),
              AllOf(HasSubstr("model.safetensors of m"), HasSubstr("SHA-256"), HasSubstr("run again")));
  fs::remove_all(server_.cache() / "models--m");  // the other file came beside it
  server_.set_faults({{{"match", "^GET endpoint /m/resolve/.*config.json"}, {"kind", "corrupt"}}});
  EXPECT_THROW(fetch(server_.settings(), {RepoType::model, "m"}, model_files), Error);
  EXPECT_FALSE(fs::exists(server_.cache() / "models--m" / "blobs" / "9e26dfeeb6e641a33dae4961196235bdb965b21b"));
  EXPECT_EQ(fetch_message(), "");
}

TEST_F(Fault, LyingLengths) {
  for (const auto& [kind, length] : {std::pair("lie", "400010"), {"pad", "400010"}, {"truncate", "399990"}}) {
    server_.set_faults({{{"match", kContent}, {"kind", kind}, {"times", 100}, {"bytes", 10}}});
    EXPECT_THAT(fetch_message(), AllOf(HasSubstr("expected 400000 bytes from byte 0 on"),
                                       HasSubstr(fmt::format("length \"{}\"", length))));
  }
  server_.set_faults({{{"match", kContent}, {"kind", "unbounded"}, {"times", 100}, {"bytes", 10}}});
  server_.take_log();
  EXPECT_THAT(fetch_message(), AllOf(HasSubstr("model.safetensors of m"), HasSubstr(server_.cdn()),
                                     HasSubstr("sends more than the 400000 bytes")));
  int contents = 0;
  for (const auto& entry : server_.take_log()) contents += entry["host"] == "cdn";
  EXPECT_EQ(contents, 1);  // said at once
}

/// What a network sends instead of the file leaves alone what had come.
TEST_F(Fault, ASignInPageIsNoContent) {
  Client client(server_.settings());
  const std::string etag = client.head({RepoType::model, "m"}, "main", "model.safetensors")->etag;
  const fs::path part = server_.cache() / "models--m" / "blobs" / (etag + ".incomplete");
  fs::create_directories(part.parent_path());
  write_atomically(part, weights_.substr(0, 100'000));
  const std::string page = "<html>Welcome to our network</html>";
  const json type = {{"Content-Type", "text/html; charset=utf-8"}};
  for (const json& fault :
       {json{{"kind", "answer"}, {"body", page}, {"headers", type}}, json{{"kind", "answer"}, {"body", ""}},
        json{{"kind", "unbounded"}, {"body", page}, {"type", "text/html"}}, json{{"kind", "truncate"}},
        json{{"kind", "pad"}}}) {
    json whole = fault;
    whole["match"] = kContent;
    whole["times"] = 100;
    server_.set_faults(json::array({whole}));
    EXPECT_THAT(fetch_message(),
                AllOf(HasSubstr("sign-in page"), HasSubstr(server_.cdn()), Not(HasSubstr("sig=secret"))));
    EXPECT_EQ(read_text(part), weights_.substr(0, 100'000)) << fault;
  }
  server_.set_faults(json::array());
  server_.take_log();
  EXPECT_EQ(fetch_message(), "");
  std::vector<json> ranges;
  for (const auto& entry : server_.take_log())
    if (entry["host"] == "cdn") ranges.push_back(entry["range"]);
  EXPECT_EQ(ranges, std::vector<json>{"bytes=100000-"});
}

TEST_F(Fault, ALocationThatIsRefusedIsAskedForAnew) {
  for (const int code : {401, 403, 404, 409, 410}) {
    fs::remove_all(server_.cache());
    json fault = {{"match", kContent}, {"kind", "status"}, {"code", code}};
    server_.set_faults(json::array({fault}));
    EXPECT_EQ(fetch_message(), "") << code;
    fs::remove_all(server_.cache());
    fault["times"] = 100;
    server_.set_faults(json::array({fault}));
    EXPECT_THAT(fetch_message(), AllOf(HasSubstr(server_.cdn() + ", where the Hub keeps it, answers with status"),
                                       Not(HasSubstr("gated")), Not(HasSubstr("private"))));
  }
}

TEST_F(Fault, AWaitThatIsAskedForIsTold) {
  for (const char* match : {kContent, "/api/"}) {
    fs::remove_all(server_.cache());
    server_.set_faults({{{"match", match}, {"kind", "status"}, {"code", 429}, {"headers", {{"Retry-After", "1"}}}}});
    const LogCapture log;
    EXPECT_EQ(fetch_message(), "");
    EXPECT_THAT(log.text(), HasSubstr("asks to wait 1 s (status 429)")) << match;
  }
}

TEST_F(Fault, ARefusalSaysWhy) {
  const auto refuse = [&](int code, const char* why) {
    server_.set_faults({{{"match", "/api/"},
                         {"kind", "status"},
                         {"code", code},
                         {"times", 9},
                         {"headers", {{"X-Error-Message", why}}}}});
    return fetch_message();
  };
  EXPECT_THAT(
      refuse(401, "Invalid credentials in Authorization header"),
      AllOf(HasSubstr("does not accept the token"), HasSubstr("Invalid credentials"), Not(HasSubstr("has no"))));
  EXPECT_THAT(refuse(403, "Access to this resource is disabled."),
              AllOf(HasSubstr("was disabled"), Not(HasSubstr("gated"))));
  EXPECT_THAT(refuse(403, "Forbidden for you"), AllOf(HasSubstr("may not be read"), HasSubstr("Forbidden for you"),
                                                      HasSubstr("HF_TOKEN"), Not(HasSubstr("gated"))));
}

TEST_F(Fault, WhatPassesIsTriedAgain) {
  for (const int code : {408, 429, 500, 502, 503, 504}) {
    fs::remove_all(server_.cache());
    server_.set_faults(
        {{{"match", "/api/"}, {"kind", "status"}, {"code", code}, {"times", 2}, {"headers", {{"Retry-After", "0"}}}},
         {{"match", "^HEAD"}, {"kind", "status"}, {"code", code}, {"times", 2}},
         {{"match", kContent}, {"kind", "status"}, {"code", code}, {"times", 2}}});
    EXPECT_EQ(fetch_message(), "") << code;
  }
}

TEST_F(Fault, WhatStaysIsTold) {
  const auto expect = [&](const char* match, json fault, const char* part) {
    fs::remove_all(server_.cache());
    fault["match"] = match;
    fault["times"] = 1000;
    server_.set_faults(json::array({fault}));
    EXPECT_THAT(fetch_message(), HasSubstr(part)) << fault;
  };
  expect("/api/", {{"kind", "status"}, {"code", 503}}, "status 503 (6 tries)");
  expect("/api/", {{"kind", "status"}, {"code", 429}, {"headers", {{"Retry-After", "3600"}}}}, "asks to wait 3600 s");
  expect("/api/", {{"kind", "status"}, {"code", 418}}, "status 418");
  expect("/api/", {{"kind", "redirect"}, {"to", "/api/again"}}, "does not come to an end");
  expect("^HEAD", {{"kind", "redirect"}, {"to", "/m/resolve/again"}}, "does not come to an end");
  expect("^HEAD", {{"kind", "redirect"}, {"to", "file:///etc/passwd"}}, "lacks what a Hub says of a file");
  expect(kContent, {{"kind", "redirect"}, {"to", "file:///etc/passwd"}}, "expected an http or https URL");
  expect(kContent, {{"kind", "redirect"}, {"to", "/cdn/again"}}, "redirects in a row");
  expect(kContent, {{"kind", "status"}, {"code", 404}}, "status 404");
  expect(kContent, {{"kind", "status"}, {"code", 416}}, "status 416");
  expect(kContent, {{"kind", "status"}, {"code", 429}, {"headers", {{"Retry-After", "3600"}}}}, "asks to wait 3600 s");
  expect(kContent, {{"kind", "cut"}, {"after", 0}}, "0 of 400000 bytes were fetched");
  expect("/api/", {{"kind", "headers"}, {"bytes", 1 << 20}}, "longer than any that is expected");
}

TEST_F(Fault, AServerThatStopsInTheMiddleIsLeft) {
  server_.set_faults({{{"match", kContent}, {"kind", "stall"}, {"after", 1000}, {"seconds", 20}}});
  EXPECT_EQ(fetch_message(), "");  // by a second request
}

TEST_F(Fault, NamesThatLeadOutOfTheFolderAreRefused) {
  HubServer other;
  other.add("models/m/config.json", "{}");
  other.start();
  for (const char* name : {"../../evil", "/etc/passwd", "a/../../b", "a\\b"}) {
    const json answer = {{"sha", std::string(40, 'a')}, {"siblings", {{{"rfilename", name}}}}};
    other.set_faults({{{"match", "/api/"}, {"kind", "answer"}, {"body", answer.dump()}}});
    try {
      fetch(other.settings(), {RepoType::model, "m"}, model_files);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("no name below a folder")) << name;
    }
  }
}

TEST_F(Fault, AnswersThatAreNoHubs) {
  for (const char* body :
       {"", "<html>", "[]", "{}", "{\"sha\": 1, \"siblings\": []}", "{\"sha\": \"short\", \"siblings\": []}",
        "{\"sha\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", \"siblings\": [1]}"}) {
    server_.set_faults({{{"match", "/api/"}, {"kind", "answer"}, {"body", body}}});
    EXPECT_NE(fetch_message(), "") << body;
  }
}

TEST_F(Fault, AForeignHostOfThisNetworkIsNotAsked) {
  HttpConnection connection;
  for (const std::string& url : {server_.endpoint(), std::string("http://10.0.0.1/"), std::string("http://[::1]:80/"),
                                 std::string("http://169.254.169.254/latest/meta-data")})
    try {
      connection.send({.url = url, .timeout_s = 1, .foreign = true});
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("this machine's own network")) << url;
    }
}

TEST_F(Fault, ASlowServerIsWaitedForAsLongAsIsSaid) {
  server_.set_faults({{{"match", "."}, {"kind", "slow"}, {"seconds", 0.3}, {"times", 100}}});
  EXPECT_EQ(fetch_message(), "");
  fs::remove_all(server_.cache());
  server_.set_faults({{{"match", "/api/"}, {"kind", "slow"}, {"seconds", 4}, {"times", 100}}});
  EXPECT_THAT(fetch_message(),
              AllOf(HasSubstr("m cannot be had from"), HasSubstr("3 tries"), HasSubstr("pass offline")));
}

/// As long as it lives, no file of this process may be longer.
class LongestFile {
 public:
  explicit LongestFile(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~LongestFile() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  LongestFile(const LongestFile&) = delete;
  LongestFile& operator=(const LongestFile&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(Fault, WhereTheSystemTakesNoMoreThePartStays) {
  {
    const LongestFile limit(100'000);
    EXPECT_THAT(fetch_message(),
                AllOf(HasSubstr("cannot write"), HasSubstr("File too large"), HasSubstr("HF_HUB_CACHE")));
  }
  server_.take_log();
  EXPECT_EQ(fetch_message(), "");
  EXPECT_EQ(server_.take_log().back()["range"], "bytes=100000-");
}

TEST_F(Fault, AFullDiskIsSaidBeforeAnythingIsFetched) {
  fs::create_directories(server_.cache());
  const std::string mount =
      fmt::format("mount -t tmpfs -o size=64k tekio-test {} 2>/dev/null", server_.cache().string());
  if (std::system(mount.c_str()) != 0) GTEST_SKIP() << "no small file system can be mounted here";
  server_.take_log();
  EXPECT_THAT(fetch_message(), AllOf(HasSubstr(".incomplete needs 400 KB more"), HasSubstr("are free there"),
                                     HasSubstr("HF_HUB_CACHE")));
  for (const auto& entry : server_.take_log()) EXPECT_EQ(entry["host"], "endpoint") << entry;
  EXPECT_EQ(std::system(fmt::format("umount {}", server_.cache().string()).c_str()), 0);
}

TEST_F(Fault, ACacheThatCannotBeWrittenIsNamed) {
  Settings settings = server_.settings();
  settings.cache = "/proc/nowhere";
  try {
    fetch(settings, {RepoType::model, "m"}, model_files);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/proc/nowhere"), HasSubstr("HF_HUB_CACHE")));
  }
}

}  // namespace
}  // namespace tekio::hub
