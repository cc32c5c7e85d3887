// The token store's file: what is written is read; what is damaged is told.
#include "data/token_store.h"

#include <xxhash.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>

#include "data/chunks.h"
#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

const StoreKey kKey = {std::byte{1}, std::byte{2}, std::byte{3}};

struct Rows {
  std::vector<std::vector<int32_t>> ids;
  std::vector<std::vector<uint8_t>> starts;
};

Rows random_rows(int64_t count, int32_t vocabulary, unsigned seed) {
  std::mt19937 draw(seed);
  Rows rows;
  for (int64_t i = 0; i < count; ++i) {
    const size_t length = 2 + draw() % (i % 50 == 0 ? 400 : 9);
    auto& ids = rows.ids.emplace_back(length);
    auto& starts = rows.starts.emplace_back(length);
    for (size_t t = 0; t < length; ++t) {
      ids[t] = static_cast<int32_t>(draw() % static_cast<unsigned>(vocabulary));
      starts[t] = draw() % 3 == 0 && t > 0 && t + 1 < length;
    }
  }
  return rows;
}

/// Writes rows, `step` of them a call.
void write_store(const fs::path& path, const Rows& rows, size_t step,
                 TokenStoreWriter::Shape shape = {.id_bytes = 2, .prefix = 1, .suffix = 1}) {
  TokenStoreWriter writer(path, kKey, shape);
  EncodedRows some;
  for (size_t r = 0; r < rows.ids.size(); ++r) {
    some.ids.insert(some.ids.end(), rows.ids[r].begin(), rows.ids[r].end());
    some.word_starts.insert(some.word_starts.end(), rows.starts[r].begin(), rows.starts[r].end());
    some.row_ends.push_back(some.ids.size());
    if ((r + 1) % step != 0 && r + 1 != rows.ids.size()) continue;
    writer.append(some);
    some.clear();
  }
  writer.commit();
}

TEST(TokenStore, GivesBackWhatWasWritten) {
  const ScratchFolder folder;
  for (const int id_bytes : {2, 4})
    for (const int64_t count : {0, 1, 999, 1000, 1001, 2500}) {
      SCOPED_TRACE(testing::Message() << count << " rows of " << id_bytes);
      const Rows rows = random_rows(count, id_bytes == 2 ? 65'536 : 250'002, 5);
      write_store(folder / "s", rows, 7, {.id_bytes = id_bytes, .prefix = 1, .suffix = 1});
      const TokenStore store(folder / "s", kKey);
      EXPECT_EQ(store.rows(), count);
      EXPECT_EQ(store.id_bytes(), id_bytes);
      EXPECT_EQ(store.batches().size(), static_cast<size_t>((count + 999) / 1000));
      int64_t row = 0, tokens = 0;
      int32_t most = 0;
      for (const TokenStore::Batch& batch : store.batches())
        for (int64_t r = 0; r < static_cast<int64_t>(batch.row_ends.size()); ++r, ++row) {
          const int64_t begin = batch.begin_of(r), end = batch.end_of(r);
          const auto& ids = rows.ids[static_cast<size_t>(row)];
          ASSERT_EQ(end - begin, static_cast<int64_t>(ids.size()));
          std::vector<int32_t> got(ids.size());
          batch.ids.subspan(begin, end - begin).copy_to(got.data());
          ASSERT_EQ(got, ids);
          for (int64_t t = begin; t < end; ++t) {
            ASSERT_EQ(batch.word_starts[static_cast<size_t>(t / 64)] >> (t % 64) & 1,
                      rows.starts[static_cast<size_t>(row)][static_cast<size_t>(t - begin)]);
            ASSERT_EQ(batch.ids[t], ids[static_cast<size_t>(t - begin)]);
            most = std::max(most, batch.ids[t]);
          }
          tokens += end - begin;
        }
      EXPECT_EQ(row, count);
      EXPECT_EQ(tokens, store.tokens());
      EXPECT_EQ(most, store.max_id());
    }
}

