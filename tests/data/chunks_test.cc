// Chunks: where they are cut, their word ids, selections, the reference's split; .npy; and the walkthrough's figures.
#include "data/chunks.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/json.h"
#include "base/random/numpy_permutation.h"
#include "data/duplicate_rows.h"
#include "data/npy.h"
#include "data/scratch_folder.h"
#include "support/large_data.h"
#include "support/sha256.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;

/// Rows of [begin, pieces…, end]; a word has `pieces` of them, so its starts are 1 0 0 ….
ChunksView view_of(const ScratchFolder& folder, int64_t rows, int64_t block, bool lines, int id_bytes = 2) {
  TokenStoreWriter writer(folder / "s", {}, {.id_bytes = id_bytes, .prefix = 1, .suffix = 1});
  EncodedRows encoded;
  for (int64_t r = 0; r < rows; ++r) {
    encoded.ids.push_back(1);
    encoded.word_starts.push_back(0);
    for (int64_t word = 0; word < r % 4; ++word)
      for (int64_t piece = 0; piece <= word; ++piece) {
        encoded.ids.push_back(static_cast<int32_t>(10 + r % 1000));
        encoded.word_starts.push_back(piece == 0);
      }
    encoded.ids.push_back(2);
    encoded.word_starts.push_back(0);
    encoded.row_ends.push_back(encoded.ids.size());
  }
  writer.append(encoded);
  writer.commit();
  return ChunksView::whole(std::make_shared<const TokenStore>(folder / "s", StoreKey{}), block, lines);
}

Chunks chunks_of_rows(const ScratchFolder& folder, int64_t rows, int64_t block, bool lines = false, int id_bytes = 2) {
  return ChunksView::wrap(std::make_shared<const ChunksView>(view_of(folder, rows, block, lines, id_bytes)));
}

/// Chunks of rows of these tokens, between a begin and an end.
Chunks chunks_of(const ScratchFolder& folder, const char* name, const std::vector<std::vector<int32_t>>& rows,
                 int id_bytes = 2) {
  TokenStoreWriter writer(folder / name, {}, {.id_bytes = id_bytes, .prefix = 1, .suffix = 1});
  EncodedRows encoded;
  for (const std::vector<int32_t>& row : rows) {
    encoded.ids.push_back(1);
    encoded.ids.insert(encoded.ids.end(), row.begin(), row.end());
    encoded.ids.push_back(2);
    encoded.row_ends.push_back(encoded.ids.size());
  }
  encoded.word_starts.resize(encoded.ids.size(), 1);
  writer.append(encoded);
  writer.commit();
  return ChunksView::wrap(std::make_shared<const ChunksView>(
      ChunksView::whole(std::make_shared<const TokenStore>(folder / name, StoreKey{}), 2, false)));
}

TEST(DuplicateRows, RepeatTokensOfAnotherRow) {
  const ScratchFolder folder;
  for (const int id_bytes : {2, 4}) {
    const Chunks train = chunks_of(folder, "train", {{5}, {6, 7}, {5}, {}, {5}, {7, 6}, {}, {6}}, id_bytes),
                 test = chunks_of(folder, "test", {{6, 7}, {}, {8}, {6, 7}, {5, 5}}, id_bytes);
    EXPECT_EQ(count_duplicate_rows(train, test).train, 2);     // {5}, twice more; empty ones do not count
    EXPECT_EQ(count_duplicate_rows(train, test).held_out, 2);  // {6, 7}, each of them
    EXPECT_EQ(count_duplicate_rows(test, train).train, 1);
    EXPECT_EQ(count_duplicate_rows(test, train).held_out, 1);
  }
}

