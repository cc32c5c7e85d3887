// From a repository's names and its README.md to the files of each split: against what the reference's load_dataset
// takes (repositories.json, by scripts/golden/make_repository_golden.py), and against what nobody should write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "data/repository/choose_files.h"
#include "data/repository/formats.h"
#include "data/repository/pattern.h"
#include "scratch_folder.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;

ChosenFiles choose(std::vector<std::string> names, const std::string& readme = "", const std::string& config = "") {
  std::sort(names.begin(), names.end());
  static DatasetCard card;  // what is chosen points into it
  card = read_card(readme, "", "ID");
  return choose_files(names, card, config, "ID");
}

std::string shown(const ChosenFiles& chosen) {
  std::string text;
  for (const ChosenSplit& split : chosen.splits)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", split.name, fmt::join(split.files, " "));
  return text;
}

TEST(Repository, FilesAreTheReferences) {
  size_t compared = 0;
  for (const Json& golden : read_json(TEKIO_GOLDEN_DIR "/data/repositories.json")) {
    SCOPED_TRACE(golden.dump());
    const auto files = golden["files"].get<std::vector<std::string>>();
    const std::string config = golden.value("config", ""), readme = golden.value("readme", "");
    std::string ours;
    try {
      ours = shown(choose(files, readme, config));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      ours = std::string("error: ") + error.what();
    }
    std::string theirs;
    if (golden.contains("splits"))
      for (const Json& split : golden["splits"])
        if (!split[1].empty())
          theirs += fmt::format("{}{}: {}", theirs.empty() ? "" : "; ", split[0].get<std::string>(),
                                fmt::join(split[1].get<std::vector<std::string>>(), " "));
    ++compared;
    // Splits may each be of their own format here.
    if (golden.value("error", "").starts_with("ValueError: Couldn't infer the same data file format")) continue;
    if (golden.contains("taken"))
      EXPECT_FALSE(ours.starts_with("error: ")) << ours;
    else if (golden.contains("error") || !is_read(golden["module"].get<std::string>()))
      EXPECT_TRUE(ours.starts_with("error: ")) << ours;
    else
      EXPECT_EQ(ours, theirs);
  }
  EXPECT_GT(compared, 100u);
}

std::string head(const std::string& yaml) { return "---\n" + yaml + "\n---\n# A dataset\n"; }

DatasetCard card(const std::string& yaml) { return read_card(head(yaml), "", "ID"); }

const std::vector<std::string>& some_files() {
  static const std::vector<std::string> names = {"a.csv", "b.jsonl", "c.txt", "d/a.csv", "d/b.csv"};
  return names;
}

TEST(Card, WhatIsWrongIsSaid) {
  struct Case {
    std::string yaml, part;
  };
  for (const Case& wrong : std::vector<Case>{
           {"configs: {a: b}", "configs of its README.md is no list"},
           {"configs: text", "configs of its README.md is no list"},
           {"configs: [text]", "an entry without a config_name"},
           {"configs:\n- data_files: a.csv", "an entry without a config_name"},
           {"configs:\n- config_name: [a]", "an entry without a config_name"},
           {"- a\n- b", "no mapping of keys"},
           {"a: b: c", "README.md:2:5"},
           {"configs:\n- config_name: a\n  data_files: {train: a.csv}", "neither a pattern, nor a list"},
           {"configs:\n- config_name: a\n  data_files: [[a.csv]]", "no text"},
           {"configs:\n- config_name: a\n  data_files: [{split: s}]", "neither a pattern, nor a list"},
           {"configs:\n- config_name: a\n  data_files: [a.csv, {split: s, path: a.csv}]",
            "neither a pattern, nor a list"},
           {"configs:\n- config_name: a\n  data_files: [{split: s, path: {}}]", "neither a pattern, nor a list"},
           {"configs:\n- config_name: a\n  data_files: [{split: s, path: [[]]}]", "no text"},
           {"configs:\n- config_name: a\n  data_files: [{split: ../s, path: a.csv}]", "a split \"../s\""},
           {"configs:\n- config_name: a\n  data_files: [{split: '', path: a.csv}]", "a split \"\""},
           {"configs:\n- config_name: a\n  data_files: [{split: s, path: a.csv}, {split: s, path: b}]",
            "the split s twice"},
           {"configs:\n- config_name: a\n  data_files: /etc/passwd", "within the repository"},
           {"configs:\n- config_name: a\n  data_files: ../../a.csv", "within the repository"},
           {"configs:\n- config_name: a\n  data_files: hf://datasets/x/y/a.csv", "within the repository"},
           {"configs:\n- config_name: a\n  data_files: zip://a.csv::b.zip", "within the repository"},
           {"configs:\n- config_name: a\n  data_files: ''", "within the repository"},
           {"configs:\n- config_name: a\n  data_files: d/**.csv", "must be alone between slashes"},
           {"configs:\n- config_name: a\n  data_files: '" + std::string(2000, '*') + "'", "longer than 1024"},
           {"configs:\n- config_name: a\n  data_files: e.csv", "which is no data file of it"},
           {"configs:\n- config_name: a\n  data_dir: ../x", "expected a folder of the repository"},
           {"configs:\n- config_name: a\n  data_dir: /etc", "expected a folder of the repository"},
           {"configs:\n- config_name: a\n  data_dir: e", "holds no data files"},
           {"configs:\n- config_name: a\n  default: true\n- config_name: default",
            "two default configurations, a and default"},
           {"configs:\n- config_name: a\n- config_name: b", "several configurations"},
       })
    expect_error(ErrorKind::input, {"ID", wrong.part}, [&] { choose_files(some_files(), card(wrong.yaml), "", "ID"); });
  std::string many = "configs:\n- config_name: a\n  data_files:\n";
  for (int i = 0; i < 1001; ++i) many += fmt::format("  - '*{}.csv'\n", i);
  expect_error(ErrorKind::input, {"more than 1000 patterns"},
               [&] { choose_files(some_files(), card(many), "", "ID"); });
}

