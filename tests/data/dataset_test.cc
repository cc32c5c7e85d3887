// Views of rows: counting, shuffling, slicing, streaming; and real reviews where $TEKIO_DATA has them.
#include <fmt/format.h>
#include <tekio/dataset.h>

#include <cstdlib>
#include <numeric>

#include "base/random/numpy_permutation.h"
#include "data/record_parser.h"
#include "data/scratch_folder.h"
#include "support/large_data.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;

std::vector<int64_t> numbers(const Dataset& dataset) {
  std::vector<int64_t> all;
  dataset.for_each([&](const Row& row) { all.push_back(std::stoll(row.text())); });
  return all;
}

Dataset counted(const ScratchFolder& folder, int64_t rows, const char* name = "a.txt") {
  std::string text;
  for (int64_t i = 0; i < rows; ++i) text += fmt::format("{}\n", i);
  return load_dataset(folder.write(name, text))["train"];
}

std::vector<int64_t> range(int64_t begin, int64_t end) {
  std::vector<int64_t> all(static_cast<size_t>(end - begin));
  std::iota(all.begin(), all.end(), begin);
  return all;
}

TEST(Dataset, CountsStreamsAndSlices) {
  const ScratchFolder folder;
  const Dataset data = counted(folder, 200'000);  // several blocks
  EXPECT_EQ(data.size(), 200'000);
  EXPECT_EQ(data.bytes(), std::filesystem::file_size(folder / "a.txt"));
  EXPECT_EQ(numbers(data), range(0, 200'000));
  EXPECT_EQ(numbers(data.slice(70'000, 150'000)), range(70'000, 150'000));
  EXPECT_EQ(numbers(data.slice(70'000, 150'000).slice(5, 7)), range(70'005, 70'007));
  EXPECT_EQ(numbers(data.slice(7, 7)), range(0, 0));
  EXPECT_EQ(data.slice(70'000, 150'000).size(), 80'000);
  EXPECT_EQ(data.take(3).at(2).text(), "2");
  EXPECT_EQ(data.take(1'000'000).size(), 200'000u);
  EXPECT_EQ(data.slice(199'999, 200'000).take(5).size(), 1u);
  EXPECT_EQ(data.take(0).size(), 0u);
}

TEST(Dataset, ShufflesAsNumpyDoes) {
  const ScratchFolder folder;
  const Dataset data = counted(folder, 25'000);
  const auto order = numpy_permutation(42, 25'000);
  EXPECT_EQ(numbers(data.shuffle(42)), order);
  std::vector<int64_t> few;
  for (const Row& row : data.shuffle(42).take(4)) few.push_back(std::stoll(row.text()));
  EXPECT_THAT(few, ElementsAre(19923, 18453, 12236, 16941));
  const auto again = numpy_permutation(7, 100);
  std::vector<int64_t> expected;
  for (const int64_t i : again) expected.push_back(order[static_cast<size_t>(50 + i)]);
  EXPECT_EQ(numbers(data.shuffle(42).slice(50, 150).shuffle(7)), expected);
}

TEST(Dataset, SelectsAnyRowsInAnyOrder) {
  const ScratchFolder folder;
  const Dataset data = counted(folder, 1000);
  EXPECT_EQ(numbers(data.select({5, 999, 5, 0})), (std::vector<int64_t>{5, 999, 5, 0}));
  EXPECT_EQ(numbers(data.slice(100, 200).select({99, 0}).select({1, 1})), (std::vector<int64_t>{100, 100}));
  EXPECT_EQ(data.select({}).size(), 0);
  EXPECT_EQ(data.select({}).take(3).size(), 0u);
}

TEST(Dataset, GathersPickedRowsInSeveralPasses) {
  const ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 2000; ++i) text += fmt::format("{} {}\n", i, std::string(i % 100 == 0 ? 20'000 : 10, 'x'));
  const Dataset data = load_dataset(folder.write("a.txt.zst", zstd(text)))["train"].shuffle(3);
  const auto order = numpy_permutation(3, 2000);
  for (const int64_t room : {int64_t{1}, int64_t{1000}, int64_t{30'000}, int64_t{1} << 30}) {
    SourceReader reader(DatasetSource::of(data), Columns::text, room);
    Block block;
    std::vector<int64_t> got;
    if (room == 1) got.assign(order.begin(), order.end() - 20);  // one pass a row: the last 20 are enough
    const Dataset part = room == 1 ? data.slice(1980, 2000) : data;
    SourceReader few(DatasetSource::of(part), Columns::text, room);
    while (few.next(block))
      for (const Record& record : block.records) got.push_back(std::stoll(std::string(block.text(record))));
    EXPECT_EQ(got, order) << room;
    EXPECT_EQ(few.progress(), 1);
  }
}

TEST(Dataset, ConcatenatesSpecsSplitBySplit) {
  const ScratchFolder folder;
  folder.write("d/train.txt", "1\n2\n");
  folder.write("d/test.txt", "3\n");
  folder.write("e.jsonl", "{\"review\": \"4\", \"n\": 1}\n");
  const DatasetDict data = load_dataset({folder / "d", folder / "e.jsonl", (folder / "d") + ":test"});
  EXPECT_TRUE(data.contains("test"));
  EXPECT_FALSE(data.contains("validation"));
  ASSERT_EQ(data.splits().size(), 2u);
  EXPECT_EQ(data["train"].size(), 3);
  EXPECT_EQ(data["test"].size(), 2);
  EXPECT_THAT(data["train"].columns(), ElementsAre("text", "review", "n"));
  EXPECT_EQ(data["train"].shuffle(1).take(3).size(), 3u);
  EXPECT_EQ(data["train"].take(3).at(2).text("review"), "4");
  EXPECT_EQ(load_dataset(folder / "e.jsonl")["train"].text_column(), "review");
  RecordParser parser(*DatasetSource::of(data["train"]).files);
  SourceReader reader(DatasetSource::of(data["train"]), Columns::text);
  Block block;
  std::string all;
  while (reader.next(block))
    for (const Record& record : block.records) all += parser.text(block, record);
  EXPECT_EQ(all, "124");
}

TEST(Dataset, FindsTheTextColumn) {
  const ScratchFolder folder;
  const auto column = [&](const char* name, const char* bytes, const char* wanted = "") {
    return load_dataset(folder.write(name, bytes), {.text_column = wanted})["train"].text_column();
  };
  EXPECT_EQ(column("a.jsonl", "{\"a\": \"x\", \"text\": \"y\"}"), "text");
  EXPECT_EQ(column("a.jsonl", "{\"id\": 3, \"n\": null, \"review\": \"y\"}"), "review");
  EXPECT_EQ(column("a.jsonl", "{\"a\": \"x\", \"b\": \"y\"}", "b"), "b");
  EXPECT_EQ(column("a.csv", "id,review\n1,good\n"), "review");
  EXPECT_EQ(column("a.csv", "id,text\n1,2\n"), "text");
  EXPECT_EQ(column("a.txt", "x"), "text");
  EXPECT_EQ(column("a.jsonl", ""), "");
  expect_error(ErrorKind::input,
               {"a.jsonl: there is no column \"reveiw\"", "\"review\" meant?", "review (1 characters)"},
               [&] { column("a.jsonl", "{\"review\": \"x\"}", "reveiw"); });
  expect_error(ErrorKind::input, {"no column holds text; there are: id (no strings)"},
               [&] { column("a.csv", "id\n1\n"); });
}

TEST(Dataset, ReadsNoMoreForTheTextColumnThanItTakes) {
  const ScratchFolder folder;
  std::string first;
  while (first.size() < 3 * Block::kBytes) first += "{\"review\": \"x\", \"n\": 1}\n";
  // A column that first appears beyond the first block counts as one of the first block does.
  const std::string path = folder.write("a.jsonl", first + "{\"text\": \"y\"}\n");
  const auto of = [](const std::string& file, const char* wanted) {
    return load_dataset(file, {.text_column = wanted})["train"].text_column();
  };
  EXPECT_EQ(of(path, "review"), "review");
  expect_error(ErrorKind::input, {"\"n\" holds no strings", "review"}, [&] { of(path, "n"); });
  EXPECT_EQ(of(path, ""), "text");
  EXPECT_THAT(load_dataset(path)["train"].columns(), ElementsAre("review", "n", "text"));
  // What is wrong far behind is not met before its turn.
  const std::string bad = folder.write("b.jsonl", first + "{\n");
  EXPECT_EQ(of(bad, "review"), "review");
  expect_error(ErrorKind::input, {"b.jsonl:"}, [&] { load_dataset(bad)["train"].columns(); });
  expect_error(ErrorKind::input, {"b.jsonl:"}, [&] { of(bad, "other"); });
}

TEST(Dataset, TellsWhatIsWrong) {
  const ScratchFolder folder;
  const Dataset data = counted(folder, 10);
  expect_error(ErrorKind::usage, {"row 10", "10 rows (numbers 0 to 9)"}, [&] { data.select({0, 10}); });
  expect_error(ErrorKind::usage, {"row -1"}, [&] { data.select({-1}); });
  expect_error(ErrorKind::usage, {"rows [4, 11)", "10 rows"}, [&] { data.slice(4, 11); });
  expect_error(ErrorKind::usage, {"rows [5, 4)"}, [&] { data.slice(5, 4); });
  expect_error(ErrorKind::usage, {"-1 rows"}, [&] { data.take(-1); });
  expect_error(ErrorKind::input, {"no split \"trian\"", "\"train\" meant?", "it has: train"},
               [&] { load_dataset(folder / "a.txt")["trian"]; });
  expect_error(ErrorKind::input, {"no column \"review\"", "it has: text"}, [&] { data.take(1).at(0).text("review"); });
  expect_error(ErrorKind::input, {"\"n\" holds 3, not text"},
               [&] { load_dataset(folder.write("b.jsonl", "{\"n\": 3}"))["train"].take(1).at(0).text("n"); });
  const Dataset shuffled = data.shuffle(1);
  folder.write("a.txt", "1\n");
  expect_error(ErrorKind::input, {"was not found again", "changed while they were read"}, [&] { shuffled.take(10); });
  std::filesystem::remove(folder / "a.txt");
  expect_error(ErrorKind::io, {"cannot read the size of"}, [&] { data.bytes(); });
}

TEST(Dataset, ReviewsAreTheHubs) {
  const auto root = large_data();
  if (!root) GTEST_SKIP() << kNoLargeData;
  const DatasetDict imdb = load_dataset((*root / "imdb").string());
  ASSERT_EQ(imdb.splits().size(), 3u);
  EXPECT_EQ(imdb.splits()[0].first, "train");
  EXPECT_EQ(imdb.splits()[1].first, "test");
  EXPECT_EQ(imdb.splits()[2].first, "unsupervised");
  EXPECT_EQ(imdb["train"].size(), 25'000);
  EXPECT_EQ(imdb["test"].size(), 25'000);
  EXPECT_EQ(imdb["unsupervised"].size(), 50'000);
  EXPECT_THAT(imdb["train"].columns(), ElementsAre("text", "label"));
  const auto rows = imdb["train"].shuffle(42).take(3);
  EXPECT_EQ(rows.at(0).text().substr(0, 44), "There is no relation at all between Fortier ");
  EXPECT_EQ(rows.at(1).text().substr(0, 34), "This movie is a great. The plot is");
  EXPECT_EQ(rows.at(2).text().substr(0, 16), "George P. Cosmat");
  EXPECT_EQ(rows.at(0).columns.at(1).second + rows.at(1).columns.at(1).second + rows.at(2).columns.at(1).second, "110");
}

/// A class of the authors' archive, rebuilt from the Hub's rows: row i is the file numbered (i / 128) * 128 + 127 - i %
/// 128; within the last, shorter run it is counted from that run's end.
TEST(Dataset, TheArchivesFolderGivesTheHubsOrder) {
  const auto root = large_data();
  if (!root) GTEST_SKIP() << kNoLargeData;
  constexpr int64_t kClass = 12'500;
  const Dataset hub = load_dataset((*root / "imdb").string())["test"].slice(0, kClass);
  const ScratchFolder folder;
  std::vector<std::string> expected;
  hub.for_each([&](const Row& row) {
    const auto i = static_cast<int64_t>(expected.size()), run = i / 128 * 128;
    const int64_t number = run + std::min<int64_t>(128, kClass - run) - 1 - (i - run);
    folder.write(fmt::format("test/neg/{}_{}.txt", number, number == 0 ? 2 : 4), row.text());
    expected.push_back(row.text());
  });
  std::vector<std::string> rows;
  load_dataset(folder.path().string())["test"].for_each([&](const Row& row) { rows.push_back(row.text()); });
  EXPECT_TRUE(rows == expected);
}

}  // namespace
}  // namespace tekio::test
