// Parquet and Arrow files: every codec, page version, encoding and type that pyarrow writes, read as pyarrow reads them
// (scripts/golden/make_parquet_golden.py); what is refused; and damaged files.
#include <tekio/dataset.h>

#include <fmt/format.h>

#include <filesystem>
#include <random>

#include "base/json.h"
#include "data/formats/arrow_module.h"
#include "data/found_files.h"
#include "data/record_parser.h"
#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kFolder = TEKIO_GOLDEN_DIR "/parquet";

class Columnar : public testing::Test {
 protected:
  static void SetUpTestSuite() {
#ifdef TEKIO_ARROW_MODULE
    ::setenv("TEKIO_ARROW_MODULE", TEKIO_ARROW_MODULE, 0);
#endif
  }
  void SetUp() override {
#ifndef TEKIO_ARROW_MODULE
    GTEST_SKIP() << "this build has no Arrow C++, so it reads no Parquet files";
#endif
  }

  static const Json& expected() {
    static const Json document = read_json(kFolder / "expected.json");
    return document;
  }
  static std::vector<std::string> texts(const Dataset& data) {
    SourceReader reader(DatasetSource::of(data), Columns::text);
    RecordParser parser(*DatasetSource::of(data).files);
    std::vector<std::string> all;
    for (Block block; reader.next(block);)
      for (const Record& record : block.records) all.emplace_back(parser.text(block, record));
    return all;
  }
  static std::vector<std::string> texts(const fs::path& path, const ReadOptions& options = {}) {
    return texts(load_dataset(path.string(), options).splits().front().second);
  }
  static Json json(const Row& row) {
    Json object = Json::object();
    for (const auto& [name, value] : row.columns) object[name] = parse_json(value, name);
    return object;
  }

  const ScratchFolder folder_;
};

TEST_F(Columnar, ReadsListsOfWords) {
  const ReadOptions lists{.text_column = "text", .words = Words::list};
  EXPECT_THAT(texts(kFolder / "list.parquet", lists), ElementsAre("a\xFF"
                                                                  "b",
                                                                  "c"));
  expect_error(ErrorKind::input,
               {"plain.parquet", "the column \"text\" holds texts, not lists of words: pass word_separator"},
               [&] { texts(kFolder / "plain.parquet", lists); });
  expect_error(ErrorKind::input, {"there is no column \"texts\" (is \"text\" meant? word_column text)"},
               [&] { texts(kFolder / "list.parquet", {.text_column = "texts", .words = Words::list}); });
}

TEST_F(Columnar, ReadsTextAsPyarrowDoes) {
  int files = 0;
  for (const auto& [name, splits] : expected()["files"].items()) {
    for (const auto& [split, read] : splits.items()) {
      SCOPED_TRACE(name + " " + split);
      ReadOptions options;
      if (read["column"] != "text") options.text_column = read["column"].get<std::string>();
      std::vector<std::string> all;
      int64_t nulls = 0;
      for (const Json& text : read["texts"]) text.is_null() ? ++nulls : (all.push_back(text.get<std::string>()), 0);
      ++files;
      const Dataset strict = load_dataset((kFolder / name).string(), options)[split];
      EXPECT_EQ(strict.size(), static_cast<int64_t>(read["texts"].size()));
      if (nulls == 0) {
        EXPECT_EQ(texts(strict), all);
      } else {
        expect_error(ErrorKind::input, {", row ", "got null", fmt::format("{} of {}", nulls, read["texts"].size())},
                     [&] { texts(strict); });
      }
      options.bad_rows = BadRows::skip;
      const Dataset lenient = load_dataset((kFolder / name).string(), options)[split];
      EXPECT_EQ(texts(lenient), all);
      EXPECT_EQ(lenient.size(), static_cast<int64_t>(all.size()));
      EXPECT_EQ(lenient.skipped_rows(), nulls);
    }
  }
  EXPECT_GT(files, 40);
}

