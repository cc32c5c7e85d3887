// Rows in memory: the same chunks, orders and messages as the same rows in files; Arrow's memory taken over, not
// copied, and given back.
#include "data/memory_rows.h"

#include <tekio/dataset.h>
#include <tekio/masking.h>

#include <array>
#include <cstring>
#include <deque>

#include "base/file.h"
#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

fs::path tokenizer_folder() { return fs::path(TEKIO_GOLDEN_DIR) / "model/fill-mask"; }

/// A stream of tables with the columns "note" (strings, null where a text is null) and "stars".
class TableStream {
 public:
  explicit TableStream(std::vector<std::vector<const char*>> batches) : batches_(std::move(batches)) {}

  ArrowArrayStream* stream() {
    stream_ = {.get_schema = [](ArrowArrayStream* s, ArrowSchema* out) { return self(s).schema(out); },
               .get_next = [](ArrowArrayStream* s, ArrowArray* out) { return self(s).next(out); },
               .get_last_error = [](ArrowArrayStream*) { return "it broke"; },
               .release =
                   [](ArrowArrayStream* s) {
                     self(s).released_streams += 1;
                     s->release = nullptr;
                   },
               .private_data = this};
    return &stream_;
  }

  const char* format = "+s";
  bool breaks = false;
  int released_streams = 0, released_batches = 0;
  std::vector<const char*> texts_at;  // where each batch's bytes are

 private:
  struct Table {
    std::string bytes;
    std::vector<int32_t> offsets = {0};
    std::vector<int64_t> stars;
    uint8_t valid[8] = {};
    std::array<const void*, 3> note_buffers{};
    std::array<const void*, 2> star_buffers{};
    std::array<const void*, 1> table_buffers{};
    ArrowArray note{}, star{};
    std::array<ArrowArray*, 2> children{};
    TableStream* from = nullptr;
  };
  static TableStream& self(ArrowArrayStream* s) { return *static_cast<TableStream*>(s->private_data); }

  int schema(ArrowSchema* out) {
    const auto keep = [](ArrowSchema* s) { s->release = nullptr; };
    note_ = {.format = "u", .name = "note", .release = keep};
    star_ = {.format = "l", .name = "stars", .release = keep};
    *out = {.format = format, .name = "", .n_children = 2, .children = columns_.data(), .release = keep};
    if (std::string_view(format) != "+s") out->n_children = 0;
    return 0;
  }
  int next(ArrowArray* out) {
    if (breaks) return 5;
    *out = {};
    if (at_ == batches_.size()) return 0;
    Table& table = tables_.emplace_back();
    table.from = this;
    for (const char* text : batches_[at_++]) {
      const auto row = table.stars.size();
      if (text != nullptr) table.valid[row / 8] = static_cast<uint8_t>(table.valid[row / 8] | 1 << row % 8);
      table.bytes += text == nullptr ? "" : text;
      table.offsets.push_back(static_cast<int32_t>(table.bytes.size()));
      table.stars.push_back(static_cast<int64_t>(row));
    }
    texts_at.push_back(table.bytes.data());
    const auto length = static_cast<int64_t>(table.stars.size());
    const auto keep = [](ArrowArray* a) { a->release = nullptr; };
    table.note_buffers = {table.valid, table.offsets.data(), table.bytes.data()};
    table.note = {
        .length = length, .null_count = -1, .n_buffers = 3, .buffers = table.note_buffers.data(), .release = keep};
    table.star_buffers = {nullptr, table.stars.data()};
    table.star = {.length = length, .n_buffers = 2, .buffers = table.star_buffers.data(), .release = keep};
    table.children = {&table.note, &table.star};
    *out = {.length = length,
            .n_buffers = 1,
            .n_children = 2,
            .buffers = table.table_buffers.data(),
            .children = table.children.data(),
            .release =
                [](ArrowArray* a) {
                  ++static_cast<Table*>(a->private_data)->from->released_batches;
                  a->release = nullptr;
                },
            .private_data = &table};
    return 0;
  }

  std::vector<std::vector<const char*>> batches_;
  size_t at_ = 0;
  std::deque<Table> tables_;
  ArrowSchema note_{}, star_{};
  std::array<ArrowSchema*, 2> columns_ = {&note_, &star_};
  ArrowArrayStream stream_{};
};

class MemoryRowsTest : public testing::Test {
 protected:
  ScratchFolder folder_;
  ScopedVariable cache_{"TEKIO_CACHE", (folder_ / "cache").c_str()};
  Tokenizer tokenizer_ = Tokenizer::from_pretrained(tokenizer_folder().string());

