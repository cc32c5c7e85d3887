// The pipeline from rows to a store: order, cutting, blanks, errors; the same bytes for any number of threads.
#include "data/tokenize.h"

#include <fmt/format.h>
#include <tekio/dataset.h>

#include <atomic>
#include <stdexcept>

#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;

/// A tokenizer for tests: 1 before, 2 after, and each byte that is no space as its number plus 10.
EncodeText bytes_encoder() {
  return [](std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& starts) {
    ids.push_back(1);
    starts.push_back(0);
    bool begins = true;
    for (const char c : text) {
      if (c != ' ') ids.push_back(static_cast<unsigned char>(c) + 10), starts.push_back(begins);
      begins = c == ' ';
    }
    ids.push_back(2);
    starts.push_back(0);
  };
}

std::shared_ptr<const TokenStore> store_of(const ScratchFolder& folder, const Dataset& data, TokenizeOptions options,
                                           const char* name = "s") {
  TokenStoreWriter writer(folder / name, {}, {.id_bytes = 2, .prefix = 1, .suffix = 1, .numbered = options.skip_blank});
  tokenize(DatasetSource::of(data), bytes_encoder, options, writer);
  writer.commit();
  return std::make_shared<const TokenStore>(folder / name, StoreKey{});
}

std::vector<std::vector<int32_t>> rows_of(const TokenStore& store) {
  std::vector<std::vector<int32_t>> rows;
  for (const auto& batch : store.batches())
    for (int64_t r = 0; r < static_cast<int64_t>(batch.row_ends.size()); ++r) {
      const int64_t begin = batch.begin_of(r), end = batch.end_of(r);
      rows.emplace_back(static_cast<size_t>(end - begin));
      batch.ids.subspan(begin, end - begin).copy_to(rows.back().data());
    }
  return rows;
}

TEST(Tokenize, KeepsTheOrderWithAnyNumberOfThreads) {
  const ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 120'000; ++i)
    text += fmt::format("row {} {}\n", i, std::string(static_cast<size_t>(i % 37), 'x'));
  const Dataset data = load_dataset(folder.write("a.txt.zst", zstd(text)))["train"];
  store_of(folder, data, {.threads = 1}, "one");
  const std::string one = read_file(folder / "one");
  EXPECT_GT(one.size(), 4'000'000u);
  for (const int threads : {2, 3, 8}) {
    store_of(folder, data, {.threads = threads}, "many");
    EXPECT_EQ(read_file(folder / "many"), one) << threads;
  }
  const auto store = store_of(folder, data.slice(5, 8), {});
  EXPECT_EQ(rows_of(*store).at(2), (std::vector<int32_t>{1, 'r' + 10, 'o' + 10, 'w' + 10, '7' + 10, 'x' + 10, 'x' + 10,
                                                         'x' + 10, 'x' + 10, 'x' + 10, 'x' + 10, 'x' + 10, 2}));
}

TEST(Tokenize, FollowsAShuffledView) {
  const ScratchFolder folder;
  const Dataset data = load_dataset(folder.write("a.txt", "a\nb\nc\nd\n"))["train"];
  const auto store = store_of(folder, data.select({3, 0, 3}), {});
  EXPECT_THAT(rows_of(*store),
              ElementsAre(ElementsAre(1, 'd' + 10, 2), ElementsAre(1, 'a' + 10, 2), ElementsAre(1, 'd' + 10, 2)));
}

TEST(Tokenize, CutsLinesAndLeavesOutBlankOnes) {
  const ScratchFolder folder;
  const Dataset data = load_dataset(
      folder.write("a.txt", "abc def\n\n \t\n\xC2\xA0\xE3\x80\x80\x1C\nab\n\xE2\x80\x8B\nabcdef\n"))["train"];
  const auto store = store_of(folder, data, {.skip_blank = true, .max_tokens = 5, .suffix = 1});
  EXPECT_THAT(rows_of(*store),
              ElementsAre(ElementsAre(1, 'a' + 10, 'b' + 10, 'c' + 10, 2), ElementsAre(1, 'a' + 10, 'b' + 10, 2),
                          ElementsAre(1, 0xE2 + 10, 0x80 + 10, 0x8B + 10, 2),  // U+200B is no white space
                          ElementsAre(1, 'a' + 10, 'b' + 10, 'c' + 10, 2)));
  EXPECT_EQ(store->source_rows(), 7);
  EXPECT_EQ(store->rows_before(5), 2);
  EXPECT_EQ(store_of(folder, data, {})->rows(), 7);
}

TEST(IsBlank, IsPythonsIsspace) {
  for (const char* blank : {"", " ", "\t\n\v\f\r", "\x1C\x1D\x1E\x1F", "\xC2\x85\xC2\xA0", "\xE1\x9A\x80",
                            "\xE2\x80\x80\xE2\x80\x8A", "\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\x9F\xE3\x80\x80"})
    EXPECT_TRUE(is_blank(blank)) << blank;
  for (const char* not_blank :
       {"a", " .", "\x1B", "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xC2\x84", "\xE1\xA0\x8E", "\xF0\x9F\x98\x80"})
    EXPECT_FALSE(is_blank(not_blank)) << not_blank;
}

TEST(Tokenize, TellsTheFirstBadRow) {
  const ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 60'000; ++i)
    text += i == 40'000 || i == 59'000 ? "{\"text\": 3}\n" : "{\"text\": \"some text of a row\"}\n";
  const Dataset data = load_dataset(folder.write("a.jsonl", text))["train"];
  for (const int threads : {1, 4})
    expect_error(ErrorKind::input, {"a.jsonl:40001:", "got a number"},
                 [&] { store_of(folder, data, {.threads = threads}); });
  const Dataset other = load_dataset(folder / "a.jsonl", {.text_column = "words"})["train"];
  expect_error(ErrorKind::input, {"no column \"words\""}, [&] { store_of(folder, other, {}); });
  const std::string packed = gzip(text);
  const Dataset cut = load_dataset(folder.write("b.jsonl.gz", packed.substr(0, packed.size() / 2)))["train"];
  expect_error(ErrorKind::input, {"b.jsonl.gz is cut off"}, [&] { store_of(folder, cut, {}); });
  std::filesystem::remove(folder / "a.jsonl");
  expect_error(ErrorKind::io, {"a.jsonl"}, [&] { store_of(folder, data, {}); });
}

TEST(Tokenize, PassesOnWhatAnEncoderThrows) {
  const ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "a line of text\n";
  const Dataset data = load_dataset(folder.write("a.txt", text))["train"];
  TokenStoreWriter writer(folder / "s", {}, {});
  std::atomic<int> calls = 0;
  const auto failing = [&]() -> EncodeText {
    return [&](std::string_view, std::vector<int32_t>&, std::vector<uint8_t>&) {
      if (++calls == 5000) throw std::runtime_error("enough");
    };
  };
  EXPECT_THROW(tokenize(DatasetSource::of(data), failing, {.threads = 3}, writer), std::runtime_error);
  EXPECT_THROW(
      tokenize(
          DatasetSource::of(data), []() -> EncodeText { throw std::runtime_error("none"); }, {.threads = 2}, writer),
      std::runtime_error);
}

}  // namespace
}  // namespace tekio::test
