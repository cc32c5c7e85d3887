// Notes in the cache that a commit has no file of a name: whoever asked for files one by one left them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/fetch.h"
#include "hub/hub_server.h"
#include "hub/locate.h"

namespace tekio::hub {
namespace {

using test::file_requests;
using test::HubServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class Absence : public testing::Test {
 protected:
  void SetUp() override {
    server_.add("models/m/config.json", "{}");
    server_.add("models/m/pytorch_model.bin", "short");
    server_.add("models/m/vocab.txt", "[UNK]\n");
    server_.add("models/shards/config.json", "{}");
    server_.add("models/shards/model.safetensors.index.json",
                R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
    server_.add("models/shards/one.safetensors", "1");
    server_.start();
    m_.revision = fetched_by_name(m_, {"config.json", "pytorch_model.bin"});
    shards_.revision = fetched_by_name(shards_, {"config.json", "model.safetensors.index.json", "one.safetensors"});
    server_.take_log();
  }
  /// As huggingface_hub leaves a repository of which it was asked for these: no listing, no notes. The commit.
  std::string fetched_by_name(const Repository& repository, const std::vector<std::string>& names) {
    const std::string commit = fetch(server_.settings(), repository, [&](const auto&) { return names; }).commit;
    for (const char* own : {"listings", ".no_exist"}) fs::remove_all(server_.cache() / folder_name(repository) / own);
    return commit;
  }
  void note_absent(const Repository& repository, const std::vector<std::string>& names) const {
    for (const std::string& name : names)
      RepositoryCache(server_.cache(), repository).set_absent(repository.revision, name);
  }
  Snapshot open(const Repository& repository, bool offline = false) const {
    Settings settings = server_.settings();
    settings.offline = offline;
    return fetch(settings, repository, model_files, files_asked_for());
  }
  std::string refusal(const Repository& repository, bool offline, ErrorKind kind) const {
    try {
      open(repository, offline);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    return "";
  }

  HubServer server_;
  Repository m_{RepoType::model, "m"}, shards_{RepoType::model, "shards"};
};

TEST_F(Absence, WhereAllThatMattersIsKnownNothingIsAsked) {
  open(m_);
  EXPECT_EQ(server_.take_log().size(), 1u) << "better weights might be there";
  fs::remove_all(server_.cache() / "models--m" / "listings");
  fs::remove_all(server_.cache() / "models--m" / ".no_exist");
  note_absent(m_, {"model.safetensors", "model.safetensors.index.json"});
  for (const bool offline : {false, true}) {
    const Snapshot found = open(m_, offline);
    EXPECT_THAT(found.files, UnorderedElementsAre("config.json", "pytorch_model.bin"));
    EXPECT_TRUE(found.is_whole);
  }
  EXPECT_THAT(server_.take_log(), IsEmpty());
  // Whoever wants all of it cannot know by names.
  fetch(server_.settings(), m_, model_repository_files);
  EXPECT_FALSE(server_.take_log().empty());
}

TEST_F(Absence, ATokenizerIsKnownByAllItsNames) {
  const Repository whole = m_;
  fetched_by_name(m_, {"vocab.txt"});
  std::vector<std::string> absent = files_asked_for();
  std::erase_if(absent, [](const std::string& name) { return name == "vocab.txt" || name == "config.json"; });
  note_absent(whole, absent);
  server_.take_log();
  const Snapshot found = fetch(server_.settings(), whole, tokenizer_files, files_asked_for());
  EXPECT_THAT(found.files, UnorderedElementsAre("config.json", "vocab.txt"));
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

/// Offline, what is not here is not the same as what there is not.
TEST_F(Absence, WhatTheRepositoryLacksIsSaidToBeLacking) {
  fs::remove(server_.cache() / "models--m" / "snapshots" / m_.revision / "pytorch_model.bin");
  EXPECT_THAT(refusal(m_, true, ErrorKind::io), AllOf(HasSubstr("holds 1 file"), HasSubstr("tekio pull")));
  note_absent(
      m_, {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"});
  for (const bool offline : {false, true})
    EXPECT_THAT(refusal(m_, offline, ErrorKind::input),
                AllOf(HasSubstr("holds no weights"), Not(HasSubstr("tekio pull"))));
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(Absence, AShardThatIsNotThereIsAskedForOnce) {
  note_absent(shards_, {"model.safetensors"});
  for (const bool offline : {true, false})
    EXPECT_THAT(refusal(shards_, offline, offline ? ErrorKind::io : ErrorKind::input), HasSubstr("two.safetensors"));
  EXPECT_THAT(file_requests(server_.take_log()), testing::SizeIs(1));
  const fs::path note = server_.cache() / "models--shards" / ".no_exist" / shards_.revision / "two.safetensors";
  EXPECT_TRUE(fs::is_regular_file(note));
  for (const bool offline : {true, false})
    EXPECT_THAT(refusal(shards_, offline, ErrorKind::input),
                AllOf(HasSubstr("shards@"), HasSubstr("has no file two.safetensors"), HasSubstr("incomplete")));
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

/// The Hub itself knows better than a note; and what was fetched is there for others, too.
TEST_F(Absence, AListingGoesBeforeANote) {
  Repository main = m_;
  main.revision = "main";
  note_absent(m_, {"vocab.txt"});
  EXPECT_EQ(fetch(server_.settings(), main, tokenizer_files, files_asked_for()).files.size(), 2u);
  EXPECT_FALSE(fs::exists(server_.cache() / "models--m" / ".no_exist" / m_.revision / "vocab.txt"));
}

TEST_F(Absence, NamesOfModelsAreOpenedSo) {
  note_absent(m_, {"model.safetensors", "model.safetensors.index.json"});
  const Located located = locate_model("m@" + m_.revision, model_files, server_.settings());
  EXPECT_TRUE(located.from_hub);
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

/// Folders and links in a note's place are none.
TEST_F(Absence, OnlyAFileIsANote) {
  fs::create_directories(server_.cache() / "models--m" / ".no_exist" / m_.revision / "model.safetensors" / "x");
  note_absent(m_, {"model.safetensors.index.json"});
  open(m_);
  EXPECT_EQ(server_.take_log().size(), 1u);
}

}  // namespace
}  // namespace tekio::hub
