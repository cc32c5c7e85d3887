// Datasets by their names on the Hub, against tests/hub/server.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tekio/dataset.h>
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "data/repository/hub_dataset.h"
#include "data/source.h"
#include "hub/hub_server.h"
#include "scratch_folder.h"
#include "support/large_data.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string lines(const std::string& word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("{{\"text\": \"{} {}\"}}\n", word, i);
  return text;
}

std::vector<std::string> texts(const Dataset& rows) {
  std::vector<std::string> all;
  rows.for_each([&](const Row& row) { all.push_back(row.text()); });
  return all;
}

class HubDatasets : public testing::Test {
 protected:
  void add(const std::string& path, const std::string& content) { server_.add("datasets/" + path, content); }
  void start(const std::vector<std::string>& options = {}) {
    server_.start(options);
    set("HF_ENDPOINT", server_.endpoint());
    set("HF_HUB_CACHE", server_.cache().string());
    set("HF_HUB_OFFLINE", "0");
    set("HF_TOKEN", "");
    set("HF_HOME", (server_.cache() / "home").string());
  }
  void set(const char* name, const std::string& value) {
    variables_.push_back(std::make_unique<ScopedVariable>(name, value.c_str()));
  }
  /// The paths of files that were asked for, each once, without the repository's.
  std::vector<std::string> fetched() {
    std::vector<std::string> names;
    for (const std::string& request : file_requests(server_.take_log()))
      if (const size_t at = request.find("/resolve/"); request.starts_with("GET") && at != std::string::npos)
        names.push_back(request.substr(request.find('/', at + 9) + 1));
    std::sort(names.begin(), names.end());
    return names;
  }

  HubServer server_;
  std::vector<std::unique_ptr<ScopedVariable>> variables_;
};

