// Servers name content by ETags, and the cache calls its blobs so: whatever stands there, nothing is written elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "hub/digest.h"
#include "hub/fetch.h"
#include "hub/hub_server.h"

namespace tekio::hub {
namespace {

using nlohmann::json;
using test::HubServer;
using testing::AllOf;
using testing::HasSubstr;

class Etag : public testing::Test {
 protected:
  void SetUp() override {
    server_.add("models/m/config.json", "{}");
    server_.add("models/m/nested/config.json", "{}");
    server_.add("models/m/notes.txt", "some notes");
    server_.add("models/m/model.safetensors", std::string(5000, 'w'));
    server_.start();
  }
  /// Has the server say these of a file.
  void say(const std::vector<std::string>& values, const char* file = "/config.json") {
    server_.set_faults({{{"match", fmt::format("^(HEAD|GET) endpoint /m/resolve/[0-9a-f]+{}", file)},
                         {"kind", "etag"},
                         {"times", 100},
                         {"values", values}}});
  }
  std::string message(const std::vector<std::string>& names = {"config.json"}) {
    try {
      folder_ = fetch(server_.settings(), m_, [&](const auto&) { return names; }).folder;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::io);
      return error.what();
    }
    return "";
  }
  fs::path repository() const { return server_.cache() / "models--m"; }
  /// All that lies below the root but the cache's own folders, and files of its folders that are no blobs.
  std::vector<std::string> strays() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(server_.cache())) {
      const std::string name = entry.path().lexically_relative(server_.cache()).string();
      const bool is_own = name.starts_with("models--m/") || name == "models--m" || name.starts_with(".locks");
      if (!is_own) found.push_back(name);
    }
    return found;
  }

  HubServer server_;
  Repository m_{RepoType::model, "m"};
  fs::path folder_;
};

TEST_F(Etag, OddFormsNameBlobsAsHuggingfaceHubDoes) {
  const std::string longest(200, 'e');
  const std::vector<std::pair<std::vector<std::string>, std::string>> forms = {
      {{"W/\"weak-1\""}, "weak-1"},
      {{"W/weak-2"}, "weak-2"},
      {{"bare-3"}, "bare-3"},
      {{"\"half-4"}, "half-4"},
      {{"\"\"twice-5\"\""}, "twice-5"},
      {{"\"5f3e-62..a\""}, "5f3e-62..a"},
      {{"\"-6-\""}, "-6-"},
      {{"\"~7!#$%&'*+^`|()[]{}<>?=@:;,\""}, "~7!#$%&'*+^`|()[]{}<>?=@:;,"},
      {{longest}, longest},
      {{"\"first-8\"", "\"last-8\""}, "last-8"},  // a header that is sent twice
  };
  for (const auto& [said, blob] : forms) {
    say(said);
    EXPECT_EQ(message(), "") << blob;
    EXPECT_EQ(fs::read_symlink(folder_ / "config.json"), "../../blobs/" + blob);
    EXPECT_EQ(read_text(repository() / "blobs" / blob), "{}");
    EXPECT_TRUE(strays().empty());
    fs::remove_all(repository());
  }
}

TEST_F(Etag, WhatIsNoFilesNameIsRefused) {
  for (const char* said :
       {"\"../../../evil\"", "\"..\"", "\".\"", "\".hidden\"", "\"a/b\"", "\"/etc/passwd\"", "W/\"W/\"a\"/b\"",
        "\"a\\b\"", "\"a b\"", "\"a\tb\"", "\"\xC3\xA4\"", "\"\x01\"", "\"9e26.incomplete\"", "W/.."}) {
    say({said});
    EXPECT_THAT(message(), AllOf(HasSubstr("config.json of m"), HasSubstr("gives it the ETag \""),
                                 HasSubstr("cannot name a file in the cache"), HasSubstr("HF_ENDPOINT")))
        << said;
    EXPECT_FALSE(fs::exists(repository() / "blobs")) << said;
    EXPECT_TRUE(strays().empty()) << said;
  }
  for (const size_t length : {size_t{201}, size_t{300}, size_t{100'000}}) {
    say({std::string(length, 'e')});
    const std::string refusal = message();
    EXPECT_THAT(refusal, HasSubstr("at most 200 visible ASCII")) << length;
    EXPECT_LT(refusal.size(), 500u) << "what is shown is cut";
  }
  for (const char* none : {"\"\"", "", "W/", "W/\"\"", "\""}) {
    say({none});
    EXPECT_THAT(message(), HasSubstr("lacks what a Hub says of a file")) << none;
  }
  EXPECT_FALSE(fs::exists(repository() / "blobs"));
  say({});
  EXPECT_THAT(message(), HasSubstr("lacks what a Hub says of a file"));
}

/// git-lfs' content has its own header.
TEST_F(Etag, TheLinkedOneGoesBefore) {
  say({"\"../evil\""}, "/model.safetensors");
  EXPECT_THAT(message({"model.safetensors"}), HasSubstr("the ETag \"../evil\""));
  say({"W/\"own\""}, "/model.safetensors");
  EXPECT_EQ(message({"model.safetensors"}), "");
  EXPECT_EQ(fs::read_symlink(folder_ / "model.safetensors"), "../../blobs/own");
}

TEST_F(Etag, TheSameContentIsOneBlob) {
  EXPECT_EQ(message({"config.json", "nested/config.json"}), "");
  EXPECT_EQ(fs::read_symlink(folder_ / "config.json").filename(),
            fs::read_symlink(folder_ / "nested" / "config.json").filename());
  int64_t contents = 0;
  for (const json& entry : server_.take_log())
    contents += entry["method"] == "GET" && entry["path"].get<std::string>().find("/resolve/") != std::string::npos;
  EXPECT_LE(contents, 1);
}

/// A name that is no digest may mean anything: one file is never taken for another of another size.
TEST_F(Etag, OneNameForTwoFilesIsRefused) {
  say({"\"same\""}, "/(config.json|notes.txt)");
  EXPECT_EQ(message({"config.json"}), "");
  EXPECT_THAT(message({"notes.txt"}), AllOf(HasSubstr("notes.txt of m"), HasSubstr("10 bytes under the ETag \"same\""),
                                            HasSubstr("another file's 2 bytes")));
  EXPECT_EQ(read_text(folder_ / "config.json"), "{}");
  EXPECT_FALSE(fs::exists(folder_ / "notes.txt"));
}

/// Where the name is a digest, the content is known: what is there in its place is made anew.
TEST_F(Etag, ABlobThatIsNotItsDigestsSizeIsFetchedAnew) {
  EXPECT_EQ(message({"model.safetensors"}), "");
  const fs::path name = folder_ / "model.safetensors", blob = fs::canonical(name);
  std::ofstream(blob) << "cut short";
  fs::remove(name);
  EXPECT_EQ(message({"model.safetensors"}), "");
  EXPECT_EQ(fs::file_size(name), 5000u);
}

TEST(DigestKind, IsByTheNumberOfHexadecimalDigits) {
  EXPECT_EQ(digest_kind(std::string(64, 'a')), Digest::Kind::sha256);
  EXPECT_EQ(digest_kind(std::string(40, '0')), Digest::Kind::git_blob);
  for (const std::string& none : {std::string(64, 'A'), std::string(40, 'g'), std::string(63, 'a'), std::string()})
    EXPECT_EQ(digest_kind(none), std::nullopt);
}

}  // namespace
}  // namespace tekio::hub
