// Rows of files as people bring them: which column is the text, dialects of CSV, documents with a list of rows,
// paragraphs, rows without a text.
#include <fmt/format.h>
#include <tekio/dataset.h>

#include <random>

#include "data/record_parser.h"
#include "data/scratch_folder.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Rows : public testing::Test {
 protected:
  std::vector<std::string> texts(std::string_view name, std::string_view bytes, const ReadOptions& options = {}) {
    return texts(load_dataset(folder_.write(name, bytes), options)["train"]);
  }
  static std::vector<std::string> texts(const Dataset& data) {
    SourceReader reader(DatasetSource::of(data), Columns::text);
    RecordParser parser(*DatasetSource::of(data).files);
    std::vector<std::string> all;
    for (Block block; reader.next(block);)
      for (const Record& record : block.records) all.emplace_back(parser.text(block, record));
    return all;
  }
  std::string column(std::string_view name, std::string_view bytes, const ReadOptions& options = {}) {
    return load_dataset(folder_.write(name, bytes), options)["train"].text_column();
  }
  void refused(std::string_view name, std::string_view bytes, const std::vector<std::string>& parts,
               const ReadOptions& options = {}) {
    SCOPED_TRACE(bytes);
    expect_error(ErrorKind::input, parts, [&] { texts(name, bytes, options); });
  }
  const ScratchFolder folder_;
};

TEST_F(Rows, TheTextColumnIsNeverGuessed) {
  const char* reviews = "Id,ProductId,Summary,Comment\n1,B9000,soup,the soup was warm and good\n";
  refused("a.csv", reviews, {"not clear", "Id (no strings)", "ProductId (5 characters)", "text_column Comment"});
  EXPECT_EQ(column("a.csv", reviews, {.text_column = "Comment"}), "Comment");
  refused("a.csv", reviews, {"no column \"text\"", "ProductId", "Comment"}, {.text_column = "text"});
  refused("a.csv", "Author,Text\nsomebody of long name,short\n", {"text_column Text"});
  refused("a.csv", "Author,Text\nsomebody,short\n", {"no column \"TEXT\"", "\"Text\" meant"}, {.text_column = "TEXT"});
  refused("a.jsonl", R"({"note_id": "N1", "subject": "visit", "body": "a longer text"})", {"text_column body"});
  EXPECT_EQ(column("a.jsonl", R"({"id": 1, "body": "only strings here"})"), "body");
  EXPECT_EQ(column("a.jsonl", R"({"Text": "only strings here", "n": 2})"), "Text");
  refused("a.jsonl", R"({"text": 1, "b": "x"})", {"column \"text\" holds no strings", "text_column b"});
  refused("a.txt", "a\n", {"no column \"body\"", "text (the text)"}, {.text_column = "body"});
}

TEST_F(Rows, TextWithinObjects) {
  const char* nested = "{\"id\": 1, \"note\": {\"text\": \"a text of a note\", \"ward\": \"B\"}}\n";
  EXPECT_THAT(texts("a.jsonl", nested, {.text_column = "note.text"}), ElementsAre("a text of a note"));
  refused("a.jsonl", nested, {"text_column note.text"});
  refused("a.jsonl", nested, {"holds no strings", "note.text"}, {.text_column = "note"});
  refused("a.jsonl", nested, {"no column \"note.txt\"", "\"note.text\" meant"}, {.text_column = "note.txt"});
  // A column of that very name comes first, also where an object would answer.
  EXPECT_THAT(texts("a.jsonl", R"({"a.b": "literal", "a": {"b": "path"}})", {.text_column = "a.b"}),
              ElementsAre("literal"));
  EXPECT_THAT(texts("a.jsonl", R"({"a": {"b.c": {"d": "x"}}})", {.text_column = "a.b.c.d"}), ElementsAre("x"));
  refused("a.jsonl", "{\"a\": {\"b\": \"x\"}}\n{\"a\": 3}\n{\"a\": {\"b\": \"y\", \"b\": \"z\"}}\n",
          {"a.jsonl:2", "is missing"}, {.text_column = "a.b"});
  refused("a.jsonl", R"({"title": "x", "note": {"body": "longer text"}})", {"text_column note.body"});
  EXPECT_EQ(column("a.jsonl", R"({"body": "longer text", "meta": {"ward": "B"}})"), "body");
}

