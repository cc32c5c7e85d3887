// Keeping stores: the same data finds its store, changed data never does, and a damaged store is made anew.
#include "data/store_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "data/cached_stores.h"
#include "data/scratch_folder.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

/// Counts how often texts are really encoded.
std::atomic<int64_t> encoded = 0;

StoreRecipe recipe() {
  return {.encoder_digest = "a tokenizer",
          .shape = {.id_bytes = 2, .prefix = 0, .suffix = 0},
          .options = {},
          .make_encoder = [] {
            return [](std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& starts) {
              ++encoded;
              for (const char c : text) ids.push_back(static_cast<unsigned char>(c)), starts.push_back(1);
            };
          }};
}

class StoreCache : public testing::Test {
 protected:
  ScratchFolder folder_;
  ScopedVariable cache_{"TEKIO_CACHE", (folder_ / "cache").c_str()};

  Dataset data(std::string_view text = "abc\nde\n") { return load_dataset(folder_.write("a.txt", text))["train"]; }
  /// Gets the store and tells whether it was made for it.
  bool makes(const Dataset& dataset, const StoreRecipe& made = recipe(), bool use_cache = true) {
    const int64_t before = encoded;
    last_ = get_store(DatasetSource::of(dataset), made, use_cache);
    return encoded > before;
  }
  std::vector<fs::path> kept() {
    std::vector<fs::path> files;
    if (fs::exists(folder_ / "cache/tokens"))
      for (const auto& entry : fs::directory_iterator(folder_ / "cache/tokens")) files.push_back(entry.path());
    return files;
  }
  std::shared_ptr<const TokenStore> last_;
};

TEST_F(StoreCache, IsReusedUntilSomethingChanges) {
  Dataset d = data();
  EXPECT_TRUE(makes(d));
  EXPECT_FALSE(makes(d));
  EXPECT_FALSE(makes(load_dataset(folder_ / "a.txt")["train"]));
  EXPECT_EQ(kept().size(), 1u);
  StoreRecipe other = recipe();
  other.encoder_digest = "another";
  EXPECT_TRUE(makes(d, other));
  other = recipe();
  other.options.max_tokens = 2;
  EXPECT_TRUE(makes(d, other));
  other = recipe();
  other.options.skip_blank = true;
  EXPECT_TRUE(makes(d, other));
  other = recipe();
  other.options.threads = 3;
  EXPECT_FALSE(makes(d, other)) << "threads change nothing";
  EXPECT_TRUE(makes(d.shuffle(1)));
  EXPECT_FALSE(makes(d.shuffle(1)));
  EXPECT_TRUE(makes(d.slice(0, 1)));
  EXPECT_EQ(last_->rows(), 1);
  fs::rename(folder_ / "a.txt", folder_ / "b.txt");  // a rename changes the file's time of change
  EXPECT_TRUE(makes(load_dataset(folder_ / "b.txt")["train"]));
}

TEST_F(StoreCache, NoticesAChangeOfTheSameSizeAtOnceWithItsTimeSetBack) {
  EXPECT_TRUE(makes(data("abc\n")));
  for (int i = 0; i < 5; ++i) {
    struct stat info {};
    ASSERT_EQ(::stat((folder_ / "a.txt").c_str(), &info), 0);
    const std::string text = std::string(3, static_cast<char>('d' + i)) + "\n";
    const int file = ::open((folder_ / "a.txt").c_str(), O_WRONLY);  // the same inode
    ASSERT_EQ(::write(file, text.data(), text.size()), 4);
    const timespec times[2] = {info.st_atim, info.st_mtim};
    ::futimens(file, times);
    ::close(file);
    EXPECT_TRUE(makes(load_dataset(folder_ / "a.txt")["train"]));
    EXPECT_EQ(last_->batches().at(0).ids[0], 'd' + i);
  }
}