TEST_F(Columnar, ShowsEveryTypeAsJson) {
  int files = 0;
  for (const auto& [name, splits] : expected()["files"].items()) {
    const Json& read = splits.front();
    if (!read.contains("rows")) continue;
    SCOPED_TRACE(name);
    ++files;
    Json rows = Json::array();
    load_dataset((kFolder / name).string()).splits().front().second.for_each([&](const Row& row) {
      rows.push_back(json(row));
    });
    ASSERT_EQ(rows.size(), read["rows"].size());
    for (size_t i = 0; i < rows.size(); ++i)
      for (const auto& [column, value] : read["rows"][i].items()) {
        const Json& shown = rows[i][column];
        // Python shows a narrow float with the digits of a wide one.
        if (value.is_number_float() && (column == "float32" || column == "half")) {
          EXPECT_NEAR(shown.get<double>(), value.get<double>(), 1e-3 * std::abs(value.get<double>()));
        } else {
          EXPECT_EQ(shown, value) << column << " of row " << i;
        }
        EXPECT_EQ(shown.is_number_float(), value.is_number_float()) << column;
      }
  }
  EXPECT_GE(files, 4);
}

TEST_F(Columnar, RefusesWhatHoldsNoText) {
  for (const auto& [name, words] : expected()["refused"].items()) {
    const fs::path file = kFolder / name;
    SCOPED_TRACE(file);
    expect_error(ErrorKind::input, words.get<std::vector<std::string>>(), [&] { texts(file); });
  }
  expect_error(ErrorKind::input, {"there is no column \"Text\"", "text_column text"},
               [&] { texts(kFolder / "zstd-v1.parquet", {.text_column = "Text"}); });
  expect_error(ErrorKind::input, {"there is no column \"note.words\"", "note.text"},
               [&] { texts(kFolder / "nested.parquet", {.text_column = "note.words"}); });
  expect_error(ErrorKind::input, {"\"label\" holds int64 values, no strings"},
               [&] { texts(kFolder / "zstd-v1.parquet", {.text_column = "label"}); });
}

TEST_F(Columnar, FindsTheTextColumn) {
  EXPECT_EQ(load_dataset((kFolder / "zstd-v1.parquet").string())["train"].text_column(), "text");
  EXPECT_EQ(load_dataset((kFolder / "empty.parquet").string())["train"].text_column(), "");
  EXPECT_THAT(load_dataset((kFolder / "nested.parquet").string())["train"].columns(), ElementsAre("id", "note"));
  EXPECT_THAT(load_dataset((kFolder / "empty.parquet").string())["train"].columns(), ElementsAre("text", "label"));
}

TEST_F(Columnar, ReadsLargeGroupsPieceByPieceInOrder) {
  for (const auto& [name, rows] : {std::pair{"many.parquet", int64_t{30'000}}, {"many.arrow", int64_t{6'000}}}) {
    SCOPED_TRACE(name);
    const Dataset data = load_dataset((kFolder / name).string())["train"];
    EXPECT_EQ(data.size(), rows);
    const std::vector<std::string> all = texts(data);
    ASSERT_EQ(static_cast<int64_t>(all.size()), rows);
    for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], fmt::format("row {}", i));
    EXPECT_THAT(texts(data.slice(4095, 4098)), ElementsAre("row 4095", "row 4096", "row 4097"));
    EXPECT_THAT(texts(data.select({5000, 3, 3, 0})), ElementsAre("row 5000", "row 3", "row 3", "row 0"));
    EXPECT_EQ(data.select({5999}).take(1).front().text(), "row 5999");
  }
}

TEST_F(Columnar, PicksRowsAcrossGroupsAndFiles) {
  const Json& all = expected()["files"]["groups.parquet"]["train"]["texts"];
  fs::copy_file(kFolder / "groups.parquet", folder_ / "train-00000-of-00002.parquet");
  fs::copy_file(kFolder / "gzip-v2.parquet", folder_ / "train-00001-of-00002.parquet");
  const Dataset data = load_dataset(folder_.path().string())["train"];
  const auto count = static_cast<int64_t>(all.size());
  ASSERT_EQ(data.size(), 2 * count);
  const auto text = [&](int64_t i) { return all[static_cast<size_t>(i % count)].get<std::string>(); };
  const Dataset shuffled = data.shuffle(7);
  std::vector<std::string> direct = texts(data), picked = texts(shuffled), rows;
  for (int64_t i = 0; i < 2 * count; ++i) EXPECT_EQ(direct[static_cast<size_t>(i)], text(i));
  shuffled.for_each([&](const Row& row) { rows.push_back(row.text()); });
  EXPECT_EQ(rows, picked);
  std::sort(picked.begin(), picked.end());
  std::sort(direct.begin(), direct.end());
  EXPECT_EQ(picked, direct);
  EXPECT_THAT(texts(data.slice(count - 1, count + 1)), ElementsAre(text(count - 1), text(0)));
}

