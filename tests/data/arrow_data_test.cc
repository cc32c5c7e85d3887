// The Arrow C data interface, from arrays made by hand: slices, dictionaries, views, and what is wrong with arrays that
// a careless maker hands over.
#include <gmock/gmock.h>

#include <cstring>
#include <deque>

#include "data/formats/arrow_data.h"
#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

/// A column with all that it points to.
struct Column {
  explicit Column(const char* format, int64_t length = 0) {
    schema.format = format;
    schema.name = "a";
    schema.release = [](ArrowSchema*) {};
    array.length = length;
    array.null_count = -1;
    array.release = [](ArrowArray*) {};
    add(nullptr);
  }
  Column& add(const void* buffer) {
    buffers.push_back(buffer);
    array.buffers = buffers.data();
    array.n_buffers = static_cast<int64_t>(buffers.size());
    return *this;
  }
  Column& within(Column& child, const char* name = "a") {
    child.schema.name = name;
    schemas.push_back(&child.schema);
    arrays.push_back(&child.array);
    schema.children = schemas.data();
    array.children = arrays.data();
    schema.n_children = array.n_children = static_cast<int64_t>(schemas.size());
    return *this;
  }
  Column& values(Column& dictionary) {
    schema.dictionary = &dictionary.schema;
    array.dictionary = &dictionary.array;
    return *this;
  }
  std::string json(int64_t row) const {
    const ArrowType type = ArrowType::of(schema);
    check_array(type, array, row + 1);
    std::string out;
    append_json(type, array, row, out);
    return out;
  }

  ArrowSchema schema{};
  ArrowArray array{};
  std::vector<const void*> buffers;
  std::vector<ArrowSchema*> schemas;
  std::vector<ArrowArray*> arrays;
};

const int32_t kOffsets[] = {0, 3, 3, 5};
const char* const kBytes = "abcde";
const uint8_t kBits[] = {0b101};

TEST(ArrowData, ReadsStringsNullsAndSlices) {
  Column column("u", 3);
  column.add(kOffsets).add(kBytes);
  EXPECT_EQ(column.json(0), "\"abc\"");
  EXPECT_EQ(column.json(1), "\"\"");
  column.buffers[0] = kBits;
  EXPECT_EQ(column.json(1), "null");
  column.array.offset = 2;
  column.array.length = 1;
  EXPECT_EQ(column.json(0), "\"de\"");
}

TEST(ArrowData, ReadsViews) {
  const std::string far = "longer than twelve bytes";
  struct View {
    int32_t size;
    char bytes[4];
    int32_t buffer, at;
  };
  const View views[] = {{3, {'a', 'b', 'c'}, 0, 0}, {6, {'t', 'h', 'a', 'n'}, 0, 7},
                        {13, {'t'}, 0, 7},          {13, {'x'}, 1, 0},
                        {20, {'x'}, 0, 7},          {-1, {}, 0, 0}};
  const int64_t sizes[] = {static_cast<int64_t>(far.size())};
  Column column("vu", 6);
  column.add(views).add(far.data()).add(sizes);
  EXPECT_EQ(column.json(0), "\"abc\"");
  EXPECT_EQ(column.json(2), "\"than twelve b\"");
  for (const int64_t row : {3, 4, 5}) expect_error(ErrorKind::input, {"\"a\"", "damaged"}, [&] { column.json(row); });
}