TEST_F(StoreCache, MakesADamagedStoreAnew) {
  const Dataset d = data();
  ASSERT_TRUE(makes(d));
  const fs::path file = kept().at(0);
  const std::string whole = read_file(file);
  for (const std::string& damaged :
       {whole.substr(0, whole.size() / 2), whole.substr(0, 130) + "x" + whole.substr(131), std::string()}) {
    std::ofstream(file, std::ios::binary) << damaged;
    const LogCapture log;
    EXPECT_TRUE(makes(d));
    EXPECT_THAT(log.text(), testing::AllOf(testing::HasSubstr("warning: "), testing::HasSubstr("is damaged")));
    EXPECT_EQ(read_file(file), whole);
    EXPECT_FALSE(makes(d));
  }
}

TEST_F(StoreCache, WithoutCacheNothingIsReadOrKept) {
  const ScopedVariable temporary("TMPDIR", folder_.write("tmp/x", "").substr(0, (folder_ / "tmp").size()).c_str());
  const Dataset d = data();
  EXPECT_TRUE(makes(d, recipe(), false));
  EXPECT_TRUE(makes(d, recipe(), false));
  EXPECT_EQ(last_->tokens(), 5);
  EXPECT_THAT(kept(), testing::IsEmpty());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "tmp"), {}), 1);  // x alone
}

TEST_F(StoreCache, WithoutCacheAKilledProcessLeavesNothing) {
  fs::create_directory(folder_ / "tmp");
  const ScopedVariable temporary("TMPDIR", (folder_ / "tmp").c_str());
  const Dataset d = data();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    StoreRecipe deadly = recipe();
    deadly.options.threads = 1;
    deadly.make_encoder = []() -> EncodeText {
      return [](std::string_view, std::vector<int32_t>&, std::vector<uint8_t>&) { ::kill(::getpid(), SIGKILL); };
    };
    get_store(DatasetSource::of(d), deadly, false);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(fs::is_empty(folder_ / "tmp"));
}

TEST_F(StoreCache, StoresThatNobodyUsesGiveWay) {
  const auto age = [](const fs::path& path, int days) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(24 * days));
  };
  const Dataset d = data();
  const auto make = [&](const char* tokenizer) {
    StoreRecipe other = recipe();
    other.encoder_digest = tokenizer;
    const std::vector<fs::path> before = kept();
    makes(d, other);
    for (const fs::path& path : kept())
      if (std::find(before.begin(), before.end(), path) == before.end()) return path;
    return fs::path();
  };
  const fs::path used = make("used"), old = make("old"), young = make("young");
  make("used");  // and held by last_
  const std::shared_ptr<const TokenStore> held = last_;
  last_.reset();
  const fs::path foreign = folder_ / "cache/tokens/notes.txt";
  std::ofstream(foreign) << "mine";
  age(used, 31), age(old, 31), age(young, 29), age(foreign, 99);
  make("new");
  EXPECT_TRUE(fs::exists(used)) << "it is open";
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_TRUE(fs::exists(foreign));
  age(young, 29);
  make("young");  // is used, and so young again
  EXPECT_LT(fs::file_time_type::clock::now() - fs::last_write_time(young), std::chrono::hours(1));
}