TEST(DuplicateRows, OfPartsOfAStoreAreTheirOwn) {
  const ScratchFolder folder;
  std::vector<std::vector<int32_t>> rows;
  for (int32_t row = 0; row < 2'500; ++row) rows.push_back({10 + row % 2'000});
  const Chunks all = chunks_of(folder, "all", rows);
  const DuplicateRows apart = count_duplicate_rows(all.of_rows(0, 2'100), all.of_rows(2'100, 2'500));
  EXPECT_EQ(apart.train, 100);
  EXPECT_EQ(apart.held_out, 400);
  // Chunks are held out: a row may lie in both parts.
  const auto [train, test] = all.train_test_split({.test_size = 100});
  EXPECT_EQ(count_duplicate_rows(train, test).train, 500);
  EXPECT_EQ(count_duplicate_rows(train, test).held_out, std::nullopt);
}

TEST(Chunks, CutBatchesOfThousandRowsAndDropTheirRests) {
  const ScratchFolder folder;
  // Rows of 2, 3, 5 and 8 tokens: 4,500 in 1,000 rows.
  const Chunks chunks = chunks_of_rows(folder, 2'004, 128);
  EXPECT_EQ(chunks.rows(), 2'004);
  EXPECT_EQ(chunks.tokens(), 9'018);
  EXPECT_EQ(chunks.chunk_size(), 128);
  EXPECT_EQ(chunks.size(), 35 + 35 + 0);
  std::vector<int32_t> all, words;
  std::vector<int32_t> expected, expected_words;
  for (int64_t r = 0; r < 2'000; ++r) {
    if (r == 1'000) expected.resize(35 * 128), expected_words.resize(35 * 128);
    expected.push_back(1);
    expected_words.push_back(-1);
    for (int32_t word = 0; word < r % 4; ++word)
      for (int32_t piece = 0; piece <= word; ++piece)
        expected.push_back(static_cast<int32_t>(10 + r % 1000)), expected_words.push_back(word);
    expected.push_back(2);
    expected_words.push_back(-1);
  }
  expected.resize(70 * 128);
  expected_words.resize(70 * 128);
  for (int64_t i = 0; i < chunks.size(); ++i) {
    const auto ids = chunks.ids(i), word_ids = chunks.word_ids(i);
    EXPECT_EQ(ids.size(), 128u);
    all.insert(all.end(), ids.begin(), ids.end());
    words.insert(words.end(), word_ids.begin(), word_ids.end());
    EXPECT_EQ(ChunksView::of(chunks).number(i), i);
  }
  EXPECT_EQ(all, expected);
  EXPECT_EQ(words, expected_words);
}

TEST(Chunks, WordIdsContinueWithinATextThatIsCut) {
  const ScratchFolder folder;
  for (const int64_t block : {1, 2, 3, 7, 500, 4'500}) {
    const Chunks whole = chunks_of_rows(folder, 1'000, 4'500), cut = chunks_of_rows(folder, 1'000, block);
    std::vector<int32_t> words;
    for (int64_t i = 0; i < cut.size(); ++i)
      for (const int32_t word : cut.word_ids(i)) words.push_back(word);
    auto expected = whole.word_ids(0);
    expected.resize(words.size());
    EXPECT_EQ(words, expected) << block;
  }
}

TEST(Chunks, LinesAreRows) {
  const ScratchFolder folder;
  const Chunks lines = chunks_of_rows(folder, 1'003, 8, true, 4);
  EXPECT_EQ(lines.size(), 1'003);
  EXPECT_THAT(lines.ids(1'002), ElementsAre(1, 12, 12, 12, 2));
  EXPECT_THAT(lines.word_ids(1'002), ElementsAre(-1, 0, 1, 1, -1));
  EXPECT_THAT(lines.ids(1'000), ElementsAre(1, 2));
  EXPECT_THAT(lines.word_ids(1'000), ElementsAre(-1, -1));
}

TEST(Chunks, SplitAsTheReferenceDoes) {
  const ScratchFolder folder;
  const Chunks chunks = chunks_of_rows(folder, 1'000, 4);  // 1,125 chunks
  ASSERT_EQ(chunks.size(), 1'125);
  const auto order = numpy_permutation(7, 1'125);
  const auto check = [&](const SplitOptions& options, int64_t train, int64_t test) {
    const auto split = chunks.train_test_split(options);
    ASSERT_EQ(split.train.size(), train);
    ASSERT_EQ(split.test.size(), test);
    for (int64_t i = 0; i < test; ++i) EXPECT_EQ(ChunksView::of(split.test).number(i), order[static_cast<size_t>(i)]);
    for (int64_t i = 0; i < train; ++i)
      EXPECT_EQ(ChunksView::of(split.train).number(i), order[static_cast<size_t>(test + i)]);
    EXPECT_EQ(split.train.ids(0), chunks.ids(order[static_cast<size_t>(test)]));
  };
  check({.train_size = 100, .test_size = 20, .seed = 7}, 100, 20);
  check({.train_size = 100, .seed = 7}, 100, 1'025);
  check({.test_size = 20, .seed = 7}, 1'105, 20);
  check({.seed = 7}, 843, 282);  // a quarter, rounded up
  const auto inner = chunks.train_test_split({.train_size = 100, .test_size = 20, .seed = 7})
                         .train.train_test_split({.test_size = 10, .seed = 1});
  EXPECT_EQ(ChunksView::of(inner.test).number(0), order[static_cast<size_t>(20 + numpy_permutation(1, 100)[0])])
      << "numbers are the store's";
  EXPECT_EQ(chunks.select({5, 5, 0}).size(), 3);
  EXPECT_EQ(chunks.select({5, 5, 0}).select({2}).ids(0), chunks.ids(0));
}

TEST(Chunks, TellWhatIsWrong) {
  const ScratchFolder folder;
  const Chunks chunks = chunks_of_rows(folder, 1'000, 450);  // 10
  const auto split = [&](int64_t train, int64_t test) {
    return [&chunks, train, test] { chunks.train_test_split({.train_size = train, .test_size = test}); };
  };
  expect_error(ErrorKind::usage, {"train_size 8 and test_size 3", "the 10 chunks"}, split(8, 3));
  expect_error(ErrorKind::usage, {"train_size 10", "10 chunks; take fewer, 9 say"}, split(10, 0));
  expect_error(ErrorKind::usage, {"test_size 11", "take fewer, 1 say"}, split(0, 11));
  expect_error(ErrorKind::usage, {"test_size -1"}, split(5, -1));
  expect_error(ErrorKind::usage, {"1 chunk cannot be split"}, [&] { chunks.select({0}).train_test_split({}); });
  expect_error(ErrorKind::usage, {"0 chunks cannot be split"}, [&] { chunks.select({}).train_test_split({}); });
  expect_error(ErrorKind::usage, {"chunk 10", "10 chunks"}, [&] { chunks.ids(10); });
  expect_error(ErrorKind::usage, {"chunk -1"}, [&] { chunks.word_ids(-1); });
  expect_error(ErrorKind::usage, {"chunk 12"}, [&] { chunks.select({0, 12}); });
}

TEST(Npy, WritesWhatNumpyReads) {
  const ScratchFolder folder;
  for (const int id_bytes : {2, 4}) {
    const Chunks chunks = chunks_of_rows(folder, 1'000, 450, false, id_bytes).select({9, 0, 3});
    write_npy(folder / "a.npy", chunks);
    const std::string bytes = read_file(folder / "a.npy");
    ASSERT_EQ(bytes.size(), 128u + 3 * 450 * static_cast<size_t>(id_bytes));
    EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    EXPECT_EQ(bytes.substr(8, 2), std::string("\x76\x00", 2));
    EXPECT_EQ(bytes.substr(10, 61),
              fmt::format("{{'descr': '<u{}', 'fortran_order': False, 'shape': (3, 450), }}", id_bytes));
    EXPECT_EQ(bytes[127], '\n');
    size_t at = 128;
    for (const int64_t i : {0, 1, 2})
      for (const int32_t id : chunks.ids(i)) {
        uint32_t stored = 0;
        std::memcpy(&stored, bytes.data() + at, static_cast<size_t>(id_bytes));
        ASSERT_EQ(stored, static_cast<uint32_t>(id));
        at += static_cast<size_t>(id_bytes);
      }
  }
  expect_error(ErrorKind::usage, {"line_by_line differ in length"},
               [&] { write_npy(folder / "b.npy", chunks_of_rows(folder, 5, 8, true)); });
  expect_error(ErrorKind::io, {"cannot write", "nowhere"},
               [&] { write_npy(folder / "nowhere/b.npy", chunks_of_rows(folder, 5, 8)); });
}

/// A tokenizer of five entries and single letters, for what does not depend on one.
Tokenizer small_tokenizer(const ScratchFolder& folder) {
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char c = 'a'; c <= 'z'; ++c) vocabulary += std::string(1, c) + "\n##" + c + "\n";
  folder.write("model/vocab.txt", vocabulary);
  folder.write("model/tokenizer_config.json",
               R"({"tokenizer_class": "BertTokenizer", "do_lower_case": true, "model_max_length": 16})");
  return Tokenizer::from_pretrained(folder / "model");
}

TEST(Chunk, GoesFromTextToChunks) {
  const ScratchFolder folder;
  const ScopedVariable cache("TEKIO_CACHE", (folder / "cache").c_str());
  const Tokenizer tokenizer = small_tokenizer(folder);
  const Dataset data = load_dataset(folder.write("a.txt", "ab c\n\nd [MASK]\nefghijkl\n"))["train"];
  const auto encoded = [&](const char* text) { return tokenizer.encode(text); };
  const Chunks blocks = chunk(data, tokenizer, {.chunk_size = 6});
  EXPECT_EQ(blocks.rows(), 4);
  EXPECT_EQ(blocks.tokens(), 5 + 2 + 4 + 10);
  ASSERT_EQ(blocks.size(), 3);
  EXPECT_EQ(blocks.ids(1).front(), encoded("").ids.at(1));
  EXPECT_THAT(blocks.word_ids(0), ElementsAre(-1, 0, 0, 1, -1, -1));
  EXPECT_THAT(blocks.word_ids(1), ElementsAre(-1, -1, 0, 1, -1, -1));
  const Chunks lines = chunk(data, tokenizer, {.chunk_size = 6, .line_by_line = true});
  ASSERT_EQ(lines.size(), 3);
  EXPECT_EQ(lines.ids(0), encoded("ab c").ids);
  EXPECT_EQ(lines.ids(1), encoded("d [MASK]").ids);
  EncodeOptions six;
  six.max_length = 6;
  EXPECT_EQ(lines.ids(2), tokenizer.encode("efghijkl", six).ids);
  EXPECT_EQ(lines.word_ids(2), tokenizer.encode("efghijkl", six).word_ids);
}

/// Chunks of some rows are those of a dataset of these rows: cut, numbered and counted alike, but nothing is read.
TEST(Chunk, OfSomeRowsIsAsOfADatasetOfThem) {
  const ScratchFolder folder;
  const ScopedVariable cache("TEKIO_CACHE", (folder / "cache").c_str());
  const Tokenizer tokenizer = small_tokenizer(folder);
  std::string text;
  for (int i = 0; i < 3'300; ++i)
    text +=
        i % 5 == 3 ? " \n" : fmt::format("{} ab{}\n", std::string(static_cast<size_t>(i % 13), 'x'), i % 2 ? " c" : "");
  const Dataset data = load_dataset(folder.write("a.txt", text))["train"];
  for (const ChunkOptions& options :
       {ChunkOptions{.chunk_size = 7}, ChunkOptions{.chunk_size = 128}, ChunkOptions{.chunk_size = 4'000},
        ChunkOptions{.chunk_size = 16, .line_by_line = true}}) {
    SCOPED_TRACE(testing::Message() << options.chunk_size);
    const Chunks all = chunk(data, tokenizer, options);
    EXPECT_EQ(all.source_rows(), 3'300);
    for (const auto& [begin, end] : std::vector<std::pair<int64_t, int64_t>>{{0, 3'300},
                                                                             {0, 3'135},
                                                                             {3'135, 3'300},
                                                                             {1'000, 2'000},
                                                                             {999, 2'001},
                                                                             {1, 3'299},
                                                                             {3, 5},
                                                                             {1'003, 1'005}}) {
      SCOPED_TRACE(testing::Message() << begin << " to " << end);
      const Chunks part = all.of_rows(begin, end), expected = chunk(data.slice(begin, end), tokenizer, options);
      EXPECT_EQ(part.rows(), expected.rows());
      EXPECT_EQ(part.tokens(), expected.tokens());
      ASSERT_EQ(part.size(), expected.size());
      for (int64_t i = 0; i < part.size(); ++i) {
        ASSERT_EQ(part.ids(i), expected.ids(i)) << i;
        ASSERT_EQ(part.word_ids(i), expected.word_ids(i)) << i;
        ASSERT_EQ(ChunksView::of(part).number(i), i);
      }
      if (!options.line_by_line) {
        write_npy(folder / "part.npy", part);
        write_npy(folder / "expected.npy", expected);
        ASSERT_EQ(read_file(folder / "part.npy"), read_file(folder / "expected.npy"));
      }
    }
  }
  const Chunks all = chunk(data, tokenizer, {.chunk_size = 7});
  fs::remove(folder / "a.txt");
  EXPECT_EQ(all.of_rows(10, 2'000).select({4, 1}).ids(0), all.of_rows(10, 2'000).ids(4)) << "of the store alone";
  EXPECT_EQ(all.select({0}).of_rows(10, 2'000).size(), all.of_rows(10, 2'000).size()) << "all of their chunks";
  for (const auto& [begin, end] : std::vector<std::pair<int64_t, int64_t>>{{-1, 4}, {5, 4}, {0, 3'301}})
    expect_error(ErrorKind::usage, {"chunks of rows", "3,300 rows"}, [&, b = begin, e = end] { all.of_rows(b, e); });
  expect_error(ErrorKind::input, {"there is no text in rows 4 to 4"}, [&] { all.of_rows(3, 4); });
  expect_error(ErrorKind::input, {"there is no text"}, [&] { all.of_rows(3, 3); });
}

TEST(Chunk, TellsWhatIsWrong) {
  const ScratchFolder folder;
  const ScopedVariable cache("TEKIO_CACHE", (folder / "cache").c_str());
  const Tokenizer tokenizer = small_tokenizer(folder);
  const Dataset data = load_dataset(folder.write("a.txt", "a\n"))["train"];
  expect_error(ErrorKind::usage, {"chunk_size is 0; at least 1"}, [&] { chunk(data, tokenizer, {.chunk_size = 0}); });
  expect_error(ErrorKind::usage, {"chunk_size is 2", "2 template tokens; at least 3"},
               [&] { chunk(data, tokenizer, {.chunk_size = 2, .line_by_line = true}); });
  expect_error(ErrorKind::usage, {"threads is -1"}, [&] { chunk(data, tokenizer, {.threads = -1}); });
  expect_error(ErrorKind::input, {"there is no text in"},
               [&] { chunk(load_dataset(folder.write("b.txt", "\n\n"))["train"], tokenizer); });
  EXPECT_EQ(chunk(data, tokenizer, {.chunk_size = 128}).size(), 0) << "too little for a chunk is no error here";
}

TEST(Chunk, TheWalkthroughsFigures) {
  const auto root = large_data();
  if (!root) GTEST_SKIP() << kNoLargeData;
  const ScratchFolder folder;
  const ScopedVariable cache("TEKIO_CACHE", (folder / "cache").c_str());
  const std::string data = root->string();
  const Tokenizer tokenizer = Tokenizer::from_pretrained(data + "/tokenizers/distilbert-base-uncased");
  const DatasetDict imdb = load_dataset(data + "/imdb");
  const Chunks train = chunk(imdb["train"], tokenizer);
  EXPECT_EQ(train.size(), 61'291);
  EXPECT_EQ(chunk(imdb["test"], tokenizer).size(), 59'904);
  EXPECT_EQ(chunk(imdb["unsupervised"], tokenizer).size(), 122'957);
  const TokenStore::Batch& first = ChunksView::of(train).store->batches().at(0);
  EXPECT_EQ(first.row_ends[0], 363u);
  EXPECT_EQ(first.row_ends[1] - first.row_ends[0], 304u);
  EXPECT_EQ(first.row_ends[2], 800u);
  EXPECT_EQ(tokenizer.decode(train.ids(1)).substr(0, 96),
            "as the vietnam war and race issues in the united states. in between asking politicians and ordin");
  std::vector<uint8_t> bytes;
  bytes.reserve(61'291 * 128 * 8);
  for (int64_t i = 0; i < train.size(); ++i)
    for (const int64_t id : train.ids(i))
      for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<uint8_t>(id >> shift));
  const Json golden = read_json(data + "/golden/walkthrough.json");
  EXPECT_EQ(sha256(std::move(bytes)), golden.at("chunks_sha256").get<std::string>());
  const auto split = train.train_test_split({.train_size = 10'000, .test_size = 1'000, .seed = 42});
  EXPECT_EQ(ChunksView::of(split.test).number(0), 35'983);
  EXPECT_EQ(ChunksView::of(split.train).number(0), 21'469);
  EXPECT_EQ(ChunksView::of(split.train).number(9'999), 2'483);
}

}  // namespace
}  // namespace tekio::test