  static std::vector<std::string> texts() {
    std::vector<std::string> texts;
    for (int i = 0; i < 2500; ++i) texts.push_back(i % 7 == 0 ? "" : "this is a very good film " + std::to_string(i));
    return texts;
  }
  Dataset in_file(const std::vector<std::string>& texts) {
    std::string lines;
    for (const std::string& text : texts) lines += "{\"text\":\"" + text + "\"}\n";
    return load_dataset(folder_.write("rows.jsonl", lines))["train"];
  }
  void expect_same_chunks(const Dataset& a, const Dataset& b, const ChunkOptions& options) {
    const Chunks one = chunk(a, tokenizer_, options), other = chunk(b, tokenizer_, options);
    ASSERT_EQ(one.size(), other.size());
    ASSERT_GT(one.size(), 0);
    EXPECT_EQ(one.tokens(), other.tokens());
    for (int64_t i = 0; i < one.size(); i += 7) {
      EXPECT_EQ(one.ids(i), other.ids(i));
      EXPECT_EQ(one.word_ids(i), other.word_ids(i));
    }
  }
  int64_t kept() { return std::distance(fs::directory_iterator(folder_ / "cache/tokens"), fs::directory_iterator()); }
};

TEST_F(MemoryRowsTest, TextsAreWhatTheyAreInAFile) {
  const Dataset memory = Dataset::from_texts(texts()), file = in_file(texts());
  EXPECT_EQ(memory.size(), 2500);
  EXPECT_EQ(memory.columns(), std::vector<std::string>{"text"});
  EXPECT_EQ(memory.text_column(), "text");
  EXPECT_EQ(memory.skipped_rows(), 0);
  const auto pick = [](const Dataset& d) { return d.shuffle(42).slice(10, 900).select({5, 3, 3, 888}); };
  for (const auto& [a, b] :
       {std::pair(memory, file), {pick(memory), pick(file)}, {memory.shuffle(7), file.shuffle(7)}}) {
    const auto rows = a.take(20), expected = b.take(20);
    ASSERT_EQ(rows.size(), expected.size());
    for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].columns, expected[i].columns);
  }
  expect_same_chunks(memory, file, {.chunk_size = 16, .threads = 2});
  expect_same_chunks(memory.shuffle(3), file.shuffle(3), {.chunk_size = 16});
  expect_same_chunks(memory, file, {.chunk_size = 12, .line_by_line = true});
}

TEST_F(MemoryRowsTest, TheirStoreIsKnownByWhatTheySay) {
  chunk(Dataset::from_texts(texts()), tokenizer_, {.chunk_size = 16});
  EXPECT_EQ(kept(), 1);
  chunk(Dataset::from_texts(texts()), tokenizer_, {.chunk_size = 8});
  EXPECT_EQ(kept(), 1) << "the same texts, elsewhere in memory";
  auto other = texts();
  std::swap(other[1], other[2]);
  chunk(Dataset::from_texts(other), tokenizer_, {.chunk_size = 16});
  EXPECT_EQ(kept(), 2);
}

TEST_F(MemoryRowsTest, ArrowTablesAreTakenOverWithoutCopies) {
  TableStream made({{"this is", nullptr, "a film"}, {}, {"good"}});
  {
    const Dataset rows = Dataset::from_arrow(made.stream(), {.text_column = "note", .bad_rows = BadRows::skip});
    EXPECT_EQ(made.released_streams, 1);
    EXPECT_EQ(made.released_batches, 1) << "the empty one";
    EXPECT_EQ(rows.columns(), (std::vector<std::string>{"note", "stars"}));
    EXPECT_EQ(rows.size(), 3);
    EXPECT_EQ(rows.skipped_rows(), 1);
    EXPECT_EQ(rows.take(9)[1].columns[1].second, "2");
    EXPECT_EQ(rows.take(9)[2].text("note"), "good");
    std::memcpy(const_cast<char*>(made.texts_at[2]), "GOOD", 4);
    EXPECT_EQ(rows.take(9)[2].text("note"), "GOOD");
  }
  EXPECT_EQ(made.released_batches, 3);
}