TEST(TokenStore, DoesNotDependOnHowRowsWereHandedOver) {
  const ScratchFolder folder;
  const Rows rows = random_rows(2345, 30'522, 9);
  write_store(folder / "a", rows, 1);
  for (const size_t step : {3u, 1000u, 10'000u}) {
    write_store(folder / "b", rows, step);
    EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
  }
}

TEST(TokenStore, NoticesEveryFlippedBitAndEveryCut) {
  const ScratchFolder folder;
  write_store(folder / "s", random_rows(1100, 3000, 2), 10);
  const std::string whole = read_file(folder / "s");
  std::mt19937 draw(1);
  int flips = 0;
  for (size_t at = 0; at < whole.size(); at += at < 200 || at + 100 > whole.size() ? 1 : 1 + draw() % 197, ++flips) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << draw() % 8));
    folder.write("s", bytes);
    expect_error(ErrorKind::input, {"token store", "is damaged", "delete it"}, [&] { TokenStore(folder / "s", kKey); });
  }
  EXPECT_GT(flips, 300);
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{127}, size_t{128}, size_t{136}, whole.size() / 2, whole.size() - 1}) {
    folder.write("s", whole.substr(0, size));
    expect_error(ErrorKind::input, {"is damaged"}, [&] { TokenStore(folder / "s", kKey); });
  }
  folder.write("s", whole + "x");
  expect_error(ErrorKind::input, {"bytes, ", "are expected"}, [&] { TokenStore(folder / "s", kKey); });
  folder.write("s", whole);
  EXPECT_EQ(TokenStore(folder / "s", kKey).rows(), 1100);
  expect_error(ErrorKind::input, {"made from other data"}, [&] { TokenStore(folder / "s", StoreKey{}); });
  expect_error(ErrorKind::io, {"cannot open"}, [&] { TokenStore(folder / "missing", kKey); });
}

TEST(TokenStore, KnowsWhichRowsWereLeftOut) {
  const ScratchFolder folder;
  for (const int64_t count : {1, 1000, 2500}) {
    const Rows rows = random_rows(count, 300, 3);
    TokenStoreWriter writer(folder / "s", kKey, {.id_bytes = 2, .prefix = 1, .suffix = 1, .numbered = true});
    EncodedRows some;
    std::vector<int64_t> kept;  // by number among those read
    int64_t number = 0;
    for (size_t r = 0; r < rows.ids.size(); ++r) {
      for (size_t i = 0; i < r % 3; ++i, ++number) some.left_out.push_back(some.row_ends.size());
      some.ids.insert(some.ids.end(), rows.ids[r].begin(), rows.ids[r].end());
      some.word_starts.insert(some.word_starts.end(), rows.starts[r].begin(), rows.starts[r].end());
      some.row_ends.push_back(some.ids.size());
      kept.push_back(number++);
      if (r % 7 != 0) continue;
      writer.append(some);
      some.clear();
    }
    for (int i = 0; i < 5; ++i, ++number) some.left_out.push_back(some.row_ends.size());
    writer.append(some);
    writer.commit();
    const TokenStore store(folder / "s", kKey);
    ASSERT_EQ(store.rows(), count);
    ASSERT_EQ(store.source_rows(), number);
    for (int64_t row = 0; row <= number; ++row)
      ASSERT_EQ(store.rows_before(row), std::ranges::lower_bound(kept, row) - kept.begin()) << row;
    const std::string whole = read_file(folder / "s");
    for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 200) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ 4);
      folder.write("s", bytes);
      expect_error(ErrorKind::input, {"is damaged"}, [&] { TokenStore(folder / "s", kKey); });
    }
  }
  write_store(folder / "s", random_rows(7, 300, 3), 2);
  EXPECT_EQ(TokenStore(folder / "s", kKey).source_rows(), 7);
  EXPECT_EQ(TokenStore(folder / "s", kKey).rows_before(3), 3);
}

TEST(TokenStore, SaysWhatItWasMadeFrom) {
  const ScratchFolder folder;
  const Rows rows = random_rows(3, 100, 1);
  for (const std::string& data : {std::string(), std::string("/a/notes.txt"), std::string("/a/notes"),
                                  std::string("/\xC3\xBC\n\x1b.txt"), std::string(4096, 'x'), std::string(5000, 'y')}) {
    write_store(folder / "s", rows, 1, {.id_bytes = 2, .prefix = 1, .suffix = 1, .data = data});
    EXPECT_EQ(TokenStore(folder / "s", kKey).rows(), 3);
    const auto facts = store_facts(folder / "s");
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->data, data.substr(0, 4096));
    EXPECT_EQ(facts->rows, 3);
    EXPECT_EQ(facts->tokens, TokenStore(folder / "s", kKey).tokens());
  }
  for (const std::string& none : {std::string(), std::string("TEKIOTOK"), std::string(200, 'x')})
    EXPECT_FALSE(store_facts(folder.write("n", none)));
  EXPECT_FALSE(store_facts(folder / "missing"));
  EXPECT_FALSE(store_facts(folder / ""));
}

