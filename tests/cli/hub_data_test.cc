// Datasets of the Hub in every command that reads data, against tests/hub/server.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "hub/hub_server.h"
#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string rows(int count, unsigned seed) {
  std::string text, lines = sentences(count, seed);
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = lines.find('\n', begin);
    text += nlohmann::json{{"text", lines.substr(begin, end - begin)}}.dump() + "\n";
    begin = end + 1;
  }
  return text;
}

class HubData : public testing::Test {
 protected:
  void SetUp() override {
    server_.add(
        "datasets/org/films/README.md",
        "---\nconfigs:\n- config_name: long\n  data_files:\n  - split: train\n    path: long/train*\n"
        "  - split: test\n    path: long/test*\n- config_name: short\n  data_files: short.jsonl\n---\n# Films\n");
    server_.add("datasets/org/films/long/train.jsonl", rows(300, 1));
    server_.add("datasets/org/films/long/test.jsonl", rows(60, 2));
    server_.add("datasets/org/films/short.jsonl", rows(5, 3));
    server_.start({"--moved", "films=org/films"});
    start_.environment = {{"HF_ENDPOINT", server_.endpoint()},
                          {"HF_HUB_CACHE", server_.cache()},
                          {"HF_HUB_OFFLINE", "0"},
                          {"TEKIO_CACHE", folder_ / "cache"}};
    start_.folder = folder_.path();
  }
  Result films(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--dataset_config_name", "long", "--json"});
    return run(arguments, start_);
  }

  HubServer server_;
  ScratchFolder folder_;
  Start start_;
};

TEST_F(HubData, InfoHeadAndChunks) {
  const Result info = films({"data", "info", "films"});
  ASSERT_EQ(info.code, 0) << info.err;
  EXPECT_EQ(info.json()["splits"]["train"]["rows"], 300);
  EXPECT_EQ(info.json()["splits"]["test"]["rows"], 60);
  EXPECT_THAT(info.err, HasSubstr("films is org/films now"));

  const Result head = films({"data", "head", "films:test[-2:]", "-n", "9"});
  ASSERT_EQ(head.code, 0) << head.err;
  EXPECT_EQ(head.json().size(), 2u);
  server_.take_log();

  const auto chunks = [&](const std::string& spec) {
    const Result result = films({"data", "chunks", spec, "--model", model_folder(), "--chunk_size", "16", "--offline"});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.json();
  };
  const std::string train = folder_.write("train.jsonl", rows(300, 1));
  EXPECT_EQ(chunks("films:train")["splits"]["train"], chunks(train)["splits"]["train"]);
  EXPECT_EQ(chunks("films:train[:50%]")["splits"]["train"]["rows"], 150);
  EXPECT_EQ(chunks(train + ":train[10:20]+train[-5:]")["splits"]["train"]["rows"], 15);
  EXPECT_THAT(server_.take_log(), IsEmpty());  // offline
}

TEST_F(HubData, OnlyTheSplitThatIsReadIsFetched) {
  ASSERT_EQ(films({"data", "head", "films"}).code, 0);
  const auto requests = file_requests(server_.take_log());
  EXPECT_THAT(requests, Not(IsEmpty()));
  EXPECT_THAT(requests, Each(Not(HasSubstr("test.jsonl"))));
  ASSERT_EQ(films({"eval", "--model", model_folder(), "--data", "films", "--chunk_size", "16"}).code, 0);
  EXPECT_THAT(file_requests(server_.take_log()), Each(Not(HasSubstr("train.jsonl"))));
}