TEST_F(StoreCache, TheLeastRecentlyUsedGiveWayWhereAllAreLarge) {
  const fs::path tokens = folder_ / "cache/tokens";
  fs::create_directories(tokens);
  int64_t hours = 1;
  const auto named = [&](char c) { return tokens / (std::string(32, c) + ".tokens"); };
  for (const char c : {'c', 'b', 'a'}) {  // a is the oldest
    std::ofstream(named(c)) << "";
    fs::resize_file(named(c), 9'000'000'000);  // sparse
    fs::last_write_time(named(c), fs::file_time_type::clock::now() - std::chrono::hours(hours++));
  }
  const Dataset d = data();
  EXPECT_TRUE(makes(d));
  EXPECT_FALSE(fs::exists(named('a')));
  EXPECT_TRUE(fs::exists(named('b')));
  EXPECT_TRUE(fs::exists(named('c')));
  EXPECT_FALSE(makes(d)) << "the new one stays";
}

TEST_F(StoreCache, AKilledProcessLeavesNothingThatIsTakenForAStore) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "some words in a row\n";
  const Dataset d = data(text);
  for (const int64_t after : {0, 1, 5'000, 150'000}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      StoreRecipe slow = recipe();
      slow.options.threads = 1;
      slow.make_encoder = [after]() -> EncodeText {
        return [after, rows = int64_t{0}](std::string_view t, std::vector<int32_t>& ids,
                                          std::vector<uint8_t>& starts) mutable {
          if (rows++ == after) ::kill(::getpid(), SIGKILL);
          for (const char c : t) ids.push_back(static_cast<unsigned char>(c)), starts.push_back(1);
        };
      };
      get_store(DatasetSource::of(d), slow, true);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    for (const fs::path& file : kept()) EXPECT_NE(file.extension(), ".tokens");
  }
  EXPECT_FALSE(kept().empty()) << "the killed processes had begun to write";
  EXPECT_TRUE(makes(d));
  EXPECT_EQ(last_->rows(), 200'000);
  EXPECT_EQ(kept().size(), 1u) << "what they left is swept up";
}

TEST_F(StoreCache, ManyProcessesAtOnceAllGetTheStore) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "some words in a row\n";
  const Dataset d = data(text);
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) {
      StoreRecipe mine = recipe();
      mine.options.threads = 2;
      ::_exit(get_store(DatasetSource::of(d), mine, true)->rows() == 20'000 ? 0 : 1);
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(kept().size(), 1u);
  EXPECT_FALSE(makes(d));
}

TEST_F(StoreCache, TellsWhatIsWrong) {
  const Dataset d = data();
  const auto states = states_of(*DatasetSource::of(d).files);
  folder_.write("a.txt", "xyz\n");
  expect_error(ErrorKind::input, {"a.txt changed while it was read"},
               [&] { check_unchanged(*DatasetSource::of(d).files, states); });
  expect_error(ErrorKind::input, {"there is no text in", "a.txt", "2 rows"}, [&] { makes(data("\n\n")); });
  expect_error(ErrorKind::input, {"there is no text in", "0 rows"}, [&] { makes(data("")); });
  EXPECT_THAT(kept(), testing::IsEmpty());
  {
    const ScopedVariable none("TMPDIR", folder_.write("file", "").c_str());
    expect_error(ErrorKind::io, {"cannot write to the folder", "set TMPDIR"}, [&] { makes(data(), recipe(), false); });
  }
  fs::remove(folder_ / "a.txt");
  expect_error(ErrorKind::io, {"cannot read", "a.txt"}, [&] { makes(d); });
}

/// How many rows had no text is said without reading the files for it: what the store says counts, whatever that is.
TEST_F(StoreCache, KnowsHowManyRowsHadNoText) {
  const std::string rows = folder_.write("a.jsonl", "{\"text\": \"abc\"}\n{\"text\": null}\n{\"text\": \"de\"}\n{}\n");
  const ReadOptions skipping{.bad_rows = BadRows::skip};
  const auto open = [&] { return load_dataset(rows, skipping)["train"]; };
  const auto put = [&](const fs::path& store, uint64_t count) {
    std::string bytes = read_file(store);
    std::memcpy(bytes.data() + 120, &count, sizeof count);
    const uint64_t checksum = XXH3_64bits(bytes.data(), 128);
    std::memcpy(bytes.data() + 128, &checksum, sizeof checksum);
    std::ofstream(store, std::ios::binary) << bytes;
  };
  Dataset d = open();
  EXPECT_TRUE(makes(d));
  EXPECT_EQ(last_->skipped_rows(), 2);
  EXPECT_EQ(d.skipped_rows(), 2);
  last_.reset();
  put(kept().at(0), 77);
  d = open();
  EXPECT_FALSE(makes(d));
  EXPECT_EQ(d.skipped_rows(), 77);
  last_.reset();
  put(kept().at(0), UINT64_MAX);  // as in older stores: not known
  d = open();
  EXPECT_FALSE(makes(d));
  EXPECT_EQ(d.skipped_rows(), 2);
  last_.reset();
  fs::remove(kept().at(0));
  EXPECT_TRUE(makes(data()));
  EXPECT_EQ(last_->skipped_rows(), 0) << "where such rows are refused there are none";
}

// What was told while `work` ran.
std::string told(const std::function<void()>& work) {
  const LogCapture log;
  work();
  return log.text();
}

TEST_F(StoreCache, IsItsOwnersAlone) {
  const mode_t before = ::umask(0);
  const ScopedVariable deep("TEKIO_CACHE", (folder_ / "home/.cache/tekio").c_str());
  makes(data());
  ::umask(before);
  for (const char* made : {"home", "home/.cache", "home/.cache/tekio", "home/.cache/tekio/tokens"})
    EXPECT_EQ(fs::status(folder_ / made).permissions(), fs::perms::owner_all) << made;
  const fs::path tokens = folder_ / "home/.cache/tekio/tokens";
  for (const auto& entry : fs::directory_iterator(tokens))
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write);
  fs::permissions(tokens, fs::perms(0755));  // as older versions made it
  makes(data("others\n"));
  EXPECT_EQ(fs::status(tokens).permissions(), fs::perms::owner_all);
  fs::permissions(folder_ / "home/.cache/tekio", fs::perms(0755));  // somebody's decision
  makes(data("more\n"));
  EXPECT_EQ(fs::status(folder_ / "home/.cache/tekio").permissions(), fs::perms(0755));
}