/// Checksums alone do not make a store: figures that cannot be are refused too.
TEST(TokenStore, RefusesFiguresThatCannotBe) {
  const ScratchFolder folder;
  TokenStoreWriter writer(folder / "s", kKey, {.id_bytes = 2, .prefix = 1, .suffix = 1});
  writer.append({.ids = {1, 7, 2, 1, 8, 9, 9, 2}, .word_starts = {0, 1, 0, 0, 1, 1, 0, 0}, .row_ends = {3, 8}});
  writer.commit();
  const std::string whole = read_file(folder / "s");
  ASSERT_EQ(whole.size(), 208u);  // header 136, ids 16, word starts 8, row ends 16, index 32
  const struct {
    size_t at;
    uint64_t value;
    const char* message;
  } cases[] = {
      {8, 1 | uint64_t{2} << 32, "its version is 1, at most 3 is expected"},
      {8, 4 | uint64_t{2} << 32, "its version is 4, at most 3 is expected"},
      {8, 3 | uint64_t{3} << 32, "its header holds impossible figures"},
      {96, 8, "what it says that it was made from is damaged"},
      {96, uint64_t{1} << 40, "what it says that it was made from is damaged"},
      {96, UINT64_MAX, "what it says that it was made from is damaged"},
      {72, 10'000, "its index lies outside of it"},
      {176, 144, "its index names a batch 0 that cannot be"},
      {184, 20, "batch 0 goes past its end"},
      {160, UINT64_MAX, "rows of batch 0 overlap"},  // an end that wraps around 2^64
      {168, 7, "rows of batch 0 do not fill it"},
      {32, 3, "its batches are not what its header counts"},
      {120, uint64_t{1} << 63, "its header holds impossible figures"},
  };
  for (const auto& c : cases) {
    std::string bytes = whole;
    const auto put = [&](size_t at, uint64_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
    put(c.at, c.value);
    put(176 + 24, XXH3_64bits(bytes.data() + 136, 40));
    put(80, XXH3_64bits(bytes.data() + 176, 32));
    put(128, XXH3_64bits(bytes.data(), 128));
    folder.write("s", bytes);
    expect_error(ErrorKind::input, {c.message}, [&] { TokenStore(folder / "s", kKey); });
  }
}

TEST(TokenStore, RefusesNumbersThatCannotBe) {
  const ScratchFolder folder;
  TokenStoreWriter writer(folder / "s", kKey, {.id_bytes = 2, .prefix = 1, .suffix = 1, .numbered = true});
  writer.append({.ids = {1, 7, 2, 1, 8, 9, 9, 2},
                 .word_starts = {0, 1, 0, 0, 1, 1, 0, 0},
                 .row_ends = {3, 8},
                 .left_out = {0, 1}});
  writer.commit();
  const std::string whole = read_file(folder / "s");
  ASSERT_EQ(whole.size(), 224u);  // as above, and numbers 16
  const struct {
    size_t at;
    uint64_t value;
    const char* message;
  } cases[] = {{176, 3, "rows of batch 0 are out of order"},
               {184, 1, "rows of batch 0 are out of order"},
               {184, 4, "rows of batch 0 are out of order"},
               {112, 3, "rows of batch 0 are out of order"},
               {112, UINT64_MAX, "its header holds impossible figures"},
               {112, 0, "its batches are not what its header counts"}};
  for (const auto& c : cases) {
    std::string bytes = whole;
    const auto put = [&](size_t at, uint64_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
    put(c.at, c.value);
    put(192 + 24, XXH3_64bits(bytes.data() + 136, c.at == 112 && c.value == 0 ? 40 : 56));
    put(80, XXH3_64bits(bytes.data() + 192, 32));
    put(128, XXH3_64bits(bytes.data(), 128));
    folder.write("s", bytes);
    expect_error(ErrorKind::input, {c.message}, [&] { TokenStore(folder / "s", kKey); });
  }
}

/// A store as version 2 wrote it: the same without the number of skipped rows, eight bytes shorter.
std::string as_version_2(std::string bytes) {
  bytes.erase(120, 8);
  const auto get = [&](size_t at) {
    uint64_t value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  const auto put = [&](size_t at, uint64_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
  bytes[8] = 2;
  put(72, get(72) - 8);
  put(88, get(88) - 8);
  for (size_t entry = get(72); entry < bytes.size(); entry += 32) put(entry, get(entry) - 8);
  put(80, XXH3_64bits(bytes.data() + get(72), bytes.size() - get(72)));
  put(120, XXH3_64bits(bytes.data(), 120));
  return bytes;
}

TEST(TokenStore, KeepsHowManyRowsHadNoText) {
  const ScratchFolder folder;
  for (const std::optional<int64_t> skipped :
       {std::optional<int64_t>(), std::optional<int64_t>(0), std::optional<int64_t>(7)}) {
    TokenStoreWriter writer(folder / "s", kKey, {.id_bytes = 2, .data = "/a/notes.txt"});
    writer.append({.ids = {1, 2, 3}, .word_starts = {1, 1, 1}, .row_ends = {3}});
    writer.commit(skipped);
    EXPECT_EQ(TokenStore(folder / "s", kKey).skipped_rows(), skipped);
  }
}

TEST(TokenStore, OfTheVersionBeforeIsRead) {
  const ScratchFolder folder;
  const Rows rows = random_rows(2500, 300, 4);
  write_store(folder / "s", rows, 7, {.id_bytes = 2, .prefix = 1, .suffix = 1, .data = "/a/notes.txt"});
  const std::string old = as_version_2(read_file(folder / "s"));
  folder.write("old", old);
  const TokenStore now(folder / "s", kKey), before(folder / "old", kKey);
  EXPECT_EQ(before.skipped_rows(), std::nullopt);
  ASSERT_EQ(before.batches().size(), now.batches().size());
  for (size_t b = 0; b < now.batches().size(); ++b) {
    EXPECT_TRUE(std::ranges::equal(before.batches()[b].ids.bytes(), now.batches()[b].ids.bytes()));
    EXPECT_TRUE(std::ranges::equal(before.batches()[b].row_ends, now.batches()[b].row_ends));
  }
  EXPECT_EQ(store_facts(folder / "old")->data, "/a/notes.txt");
  EXPECT_EQ(store_facts(folder / "old")->rows, 2500);
  for (size_t at = 0; at < old.size(); at += at < 160 ? 1 : 997) {
    std::string bytes = old;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    folder.write("old", bytes);
    expect_error(ErrorKind::input, {"is damaged"}, [&] { TokenStore(folder / "old", kKey); });
  }
  for (const size_t size : {127u, 128u, 135u, 136u}) {
    folder.write("old", old.substr(0, size));
    expect_error(ErrorKind::input, {"is damaged"}, [&] { TokenStore(folder / "old", kKey); });
  }
}

/// Bytes of the mapping around `address` that this process holds in memory.
int64_t resident_bytes(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  bool is_it = false;
  for (std::string line; std::getline(maps, line);) {
    uint64_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      const auto at = reinterpret_cast<uint64_t>(address);
      is_it = begin <= at && at < end;
    } else if (int64_t kib = 0; is_it && std::sscanf(line.c_str(), "Rss: %ld kB", &kib) == 1) {
      return kib * 1024;
    }
  }
  return -1;
}

/// Counting chunks looks at what is known of each batch, and what else must be looked into does not stay in memory.
TEST(TokenStore, MemoryDoesNotGrowWithWhatIsCounted) {
  const ScratchFolder folder;
  constexpr int64_t kRows = 150'000, kTokens = 60;
  TokenStoreWriter writer(folder / "s", kKey, {.id_bytes = 2});
  EncodedRows row{.ids = std::vector<int32_t>(kTokens, 7), .word_starts = std::vector<uint8_t>(kTokens, 1)};
  row.row_ends = {kTokens};
  for (int64_t r = 0; r < kRows; ++r) writer.append(row);
  writer.commit();
  const auto store = std::make_shared<const TokenStore>(folder / "s", kKey);
  const void* const first = store->batches().front().ids.bytes().data();
  ASSERT_GT(resident_bytes(first), 18 << 20) << "it was verified just now";
  for (const TokenStore::Batch& batch : store->batches()) drop_pages(batch.bytes());
  const int64_t before = resident_bytes(first);
  ASSERT_LT(before, 4 << 20);
  EXPECT_EQ(ChunksView::whole(store, 128, false).size(), kRows / 1000 * (1000 * kTokens / 128));
  EXPECT_EQ(resident_bytes(first), before);
  EXPECT_GT(ChunksView::of_rows(store, 128, false, 500, kRows - 1).size(), 0);
  EXPECT_LT(resident_bytes(first), 8 << 20);
}

TEST(TokenStoreWriter, LeavesNothingWithoutCommit) {
  const ScratchFolder folder;
  {
    TokenStoreWriter writer(folder / "s", kKey, {});
    writer.append({.ids = {1, 2, 3}, .word_starts = {0, 1, 0}, .row_ends = {3}});
    EXPECT_EQ(writer.tokens(), 3);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(TokenStoreWriter, RefusesIdsThatDoNotFit) {
  const ScratchFolder folder;
  for (const auto& [id_bytes, id] : {std::pair(2, 65'536), std::pair(2, -1), std::pair(4, -1)}) {
    TokenStoreWriter writer(folder / "s", kKey, {.id_bytes = id_bytes});
    expect_error(ErrorKind::input, {"gave the id", std::to_string(id), "do not fit together"},
                 [&, bad = id] { writer.append({.ids = {bad}, .word_starts = {1}, .row_ends = {1}}); });
  }
}

}  // namespace
}  // namespace tekio::test