TEST_F(Rows, SeparatorsAreRecognised) {
  for (const char* s : {",", ";", "\t", "|"}) {
    SCOPED_TRACE(s);
    const std::string plain = fmt::format("id{0}text{0}stars\n1{0}a text{0}5\n2{0}another{0}4\n", s);
    EXPECT_THAT(texts("a.csv", plain), ElementsAre("a text", "another"));
    EXPECT_THAT(texts("a.tsv", plain), ElementsAre("a text", "another"));
    const std::string crlf = fmt::format("\xEF\xBB\xBF\"id\"{0}\"text\"\r\n1{0}\"a {0} \"\"b\"\"\"\r\n", s);
    EXPECT_THAT(texts("a.csv", crlf), ElementsAre(fmt::format("a {} \"b\"", s)));
    EXPECT_THAT(texts("a.csv", fmt::format("id{0}text\r1{0}a\r2{0}b\r", s)), ElementsAre("a", "b"));
    EXPECT_THAT(texts("a.csv", fmt::format("sep={0}\r\nid{0}text\r\n1{0}a\r\n", s)), ElementsAre("a"));
    EXPECT_THAT(texts("a.csv", fmt::format("\"sep={0}\"\nid{0}text\n1{0}a\n", s)), ElementsAre("a"));
  }
  EXPECT_THAT(texts("a.csv", "id;text\n1;one, two, three\n2;none\n"), ElementsAre("one, two, three", "none"));
  EXPECT_THAT(texts("a.csv", "id;text\n1;\"one\n; two\"\n2;x\n"), ElementsAre("one\n; two", "x"));
  EXPECT_THAT(texts("a.csv", "id,text\n1,a; b; c\n2,d|e\n"), ElementsAre("a; b; c", "d|e"));
  EXPECT_THAT(texts("a.csv", "text\none; two\nthree\n"), ElementsAre("one; two", "three"));  // a single column
  EXPECT_THAT(texts("a.csv", "\"text; of notes\"\none\n"), ElementsAre("one"));
  EXPECT_THAT(texts("a.csv", "text;more\na\nb;c\n"), ElementsAre("a", "b"));
  refused("a.csv", "a|b;c\n1|2;3\n",
          {"not clear", "a semicolon (2 columns)", "a bar (|) (2 columns)", "csv_separator"});
  EXPECT_EQ(column("a.csv", "a,b;c\n1,2;3 x\n"), "b;c");  // as many by commas as by semicolons: commas
  refused("a.csv", "id;text\n1;a;b\n2;c\n", {"a.csv:1", "one column, \"id;text\"", "a semicolon", "csv_separator ';'"});
}