TEST(ArrowData, ReadsDictionariesAndStructs) {
  Column words("u", 3);
  words.add(kOffsets).add(kBytes);
  words.buffers[0] = kBits;
  const int8_t indices[] = {2, 0, 1, 3, -1};
  Column column("c", 5);
  column.add(indices).values(words);
  EXPECT_EQ(column.json(0), "\"de\"");
  EXPECT_EQ(column.json(2), "null") << "the dictionary's value is null";
  for (const int64_t row : {3, 4}) expect_error(ErrorKind::input, {"its dictionary lacks"}, [&] { column.json(row); });

  Column table("+s", 2);
  table.array.offset = 1;  // of the children's rows
  table.within(column, "kind");
  EXPECT_EQ(table.json(0), "{\"kind\":\"abc\"}");
  ArrowPath path;
  const ArrowType type = ArrowType::of(table.schema);
  EXPECT_FALSE(ArrowPath::find(type, {"kind", "no"}, path));
  ASSERT_TRUE(ArrowPath::find(type, {"kind"}, path));
  EXPECT_EQ(path.type().shown(), "dictionary of strings");
  const ArrowArray* array = nullptr;
  int64_t row = 0;
  ASSERT_TRUE(path.at(table.array, row, array));
  EXPECT_EQ(arrow_text(path.type(), *array, row), "abc");
  row = 1;
  EXPECT_FALSE(path.at(table.array, row, array));
}

TEST(ArrowData, ReadsNestedLists) {
  const int64_t numbers[] = {1, -2, 3};
  Column inner("l", 3);
  inner.add(numbers);
  Column list("+l", 3);
  const int32_t offsets[] = {0, 2, 2, 3};
  list.add(offsets).within(inner);
  EXPECT_EQ(list.json(0), "[1,-2]");
  EXPECT_EQ(list.json(1), "[]");
  EXPECT_EQ(ArrowType::of(list.schema).shown(), "list of int64 values");
  const int32_t starts[] = {1, 0}, sizes[] = {2, 1};
  Column view("+vl", 2);
  view.add(starts).add(sizes).within(inner);
  EXPECT_EQ(view.json(0), "[-2,3]");
  EXPECT_EQ(view.json(1), "[1]");
  Column fixed("+w:3", 1);
  fixed.within(inner);
  EXPECT_EQ(fixed.json(0), "[1,-2,3]");
  fixed.array.length = 2;
  expect_error(ErrorKind::input, {"fewer values"}, [&] { fixed.json(0); });
}

TEST(ArrowData, ReadsListsOfWords) {
  const auto words = [](const Column& list, int64_t row) -> std::string {
    const ArrowType type = ArrowType::of(list.schema);
    EXPECT_TRUE(type.is_word_list());
    check_array(type, list.array, row + 1);
    std::string out;
    return append_words(type, list.array, row, out) ? out : "null";
  };
  Column strings("u", 3);
  strings.add(kOffsets).add(kBytes);
  const int32_t offsets[] = {0, 2, 2, 3};
  Column list("+l", 3);
  list.add(offsets).within(strings);
  EXPECT_EQ(words(list, 0), "abc\xFF");
  EXPECT_EQ(words(list, 1), "");
  EXPECT_EQ(words(list, 2), "de");
  const int32_t starts[] = {1, 0}, sizes[] = {2, 3};
  Column view("+vl", 2);
  view.add(starts).add(sizes).within(strings);
  EXPECT_EQ(words(view, 0),
            "\xFF"
            "de");
  Column fixed("+w:3", 1);
  fixed.within(strings);
  EXPECT_EQ(words(fixed, 0),
            "abc\xFF\xFF"
            "de");
  strings.buffers[0] = kBits;
  EXPECT_EQ(words(list, 0), "null");
  EXPECT_EQ(words(list, 2), "de");

  const int8_t indices[] = {2, 0};
  strings.buffers[0] = nullptr;
  Column coded("c", 2);
  coded.add(indices).values(strings);
  Column of_coded("+w:2", 1);
  of_coded.within(coded);
  EXPECT_EQ(words(of_coded, 0),
            "de\xFF"
            "abc");

  Column bad("u", 1);
  const int32_t one[] = {0, 1};
  bad.add(one).add("\xFF");
  Column of_bad("+w:1", 1);
  of_bad.within(bad);
  expect_error(ErrorKind::input, {"damaged", "not UTF-8"}, [&] { words(of_bad, 0); });

  Column numbers("l", 1);
  Column of_numbers("+l", 1);
  of_numbers.within(numbers);
  EXPECT_FALSE(ArrowType::of(of_numbers.schema).is_word_list());
  EXPECT_FALSE(ArrowType::of(strings.schema).is_word_list());
}