/// pyarrow gives a column that holds nothing the type null.
TEST_F(Columnar, AColumnWithoutATypeIsOfNulls) {
  const fs::path types = kFolder / "types.parquet";
  EXPECT_THAT(texts(types, {.text_column = "none", .bad_rows = BadRows::skip}), testing::IsEmpty());
  EXPECT_EQ(load_dataset(types.string(), {.text_column = "none", .bad_rows = BadRows::skip})["train"].skipped_rows(),
            3);
  expect_error(ErrorKind::input, {"types.parquet, row 1", "got null", "name another column"},
               [&] { texts(types, {.text_column = "none"}); });
}

TEST_F(Columnar, StandsBesideOtherKindsAndColumns) {
  // Files of one split may have columns in another order, and columns of their own.
  fs::copy_file(kFolder / "nested.parquet", folder_ / "train-0.parquet");
  fs::copy_file(kFolder / "types.parquet", folder_ / "train-1.parquet");
  const Dataset rows = load_dataset(folder_.path().string(), {.text_column = "note.text"})["train"];
  const auto first = rows.take(1).front(), last = rows.slice(12, 13).take(1).front();
  EXPECT_EQ(first.columns[0].first, "id");
  EXPECT_EQ(last.columns[0], std::pair(std::string("id"), std::string("null")));
  EXPECT_EQ(last.text("text"), "a");
  expect_error(ErrorKind::input, {"train-1.parquet has no column \"note.text\""}, [&] { texts(rows.slice(12, 13)); });
  // Data put together from a text file and a Parquet file.
  folder_.write("notes.txt", "one\ntwo\n");
  const Dataset both = load_dataset(
      {folder_ / "notes.txt", (kFolder / "byte_stream_split.parquet").string(), folder_ / "notes.txt"})["train"];
  EXPECT_EQ(texts(both).size(), 7u);
  EXPECT_EQ(texts(both)[6], "two");
  EXPECT_EQ(texts(both)[2], "A fine film.");
  EXPECT_EQ(both.size(), 7);
}

TEST_F(Columnar, TellsWhatAFileIsInstead) {
  const auto refused = [&](const char* name, std::string_view bytes, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { texts(folder_.write(name, bytes)); });
  };
  refused("a.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", {"git-lfs"});
  refused("b.parquet", "", {"b.parquet", "cut off"});
  refused("c.parquet", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n", {"c.parquet", "does not end as a Parquet file does"});
  refused("d.arrow", "no arrow", {"d.arrow cannot be read as an Arrow file or stream"});
  refused("e.arrow", "", {"e.arrow"});
  refused("f.txt", "PAR1 and more", {"is a Parquet file", ".parquet"});
  const std::string whole = read_file(kFolder / "zstd-v1.parquet");
  refused("g.parquet", whole.substr(0, whole.size() - 4) + "PARE", {"encrypted"});
  refused("h.parquet", whole.substr(0, whole.size() - 8) + std::string("\xFF\xFF\xFF\x7FPAR1", 8),
          {"footer", "damaged"});
  refused("i.parquet.gz", gzip(whole), {"i.parquet.gz", "unpack it first"});
  expect_error(ErrorKind::io, {"missing.parquet"}, [&] { texts(folder_ / "missing.parquet"); });
}

