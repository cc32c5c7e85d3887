// Where tokens are kept between runs: whose eyes they are for, what happens where there is no place, what lies there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::HasSubstr;

const std::string M = model_folder();

class Cache : public testing::Test {
 protected:
  Result chunks(const std::map<std::string, std::string>& environment, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"data", "chunks", data_, "--model", M, "--chunk_size", "16", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, {.environment = environment});
  }
  std::string cache() const { return folder_ / "cache"; }
  std::map<std::string, std::string> here() const { return {{"TEKIO_CACHE", cache()}}; }
  Result list() const { return run({"cache", "list", "--json"}, {.environment = here()}); }

  ScratchFolder folder_;
  const std::string data_ = folder_.write("notes.txt", sentences(40));
};

TEST_F(Cache, IsForItsOwnersEyes) {
  ASSERT_EQ(chunks(here()).code, 0);
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(cache())) {
    const auto expected = entry.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write;
    EXPECT_EQ(entry.status().permissions(), expected) << entry.path();
    files += entry.is_regular_file();
  }
  EXPECT_EQ(files, 1);
  EXPECT_EQ(fs::status(cache()).permissions(), fs::perms::owner_all);
}

TEST_F(Cache, ARunGoesOnWithoutAPlaceForIt) {
  const Json expected = chunks(here()).json();
  const Result homeless = chunks({{"HOME", ""}, {"XDG_CACHE_HOME", ""}, {"TEKIO_CACHE", ""}});
  EXPECT_EQ(homeless.code, 0);
  EXPECT_EQ(homeless.json(), expected);
  EXPECT_THAT(homeless.err, HasSubstr("warning: there is no place for the cache"));
  const Result no_room = chunks({{"TEKIO_CACHE", data_ + "/x"}});
  EXPECT_EQ(no_room.code, 0);
  EXPECT_EQ(no_room.json(), expected);
  EXPECT_THAT(no_room.err,
              HasSubstr("warning: the cache's folder " + data_ + "/x/tokens cannot be written: Not a dir"));
  EXPECT_EQ(chunks({{"TEKIO_CACHE", data_ + "/x"}}, {"--no_cache"}).err, "") << "asked for, nothing to warn of";
}

TEST_F(Cache, ARunWarnsOnce) {
  const Result result =
      run({"adapt", "-m", M, "-d", data_, "-o", folder_ / "run", "--chunk_size", "16", "--max_steps", "1",
           "--batch_size", "4", "--json", "--validation_file", folder_.write("held.txt", sentences(30, 2))},
          {.environment = {{"TEKIO_CACHE", data_ + "/x"}}});
  EXPECT_EQ(result.code, 0) << result.err;
  const std::string warning = "cannot be written";
  const size_t at = result.err.find(warning);
  ASSERT_NE(at, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find(warning, at + 1), std::string::npos) << result.err;
}

TEST_F(Cache, ShowsWhatLiesThere) {
  EXPECT_EQ(list().json(), Json::array());
  ASSERT_EQ(chunks(here()).code, 0);
  const Json stores = list().json();
  ASSERT_EQ(stores.size(), 1u);
  EXPECT_THAT(stores[0]["path"].get<std::string>(), testing::StartsWith(cache() + "/tokens/"));
  EXPECT_EQ(stores[0]["bytes"], fs::file_size(stores[0]["path"].get<std::string>()));
  EXPECT_EQ(stores[0]["data"], data_);
  EXPECT_EQ(stores[0]["rows"], 40);
  EXPECT_THAT(stores[0]["used"].get<std::string>(), testing::MatchesRegex("20..-..-..T..:..:..Z"));
  const Result plain = run({"cache", "list"}, {.environment = here()});
  EXPECT_THAT(plain.out, HasSubstr(data_));
  EXPECT_THAT(plain.out, HasSubstr("1 store, "));
}

TEST_F(Cache, AStoreOfAnotherVersionIsListedAllTheSame) {
  const std::string name = "cache/tokens/" + std::string(32, 'a') + ".tokens";
  folder_.write(name, "TEKIOTOK\x01");
  const Json stores = list().json();
  ASSERT_EQ(stores.size(), 1u);
  EXPECT_TRUE(stores[0]["data"].is_null());
  EXPECT_EQ(stores[0]["bytes"], 9);
  EXPECT_THAT(run({"cache", "list"}, {.environment = here()}).out, HasSubstr("not readable, or of another version"));
  EXPECT_EQ(run({"cache", "clear"}, {.environment = here()}).code, 0);
  EXPECT_FALSE(fs::exists(folder_ / name));
}

TEST_F(Cache, IsClearedOfStoresAlone) {
  ASSERT_EQ(chunks(here()).code, 0);
  folder_.write("cache/tokens/mine.txt", "x");
  folder_.write("cache/mine.tokens", "x");
  EXPECT_THAT(run({"cache", "clear", "--older_than", "1"}, {.environment = here()}).out, HasSubstr("removed 0 stores"));
  EXPECT_EQ(list().json().size(), 1u);
  const Json cleared = run({"cache", "clear", "--json"}, {.environment = here()}).json();
  EXPECT_EQ(cleared["removed"].size(), 1u);
  EXPECT_EQ(cleared["in_use"], Json::array());
  EXPECT_GT(cleared["bytes"].get<int64_t>(), 0);
  EXPECT_EQ(list().json(), Json::array());
  EXPECT_TRUE(fs::exists(folder_ / "cache/tokens/mine.txt"));
  EXPECT_TRUE(fs::exists(folder_ / "cache/mine.tokens"));
  ASSERT_EQ(chunks(here()).code, 0) << "it is made anew";
  EXPECT_EQ(list().json().size(), 1u);
}

TEST_F(Cache, WithoutAPlaceThereIsNothingToListOrClear) {
  const std::map<std::string, std::string> nowhere = {{"HOME", ""}, {"XDG_CACHE_HOME", ""}, {"TEKIO_CACHE", ""}};
  for (const char* what : {"list", "clear"}) {
    const Result result = run({"cache", what, "--json"}, {.environment = nowhere});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("nothing is kept"));
  }
  const Result file = run({"cache", "list"}, {.environment = {{"TEKIO_CACHE", data_}}});
  EXPECT_EQ(file.code, 4);
  EXPECT_THAT(file.err, HasSubstr("cannot read the cache's folder"));
  EXPECT_EQ(run({"cache", "clear", "--older_than", "-1"}).code, 2);
  EXPECT_EQ(run({"cache"}).code, 2);
  EXPECT_EQ(run({"doctor", "--dump_config"}, {.environment = nowhere}).code, 0);
}

}  // namespace
}  // namespace tekio::test