TEST(Card, HeadsAreFoundAsTheHubFindsThem) {
  const auto configs = [](const std::string& readme) { return read_card(readme, "", "ID").configs.size(); };
  const std::string yaml = "configs:\n- config_name: a\n";
  EXPECT_EQ(configs("---\n" + yaml + "---\n"), 1u);
  EXPECT_EQ(configs("---\n" + yaml + "---"), 1u);
  EXPECT_EQ(configs("---\n" + yaml + "--- \t\ntext"), 1u);
  EXPECT_EQ(configs("\n\n  ---\n" + yaml + "---\n"), 1u);
  EXPECT_EQ(configs("\xEF\xBB\xBF---\n" + yaml + "---\n"), 1u);
  for (const std::string& none : {yaml, "text\n---\n" + yaml + "---\n", "--- \n" + yaml + "---\n", "---\n" + yaml,
                                  std::string("---\n---\n"), std::string("---"), std::string()})
    EXPECT_EQ(configs(none), 0u) << none;
  EXPECT_EQ(read_card(head(yaml), "configs:\n- config_name: b\n- config_name: c\n", "ID").configs.size(), 2u);
}

TEST(Card, ParametersAreOptions) {
  const auto options = [](const std::string& yaml, const std::string& format, const ReadOptions& given = {}) {
    const DatasetCard read = card("configs:\n- config_name: a\n  " + yaml);
    return with_parameters(read.configs.at(0), format, given, "ID");
  };
  EXPECT_EQ(options("sep: ';'", "csv").csv_separator, ';');
  EXPECT_EQ(options("delimiter: \"\\t\"", "csv").csv_separator, '\t');
  EXPECT_EQ(options("sep: ';'", "csv", {.csv_separator = ','}).csv_separator, ',');  // the user's word
  EXPECT_FALSE(options("header: null", "csv").header);
  EXPECT_TRUE(options("header: infer", "csv").header);
  EXPECT_THAT(options("names: [x, y]", "csv").column_names, ElementsAre("x", "y"));
  EXPECT_EQ(options("encoding: latin1", "text").encoding, "latin1");
  EXPECT_EQ(options("field: data", "json").json_field, "data");
  EXPECT_EQ(options("sample_by: document", "text").sample_by, SampleBy::document);
  EXPECT_EQ(options("field: data", "csv").json_field, "");  // of another reader
  for (const char* harmless : {"quotechar: '\"'", "skiprows: 0", "features: [{name: text}]", "version: 1.0.0",
                               "license: mit", "skiprows: null", "keep_default_na: false"})
    options(harmless, "csv");
  for (const char* wrong :
       {"skiprows: 3", "quotechar: \"'\"", "usecols: [a]", "comment: '#'", "escapechar: x", "nrows: 5"})
    expect_error(ErrorKind::input, {"ID: the configuration a asks for", "not supported"},
                 [&] { options(wrong, "csv"); });
  expect_error(ErrorKind::input, {"separator is \"ab\""}, [&] { options("sep: ab", "csv"); });
  expect_error(ErrorKind::input, {"names in place of those"}, [&] { options("header: 0\n  names: [a]", "csv"); });
}

TEST(Repository, SplitsInPartsOfTheHubsCopiesAreLeftOut) {
  const std::vector<std::string> names = {
      ".gitattributes",       "en/partial-train/0000.parquet", "en/test/0000.parquet",
      "en/test/0001.parquet", "en/validation/0000.parquet",    "en/zoo/0000.parquet"};
  ASSERT_TRUE(is_converted(names));
  const ChosenFiles chosen = choose_converted(names, "", "ID");
  EXPECT_EQ(shown(chosen),
            "validation: en/validation/0000.parquet; test: en/test/0000.parquet en/test/0001.parquet; "
            "zoo: en/zoo/0000.parquet");
  EXPECT_THAT(chosen.empty, ElementsAre("partial-train"));
  expect_error(ErrorKind::input, {"first 5 GB only"},
               [] { choose_converted({"en/partial-train/0000.parquet"}, "", "ID"); });
  expect_error(ErrorKind::input, {"several configurations", "de, en"}, [] {
    choose_converted({"de/train/0000.parquet", "en/train/0000.parquet"}, "", "ID");
  });
  for (const char* other :
       {"README.md", "train/0000.parquet", "a/b/c/0000.parquet", "a/b/train.parquet", "a/b/000x.parquet"})
    EXPECT_FALSE(is_converted({"en/train/0000.parquet", other})) << other;
  EXPECT_FALSE(is_converted({}));
}

TEST(Repository, ManyFilesTakeNoLongerThanTheyMust) {
  std::vector<std::string> names;
  for (int i = 0; i < 100'000; ++i)
    names.push_back(fmt::format("part-{:03}/some-longer-name-{:06}.jsonl", i / 1000, i));
  EXPECT_EQ(choose(names).splits.at(0).files.size(), 100'000u);
  // What makes a naive matcher try for ever.
  const RepositoryPattern hostile("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
  EXPECT_FALSE(hostile.matches(std::string(1000, 'a')));
  EXPECT_FALSE(RepositoryPattern("**/**/**/**/**/**/**/**/**/**/x*b").matches(std::string(500, '/') + "xa"));
}

}  // namespace
}  // namespace tekio::test