TEST_F(Columnar, RefusesDamagedFilesOfEveryKind) {
  std::mt19937 draw(3);
  int read = 0, refused = 0;
  const auto attempt = [&](const std::string& name, const std::string& bytes) {
    const std::string path = folder_.write(name, bytes);
    try {
      const Dataset data = load_dataset(path)["train"];
      int64_t rows = 0;
      data.for_each([&](const Row&) { ++rows; });
      EXPECT_EQ(rows, data.size());
      ++read;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::bug) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(name));
      ++refused;
    }
  };
  for (const char* name :
       {"types.parquet", "snappy-v2.parquet", "lz4-v1.parquet", "delta_byte_array.parquet", "nested.parquet",
        "dictionary.parquet", "file-types.arrow", "stream-zstd.arrow", "stream-dictionary.arrow", "file-view.arrow"}) {
    const std::string whole = read_file(kFolder / name);
    const std::string damaged = "damaged" + fs::path(name).extension().string();
    for (int i = 0; i < 20; ++i) attempt(damaged, whole.substr(0, draw() % whole.size()));
    for (int i = 0; i < 60; ++i) {
      std::string bytes = whole;
      for (size_t n = 1 + draw() % 3; n > 0; --n) bytes[draw() % bytes.size()] = static_cast<char>(draw());
      attempt(damaged, bytes);
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(read, 50);
}

TEST(ColumnarModule, IsNamedWhereItIsMissing) {
#ifdef TEKIO_ARROW_MODULE
  GTEST_SKIP() << "this build has it";
#else
  expect_error(ErrorKind::io, {"libtekio_arrow.so", "scripts/setup.sh"},
               [&] { load_dataset((kFolder / "zstd-v1.parquet").string())["train"].size(); });
#endif
}

TEST(Saved, FoldersSayTheirSplitsAndFiles) {
  const auto names = [](const SplitFiles& splits) {
    std::vector<std::string> all;
    for (const auto& [split, files] : splits)
      for (const DataFile& file : files) all.push_back(split + ":" + file.path.filename().string());
    return all;
  };
  EXPECT_THAT(names(find_files((kFolder / "saved").string())),
              ElementsAre("train:data-00000-of-00003.arrow", "train:data-00001-of-00003.arrow",
                          "train:data-00002-of-00003.arrow"));
  EXPECT_THAT(names(find_files((kFolder / "saved_dict").string())),
              ElementsAre("train:data-00000-of-00001.arrow", "test:data-00000-of-00001.arrow",
                          "extra:data-00000-of-00001.arrow"));
  EXPECT_THAT(names(find_files((kFolder / "saved_dict").string() + ":test")),
              ElementsAre("test:data-00000-of-00001.arrow"));
  const ScratchFolder folder;
  folder.write("a/b.arrow", "");
  folder.write("b/data.arrow", "");
  const auto refused = [&](const char* state, const std::vector<std::string>& parts) {
    folder.write("a/state.json", state);
    expect_error(ErrorKind::input, parts, [&] { find_files(folder / "a"); });
  };
  refused(R"({"_data_files": [{"filename": "../b/data.arrow"}]})", {"state.json", "../b/data.arrow"});
  refused(R"({"_data_files": [{"filename": "c.arrow"}]})", {"c.arrow", "not there"});
  refused(R"({"_data_files": [{}]})", {"no name"});
  refused(R"({"_data_files": [7]})", {"no name"});
  refused(R"({"_data_files": [{"filename": "b.arrow"}], "_indices_data_files": [{"filename": "i.arrow"}]})",
          {"flatten_indices"});
  folder.write("a/state.json", R"({"another": "program's"})");
  EXPECT_THAT(names(find_files(folder / "a")), ElementsAre("train:b.arrow"));
  folder.write("a/state.json", R"({"_data_files": [{"filename": "b.arrow"}], "_split": "validation"})");
  EXPECT_THAT(names(find_files(folder / "a")), ElementsAre("validation:b.arrow"));
  folder.write("c/dataset_dict.json", R"({"splits": ["train"]})");
  expect_error(ErrorKind::input, {"dataset_dict.json", "train"}, [&] { find_files(folder / "c"); });
  folder.write("c/dataset_dict.json", R"({"splits": ["../a"]})");
  expect_error(ErrorKind::input, {"dataset_dict.json", "../a"}, [&] { find_files(folder / "c"); });
}

}  // namespace
}  // namespace tekio::test