TEST_F(StoreCache, WithoutAPlaceOrWhereItCannotBeWrittenAStoreIsGoneAfterwards) {
  fs::create_directory(folder_ / "tmp");
  const ScopedVariable temporary("TMPDIR", (folder_ / "tmp").c_str());
  const Dataset d = data();
  const auto expect_gone = [&](const std::string& reason) {
    const std::string first = told([&] { EXPECT_TRUE(makes(d)); });
    EXPECT_THAT(first,
                testing::AllOf(testing::HasSubstr("warning: "), testing::HasSubstr(reason),
                               testing::HasSubstr("tokens are not kept"), testing::HasSubstr("use_cache = false")));
    EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 1) << first;
    EXPECT_EQ(last_->tokens(), 5);
    EXPECT_EQ(told([&] { EXPECT_TRUE(makes(d)); }), "") << "once a process is enough";
    EXPECT_TRUE(fs::is_empty(folder_ / "tmp"));
  };
  {
    const ScopedVariable file("TEKIO_CACHE", (folder_.write("file", "") + "/x").c_str());
    expect_gone("Not a directory");
  }
  {
    const ScopedVariable file("TEKIO_CACHE", (folder_ / "file").c_str());
    expect_gone("Not a directory");
  }
  {
    const ScopedVariable proc("TEKIO_CACHE", "/proc/self/tekio");  // a file system that makes no folders
    expect_gone("/proc/self/tekio/tokens");
  }
  {
    const ScopedVariable own("TEKIO_CACHE", nullptr), general("XDG_CACHE_HOME", nullptr), home("HOME", nullptr);
    expect_gone("none of TEKIO_CACHE, XDG_CACHE_HOME and HOME is set");
  }
}

TEST_F(StoreCache, WhereTheDiskFillsUpAStoreIsMadeElsewhere) {
  fs::create_directory(folder_ / "tmp");
  const ScopedVariable temporary("TMPDIR", (folder_ / "tmp").c_str());
  const Dataset d = data();
  makes(d);
  const fs::path store = kept().at(0);
  // A folder in the store's place: it can be written beside, but not put in place.
  fs::remove(store);
  fs::create_directories(store / "x");
  const std::string warning = told([&] { EXPECT_TRUE(makes(d)); });
  EXPECT_THAT(warning, testing::HasSubstr("tokens are not kept"));
  EXPECT_EQ(last_->tokens(), 5);
  EXPECT_EQ(kept().size(), 1u) << "nothing half written stays";
}

