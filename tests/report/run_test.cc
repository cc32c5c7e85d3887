// Run folders as they are found: whole, with files missing, damaged, hostile.
#include "report/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tekio/error.h>

#include <cmath>

#include "support/scratch_folder.h"

namespace tekio::report {
namespace {

using test::ScratchFolder, testing::HasSubstr;

std::pair<ErrorKind, std::string> error_of(const std::filesystem::path& folder) {
  try {
    read_run(folder);
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::bug, "no error"};
}

TEST(Run, IsReadAsFarAsItIsThere) {
  const ScratchFolder folder;
  folder.write("run.json", R"({"after": {"perplexity": 8.5}, "prompts": [{"text": "a"}], "model": {"name": "m"}})");
  const report::Run bare = read_run(folder.path());
  EXPECT_TRUE(bare.options.is_null());
  EXPECT_TRUE(bare.details.is_null());
  EXPECT_TRUE(bare.updates.empty());
  EXPECT_EQ(number(bare.record, {"after", "perplexity"}), 8.5);
  EXPECT_TRUE(std::isnan(number(bare.record, {"after", "absent"})));
  EXPECT_TRUE(std::isnan(number(bare.record, {"model", "name", "deeper"})));
  EXPECT_EQ(text(bare.record, {"model", "name"}), "m");
  EXPECT_EQ(text(bare.record, {"after"}), "");
  EXPECT_EQ(list(bare.record, {"prompts"}).size(), 1);
  EXPECT_TRUE(list(bare.record, {"model"}).empty());

  folder.write("options.json", R"({"seed": 42})");
  folder.write("metrics.jsonl",
               "{\"step\":1,\"loss\":2.5,\"tokens\":10,\"seconds\":0.5}\n{\"step\":2,\"loss\":null}\n{\"step\":3,\"lo");
  const report::Run whole = read_run(folder.path());
  EXPECT_EQ(whole.options["seed"], 42);
  ASSERT_EQ(whole.updates.size(), 2) << "the third line was cut off";
  EXPECT_EQ(whole.updates[0].loss, 2.5);
  EXPECT_TRUE(std::isnan(whole.updates[1].loss));
}

TEST(Run, IsCalledAsItsFolderIs) {
  const ScratchFolder folder;
  folder.write("run.json", "{}");
  EXPECT_EQ(read_run(folder.path()).name, std::filesystem::path(folder.path()).filename());
  EXPECT_EQ(read_run(folder.path() / "").name, std::filesystem::path(folder.path()).filename());
  EXPECT_EQ(read_run(folder.path() / ".").name, std::filesystem::path(folder.path()).filename());
}

TEST(Run, WhatIsNoneIsOneSentence) {
  const ScratchFolder folder;
  EXPECT_THAT(error_of(folder / "absent"), testing::Pair(ErrorKind::io, HasSubstr("there is no run folder")));
  EXPECT_THAT(error_of(folder.path()), testing::Pair(ErrorKind::input, HasSubstr("holds no run.json")));
  folder.write("run.json", "[1]");
  EXPECT_THAT(error_of(folder.path()), testing::Pair(ErrorKind::input, HasSubstr("expected a JSON object")));
  folder.write("run.json", "{");
  EXPECT_EQ(error_of(folder.path()).first, ErrorKind::input);
  folder.write("run.json", "{}");
  folder.write("metrics.jsonl", "{}\nno\n{}\n");
  EXPECT_THAT(error_of(folder.path()), testing::Pair(ErrorKind::input, HasSubstr("metrics.jsonl:2")));
  std::filesystem::remove(folder / "metrics.jsonl");
  std::filesystem::create_directory(folder / "metrics.jsonl");
  EXPECT_THAT(error_of(folder.path()), testing::Pair(ErrorKind::input, HasSubstr("is no file")));
}

}  // namespace
}  // namespace tekio::report