TEST_F(Rows, ALineAboveATableIsNoHeader) {
  std::string records;
  for (int i = 0; i < 20; ++i) records += fmt::format("{};the warm soup;1\n", i);
  refused("a.csv", "Report 2024\n\nid;text;x\n" + records,
          {"a.csv:1", "\"Report 2024\"", "separated by a semicolon", "remove this line", "csv_separator ','"});
  refused("a.tsv", "Report 2024\n\nid;text;x\n" + records,
          {"a.tsv:1", "separated by a semicolon", "csv_separator tab"});
  refused("a.csv", "Report 2024\nid,text\n1,a\n2,b\n", {"a.csv:1", "separated by a comma", "csv_separator ';'"});
  refused("a.csv", "Report 2024\nid;text\n1;a\n", {"a.csv:1", "separated by a semicolon"}, {.header = false});
  EXPECT_THAT(texts("a.csv", "note\nid;text\n1;a\n", {.csv_separator = ','}), ElementsAre("id;text", "1;a"));
  EXPECT_THAT(texts("a.csv", "text\none; two\nthree; four; five\n"), ElementsAre("one; two", "three; four; five"));
  EXPECT_THAT(texts("a.csv", "text\none; two\n"), ElementsAre("one; two")) << "one record is no table";
  // The file's own word for its separator may be as wrong.
  refused("a.csv", "sep=;\nid,text\n1,a\n2,b\n",
          {"a.csv:2", "first line says that a semicolon", "holds none, but a comma", "csv_separator ','"});
  EXPECT_THAT(texts("a.csv", "sep=;\nid,text\n1,a\n", {.csv_separator = ','}), ElementsAre("a"));
  EXPECT_THAT(texts("a.csv", "sep=;\ntext\none, two\n"), ElementsAre("one, two"));
}

TEST_F(Rows, AQuoteThatIsNotClosedTakesInNoRows) {
  const std::vector<std::string> parts = {"a.csv:2", "goes on over line ends", "a quote is likely not closed"};
  refused("a.csv", "id,text\n0,\"good soup\n1,nice cook\n2,\"bad one\n3,nice\n", parts);
  refused("a.csv", "id,text\r\n0,\"good soup\r\n1,nice cook\r\n2,\"bad\" one\r\n", parts);
  refused("a.csv", "id,text\r0,\"good\r1,nice\r2,\"bad", parts);
  refused("a.csv", "id,text\n0,\"good \"\"soup\n1,nice\n2,\"bad one,\"x\"\n", parts);
  refused("a.tsv", "id\ttext\n0\t\"good soup\n1\t\"bad one\n", {"a.tsv:2", "goes on over line ends"});
  // On one line it is what pandas reads; a field of several lines that is closed is one.
  EXPECT_THAT(texts("a.csv", "id,text\n0,\"so\" they say\n1,\"a\nb\"\n2,\"c\n\"\n"),
              ElementsAre("so they say", "a\nb", "c\n"));
  EXPECT_THAT(texts("a.csv", "id,text\n0,5\" of\n1,6\" of\n"), ElementsAre("5\" of", "6\" of"));
}

TEST_F(Rows, TooManyFieldsAndTooFew) {
  refused("a.csv", "id,text\n1, \"a, b\"\n", {"a.csv:2", "3 fields", "must follow a comma at once, without a blank"});
  refused("a.csv", "id,text\n1,'a, b'\n", {"a.csv:2", "must stand in double quotes (\"), not in single ones"});
  refused("a.csv", "id,text\n1,it's, so\n", {"a.csv:2", "must stand in quotes"});
  refused("a.csv", "id,text\n1;a\n2;b\n", {"a.csv:2", "1 field,", "2 of 2 rows", "by a comma, but here a semicolon"});
  expect_error(ErrorKind::input, {"a.csv:2"}, [&] {
    try {
      texts("a.csv", "id,text\n1;a\n2;b\n");
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), Not(HasSubstr("bad_rows"))) << "nothing would be left";
      throw;
    }
  });
  refused("a.jsonl", "{\"text\": null, \"body\": \"a\"}\n{\"text\": null, \"body\": \"b\"}\n",
          {"2 of 2 rows", "text_column body"});
}