TEST_F(HubDatasets, AParquetFilesFooterIsFetchedAloneForWhatItSays) {
#ifndef TEKIO_ARROW_MODULE
  GTEST_SKIP() << "this build has no Arrow C++, so it reads no Parquet files";
#else
  set("TEKIO_ARROW_MODULE", TEKIO_ARROW_MODULE);
  // A file whose footer lies far behind its pages.
  std::string whole = read_text(TEKIO_GOLDEN_DIR "/parquet/many.parquet");
  whole.insert(whole.size() - footer_bytes(whole), std::string(300'000, '\0'));
  add("org/table/data/train-00000-of-00001.parquet", whole);
  add("org/table/data/test-00000-of-00001.parquet", whole);
  start();
  const DatasetDict data = load_dataset("org/table");
  EXPECT_THAT(data["train"].columns(), ElementsAre("text"));
  EXPECT_EQ(data["train"].text_column(), "text");
  EXPECT_EQ(data["train"].size(), 30'000);
  EXPECT_EQ(data["train"].bytes(), whole.size());
  int requests = 0;
  for (const Json& request : server_.take_log())
    if (request["method"] == "GET" && !request["path"].get<std::string>().starts_with("/api/")) {
      ++requests;
      EXPECT_EQ(request["range"], fmt::format("bytes={}-", whole.size() - 65'536)) << request;
    }
  EXPECT_GE(requests, 1);
  EXPECT_EQ(data["train"].slice(29'999, 30'000).take(1).front().text(), "row 29999");
  EXPECT_THAT(server_.take_log(), testing::Not(IsEmpty()));
  EXPECT_EQ(data["train"].size(), 30'000);
  EXPECT_THAT(server_.take_log(), IsEmpty());
#endif
}

TEST_F(HubDatasets, AListOfManyFilesComesPageByPage) {
  constexpr int kFiles = 3'000;
  add("org/large/README.md",
      "---\nconfigs:\n- config_name: one\n  data_files: part-7/000123.jsonl\n- config_name: all\n  data_files: "
      "\"part-*/*.jsonl\"\n---\n");
  for (int i = 0; i < kFiles; ++i) add(fmt::format("org/large/part-{}/{:06}.jsonl", i % 10, i / 10), lines("good", 1));
  start({"--pages", "250"});
  const ReadOptions one{.config_name = "one"};
  EXPECT_EQ(load_dataset("org/large", one)["train"].size(), 1);
  int pages = 0;
  std::vector<std::string> files;
  for (const Json& request : server_.take_log()) {
    pages += request["path"].get<std::string>().find("/tree/") != std::string::npos;
    if (request["method"] == "HEAD") files.push_back(request["path"].get<std::string>());
  }
  EXPECT_EQ(pages, 13) << "3,000 files, a README.md and 10 folders";
  EXPECT_EQ(files.size(), 2u) << "the README.md and the one that was asked for";
  // All of them are known: by the pattern, and again without a network.
  EXPECT_EQ(DatasetSource::of(load_dataset("org/large", {.config_name = "all"})["train"]).files->list().size(),
            size_t{kFiles});
  server_.take_log();
  set("HF_HUB_OFFLINE", "1");
  EXPECT_EQ(load_dataset("org/large", one)["train"].size(), 1);
  EXPECT_EQ(DatasetSource::of(load_dataset("org/large", {.config_name = "all"})["train"]).files->list().size(),
            size_t{kFiles});
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(HubDatasets, FootersOfManyFilesComeAFewAtATime) {
#ifndef TEKIO_ARROW_MODULE
  GTEST_SKIP() << "this build has no Arrow C++, so it reads no Parquet files";
#else
  set("TEKIO_ARROW_MODULE", TEKIO_ARROW_MODULE);
  const std::string whole = read_text(TEKIO_GOLDEN_DIR "/parquet/many.parquet");
  constexpr int kFiles = 20;
  for (int i = 0; i < kFiles; ++i) add(fmt::format("org/table/data/train-{:05}-of-{:05}.parquet", i, kFiles), whole);
  start();
  const DatasetDict data = load_dataset("org/table");
  server_.take_log();
  server_.set_faults({{{"match", "^GET cdn"}, {"kind", "slow"}, {"seconds", 0.05}, {"times", 1000}}});
  EXPECT_EQ(data["train"].size(), 30'000 * kFiles);
  EXPECT_EQ(data["train"].bytes(), whole.size() * kFiles);
  EXPECT_GE(server_.peak(), 2);
  EXPECT_LE(server_.peak(), 8) << "four, each of which may still be waited for by the other host";
  EXPECT_EQ(file_requests(server_.take_log()).size(), 2u * kFiles) << "each is asked once: HEAD and its end";
  // Of several that fail it is the first one that is told of, every time.
  for (int round = 0; round < 3; ++round) {
    server_.set_faults({{{"match", "^GET cdn.*"}, {"kind", "status"}, {"code", 410}, {"times", 1000}},
                        {{"match", "^HEAD .*train-00000"}, {"kind", "slow"}, {"seconds", 0.1}, {"times", 1000}}});
    const DatasetDict again = load_dataset("org/table");
    expect_error(ErrorKind::io, {"train-00000-of-00020.parquet", "410"}, [&] { again["train"].size(); });
  }
#endif
}

TEST_F(HubDatasets, ANameIsItsSplitsAndEachIsFetchedWhenItIsRead) {
  add("org/small/README.md", "# No head\n");
  add("org/small/train.jsonl", lines("good", 5));
  add("org/small/test.jsonl", lines("other", 3));
  start();
  const DatasetDict data = load_dataset("org/small");
  ASSERT_EQ(data.splits().size(), 2u);
  EXPECT_EQ(data.splits()[0].first, "train");
  EXPECT_THAT(fetched(), ElementsAre("README.md"));
  EXPECT_EQ(data["test"].size(), 3);
  EXPECT_THAT(fetched(), ElementsAre("test.jsonl"));
  EXPECT_EQ(texts(data["train"])[4], "good 4");
  EXPECT_THAT(fetched(), ElementsAre("train.jsonl"));
  EXPECT_THAT(data.specs().at(0), testing::StartsWith("org/small@"));

  EXPECT_EQ(load_dataset("org/small")["train"].size(), 5);
  EXPECT_THAT(fetched(), IsEmpty());
  // By the commit, and offline: no request at all.
  EXPECT_EQ(load_dataset(data.specs().at(0))["train"].size(), 5);
  EXPECT_THAT(server_.take_log(), IsEmpty());
  set("HF_HUB_OFFLINE", "1");
  EXPECT_EQ(load_dataset("org/small:test")["test"].size(), 3);
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(HubDatasets, OfflineAPartIsKnownForAPart) {
  add("org/small/train.jsonl", lines("good", 5));
  add("org/small/test.jsonl", lines("other", 3));
  start();
  EXPECT_EQ(load_dataset("org/small")["train"].size(), 5);
  set("HF_HUB_OFFLINE", "1");
  const DatasetDict data = load_dataset("org/small");
  EXPECT_EQ(data["train"].size(), 5);
  expect_error(ErrorKind::io, {"test.jsonl of org/small is not in the Hub's cache", "repo_type dataset"},
               [&] { data["test"].size(); });
  expect_error(ErrorKind::io, {"no file or folder org/none", "is not in the Hub's cache"},
               [] { load_dataset("org/none"); });
}

TEST_F(HubDatasets, SlicesAreTaken) {
  add("org/small/train.jsonl", lines("good", 10));
  add("org/small/test.jsonl", lines("other", 4));
  start();
  EXPECT_EQ(texts(load_dataset("org/small:train[:20%]")["train"]), (std::vector<std::string>{"good 0", "good 1"}));
  EXPECT_THAT(fetched(), ElementsAre("train.jsonl"));
  EXPECT_THAT(texts(load_dataset("org/small:test[-1:]+train[3:4]+test[:1]")["test"]),
              ElementsAre("other 3", "good 3", "other 0"));
  expect_error(ErrorKind::input, {"org/small:train[5:5]", "none of the 10 rows"},
               [] { load_dataset("org/small:train[5:5]"); });
  expect_error(ErrorKind::input, {"org/small has no split \"dev\"", "train, test"},
               [] { load_dataset("org/small:dev[:5]"); });
}

TEST_F(HubDatasets, ConfigurationsAreChosen) {
  add("org/two/README.md",
      "---\nconfigs:\n- config_name: en\n  data_files: en/*.csv\n  sep: ';'\n- config_name: de\n  data_files:\n"
      "  - split: train\n    path: de/a.csv\n---\n");
  add("org/two/en/1.csv", "text;n\na,b;1\n");
  add("org/two/de/a.csv", "text,n\nx;y,1\n");
  start();
  expect_error(ErrorKind::input, {"several configurations", "en, de", "config_name"}, [] { load_dataset("org/two"); });
  expect_error(ErrorKind::input, {"no configuration dee", "is de meant?"},
               [] { load_dataset("org/two", {.config_name = "dee"}); });
  EXPECT_THAT(texts(load_dataset("org/two", {.config_name = "en"})["train"]), ElementsAre("a,b"));
  EXPECT_THAT(texts(load_dataset("org/two", {.config_name = "de"})["train"]), ElementsAre("x;y"));
  EXPECT_THAT(fetched(), ElementsAre("README.md", "de/a.csv", "en/1.csv"));
}

TEST_F(HubDatasets, AMovedNameIsFollowed) {
  add("org/imdb/README.md", "# x\n");
  add("org/imdb/train.jsonl", lines("good", 2));
  start({"--moved", "imdb=org/imdb"});
  EXPECT_EQ(load_dataset("imdb")["train"].size(), 2);
  EXPECT_TRUE(fs::is_directory(server_.cache() / "datasets--imdb" / "snapshots"));  // as huggingface_hub has it
  EXPECT_EQ(open_hub_dataset(hub::Settings::from_environment(), {hub::RepoType::dataset, "imdb"}, {}).id, "org/imdb");
}

TEST_F(HubDatasets, RevisionsAreBranchesTagsAndCommits) {
  add("org/small/train.jsonl", lines("new", 2));
  add("org/small@v1/train.jsonl", lines("old", 1));
  start();
  EXPECT_THAT(texts(load_dataset("org/small@v1")["train"]), ElementsAre("old 0"));
  EXPECT_THAT(texts(load_dataset("org/small", {.revision = "v1"})["train"]), ElementsAre("old 0"));
  EXPECT_EQ(load_dataset("org/small")["train"].size(), 2);
  expect_error(ErrorKind::io, {"no revision \"v2\""}, [] { load_dataset("org/small@v2"); });
}

TEST_F(HubDatasets, PrivateAndGatedOnesSayWhatToDo) {
  add("org/secret/train.jsonl", lines("a", 1));
  add("org/closed/train.jsonl", lines("a", 1));
  start({"--token", "hf_right", "--private", "org/secret", "--gated", "org/closed"});
  expect_error(ErrorKind::io, {"no dataset org/secret, or it is private", "HF_TOKEN"},
               [] { load_dataset("org/secret"); });
  expect_error(ErrorKind::io, {"org/closed is gated", "/datasets/org/closed", "HF_TOKEN"},
               [] { load_dataset("org/closed"); });
  expect_error(ErrorKind::io, {"no file or folder org/none", "no dataset org/none"}, [] { load_dataset("org/none"); });
  set("HF_TOKEN", "hf_right");
  EXPECT_EQ(load_dataset("org/secret")["train"].size(), 1);
}

TEST_F(HubDatasets, AScriptIsTheHubsCopyOfIt) {
  add("org/old/old.py", "raise SystemExit\n");
  add("org/old/data.zip", "x");
  add("org/old@refs%2Fconvert%2Fparquet/plain/train/0000.parquet", "x");
  add("org/older/older.py", "");
  start();
  // Only the layout is of interest here: the files hold nothing.
  const auto message = [](const std::string& name) {
    try {
      const HubDataset data = open_hub_dataset(hub::Settings::from_environment(), {hub::RepoType::dataset, name}, {});
      return fmt::format("{} {}", data.splits.at(0).name, data.splits.at(0).files.at(0).path.filename().string());
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(message("org/old"), "train 0000.parquet");
  EXPECT_THAT(message("org/older"), HasSubstr("is a script, which is never run"));
  // Without the network it is the same, though no file of the script's own branch was ever fetched.
  EXPECT_FALSE(fs::exists(server_.cache() / "datasets--org--old" / "blobs"));
  set("HF_HUB_OFFLINE", "1");
  server_.take_log();
  EXPECT_EQ(message("org/old"), "train 0000.parquet");
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(HubDatasets, AScriptsCopyIsFetchedWhole) {
  add("org/old/old.py", "raise SystemExit\n");
  add("org/old/README.md", "# Old\n");
  add("org/old@refs%2Fconvert%2Fparquet/plain/train/0000.parquet", "a");
  add("org/old@refs%2Fconvert%2Fparquet/plain/test/0000.parquet", "b");
  add("org/older/older.py", "");
  add("org/both/both.py", "");
  add("org/both/README.md", "---\nconfigs:\n- config_name: a\n  data_files: a.jsonl\n---\n");
  add("org/both/a.jsonl", lines("a", 1));
  start();
  const hub::Settings settings = hub::Settings::from_environment();
  const auto copy = fetch_converted(settings, {hub::RepoType::dataset, "org/old"});
  ASSERT_TRUE(copy);
  EXPECT_THAT(copy->files, ElementsAre("plain/test/0000.parquet", "plain/train/0000.parquet"));
  EXPECT_EQ(read_text(copy->folder / "plain/train/0000.parquet"), "a");
  EXPECT_TRUE(fs::exists(server_.cache() / "datasets--org--old" / "refs" / "refs" / "convert" / "parquet"));
  EXPECT_FALSE(fetch_converted(settings, {hub::RepoType::dataset, "org/both"}));
  const LogCapture log;
  EXPECT_FALSE(fetch_converted(settings, {hub::RepoType::dataset, "org/older"}));
  EXPECT_THAT(log.text(), HasSubstr("org/older is a script, which is never run"));
}

/// What dataset_infos.json describes counts beside the README.md's dataset_info, as in datasets 5.2.
TEST_F(HubDatasets, TheOneConfigurationThatIsDescribedIsMeant) {
  const auto repository = [&](const std::string& name, const std::string& info, const char* infos) {
    add(name + "/README.md",
        "---\nconfigs:\n- config_name: a\n  data_files: a.jsonl\n- config_name: b\n  data_files: b.jsonl\n" + info +
            "---\n");
    add(name + "/a.jsonl", lines("a", 1));
    add(name + "/b.jsonl", lines("b", 1));
    if (infos != nullptr) add(name + "/dataset_infos.json", infos);
  };
  const std::string b = "dataset_info:\n  config_name: b\n";
  repository("org/card", b, nullptr);
  repository("org/list", "dataset_info:\n- config_name: b\n  features: []\n", nullptr);
  repository("org/empty", b, "{}");
  repository("org/two", "dataset_info:\n- config_name: a\n- config_name: b\n", nullptr);
  repository("org/other", b, R"({"a": {"splits": {}}})");
  repository("org/both", b, R"({"a": {}, "b": {}})");
  repository("org/same", b, R"({"b": {}})");  // a single one is "default"
  repository("org/legacy", "", R"({"b": {}})");
  repository("org/broken", b, "[1]");
  start();
  const auto message = [](const char* name) -> std::string {
    try {
      load_dataset(name);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  for (const char* name : {"org/card", "org/list", "org/empty"})
    EXPECT_THAT(texts(load_dataset(name)["train"]), ElementsAre("b 0")) << name;
  for (const char* name : {"org/two", "org/other", "org/both", "org/same", "org/legacy"})
    EXPECT_THAT(message(name), HasSubstr("several configurations: name one")) << name;
  EXPECT_THAT(message("org/broken"), HasSubstr("its dataset_infos.json is no JSON object"));
}

TEST_F(HubDatasets, ListingsComeInPages) {
  for (int i = 0; i < 25; ++i) add(fmt::format("org/many/data/train-{:05}-of-00025.jsonl", i), lines("a", 1));
  start({"--pages", "7"});
  const DatasetDict data = load_dataset("org/many");
  EXPECT_EQ(data["train"].size(), 25);
}

TEST_F(HubDatasets, NamesThatLeadOutAreRefused) {
  add("org/bad/train.jsonl", lines("a", 1));
  start();
  server_.set_faults({{{"match", "/api/datasets/org/bad/revision"},
                       {"kind", "answer"},
                       {"body", R"({"sha": "0123456789012345678901234567890123456789",
                                    "siblings": [{"rfilename": "../../train.jsonl"}]})"}}});
  expect_error(ErrorKind::input, {"../../train.jsonl", "nothing is fetched"}, [] { load_dataset("org/bad"); });
  EXPECT_FALSE(fs::exists(server_.cache() / "datasets--org--bad"));
}

TEST_F(HubDatasets, AReadmeMayBeLongButItsHeadMayNot) {
  add("org/long/README.md", "---\nlicense: mit\n---\n" + std::string(20 << 20, 'x'));
  add("org/long/train.jsonl", lines("a", 1));
  add("org/longer/README.md", "---\nlicense: " + std::string(20 << 20, 'x'));
  add("org/longer/train.jsonl", lines("a", 1));
  start();
  EXPECT_EQ(load_dataset("org/long")["train"].size(), 1);
  expect_error(ErrorKind::input, {"org/longer", "does not end within 8 MiB"}, [] { load_dataset("org/longer"); });
}

/// The walkthrough's name, moved to its home, laid out with the configuration that the home has.
TEST_F(HubDatasets, ImdbIsTheReviews) {
  const auto root = large_data();
  if (!root) GTEST_SKIP() << kNoLargeData;
  add("stanfordnlp/imdb/README.md",
      "---\nlanguage:\n- en\ndataset_info:\n  config_name: plain_text\n  splits:\n  - name: train\n    num_examples: "
      "25000\n"
      "configs:\n- config_name: plain_text\n  data_files:\n  - split: train\n    path: plain_text/train-*\n  - split: "
      "test\n"
      "    path: plain_text/test-*\n  - split: unsupervised\n    path: plain_text/unsupervised-*\n  default: "
      "true\n---\n");
  for (const char* split : {"train", "test", "unsupervised"})
    add(fmt::format("stanfordnlp/imdb/plain_text/{}-00000-of-00001.jsonl.zst", split),
        read_file(*root / "imdb" / fmt::format("{}.jsonl.zst", split)));
  start({"--moved", "imdb=stanfordnlp/imdb"});
  const ScratchFolder folder;
  set("TEKIO_CACHE", folder / "cache");
  const Tokenizer tokenizer = Tokenizer::from_pretrained((*root / "tokenizers/distilbert-base-uncased").string());
  const DatasetDict imdb = load_dataset("imdb");
  ASSERT_EQ(imdb.splits().size(), 3u);
  struct Expected {
    const char* split;
    int64_t rows, chunks;
  };
  for (const Expected& expected : {Expected{"train", 25'000, 61'291}, Expected{"test", 25'000, 59'904},
                                   Expected{"unsupervised", 50'000, 122'957}}) {
    EXPECT_EQ(imdb[expected.split].size(), expected.rows);
    EXPECT_EQ(chunk(imdb[expected.split], tokenizer, {.chunk_size = 128}).size(), expected.chunks);
  }
  const auto rows = load_dataset("imdb:train[-10%:]")["train"].take(1);
  EXPECT_EQ(rows.at(0).text(), imdb["train"].slice(22'500, 22'501).take(1).at(0).text());
}

TEST(HubName, WhatIsAFileByItsEndingIsNone) {
  for (const char* spec : {"notes.txt", "train.jsonl.zst", "a.csv:train", "org/a.parquet", "book.pdf", "a/b/c", "./a",
                           "~/a", "/a", "a b", "x.gz", ""})
    EXPECT_FALSE(parse_hub_name(spec)) << spec;
  for (const char* spec : {"imdb", "org/imdb", "org/imdb@v1.0", "common_voice_11.0", "imdb:train[:10%]"})
    EXPECT_TRUE(parse_hub_name(spec)) << spec;
  EXPECT_EQ(parse_hub_name("org/imdb@refs/pr/1:train[:5]")->split, "train[:5]");
  EXPECT_EQ(parse_hub_name("org/imdb@refs/pr/1:train[:5]")->repository.revision, "refs/pr/1");
}

}  // namespace
}  // namespace tekio::test