TEST_F(HubData, ARunRecordsTheCommitAndIsRepeatedOffline) {
  const std::string out = folder_ / "run", again = folder_ / "again";
  const Result first = films({"adapt", "--model", model_folder(), "--dataset_name", "films", "--chunk_size", "16",
                              "--max_steps", "2", "--output_dir", out});
  ASSERT_EQ(first.code, 0) << first.err;
  const auto repositories = server_.repositories();
  const std::string commit = repositories["datasets/org/films"]["history"][0]["commit"];
  std::string recorded;
  for (const auto& file : fs::directory_iterator(out))
    if (file.path().extension() == ".toml") recorded = file.path();
  ASSERT_FALSE(recorded.empty());
  EXPECT_THAT(read_file(recorded), HasSubstr("films@" + commit));
  EXPECT_THAT(read_file(recorded), HasSubstr("dataset_config_name = \"long\""));
  server_.take_log();
  const Result second = run({"adapt", "--config", recorded, "--output_dir", again, "--offline", "--json"}, start_);
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(server_.take_log(), IsEmpty());
  EXPECT_EQ(second.json()["data"], first.json()["data"]);
  EXPECT_EQ(second.json()["perplexity"], first.json()["perplexity"]);
}

TEST_F(HubData, ATokenizerIsTrainedOnIt) {
  const Result result = films({"tokenizer", "train", "--data", "films:train[:100]", "--vocab_size", "200",
                               "--output_dir", folder_ / "tokenizer"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(run({"bench", "data", "films:train[:10%]", "--dataset_config_name", "long", "--model", model_folder(),
                 "--chunk_size", "16", "--repeats", "1", "--json"},
                start_)
                .code,
            0);
}

TEST_F(HubData, WhatIsWrongIsSaid) {
  const auto refusal = [&](std::vector<std::string> arguments, int code) {
    const Result result = run(arguments, start_);
    EXPECT_EQ(result.code, code) << result.err;
    return result.err;
  };
  EXPECT_THAT(refusal({"data", "info", "films"}, 3), HasSubstr("several configurations: name one"));
  EXPECT_THAT(refusal({"data", "info", "films", "--dataset_config_name", "lang"}, 3), HasSubstr("is long meant?"));
  EXPECT_THAT(refusal({"data", "info", "flims"}, 4), HasSubstr("no file or folder flims here"));
  EXPECT_THAT(
      refusal({"data", "info", "films:train[:10]", "--dataset_config_name", "short", "--dataset_revision", "v9"}, 4),
      HasSubstr("no revision \"v9\""));
  EXPECT_THAT(refusal({"data", "info", "films:train[:1x]", "--dataset_config_name", "short"}, 2),
              HasSubstr("the slice"));
  EXPECT_THAT(refusal({"data", "info", "films:train[:10%](pct1_dropremainder)", "--dataset_config_name", "short"}, 2),
              HasSubstr("pct1_dropremainder"));
  folder_.write("imdb/train.jsonl", rows(3, 1));
  EXPECT_THAT(refusal({"data", "info", "imbd"}, 4), HasSubstr("imdb"));
  EXPECT_THAT(refusal({"data", "info", "imbd", "--offline"}, 4), HasSubstr("is imdb meant?"));
  EXPECT_THAT(refusal({"data", "info", "fims", "--offline"}, 4), HasSubstr("not in the Hub's cache"));
  EXPECT_THAT(refusal({"data", "info", "notes.txt"}, 4), HasSubstr("there is no file or folder notes.txt"));
  EXPECT_THAT(file_requests(server_.take_log()), Each(Not(HasSubstr("notes.txt"))));
}

TEST_F(HubData, TheCacheMayBeNamed) {
  const std::string cache = folder_ / "elsewhere";
  ASSERT_EQ(
      films({"data", "chunks", "films:test", "--model", model_folder(), "--chunk_size", "16", "--cache_dir", cache})
          .code,
      0);
  EXPECT_TRUE(fs::is_directory(fs::path(cache) / "datasets--films" / "snapshots"));
  EXPECT_FALSE(fs::exists(server_.cache() / "datasets--films"));
}

TEST_F(HubData, WhatIsHereGoesFirst) {
  folder_.write("films/train.jsonl", rows(3, 1));
  const Result result = run({"data", "info", "films", "--json"}, start_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["splits"]["train"]["rows"], 3);
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

}  // namespace
}  // namespace tekio::test
