// Pushing against server.py: what arrives, what is not sent again, what is refused and how that is said.
#include "hub/upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "hub/client.h"
#include "hub/digest.h"
#include "hub/fetch.h"
#include "hub/hub_server.h"
#include "hub/pushed.h"

namespace tekio::hub {
namespace {

using nlohmann::json;
using test::HubServer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class UploadTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.add("models/org/theirs/config.json", "{\"theirs\": 1}");
    server_.add("models/org/theirs/notes.txt", "notes");
    server_.start({"--token", "hf_write"});
    folder_ = server_.cache() / "run";
    fs::create_directories(folder_);
    write_atomically(folder_ / "config.json", "{}");
    write_atomically(folder_ / "empty.bin", "");
    write_atomically(folder_ / "large.safetensors", std::string(2'000'000, 'w'));  // in four parts
    write_atomically(folder_ / "small.safetensors", std::string(5'000, 's'));      // in one
    settings_ = server_.settings();
    settings_.token = "hf_write";
    settings_.pushed = server_.cache() / "pushed";
  }
  std::vector<UploadFile> files() const {
    std::vector<UploadFile> files = {{.path = "README.md", .text = card_}};
    for (const char* name : {"config.json", "empty.bin", "large.safetensors", "small.safetensors"})
      files.push_back({.path = name, .file = folder_ / name});
    return files;
  }
  Uploaded push(const std::string& id, const UploadOptions& options = {.message = "First"}) {
    return upload(settings_, {RepoType::model, id}, files(), options);
  }
  std::string message(const std::string& id, const UploadOptions& options = {.message = "First"}) {
    try {
      push(id, options);
    } catch (const Error& error) {
      kind_ = error.kind();
      return error.what();
    }
    return "";
  }
  json repository(const std::string& id) { return server_.repositories()["models/" + id]; }
  int64_t commits(const std::string& id) { return static_cast<int64_t>(repository(id)["history"].size()); }
  /// Requests since the last look, of one method.
  std::vector<std::string> requests(const std::string& method) {
    std::vector<std::string> paths;
    for (const json& entry : server_.take_log())
      if (entry["method"] == method) paths.push_back(entry["path"]);
    return paths;
  }
  void expect_whole(const std::string& id) {
    const json there = repository(id)["files"];
    for (const UploadFile& file : files())
      EXPECT_EQ(there[file.path], base64(file.text ? *file.text : read_text(file.file))) << file.path;
  }

  HubServer server_;
  fs::path folder_;
  Settings settings_;
  std::string card_ = "---\nlicense: mit\n---\n";
  ErrorKind kind_ = ErrorKind::bug;
};

TEST_F(UploadTest, OneCommitHoldsAllFiles) {
  const Uploaded done = push("org/new", {.message = "First", .description = "more"});
  EXPECT_EQ(done.repository, "org/new");
  EXPECT_EQ(done.url, server_.endpoint() + "/org/new");
  EXPECT_THAT(done.sent,
              ElementsAre("README.md", "config.json", "empty.bin", "large.safetensors", "small.safetensors"));
  EXPECT_EQ(done.sent_bytes, 2'005'000u + 2 + card_.size());
  const json there = repository("org/new");
  ASSERT_EQ(there["history"].size(), 2u);  // the repository's own first one, and ours
  EXPECT_EQ(there["history"][1]["summary"], "First");
  EXPECT_EQ(there["history"][1]["description"], "more");
  EXPECT_EQ(there["history"][1]["commit"], done.commit);
  EXPECT_EQ(there["files"].size(), 5u);
  expect_whole("org/new");
}

TEST_F(UploadTest, TheTokenGoesToTheHubAlone) {
  push("org/new");
  for (const json& entry : server_.take_log())
    EXPECT_EQ(entry["authorization"].is_null(), entry["host"] == "cdn") << entry;
}

TEST_F(UploadTest, WhatIsThereIsNotSentAgain) {
  const Uploaded first = push("org/new");
  server_.take_log();
  const Uploaded again = push("org/new", {.message = "Again"});
  EXPECT_THAT(again.sent, IsEmpty());
  EXPECT_EQ(again.unchanged.size(), 5u);
  EXPECT_EQ(again.unchanged_bytes, first.sent_bytes);
  EXPECT_EQ(again.commit, first.commit);
  EXPECT_THAT(requests("PUT"), IsEmpty());
  EXPECT_EQ(commits("org/new"), 2);
  write_atomically(folder_ / "config.json", "{\"a\": 1}");
  const Uploaded changed = push("org/new", {.message = "Again"});  // it is known: nobody else has pushed meanwhile
  EXPECT_THAT(changed.sent, ElementsAre("config.json"));
  EXPECT_THAT(requests("PUT"), IsEmpty());
  EXPECT_EQ(commits("org/new"), 3);
  expect_whole("org/new");
}

TEST_F(UploadTest, ContentThatTheHubHasUnderAnotherNameIsNotSent) {
  push("org/new");
  server_.take_log();
  push("org/second");
  EXPECT_THAT(requests("PUT"), IsEmpty());
  expect_whole("org/second");
}

TEST_F(UploadTest, WhatOthersPutThereIsLeftAlone) {
  EXPECT_THAT(message("org/theirs"),
              AllOf(HasSubstr("org/theirs holds other files of these names (config.json)"), HasSubstr("--overwrite")));
  EXPECT_EQ(kind_, ErrorKind::io);
  EXPECT_EQ(commits("org/theirs"), 1);
  EXPECT_THAT(requests("PUT"), IsEmpty());
  push("org/theirs", {.message = "On top", .overwrite = true});
  EXPECT_EQ(commits("org/theirs"), 2);
  EXPECT_TRUE(repository("org/theirs")["files"].contains("notes.txt"));
  expect_whole("org/theirs");
}

TEST_F(UploadTest, FilesThatReplaceNothingGoIntoAnyRepository) {
  server_.set_faults(json::array());
  const std::vector<UploadFile> one = {{.path = "vocab.txt", .text = "[UNK]\n"}};
  EXPECT_EQ(upload(settings_, {RepoType::model, "org/theirs"}, one, {.message = "Vocabulary"}).sent.size(), 1u);
  EXPECT_EQ(repository("org/theirs")["files"].size(), 3u);
}

TEST_F(UploadTest, ABranchThatMovedSinceOursIsLeftAlone) {
  push("org/new");
  Settings elsewhere = settings_;
  elsewhere.pushed.clear();
  const std::vector<UploadFile> theirs = {{.path = "config.json", .text = "{\"theirs\": 2}"}};
  upload(elsewhere, {RepoType::model, "org/new"}, theirs, {.message = "Theirs", .overwrite = true});
  write_atomically(folder_ / "config.json", "{\"ours\": 2}");
  EXPECT_THAT(message("org/new"), HasSubstr("its last commit was not pushed from here"));
  EXPECT_EQ(repository("org/new")["files"]["config.json"], base64("{\"theirs\": 2}"));
}

TEST_F(UploadTest, WhoeverCommitsMeanwhileIsNotRunOver) {
  server_.set_faults({{{"match", "^POST endpoint .*/commit/"}, {"kind", "moved"}, {"path", "config.json"}}});
  EXPECT_THAT(message("org/new"), HasSubstr("somebody else has committed meanwhile"));
  EXPECT_EQ(repository("org/new")["files"].size(), 1u);
  EXPECT_EQ(repository("org/new")["files"]["config.json"], base64("theirs"));
}

TEST_F(UploadTest, ACommitWhoseAnswerIsLostIsMadeOnce) {
  server_.set_faults({{{"match", "^POST endpoint .*/commit/"}, {"kind", "lost"}}});
  const Uploaded done = push("org/new");
  EXPECT_EQ(commits("org/new"), 2);
  EXPECT_EQ(done.commit, repository("org/new")["history"][1]["commit"]);
  EXPECT_EQ(done.sent.size(), 5u);
  expect_whole("org/new");
}

TEST_F(UploadTest, WhatPassesIsTriedAgain) {
  server_.set_faults(
      {{{"match", "/api/repos/create"}, {"kind", "status"}, {"code", 503}},
       {{"match", "/preupload/"}, {"kind", "status"}, {"code", 429}, {"headers", {{"Retry-After", "0"}}}},
       {{"match", "^PUT cdn"}, {"kind", "status"}, {"code", 500}, {"times", 3}},
       {{"match", "^PUT cdn"}, {"kind", "lost"}, {"times", 2}},
       {{"match", "^POST cdn /complete"}, {"kind", "status"}, {"code", 502}},
       {{"match", "objects/batch"}, {"kind", "lost"}},
       {{"match", "/commit/"}, {"kind", "status"}, {"code", 503}, {"times", 2}}});
  push("org/new");
  EXPECT_EQ(commits("org/new"), 2);
  expect_whole("org/new");
}

TEST_F(UploadTest, WhatDoesNotPassEndsInOneSentence) {
  server_.set_faults({{{"match", "/commit/"}, {"kind", "status"}, {"code", 503}, {"times", 99}}});
  EXPECT_THAT(message("org/new"), AllOf(HasSubstr("the commit cannot be sent to"), HasSubstr("status 503 (6 tries)"),
                                        HasSubstr("run again")));
  EXPECT_EQ(commits("org/new"), 1);
  server_.take_log();
  server_.set_faults(json::array());
  push("org/new");
  EXPECT_THAT(requests("PUT"), IsEmpty());  // what had arrived is not sent twice
}

TEST_F(UploadTest, ANameAloneIsOfTheTokensOwner) {
  EXPECT_EQ(push("mine").url, server_.endpoint() + "/somebody/mine");
  EXPECT_TRUE(server_.repositories().contains("models/somebody/mine"));
  EXPECT_EQ(with_owner(settings_, {RepoType::model, "mine"}).id, "somebody/mine");
}

TEST_F(UploadTest, PrivateIsKeptPrivate) {
  push("org/secret", {.is_private = true, .message = "First"});
  Settings nobody = settings_;
  nobody.token.clear();
  try {
    fetch(nobody, {RepoType::model, "org/secret"}, config_file);
    ADD_FAILURE() << "it is read without a token";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no model org/secret, or it is private"));
  }
  fetch(settings_, {RepoType::model, "org/secret"}, config_file);
  push("org/secret", {.is_private = true, .message = "Again"});
  EXPECT_THAT(message("org/theirs", {.is_private = true, .message = "First"}),
              HasSubstr("is there already and everybody can see it, but it is to be private"));
  EXPECT_EQ(commits("org/theirs"), 1);
}

TEST_F(UploadTest, TokensThatDoNotDoAreSaid) {
  settings_.token = "";
  EXPECT_THAT(message("org/new"), AllOf(HasSubstr("needs a token with the right to write"), HasSubstr("HF_TOKEN")));
  EXPECT_EQ(kind_, ErrorKind::usage);
  settings_.token = "hf_read";
  EXPECT_THAT(message("org/new"), HasSubstr("the token can only read"));
  settings_.token = "hf_wrong";
  EXPECT_THAT(message("org/new"),
              AllOf(HasSubstr("does not accept the token (status 401"), HasSubstr("Invalid username")));
  settings_.token = "hf_write";
  settings_.offline = true;
  EXPECT_THAT(message("org/new"), HasSubstr("needs the network"));
  EXPECT_EQ(kind_, ErrorKind::usage);
  EXPECT_FALSE(server_.repositories().contains("models/org/new"));
}

TEST_F(UploadTest, RefusalsSayWhatToDo) {
  const auto status = [&](const char* match, int code) {
    server_.set_faults({{{"match", match}, {"kind", "status"}, {"code", code}, {"times", 9}}});
  };
  status("/api/repos/create", 403);
  EXPECT_THAT(message("org/new"), HasSubstr("the token may not write to org/new (status 403)"));
  status("/api/repos/create", 402);
  EXPECT_THAT(message("org/new"), AllOf(HasSubstr("the repository's name is refused by"), HasSubstr("status 402")));
  status("/preupload/", 404);
  EXPECT_THAT(message("org/new"), HasSubstr("has no repository org/new that this token may see (status 404)"));
  status("/preupload/", 403);
  EXPECT_THAT(message("org/new"), HasSubstr("the token may not write to org/new (status 403)"));
  status("/commit/", 413);
  EXPECT_THAT(message("org/new"), AllOf(HasSubstr("the commit is refused by"), HasSubstr("status 413")));
  status("/commit/", 412);  // though nobody moved the branch
  EXPECT_THAT(message("org/new"), AllOf(HasSubstr("the commit is refused by"), HasSubstr("status 412")));
  status("^PUT cdn", 403);
  write_atomically(folder_ / "small.safetensors", std::string(5'000, 't'));  // content that is there is not sent again
  EXPECT_THAT(message("org/new"), AllOf(HasSubstr("small.safetensors was not taken by"), HasSubstr("status 403")));
  status("/verify", 404);
  EXPECT_NE(message("org/new"), "");
  EXPECT_EQ(commits("org/new"), 1);
}

TEST_F(UploadTest, AnswersThatAreNoHubsAreSaid) {
  const auto answer = [&](const char* match, const json& body) {
    server_.set_faults({{{"match", match}, {"kind", "answer"}, {"body", body.dump()}}});
  };
  answer("preupload", json::object());
  EXPECT_THAT(message("org/new"), HasSubstr("is not as the Hub's are"));
  answer("preupload", {{"files", json::array()}});
  EXPECT_THAT(message("org/new"), HasSubstr("does not say how README.md is to be sent"));
  answer("batch", {{"objects", json::array()}});
  EXPECT_THAT(message("org/new"), HasSubstr("answers for 0 of them"));
  answer("batch", {{"objects", {json::object()}}});
  EXPECT_THAT(message("org/new"), HasSubstr("is not as the Hub's are"));
  answer("whoami", {{"name", "../.."}});
  EXPECT_THAT(message("new"), HasSubstr("does not say whose the token is"));
  answer("/revision/main", {{"sha", "main"}});
  EXPECT_THAT(message("org/new"), HasSubstr("names no commit"));
  answer("/commit/", {{"commitOid", "../../x"}});
  EXPECT_THAT(message("org/new"), HasSubstr("names no commit"));
}

TEST_F(UploadTest, PartsThatAreNotTheFileAreRefused) {
  const std::string sha = digest_of(folder_ / "large.safetensors", Digest::Kind::sha256),
                    other = digest_of(folder_ / "small.safetensors", Digest::Kind::sha256);
  const auto batch = [&](const json& header) {
    const json object = {{"oid", sha},
                         {"size", 2'000'000},
                         {"actions", {{"upload", {{"href", server_.cdn() + "/complete/" + sha}, {"header", header}}}}}};
    server_.set_faults({{{"match", "batch"},
                         {"kind", "answer"},
                         {"body", json{{"objects", {object, {{"oid", other}, {"size", 5'000}}}}}.dump()}}});
    return message("org/new");
  };
  const std::string url = server_.cdn() + "/upload/" + sha + "/1";
  for (const json& header : {json{{"chunk_size", "0"}, {"1", url}}, json{{"chunk_size", "1000000"}, {"1", url}},
                             json{{"chunk_size", "-5"}}, json{{"chunk_size", "99999999999999999999"}, {"1", url}},
                             json{{"chunk_size", "1000000"}, {"2", url}, {"3", url}}})
    EXPECT_THAT(batch(header), HasSubstr("which is not all of it")) << header;
  EXPECT_THAT(batch({{"chunk_size", 1'000'000}, {"1", "ftp://x/1"}, {"2", url}}), HasSubstr("http or https URL"));
}

TEST_F(UploadTest, WhatTheRepositoryIgnoresIsNotSent) {
  const std::vector<UploadFile> rules = {{.path = ".gitignore", .text = "small.safetensors\n"}};
  upload(settings_, {RepoType::model, "org/new"}, rules, {.message = "Rules"});
  const Uploaded done = push("org/new");
  EXPECT_THAT(done.ignored, ElementsAre("small.safetensors"));
  EXPECT_FALSE(repository("org/new")["files"].contains("small.safetensors"));
}

TEST_F(UploadTest, ACardThatTheHubDoesNotTakeIsSaidBeforeAnythingIsSent) {
  card_ = "---\nlicense: [mit\n---\n";
  EXPECT_THAT(message("org/new"),
              AllOf(HasSubstr("does not take README.md: \"license\" must be a string"), HasSubstr("remove the file")));
  EXPECT_EQ(kind_, ErrorKind::input);
  EXPECT_THAT(requests("PUT"), IsEmpty());
  EXPECT_FALSE(server_.repositories().contains("models/org/new"));
  card_ = "---\n---\n";
  server_.set_faults({{{"match", "validate-yaml"}, {"kind", "status"}, {"code", 404}}});  // a Hub that cannot be asked
  EXPECT_EQ(push("org/new").sent.size(), 5u);
}

TEST_F(UploadTest, LooksBeforeThereIsAnythingToPush) {
  const auto prepare = [&](const std::string& id, const UploadOptions& options, bool make) {
    try {
      return prepare_upload(settings_, {RepoType::model, id}, {"config.json", "model.safetensors"}, options, make).id;
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(prepare("mine", {}, false), "somebody/mine");
  EXPECT_FALSE(server_.repositories().contains("models/somebody/mine"));
  EXPECT_EQ(prepare("mine", {}, true), "somebody/mine");
  EXPECT_TRUE(server_.repositories().contains("models/somebody/mine"));
  EXPECT_THAT(prepare("org/theirs", {}, true), HasSubstr("holds other files of these names (config.json)"));
  EXPECT_EQ(prepare("org/theirs", {.overwrite = true}, true), "org/theirs");
  settings_.token = "hf_read";
  EXPECT_THAT(prepare("mine", {}, false), HasSubstr("can only read"));
}

TEST_F(UploadTest, TellsHowFarItIs) {
  std::vector<Transfer> told;
  settings_.on_progress = [&](const Transfer& transfer) { told.push_back(transfer); };
  push("org/new");
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().done, 2'005'000u);
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].total, 2'005'000u);
    EXPECT_LE(told[i].done, told[i].total);
  }
}

TEST_F(UploadTest, AMirrorIsAskedWhereTheHubNamesItself) {
  Client client(settings_);
  EXPECT_EQ(client.at_endpoint("https://huggingface.co/api/x"), server_.endpoint() + "/api/x");
  EXPECT_EQ(client.at_endpoint("https://huggingface.community/x"), "https://huggingface.community/x");
}

TEST_F(UploadTest, ACommitThatAKilledPushMadeIsItsOwn) {
  push("org/new");
  const Repository name{RepoType::model, "org/new"};
  const std::string before = read_push_record(settings_, name).commit;
  write_atomically(folder_ / "config.json", "{\"a\": 1}");
  const std::string made = push("org/new").commit;
  keep_push_record(settings_, name, {.commit = before, .under_way = true});  // as it lies when it is killed there
  EXPECT_THAT(push("org/new").sent, IsEmpty());
  EXPECT_EQ(read_push_record(settings_, name).commit, made);
  write_atomically(folder_ / "config.json", "{\"a\": 2}");
  EXPECT_EQ(push("org/new").sent.size(), 1u);
  // Not where the branch holds something else.
  keep_push_record(settings_, name, {.commit = before, .under_way = true});
  write_atomically(folder_ / "config.json", "{\"a\": 3}");
  EXPECT_THAT(message("org/new"), HasSubstr("was not pushed from here"));
}

TEST_F(UploadTest, WhatWasPushedIsRememberedByHub) {
  const Repository name{RepoType::model, "org/a"};
  keep_push_record(settings_, name, {.commit = std::string(40, 'a')});
  EXPECT_EQ(read_push_record(settings_, name).commit, std::string(40, 'a'));
  EXPECT_EQ(read_push_record(settings_, {RepoType::dataset, "org/a"}).commit, "");
  Settings mirror = settings_;
  mirror.endpoint = "https://hub.example.org";
  EXPECT_EQ(read_push_record(mirror, name).commit, "");
  for (const char* text : {"[1, 2", "[]", "{\"commit\": 1}", "{\"under_way\": 1}"}) {
    for (const auto& file : fs::directory_iterator(settings_.pushed)) write_atomically(file.path(), text);
    EXPECT_EQ(read_push_record(settings_, name).commit, "") << text;
  }
  settings_.pushed = "/proc/nowhere";
  keep_push_record(settings_, name, {.commit = std::string(40, 'a')});  // no error
}

TEST_F(UploadTest, ARepositoryThatWasRenamedIsFollowedOnTheHubAlone) {
  server_.set_faults({{{"match", "^POST endpoint /api/models/org/new/preupload"},
                       {"kind", "redirect"},
                       {"code", 307},
                       {"to", "/api/models/org/other/preupload/main"}}});
  const std::vector<UploadFile> one = {{.path = "vocab.txt", .text = "[UNK]\n"}};
  upload(settings_, {RepoType::model, "org/other"}, one, {.message = "First"});
  EXPECT_EQ(push("org/new").sent.size(), 5u);
  server_.take_log();
  server_.set_faults({{{"match", "^POST endpoint .*/commit/"},
                       {"kind", "redirect"},
                       {"code", 307},
                       {"to", server_.cdn() + "/api/models/org/new/commit/main"}}});
  write_atomically(folder_ / "config.json", "{\"a\": 1}");
  EXPECT_THAT(message("org/new"), HasSubstr("for what it takes itself"));
  for (const json& entry : server_.take_log()) EXPECT_NE(entry["host"], "cdn") << entry;
}

TEST_F(UploadTest, LargeFilesGoAFewAtATime) {
  std::vector<UploadFile> many;
  for (int i = 0; i < 20; ++i) {
    const std::string name = fmt::format("shard-{:02}.bin", i);
    write_atomically(folder_ / name, std::string(5'000, static_cast<char>('a' + i)));
    many.push_back({.path = name, .file = folder_ / name});
  }
  const auto send = [&](const std::string& id) {
    return upload(settings_, {RepoType::model, id}, many, {.message = "Shards"});
  };
  uint64_t last = 0;
  settings_.on_progress = [&](const Transfer& transfer) {
    EXPECT_LE(transfer.done, transfer.total);
    last = std::max(last, transfer.done);
  };
  server_.take_log();
  server_.set_faults({{{"match", "^PUT"}, {"kind", "slow"}, {"seconds", 0.05}, {"times", 1000}}});
  EXPECT_EQ(send("org/many").sent.size(), 20u);
  EXPECT_GE(server_.peak(), 2);
  EXPECT_LE(server_.peak(), 8);
  EXPECT_GT(last, 50'000u);
  EXPECT_EQ(repository("org/many")["files"].size(), 20u);
  // Whichever fails first, it is the first of those that failed that is told of.
  server_.set_faults(json::array());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i)
      write_atomically(folder_ / fmt::format("shard-{:02}.bin", i), fmt::format("{}{:05000}", round, i));
    // Every PUT is slow but some are refused; the very first one answers last.
    server_.set_faults({{{"match", "^PUT"}, {"kind", "slow"}, {"seconds", 0.2}, {"times", 1}},
                        {{"match", "^PUT"}, {"kind", "status"}, {"code", 410}, {"times", 1000}}});
    try {
      send("org/other");
      FAIL() << "nothing was refused";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("shard-0"), HasSubstr("410"), HasSubstr("nothing of the repository")));
    }
  }
}

}  // namespace
}  // namespace tekio::hub