TEST_F(Rows, AHeaderThatLooksLikeATextIsToldOnce) {
  const auto told = [&](const std::string& content, const ReadOptions& options) {
    const LogCapture log;
    const Dataset data = load_dataset(folder_.write("a.csv", content), options)["train"];
    texts(data);
    data.text_column();
    return log.text();
  };
  const std::string rows = "the doctor opened the blue cup at the gate.\nthe cook closed it.\nand so on\n";
  const std::string warning = told(rows, {});
  EXPECT_THAT(warning, AllOf(HasSubstr("the doctor opened the blue cup at the gate."), HasSubstr("header = false")));
  EXPECT_EQ(warning.find("header = false"), warning.rfind("header = false"));
  EXPECT_EQ(told(rows, {.header = false}), "");
  EXPECT_EQ(told(rows, {.text_column = "the doctor opened the blue cup at the gate."}), "");
  EXPECT_EQ(told("what was said\na b c d e f g\n", {}), "");
  EXPECT_EQ(told("id,the doctor opened the blue cup at the gate.\n1,a\n", {}), "");
}

TEST_F(Rows, ASeparatorThatIsGivenIsBelieved) {
  EXPECT_THAT(texts("a.csv", "id;text\n1;a\n", {.csv_separator = ';'}), ElementsAre("a"));
  EXPECT_THAT(texts("a.csv", "id;text\n1;a\n", {.text_column = "id;text", .csv_separator = ','}), ElementsAre("1;a"));
  EXPECT_THAT(texts("a.csv", "id^text\n1^a\n", {.csv_separator = '^'}), ElementsAre("a"));
  EXPECT_THAT(texts("a.csv", "sep=;\nid^text\n1^a\n", {.csv_separator = '^'}), ElementsAre("a"));
  refused("a.csv", "id;text\n1;a;b\n", {"a.csv:2", "3 fields", "2 columns", "a semicolon must stand in quotes"},
          {.csv_separator = ';'});
}

TEST_F(Rows, TablesWithoutAHeader) {
  const char* table = "\"one, two\",3\nfour,5\n";
  EXPECT_THAT(texts("a.csv", table, {.text_column = "note", .column_names = {"note", "stars"}}),
              ElementsAre("one, two", "four"));
  EXPECT_THAT(texts("a.csv", table, {.header = false}), ElementsAre("one, two", "four"));
  EXPECT_EQ(column("a.csv", table, {.header = false}), "column0");
  EXPECT_THAT(load_dataset(folder_.write("a.csv", table), {.header = false})["train"].columns(),
              ElementsAre("column0", "column1"));
  EXPECT_THAT(texts("a.csv", "a;b, c\nd;e\n", {.column_names = {"x", "text"}}), ElementsAre("b, c", "e"));
  refused("a.csv", table, {"a.csv:1", "has 2 fields", "column_names names 3"}, {.column_names = {"a", "b", "c"}});
}

TEST_F(Rows, HeadersAreCheckedLikeRows) {
  refused("a.csv",
          "id,\xDC"
          "berschrift,text\n1,x,a\n",
          {"a.csv:1", "0xDC", "not UTF-8"});
  expect_error(ErrorKind::input, {"a.csv:1"}, [&] { load_dataset(folder_ / "a.csv")["train"].columns(); });
}

