#include "hub/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/client.h"
#include "hub/digest.h"
#include "hub/hub_server.h"
#include "support/log_capture.h"

namespace tekio::hub {
namespace {

using test::file_requests;
using test::HubServer;
using test::LogCapture;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string weights(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

class Fetch : public testing::Test {
 protected:
  void SetUp() override {
    server_.add("models/org/small/config.json", "{}");
    server_.add("models/org/small/tokenizer.json", "{\"a\": 1}");
    server_.add("models/org/small/model.safetensors", weights_);
    server_.add("models/org/small/pytorch_model.bin", weights(3000));
    server_.add("models/org/small/README.md", "# A model\n");
    server_.add("models/org/small/onnx/model.onnx", "x");
    server_.add("models/org/shards/config.json", "{}");
    server_.add(
        "models/org/shards/model.safetensors.index.json",
        R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})");
    server_.add("models/org/shards/model-00001-of-00002.safetensors", "1");
    server_.add("models/org/shards/model-00002-of-00002.safetensors", "2");
    server_.add("models/secret/config.json", "{}");
    server_.add("models/secret/model.safetensors", "short");
    server_.add("models/secret/vocab.txt", "[UNK]\n");
    server_.add("models/closed/config.json", "{}");
    server_.start({"--token", "hf_right", "--private", "secret", "--gated", "closed"});
  }
  Snapshot fetch_small(Settings settings) { return fetch(settings, small_, model_files); }
  std::string message(const Settings& settings, const Repository& repository) {
    try {
      fetch(settings, repository, model_files);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::io);
      return error.what();
    }
    return "";
  }

  static void expect_shards(const Snapshot& snapshot) {
    EXPECT_EQ(snapshot.files.size(), 4u);
    EXPECT_EQ(read_text(snapshot.folder / "model-00001-of-00002.safetensors"), "1");
    EXPECT_EQ(read_text(snapshot.folder / "model-00002-of-00002.safetensors"), "2");
  }