TEST_F(StoreCache, IsListedTheLeastRecentlyUsedFirst) {
  const fs::path tokens = folder_ / "cache/tokens";
  EXPECT_TRUE(list_stores(tokens).empty());
  const Dataset one = data();
  makes(one);
  const fs::path first = kept().at(0);
  fs::last_write_time(first, fs::file_time_type::clock::now() - std::chrono::hours(2));
  folder_.write("d/train.jsonl", "{\"text\": \"a\"}\n");
  folder_.write("d/train-2.jsonl", "{\"text\": \"b\"}\n");
  makes(load_dataset(folder_ / "d")["train"]);
  for (const char* other : {"notes.txt", "notes.tokens", "0123.tokens", ".0123456789abcdef0123456789abcdef.tokens"})
    std::ofstream(tokens / other) << "mine";
  fs::create_directory(tokens / (std::string(32, 'a') + ".tokens"));
  fs::create_symlink(folder_ / "a.txt", tokens / (std::string(32, 'b') + ".tokens"));
  ASSERT_EQ(::mkfifo((tokens / (std::string(32, 'c') + ".tokens")).c_str(), 0600), 0);
  const std::vector<CachedStore> stores = list_stores(tokens);
  ASSERT_EQ(stores.size(), 2u);
  EXPECT_EQ(stores[0].path, first);
  EXPECT_EQ(stores[0].bytes, fs::file_size(first));
  EXPECT_LT(stores[0].used, stores[1].used);
  EXPECT_EQ(store_facts(stores[0].path)->data, folder_ / "a.txt");
  EXPECT_EQ(store_facts(stores[1].path)->data, folder_ / "d") << "several files: the folder that holds them all";
  expect_error(ErrorKind::io, {"cannot read the cache's folder"}, [&] { list_stores(folder_ / "a.txt"); });
}

TEST_F(StoreCache, IsClearedOfWhatNobodyUses) {
  const fs::path tokens = folder_ / "cache/tokens";
  EXPECT_TRUE(clear_stores(tokens, std::chrono::hours(0)).removed.empty()) << "no folder is nothing to clear";
  makes(data());
  const fs::path old = kept().at(0);
  last_.reset();
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(49));
  makes(data("fresh\n"));
  last_.reset();
  std::ofstream(tokens / "notes.tokens") << "mine";
  std::ofstream(tokens / ".x.tekio-0123456789abcdef.tmp") << "left by a killed process";
  EXPECT_TRUE(clear_stores(tokens, std::chrono::hours(72)).removed.empty());
  EXPECT_FALSE(fs::exists(tokens / ".x.tekio-0123456789abcdef.tmp"));
  const ClearedStores aged = clear_stores(tokens, std::chrono::hours(48));
  ASSERT_EQ(aged.removed.size(), 1u);
  EXPECT_EQ(aged.removed[0].path, old);
  makes(data("open\n"));  // held by last_
  const ClearedStores all = clear_stores(tokens, std::chrono::hours(0));
  EXPECT_EQ(all.removed.size(), 1u);
  ASSERT_EQ(all.in_use.size(), 1u);
  EXPECT_TRUE(fs::exists(all.in_use[0].path));
  EXPECT_TRUE(all.failed.empty());
  EXPECT_TRUE(fs::exists(tokens / "notes.tokens"));
  last_.reset();
  EXPECT_EQ(clear_stores(tokens, std::chrono::hours(0)).removed.size(), 1u);
  EXPECT_EQ(kept().size(), 1u);
}

TEST(CacheFolder, IsWhereTheEnvironmentSays) {
  const ScopedVariable own("TEKIO_CACHE", "/own"), general("XDG_CACHE_HOME", "/xdg"), home("HOME", "/home/me");
  EXPECT_EQ(cache_folder(), "/own");
  {
    const ScopedVariable unset("TEKIO_CACHE", nullptr);
    EXPECT_EQ(cache_folder(), "/xdg/tekio");
    const ScopedVariable empty("XDG_CACHE_HOME", "");
    EXPECT_EQ(cache_folder(), "/home/me/.cache/tekio");
    const ScopedVariable homeless("HOME", nullptr);
    EXPECT_EQ(cache_folder(), std::nullopt);
  }
}

TEST(FileState, WaitsOutTheClocksTick) {
  const ScratchFolder folder;
  const std::string path = folder.write("a", "1");
  const FileState first = FileState::of(path);
  const int file = ::open(path.c_str(), O_WRONLY);
  ASSERT_EQ(::write(file, "2", 1), 1);
  ::close(file);
  EXPECT_FALSE(FileState::of(path) == first);
}

}  // namespace
}  // namespace tekio::test