TEST_F(Rows, RowsOfADocument) {
  const std::string document = R"({"version": "1", "data": [{"text": "a"}, {"text": "b"}], "end": {"x": [1, "}"]}})";
  refused("a.json", document, {"json_field data"});
  refused("a.json", "{\n \"version\": \"1\",\n \"data\": [\n  {\"text\": \"a\"}\n ]\n}\n", {"json_field data"});
  refused("a.json", R"({"a": [{"text": "x"}], "b": {"c": ["y"]}})", {"one of the lists", "a or b.c"});
  EXPECT_THAT(texts("a.json", document, {.json_field = "data"}), ElementsAre("a", "b"));
  EXPECT_THAT(texts("a.json", R"({"text": "a row", "tags": ["x"]})"), ElementsAre("a row"));
  EXPECT_THAT(texts("a.json", document, {.text_column = "version"}), ElementsAre("1"));
  EXPECT_THAT(texts("a.json", R"({"x": {"export": 1}, "export": {"n": [], "records": ["a", "b"]}})",
                    {.json_field = "export.records"}),
              ElementsAre("a", "b"));
  EXPECT_THAT(texts("a.json", R"({"e.r": ["a"], "e": {"s": 1}})", {.json_field = "e.r"}), ElementsAre("a"));
  EXPECT_THAT(texts("a.json", R"({"d\u0061ta": []})", {.json_field = "data"}), ElementsAre());
  refused("a.json", document, {"no list under \"dta\"", "\"data\" meant", "version, data"}, {.json_field = "dta"});
  refused("a.json", document, {"\"version\" is not a list"}, {.json_field = "version"});
  refused("a.json", R"({"a": ["x"], "a": ["y"]})", {"stands twice"}, {.json_field = "a"});
  refused("a.json", R"({"a": ["x"]} {})", {"more follows"}, {.json_field = "a"});
  refused("a.json", R"(["x"])", {"not one JSON object"}, {.json_field = "a"});
  // A text beside a list of objects with texts of their own is a title: which one is meant is to be said.
  const std::string titled = R"({"meta": 1, "text": "title", "items": [{"text": "the soup"}, {"text": "the cook"}]})";
  refused("a.json", titled, {"one JSON document", "json_field items", "text_column"});
  EXPECT_THAT(texts("a.json", titled, {.json_field = "items"}), ElementsAre("the soup", "the cook"));
  EXPECT_THAT(texts("a.json", titled, {.text_column = "text"}), ElementsAre("title"));
  EXPECT_THAT(texts("a.json", titled + "\n" + titled), ElementsAre("title", "title"));
  EXPECT_THAT(texts("a.json", R"({"text": "a row", "spans": [{"from": 1, "to": 2}]})"), ElementsAre("a row"));
  folder_.write("many/a.json", titled);
  folder_.write("many/b.json", titled);
  EXPECT_THAT(texts(load_dataset(folder_ / "many")["train"]), ElementsAre("title", "title")) << "a row each";
  refused("a.json", R"({"text": {"0": "a", "1": "b"}, "id": {"0": 1, "1": 2}})",
          {"pandas' to_json()", "orient=\"records\", lines=True"});
  for (size_t cut = 1; cut < document.size(); ++cut)
    refused("a.json", document.substr(0, cut), {"a.json"}, {.json_field = "data"});
}