  std::string weights_ = weights(5'000'000);
  HubServer server_;
  Repository small_{RepoType::model, "org/small"}, shards_{RepoType::model, "org/shards"};
};

TEST_F(Fetch, LaysTheCacheOutAsHuggingfaceHubDoes) {
  const Snapshot snapshot = fetch_small(server_.settings());
  EXPECT_THAT(snapshot.files, UnorderedElementsAre("config.json", "model.safetensors"));
  EXPECT_TRUE(is_commit(snapshot.commit));
  const fs::path folder = server_.cache() / "models--org--small";
  EXPECT_EQ(snapshot.folder, folder / "snapshots" / snapshot.commit);
  EXPECT_EQ(read_text(folder / "refs" / "main"), snapshot.commit);
  const std::string sha256 = digest_of(snapshot.folder / "model.safetensors", Digest::Kind::sha256);
  EXPECT_EQ(fs::read_symlink(snapshot.folder / "model.safetensors"), "../../blobs/" + sha256);
  EXPECT_EQ(fs::read_symlink(snapshot.folder / "config.json"), "../../blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b");
  EXPECT_EQ(read_text(snapshot.folder / "model.safetensors"), weights_);
  for (const auto& entry : fs::directory_iterator(folder / "blobs"))
    EXPECT_FALSE(entry.path().string().ends_with(".incomplete")) << entry.path();
}

TEST_F(Fetch, WhatIsThereIsNotAskedForAgain) {
  fetch_small(server_.settings());
  server_.take_log();
  fetch_small(server_.settings());
  EXPECT_THAT(file_requests(server_.take_log()), IsEmpty());
  Settings offline = server_.settings();
  offline.offline = true;
  fetch_small(offline);
  EXPECT_THAT(server_.take_log(), IsEmpty());
  small_.revision = fetch_small(offline).commit;
  fetch_small(server_.settings());  // a commit means the same for ever
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

/// A commit names the same files for ever, but not that they are all here.
TEST_F(Fetch, ACommitThatWasFetchedInPartIsFetchedOn) {
  const std::string commit = fetch(server_.settings(), shards_, config_file).commit;
  fs::remove_all(server_.cache());
  shards_.revision = commit;
  server_.set_faults({{{"match", "^HEAD .*model-00002"},
                       {"kind", "status"},
                       {"code", 404},
                       {"headers", {{"X-Error-Code", "EntryNotFound"}}}}});
  EXPECT_THAT(message(server_.settings(), shards_), HasSubstr("lists model-00002-of-00002.safetensors"));
  expect_shards(fetch(server_.settings(), shards_, model_files));
  server_.take_log();
  expect_shards(fetch(server_.settings(), shards_, model_files));
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

/// What huggingface_hub fetched has no listing beside it.
TEST_F(Fetch, ASnapshotWithoutAListingIsUsedAsFarAsItGoes) {
  const Snapshot whole = fetch(server_.settings(), shards_, model_files);
  const auto forget = [&] { fs::remove_all(server_.cache() / "models--org--shards" / "listings"); };
  forget();
  server_.take_log();
  Settings offline = server_.settings();
  offline.offline = true;
  for (const std::string& revision : {std::string("main"), whole.commit}) {
    shards_.revision = revision;
    const Snapshot found = fetch(offline, shards_, model_files);
    expect_shards(found);
    EXPECT_FALSE(found.is_whole);
  }
  EXPECT_THAT(server_.take_log(), IsEmpty());
  fs::remove(whole.folder / "model-00002-of-00002.safetensors");
  EXPECT_THAT(message(offline, shards_), AllOf(HasSubstr("model-00002-of-00002.safetensors of org/shards"),
                                               HasSubstr("not in the Hub's cache"), HasSubstr("tekio pull")));
  const Snapshot again = fetch(server_.settings(), shards_, model_files);
  expect_shards(again);
  EXPECT_TRUE(again.is_whole);
}

TEST_F(Fetch, ShardsAreThoseThatTheIndexNames) {
  HubServer other;
  other.add("models/odd/config.json", "{}");
  other.add("models/odd/model.safetensors.index.json",
            R"({"weight_map": {"a": "first.safetensors", "b": "../../out.safetensors", "c": 3, "d": "absent"}})");
  other.add("models/odd/first.safetensors", "1");
  other.add("models/odd/other.safetensors", "2");
  other.start();
  EXPECT_THAT(fetch(other.settings(), {RepoType::model, "odd"}, model_files).files,
              UnorderedElementsAre("config.json", "model.safetensors.index.json", "first.safetensors"));
}

TEST_F(Fetch, APartOfAModelIsNoModelWithoutWeights) {
  fetch(server_.settings(), small_, tokenizer_files);
  fs::remove_all(server_.cache() / "models--org--small" / "listings");
  Settings settings = server_.settings();
  settings.offline = true;
  EXPECT_THAT(message(settings, small_), AllOf(HasSubstr("of org/small the Hub's cache"), HasSubstr("holds 2 files"),
                                               HasSubstr("(offline or"), HasSubstr("tekio pull org/small")));
  settings.offline = false;
  settings.endpoint = "http://127.0.0.1:1";
  EXPECT_THAT(message(settings, small_),
              AllOf(HasSubstr("the Hub does not answer"), HasSubstr("tekio pull org/small")));
}

/// As huggingface_hub notes it, so that neither it nor Hugging Face transformers asks for these again.
TEST_F(Fetch, WhatARepositoryLacksIsNoted) {
  const std::string commit = fetch_small(server_.settings()).commit;
  const fs::path noted = server_.cache() / "models--org--small" / ".no_exist" / commit;
  for (const char* name : {"vocab.txt", "tokenizer_config.json", "chat_template.jinja", "adapter_config.json"}) {
    ASSERT_TRUE(fs::is_regular_file(noted / name)) << name;
    EXPECT_EQ(fs::file_size(noted / name), 0u);
  }
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "pytorch_model.bin"})
    EXPECT_FALSE(fs::exists(noted / name)) << name;
}

/// A cache that somebody else fills is read in silence.
TEST_F(Fetch, ACacheThatCannotBeWrittenIsRead) {
  fetch_small(server_.settings());
  const fs::path folder = server_.cache() / "models--org--small", listings = folder / "listings";
  fs::remove_all(listings);
  std::ofstream(listings) << "no folder";  // also where the tests may write everywhere
  const LogCapture log;
  EXPECT_EQ(fetch_small(server_.settings()).files.size(), 2u);
  EXPECT_EQ(log.text(), "");
}

TEST_F(Fetch, TheTokenGoesToTheEndpointAlone) {
  Settings settings = server_.settings();
  settings.token = "hf_right";
  fetch_small(settings);
  bool asked_cdn = false;
  for (const auto& entry : server_.take_log()) {
    asked_cdn |= entry["host"] == "cdn";
    const nlohmann::json expected = entry["host"] == "cdn" ? nlohmann::json() : nlohmann::json("Bearer hf_right");
    EXPECT_EQ(entry["authorization"], expected) << entry;
  }
  EXPECT_TRUE(asked_cdn);
}

TEST_F(Fetch, PrivateAndGatedRepositoriesSayWhatToDo) {
  const Repository secret{RepoType::model, "secret"}, closed{RepoType::model, "closed"};
  EXPECT_THAT(message(server_.settings(), secret),
              AllOf(HasSubstr("has no model secret, or it is private"), HasSubstr("set HF_TOKEN")));
  EXPECT_THAT(message(server_.settings(), closed), AllOf(HasSubstr("closed is gated"), HasSubstr("accept its terms")));
  EXPECT_THAT(message(server_.settings(), {RepoType::model, "absent"}), HasSubstr("has no model absent"));
  EXPECT_THAT(message(server_.settings(), {RepoType::model, "org/small", "v9"}), HasSubstr("has no revision \"v9\""));
  Settings settings = server_.settings();
  settings.token = "hf_right";
  EXPECT_EQ(message(settings, secret), "");
  settings.token = "hf_wrong";
  settings.cache += "-other";
  EXPECT_THAT(message(settings, secret), HasSubstr("the token (HF_TOKEN, or the token file) may not read it"));
}

TEST_F(Fetch, OfflineWithoutACopyNamesWhatToDo) {
  Settings offline = server_.settings();
  offline.offline = true;
  EXPECT_THAT(message(offline, small_), AllOf(HasSubstr("not in the Hub's cache"), HasSubstr("tekio pull org/small")));
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(Fetch, AnUnreachableHubLeavesWhatWasFetched) {
  const std::string commit = fetch_small(server_.settings()).commit;
  Settings settings = server_.settings();
  settings.endpoint = "http://127.0.0.1:1";
  EXPECT_EQ(fetch_small(settings).commit, commit);
  settings.cache += "-other";
  EXPECT_THAT(message(settings, small_),
              AllOf(HasSubstr("cannot be had from http://127.0.0.1:1"), HasSubstr("3 tries")));
}

TEST_F(Fetch, TwoAtOnceFetchOnce) {
  std::vector<std::jthread> both;
  for (int i = 0; i < 2; ++i) both.emplace_back([&] { EXPECT_EQ(fetch_small(server_.settings()).files.size(), 2u); });
  both.clear();
  int contents = 0;
  for (const auto& entry : server_.take_log()) contents += entry["host"] == "cdn" && entry["method"] == "GET";
  EXPECT_EQ(contents, 1);
}

TEST_F(Fetch, AFullRepositoryIsAllButOtherWeights) {
  const Snapshot snapshot = fetch(server_.settings(), small_, model_repository_files);
  EXPECT_THAT(snapshot.files, UnorderedElementsAre("config.json", "model.safetensors", "tokenizer.json", "README.md"));
}

TEST(ModelFiles, SafetensorsComeFirstAndShardsWithTheirIndex) {
  EXPECT_THAT(model_files({"config.json", "pytorch_model.bin", "model.safetensors"}),
              UnorderedElementsAre("config.json", "model.safetensors"));
  EXPECT_THAT(model_files({"config.json", "pytorch_model.bin", "model.safetensors.index.json",
                           "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                           "onnx/model-00001-of-00002.safetensors"}),
              UnorderedElementsAre("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                                   "model-00002-of-00002.safetensors"));
  EXPECT_THAT(model_files({"config.json", "pytorch_model.bin", "tf_model.h5"}),
              UnorderedElementsAre("config.json", "pytorch_model.bin"));
  EXPECT_THROW(model_files({"config.json", "tf_model.h5"}), Error);
  EXPECT_THROW(model_files({"model.safetensors"}), Error);
  EXPECT_THROW(tokenizer_files({"config.json"}), Error);
  EXPECT_THAT(tokenizer_files({"config.json", "vocab.txt", "x"}), UnorderedElementsAre("config.json", "vocab.txt"));
}

TEST(Digest, IsThatOfGitAndSha256Sum) {
  Digest sha256(Digest::Kind::sha256, 3);
  sha256.update("abc");
  EXPECT_EQ(sha256.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Digest blob(Digest::Kind::git_blob, 6);
  blob.update("hello\n");
  EXPECT_EQ(blob.hex(), "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST_F(Fetch, TellsHowFarItIs) {
  std::vector<Transfer> told;
  Settings settings = server_.settings();
  settings.on_progress = [&](const Transfer& transfer) { told.push_back(transfer); };
  // Half of the weights lie here from an attempt before.
  Client client(settings);
  const std::string etag = client.head(small_, "main", "model.safetensors")->etag;
  fs::create_directories(server_.cache() / "models--org--small" / "blobs");
  write_atomically(server_.cache() / "models--org--small" / "blobs" / (etag + ".incomplete"),
                   weights_.substr(0, weights_.size() / 2));
  fetch_small(settings);
  ASSERT_FALSE(told.empty());
  uint64_t moved = 0;
  for (const Transfer& t : told) {
    EXPECT_EQ(t.total, weights_.size() + 2);  // with config.json
    EXPECT_LE(t.done, t.total);
    EXPECT_LE(t.moved, t.done);
    moved = std::max(moved, t.moved);
  }
  EXPECT_GT(moved, weights_.size() / 4);
  EXPECT_LE(moved, weights_.size() / 2 + 2);  // what lay here is done, but was not moved
  told.clear();
  fetch_small(settings);
  EXPECT_TRUE(told.empty());
}

}  // namespace
}  // namespace tekio::hub