TEST_F(MemoryRowsTest, WhatIsWrongIsToldWithItsRow) {
  TableStream with_null({{"this is", nullptr, "a film"}});
  const Dataset rows = Dataset::from_arrow(with_null.stream(), {.text_column = "note"});
  expect_error(ErrorKind::input, {"the rows in memory, row 2", "\"note\"", "null"},
               [&] { chunk(rows, tokenizer_, {.chunk_size = 4}); });
  const Dataset bytes = Dataset::from_texts({"a film", "\xff\xfe"});
  expect_error(ErrorKind::input, {"the rows in memory, row 2", "not UTF-8"},
               [&] { chunk(bytes, tokenizer_, {.chunk_size = 4}); });
  expect_error(ErrorKind::input, {"no text in the rows in memory"}, [&] {
    chunk(Dataset::from_texts({"", " "}), tokenizer_, {.chunk_size = 4});
  });
  expect_error(ErrorKind::input, {"no text"}, [&] { chunk(Dataset::from_texts({}), tokenizer_, {.chunk_size = 4}); });
  TableStream numbers({{"a"}});
  expect_error(ErrorKind::input, {"no column \"text\""},
               [&] { chunk(Dataset::from_arrow(numbers.stream(), {.text_column = "text"}), tokenizer_, {}); });
}

TEST_F(MemoryRowsTest, SequencesThatWereCutElsewhereAreChunks) {
  const Chunks cut = chunk(Dataset::from_texts(texts()), tokenizer_, {.chunk_size = 16});
  std::vector<int32_t> ids, words;
  std::vector<int64_t> ends;
  for (int64_t i = 0; i < cut.size(); ++i) {
    for (const int32_t id : cut.ids(i)) ids.push_back(id);
    for (const int32_t word : cut.word_ids(i)) words.push_back(word);
    ends.push_back(static_cast<int64_t>(ids.size()));
  }
  const Chunks given = Chunks::from_sequences({.input_ids = ids, .ends = ends, .word_ids = words});
  ASSERT_EQ(given.size(), cut.size());
  EXPECT_GT(given.size(), 1000) << "more than one batch of the store";
  EXPECT_EQ(given.chunk_size(), 16);
  for (int64_t i = 0; i < cut.size(); i += 3) {
    EXPECT_EQ(given.ids(i), cut.ids(i));
    EXPECT_EQ(given.word_ids(i), cut.word_ids(i));
  }
  const auto order = given.train_test_split({.train_size = 50, .test_size = 5}),
             same = cut.train_test_split({.train_size = 50, .test_size = 5});
  EXPECT_EQ(order.train.word_ids(7), same.train.word_ids(7));
  const MaskOptions whole = {.whole_word_mask = true, .masking_rng = MaskingRng::torch};
  const auto one = mask(given, {0, 1, 2}, tokenizer_, whole), other = mask(cut, {0, 1, 2}, tokenizer_, whole);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(one[i].input_ids, other[i].input_ids);

  const std::vector<int32_t> few = {2, 7, 3};
  const std::vector<int64_t> good = {2, 3}, short_ends = {2}, empty = {2, 2, 3}, far = {2, 4};
  EXPECT_EQ(Chunks::from_sequences({few, good}).word_ids(0), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(Chunks::from_sequences({few, good}).chunk_size(), 2);
  expect_error(ErrorKind::usage, {"end at token 2, but there are 3"}, [&] {
    Chunks::from_sequences({few, short_ends});
  });
  expect_error(ErrorKind::usage, {"sequence 1", "[2, 2)"}, [&] { Chunks::from_sequences({few, empty}); });
  expect_error(ErrorKind::usage, {"sequence 1", "[2, 4) of 3"}, [&] { Chunks::from_sequences({few, far}); });
  const std::vector<int32_t> negative = {2, -1, 3};
  expect_error(ErrorKind::input, {"token 1", "-1"}, [&] { Chunks::from_sequences({negative, good}); });
  EXPECT_EQ(Chunks::from_sequences({}).size(), 0);
}

TEST_F(MemoryRowsTest, StreamsThatAreNoTablesAreRefused) {
  TableStream strings({{"a"}});
  strings.format = "u";
  expect_error(ErrorKind::input, {"holds strings", "expected a table"}, [&] { Dataset::from_arrow(strings.stream()); });
  TableStream broken({{"a"}});
  broken.breaks = true;
  expect_error(ErrorKind::input, {"the rows in memory cannot be read: it broke"},
               [&] { Dataset::from_arrow(broken.stream()); });
  EXPECT_EQ(broken.released_streams, 1);
  TableStream used({{"a"}});
  ArrowArrayStream* const stream = used.stream();
  Dataset::from_arrow(stream);
  expect_error(ErrorKind::usage, {"was used before"}, [&] { Dataset::from_arrow(stream); });
}

}  // namespace
}  // namespace tekio::test