TEST_F(Rows, ADocumentMayBeLargerThanWhatIsReadAtATime) {
  std::string document = "{\"before\": [\"" + std::string(900'000, '[') + "\"],\n\"data\": [";
  for (int i = 0; i < 50'000; ++i) document += fmt::format("{}{{\"text\": \"row {}\"}}", i > 0 ? ",\n" : "", i);
  document += "], \"behind\": {\"a\": \"" + std::string(900'000, '}') + "\\\"\"}}\n";
  const std::vector<std::string> rows = texts("a.json.zst", zstd(document), {.json_field = "data"});
  ASSERT_EQ(rows.size(), 50'000u);
  EXPECT_EQ(rows.back(), "row 49999");
}

TEST_F(Rows, NumbersThatJsonDoesNotHave) {
  const std::string values =
      "{\"text\": \"a NaN\", \"n\": NaN}\n{\"text\": \"b\", \"n\": [-Infinity, Inf, -NaN, {\"k\": Infinity}]}\n";
  EXPECT_THAT(texts("a.jsonl", values), ElementsAre("a NaN", "b"));
  const auto rows = load_dataset(folder_ / "a.jsonl")["train"].take(2);
  EXPECT_EQ(rows.at(0).columns.at(1).second, "null");
  EXPECT_EQ(rows.at(1).columns.at(1).second, "[null,null,null,{\"k\":null}]");
  for (const char* other : {"nan", "infinity", "+Infinity", "NaNs", "undefined", "1e999"})
    refused("a.jsonl", fmt::format("{{\"text\": \"a\", \"n\": {}}}", other), {"a.jsonl:1"});
}

/// Python's text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"), empty parts left out.
std::vector<std::string> paragraphs(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\n' && i > 0 && bytes[i - 1] == '\r') continue;
    text += bytes[i] == '\r' ? '\n' : bytes[i];
  }
  std::vector<std::string> all;
  for (size_t begin = 0;;) {
    const size_t end = text.find("\n\n", begin);
    if (const std::string part = text.substr(begin, end - begin); !part.empty()) all.push_back(part);
    if (end == std::string::npos) return all;
    begin = end + 2;
  }
}

TEST_F(Rows, ParagraphsAndDocuments) {
  const ReadOptions by_paragraph{.sample_by = SampleBy::paragraph}, by_document{.sample_by = SampleBy::document};
  EXPECT_THAT(texts("a.txt", "one\ntwo\r\n\r\n\n\nthree\n", by_paragraph), ElementsAre("one\ntwo", "three\n"));
  EXPECT_THAT(texts("a.txt", "one\r\n\rtwo", by_document), ElementsAre("one\n\ntwo"));
  EXPECT_THAT(texts("a.txt", "", by_document), ElementsAre(""));
  std::mt19937 draw(5);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (size_t n = draw() % 14; n > 0; --n) bytes += "a\n\r\n"[draw() % 4];
    ASSERT_EQ(texts("a.txt", bytes, by_paragraph), paragraphs(bytes)) << testing::PrintToString(bytes);
  }
  folder_.write("d/a.txt", "x\n\ny");
  folder_.write("d/b.txt", "z");
  EXPECT_THAT(texts(load_dataset(folder_ / "d", by_document)["train"]), ElementsAre("x\n\ny", "z"));
}

TEST_F(Rows, RowsWithoutATextStopOrAreLeftOut) {
  const std::string rows =
      "{\"text\": \"a\"}\n{\"text\": null}\n{\"id\": 1}\n\n{\"text\": 5}\n{\"text\": \"b\"}\n7\nnull\n{\"text\": "
      "\"c\"}\n";
  refused("a.jsonl", rows, {"a.jsonl:2", "got null", "5 of 8 rows", "bad_rows skip"});
  const Dataset data = load_dataset(folder_ / "a.jsonl", {.bad_rows = BadRows::skip})["train"];
  EXPECT_EQ(data.size(), 3);
  EXPECT_EQ(data.skipped_rows(), 5);
  EXPECT_THAT(texts(data), ElementsAre("a", "b", "c"));
  EXPECT_THAT(texts(data.slice(1, 3)), ElementsAre("b", "c"));
  EXPECT_THAT(texts(data.select({2, 0})), ElementsAre("c", "a"));
  EXPECT_EQ(data.take(9).size(), 3u);
  EXPECT_EQ(data.shuffle(3).take(3).size(), 3u);
  // What is met is not what is told: the file's first one is, also of a slice behind it.
  expect_error(ErrorKind::input, {"a.jsonl:2", "5 of 8 rows"},
               [&] { texts(load_dataset(folder_ / "a.jsonl")["train"].slice(4, 8)); });
  refused("a.csv", "n,text\n1,a\n2\n3,\n", {"a.csv:3", "1 of 3 rows"});
  EXPECT_THAT(texts("a.csv", "n,text\n1,a\n2\n3,\n", {.bad_rows = BadRows::skip}), ElementsAre("a", ""));
  EXPECT_THAT(texts("a.json", "[\"a\", null, 3, {\"text\": \"b\"}]", {.bad_rows = BadRows::skip}),
              ElementsAre("a", "b"));
  refused("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \n", {"a.jsonl:2", "not one JSON value"},
          {.bad_rows = BadRows::skip});
  EXPECT_EQ(load_dataset(folder_.write("b.jsonl", "{\"text\": null}\n"), {.bad_rows = BadRows::skip})["train"].size(),
            0);
}

}  // namespace
}  // namespace tekio::test