TEST(ArrowData, WritesNumbersAndTimes) {
  const auto shown = [](const char* format, auto value) {
    Column column(format, 1);
    column.add(&value);
    return column.json(0);
  };
  EXPECT_EQ(shown("f", 0.1f), "0.1");
  EXPECT_EQ(shown("g", 1.0), "1.0");
  EXPECT_EQ(shown("g", 1e300), "1e+300");
  EXPECT_EQ(shown("g", -std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(shown("e", uint16_t{0x3C00}), "1.0");
  EXPECT_EQ(shown("e", uint16_t{0x0001}), "5.960464477539063e-08");
  EXPECT_EQ(shown("L", ~uint64_t{0}), "18446744073709551615");
  EXPECT_EQ(shown("tdD", int32_t{-719528}), "\"0000-01-01\"");
  EXPECT_EQ(shown("tdD", int32_t{19782}), "\"2024-02-29\"");
  EXPECT_EQ(shown("tss:", int64_t{-1}), "\"1969-12-31T23:59:59\"");
  EXPECT_EQ(shown("tsn:UTC", int64_t{1}), "\"1970-01-01T00:00:00.000000001Z\"");
  EXPECT_EQ(shown("tsn:", std::numeric_limits<int64_t>::min()), "\"1677-09-21T00:12:43.145224192\"");
  EXPECT_EQ(shown("ttm", int32_t{86'399'999}), "\"23:59:59.999\"");
  EXPECT_EQ(shown("d:5,2,32", int32_t{-5}), "-0.05");
  EXPECT_EQ(shown("d:5,-2,64", int64_t{12}), "1200");
  EXPECT_EQ(shown("d:19,0,64", std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(shown("tDs", int64_t{90}), "90");
  EXPECT_EQ(shown("w:2", uint16_t{0xFF00}), "\"AP8=\"");
}

TEST(ArrowData, EscapesText) {
  const std::string text = "\"\\\n\x01/\x7F\xC3\xA9";
  const int32_t offsets[] = {0, static_cast<int32_t>(text.size())};
  Column column("u", 1);
  column.add(offsets).add(text.data());
  EXPECT_EQ(column.json(0), "\"\\\"\\\\\\n\\u0001/\x7F\xC3\xA9\"");
}

TEST(ArrowData, RefusesWhatCannotBe) {
  const auto refused = [](const Column& column, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { column.json(0); });
  };
  Column backwards("u", 1);
  const int32_t offsets[] = {3, 1};
  refused(backwards.add(offsets).add(kBytes), {"backwards"});
  refused(Column("u", 1).add(kOffsets), {"buffers"});
  refused(Column("u", 1).add(nullptr).add(kBytes), {"lacks a buffer"});
  refused(Column("l", 0).add(kOffsets), {"fewer values"});
  refused(Column("+l", 1).add(kOffsets), {"children"});
  refused(Column("d:5", 1).add(kOffsets), {"not read"});
  refused(Column("+us:0,1", 1), {"not read"});
  refused(Column("g", 1).add(kOffsets).values(backwards), {"dictionary"});
  Column child("l", 1);
  child.add(kOffsets);
  Column list("+l", 1);
  const int32_t beyond[] = {0, 9};
  refused(list.add(beyond).within(child), {"too large"});
  Column bare("+s", 1);
  bare.within(child);
  bare.arrays[0] = nullptr;
  refused(bare, {"lacks a child"});

  std::deque<Column> nest;
  nest.emplace_back("l");
  for (int i = 0; i < 70; ++i) {
    Column& outer = nest.emplace_back("+s");
    outer.within(nest[nest.size() - 2]);
  }
  expect_error(ErrorKind::input, {"64 deep"}, [&] { ArrowType::of(nest.back().schema); });
}

}  // namespace
}  // namespace tekio::test
