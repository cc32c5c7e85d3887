// Text that several ranks tokenize together: the store that one process makes, whoever takes part, and nothing left
// where one fails.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>

#include "data/chunks.h"
#include "data/shared_chunks.h"
#include "data/source.h"
#include "support/local_ranks.h"
#include "tiny.h"

namespace tekio::test {
namespace {

using testing::Each;
using testing::HasSubstr;

class SharedData : public TinyRun {
 protected:
  void SetUp() override {
    TinyRun::SetUp();
    write("rows.txt", text(25'000));  // four blocks and a bit
    use_cache_folder("cache");
  }
  void TearDown() override {
    ::unsetenv("TEKIO_CACHE");
    TinyRun::TearDown();
  }

  void write(const std::string& name, const std::string& content) const { std::ofstream(folder_ / name) << content; }
  void use_cache_folder(const std::string& name) const { ::setenv("TEKIO_CACHE", (folder_ / name).c_str(), 1); }
  /// All files of a cache's stores, half-written ones too, by name.
  std::map<std::string, std::string> stores(const std::string& cache) const {
    std::map<std::string, std::string> all;
    if (fs::exists(folder_ / cache))
      for (const auto& entry : fs::recursive_directory_iterator(folder_ / cache))
        if (entry.is_regular_file()) all[entry.path().filename().string()] = bytes(entry.path());
    return all;
  }
  Dataset rows(const std::string& file) const { return load_dataset((folder_ / file).string())["train"]; }

  static std::vector<std::vector<int32_t>> ids_of(const Chunks& chunks) {
    std::vector<std::vector<int32_t>> all;
    for (int64_t i = 0; i < chunks.size(); i += 1 + chunks.size() / 50) all.push_back(chunks.ids(i));
    return all;
  }
  static DataRanks data_ranks(Communicator& ranks) {
    return {ranks.rank(), ranks.size(), [&ranks](std::string_view own) { return ranks.gather(own); }};
  }

  /// Chunks as each rank gets them; those for which `sees` is false have no data.
  Chunks cut_together(Communicator& ranks, const ChunkOptions& options, const std::string& file,
                      const std::function<bool(int rank)>& sees) const {
    const Tokenizer own = tokenizer();
    SharedChunks shared(data_ranks(ranks), own, options);
    if (ranks.rank() == 0) {
      const Chunks all = shared.cut(rows(file), "rows");
      const Chunks some = all.of_rows(0, all.source_rows() / 2).select({3, 1, 2});
      shared.finish({{"all", shared.described(all)}, {"some", shared.described(some)}});
      return all;
    }
    const Json found = shared.follow([&](const Json& name) -> std::optional<Dataset> {
      EXPECT_EQ(name, "rows");
      if (ranks.rank() % 2 == 0 && !sees(ranks.rank())) fail(ErrorKind::io, "there is no such file here");
      return sees(ranks.rank()) ? std::optional(rows(file)) : std::nullopt;
    });
    const Chunks all = shared.chunks(found["all"]);
    EXPECT_EQ(shared.chunks(found["some"]).ids(1), all.of_rows(0, all.source_rows() / 2).ids(1));
    return all;
  }
};

TEST_F(SharedData, IsTheStoreThatOneProcessMakes) {
  struct {
    const char* name;
    std::string content;
    ChunkOptions options;
  } const cases[] = {
      {"rows.txt", "", {.chunk_size = 32, .threads = 1}},
      {"blank.txt",
       text(3'000) + "\n\n  \n" + text(12'000) + "\n",
       {.chunk_size = 16, .line_by_line = true, .threads = 2}},
      {"short.txt", text(40), {.chunk_size = 16, .threads = 3}},
  };
  for (const auto& c : cases) {
    if (!c.content.empty()) write(c.name, c.content);
    use_cache_folder(std::string("alone ") + c.name);
    const auto expected = ids_of(chunk(rows(c.name), tokenizer(), c.options));
    const auto store = stores(std::string("alone ") + c.name);
    ASSERT_EQ(store.size(), 1u);
    for (const int size : {2, 3, 5})
      for (const int blind : {0, 1, 2}) {  // as many of the last ranks have no data
        const std::string cache = fmt::format("{} {} {}", c.name, size, blind);
        use_cache_folder(cache);
        run_ranks(size, [&](Communicator& ranks) {
          const Chunks chunks =
              cut_together(ranks, c.options, c.name, [&](int rank) { return rank < std::max(1, size - blind); });
          EXPECT_EQ(ids_of(chunks), expected) << cache << ", rank " << ranks.rank();
        });
        EXPECT_TRUE(stores(cache) == store) << cache;
      }
  }
}

TEST_F(SharedData, ComesFromTheFirstRankWhereItHasNoName) {
  ChunkOptions options{.chunk_size = 32, .use_cache = false, .threads = 1};
  const auto expected = ids_of(chunk(rows("rows.txt"), tokenizer(), options));
  for (const bool sees : {true, false})
    run_ranks(3, [&](Communicator& ranks) {
      EXPECT_EQ(ids_of(cut_together(ranks, options, "rows.txt", [&](int) { return sees; })), expected);
    });
  EXPECT_TRUE(stores("cache").empty());
}

TEST_F(SharedData, IsFoundInTheCacheByAll) {
  const ChunkOptions options{.chunk_size = 32, .threads = 1};
  const auto expected = ids_of(chunk(rows("rows.txt"), tokenizer(), options));
  const auto store = stores("cache");
  run_ranks(3, [&](Communicator& ranks) {
    const auto never = [](int) -> bool { throw std::runtime_error("asked for rows"); };
    EXPECT_EQ(ids_of(cut_together(ranks, options, "rows.txt", never)), expected);
  });
  EXPECT_TRUE(stores("cache") == store);
}

TEST_F(SharedData, OthersWithOtherFilesDoNotTakePart) {
  write("copy.txt", text(25'000));  // the same, but who knows
  const ChunkOptions options{.chunk_size = 32, .threads = 1};
  const Tokenizer own = tokenizer();
  std::atomic<int> opened{0};
  run_ranks(2, [&](Communicator& ranks) {
    SharedChunks shared(data_ranks(ranks), own, options);
    if (ranks.rank() == 0) {
      const Chunks chunks = shared.cut(rows("rows.txt"), "rows");
      return shared.finish(shared.described(chunks));
    }
    const Json found = shared.follow([&](const Json&) {
      ++opened;
      return std::optional(rows("copy.txt"));
    });
    EXPECT_GT(shared.chunks(found).size(), 100);
  });
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(stores("cache").size(), 1u);
}

TEST_F(SharedData, OfSeveralErrorsAllMeetTheFirst) {
  std::string lines;
  for (int i = 0; i < 40'000; ++i)
    lines += i == 31'000   ? "{\"text\": 7}\n"
             : i == 35'000 ? "{\"text\": null}\n"
                           : R"({"text": "ab bc cd de ef"})"
                             "\n";
  write("bad.jsonl", lines);
  const ChunkOptions options{.chunk_size = 32, .threads = 1};
  const std::string expected = message_of(ErrorKind::input, [&] { chunk(rows("bad.jsonl"), tokenizer(), options); });
  EXPECT_THAT(expected, HasSubstr("bad.jsonl:31001"));
  for (const int size : {2, 3}) {
    Switchboard board(size);
    const auto errors = errors_of_ranks(board, [&](Communicator& ranks) {
      EXPECT_EQ(
          message_of(ErrorKind::input, [&] { cut_together(ranks, options, "bad.jsonl", [](int) { return true; }); }),
          expected);
    });
    EXPECT_THAT(errors, Each(""));
    EXPECT_TRUE(stores("cache").empty());
  }
}

TEST_F(SharedData, NothingIsLeftWhereOneLeaves) {
  const ChunkOptions options{.chunk_size = 32, .threads = 1};
  for (const int failing : {0, 1, 2}) {
    Switchboard board(3);
    const auto errors = errors_of_ranks(board, [&](Communicator& ranks) {
      const Tokenizer own = tokenizer();
      int gathered = 0;
      DataRanks counted = data_ranks(ranks);
      counted.gather = [&](std::string_view record) {
        if (++gathered == 4 && ranks.rank() == failing) fail(ErrorKind::io, "the disk is full");
        return ranks.gather(record);
      };
      SharedChunks shared(counted, own, options);
      if (ranks.rank() == 0)
        shared.cut(rows("rows.txt"), "rows");
      else
        shared.follow([&](const Json&) { return std::optional(rows("rows.txt")); });
    });
    EXPECT_THAT(errors, Each(HasSubstr("the disk is full")));
    EXPECT_TRUE(stores("cache").empty()) << failing;
  }
}

TEST_F(SharedData, RowsArriveAsTheyWere) {
  EncodedRows rows{.ids = {1, 2, 70'000, 4, 5, 6, 7, 8, 9, 10},
                   .word_starts = {0, 1, 1, 0, 0, 1, 0, 1, 1, 0},
                   .row_ends = {3, 3, 10},
                   .left_out = {0, 2, 3}};
  for (const bool wide : {true, false}) {
    if (!wide) rows.ids[2] = 3;
    const EncodedRows got = unpacked_rows(packed(rows));
    EXPECT_EQ(got.ids, rows.ids);
    EXPECT_EQ(got.word_starts, rows.word_starts);
    EXPECT_EQ(got.row_ends, rows.row_ends);
    EXPECT_EQ(got.left_out, rows.left_out);
  }
  EXPECT_TRUE(unpacked_rows(packed({})).ids.empty());
  const std::string whole = packed(rows);
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(message_of(ErrorKind::comms, [&] { unpacked_rows(whole.substr(0, size)); }),
              "another rank sent damaged rows");
}

TEST_F(SharedData, TasksThatAreNoneAreErrors) {
  const Tokenizer own = tokenizer();
  const auto follow = [&](const std::string& told) {
    return message_of(ErrorKind::comms, [&] {
      const auto gather = [&](std::string_view) { return std::vector<std::string>{told, ""}; };
      SharedChunks({1, 2, gather}, own, ChunkOptions()).follow([](const Json&) { return std::nullopt; });
    });
  };
  const auto cbor = [](const Json& task) {
    const std::vector<uint8_t> bytes = Json::to_cbor(task);
    return std::string(bytes.begin(), bytes.end());
  };
  const std::string whole = cbor({{"task", "end"}, {"result", {1, 2, 3}}});
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(follow(whole.substr(0, size)), HasSubstr("rank 0 sent a task without its task")) << size;
  for (const Json& task : {Json(5), Json{{"task", 5}}, Json{{"tusk", "end"}}})
    EXPECT_THAT(follow(cbor(task)), HasSubstr("without its task")) << task;
  EXPECT_THAT(follow(cbor({{"task", "end"}})), HasSubstr("without its result"));
  EXPECT_THAT(follow(cbor({{"task", "tokenize"}, {"name", "x"}})), HasSubstr("without its blocks"));
  EXPECT_THAT(follow(cbor({{"task", "take"}, {"key", "k"}, {"path", 3}, {"bytes", 4}})), HasSubstr("without its path"));
  const SharedChunks none({1, 2, {}}, own, ChunkOptions());
  EXPECT_EQ(message_of(ErrorKind::comms, [&] { none.chunks({{"store", 0}}); }), "rank 0 sent chunks of store 0 of 0");
  EXPECT_THAT(message_of(ErrorKind::comms, [&] { none.chunks(nullptr); }), HasSubstr("without its store"));
}

TEST_F(SharedData, AReceivedStoreIsKept) {
  const ChunkOptions options{.chunk_size = 32, .threads = 1};
  const Dataset data = rows("rows.txt");
  StoreKey key{};
  const Tokenizer own = tokenizer();
  const auto made = get_store(DatasetSource::of(data), recipe_of(data, own, options), true, &key);
  const std::string content(made->file().text());
  use_cache_folder("elsewhere");
  EXPECT_EQ(find_store(key, true, ""), nullptr);
  EXPECT_NE(find_store(key, true, made->file().path()), nullptr);
  for (const bool damaged : {true, false}) {
    ReceivedStore received(key, true);
    for (size_t begin = 0; begin < content.size(); begin += 100'000) {
      std::string piece = content.substr(begin, 100'000);
      if (damaged && begin == 200'000) piece[7] ^= 1;
      received.add(piece);
    }
    if (damaged)
      EXPECT_THAT(message_of(ErrorKind::input, [&] { received.finish(); }), HasSubstr("checksum"));
    else
      EXPECT_EQ(received.finish()->tokens(), made->tokens());
  }
  EXPECT_TRUE(stores("elsewhere") == stores("cache"));
  EXPECT_NE(find_store(key, true, ""), nullptr);
  EXPECT_EQ(find_store(key, false, ""), nullptr);
}

}  // namespace
}  // namespace tekio::test
