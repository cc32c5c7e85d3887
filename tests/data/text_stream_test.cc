// Files in other encodings through the readers: marks, names, guesses, faults and where they lie.
#include "data/text_stream.h"

#include <fmt/format.h>

#include <tekio/dataset.h>

#include "data/scratch_folder.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> texts(const std::string& spec, const std::string& encoding = "utf-8") {
  std::vector<std::string> all;
  load_dataset(spec, {.encoding = encoding}).splits().front().second.for_each([&](const Row& row) {
    all.push_back(row.text());
  });
  return all;
}

/// ASCII and Latin-1 text as UTF-16 or UTF-32.
std::string wide(std::string_view text, size_t bytes, bool big) {
  std::string out;
  for (const char c : text) {
    std::string unit(bytes, '\0');
    unit[big ? bytes - 1 : 0] = c;
    out += unit;
  }
  return out;
}

TEST(OpenText, ReadsWhatAByteOrderMarkTells) {
  const ScratchFolder folder;
  const std::string text = "id,text\r\n0,the doctor\r\n1,\"a \"\"b\"\"\"\r\n",
                    json = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
  for (const auto& [mark, bytes, big] : std::initializer_list<std::tuple<std::string, size_t, bool>>{
           {"\xFF\xFE"s, 2, false}, {"\xFE\xFF"s, 2, true}, {"\xFF\xFE\0\0"s, 4, false}, {"\0\0\xFE\xFF"s, 4, true}}) {
    const std::string csv = mark + wide(text, bytes, big);
    for (const auto& [name, content] : std::initializer_list<std::pair<const char*, std::string>>{
             {"a.csv", csv}, {"a.csv.gz", gzip(csv)}, {"a.csv.zst", zstd(csv)}}) {
      EXPECT_THAT(texts(folder.write(name, content)), ElementsAre("the doctor", "a \"b\"")) << name << bytes << big;
      EXPECT_THAT(texts(folder / name, "cp1252"), ElementsAre("the doctor", "a \"b\"")) << "the mark wins";
      EXPECT_THAT(texts(folder / name, "auto"), ElementsAre("the doctor", "a \"b\""));
    }
    EXPECT_THAT(texts(folder.write("a.jsonl", mark + wide(json, bytes, big))), ElementsAre("one", "two"));
    EXPECT_THAT(texts(folder.write("a.txt", mark + wide("one\ntwo", bytes, big))), ElementsAre("one", "two"));
    EXPECT_THAT(texts(folder.write("empty.txt", mark)), ElementsAre());
    const Dataset info = load_dataset(folder / "a.csv").splits().front().second;
    EXPECT_EQ(info.size(), 2);
    EXPECT_THAT(info.columns(), ElementsAre("id", "text"));
  }
}

TEST(OpenText, KeepsLinesAndBlocksTogether) {
  const ScratchFolder folder;
  std::string text;
  std::vector<std::string> lines;
  for (int i = 0; i < 60'000; ++i) lines.push_back(fmt::format("line {} of many", i));
  for (const std::string& line : lines) text += line + "\n";
  EXPECT_EQ(texts(folder.write("a.txt", "\xFF\xFE" + wide(text, 2, false))), lines);
  EXPECT_EQ(texts(folder.write("b.txt.zst", zstd(wide(text, 2, true))), "utf-16be"), lines);
  EXPECT_EQ(texts(folder.write("c.txt", text), "cp1252"), lines);
}

TEST(OpenText, ReadsANamedEncoding) {
  const ScratchFolder folder;
  EXPECT_THAT(texts(folder.write("a.txt", "the cook\x92s soup \x96 good\n"), "cp1252"),
              ElementsAre("the cook’s soup – good"));
  EXPECT_THAT(texts(folder.write("b.csv", "text\n\x93\xFA\x96{\x83\x5C\n"), "shift_jis"), ElementsAre("日本ソ"));
  EXPECT_THAT(texts(folder / "b.csv", "CP932"), ElementsAre("日本ソ"));
  EXPECT_THAT(texts(folder.write("c.txt", wide("one\ntwo\n", 2, false)), "utf-16le"), ElementsAre("one", "two"));
  EXPECT_THAT(texts(folder / "c.txt", "utf-16"), ElementsAre("one", "two"));
  EXPECT_THAT(texts(folder.write("d.txt",
                                 "\xEF\xBB\xBF"
                                 "caf\xC3\xA9\n"),
                    "latin1"),
              ElementsAre("\uFEFFcafé"))
      << "UTF-8's mark";
  EXPECT_THAT(texts(folder / "d.txt", "utf-8-sig"), ElementsAre("café"));
  const auto columns = load_dataset(folder.write("e.csv",
                                                 "id,\xDC"
                                                 "berschrift\n1,a\n"),
                                    {.encoding = "latin1"});
  EXPECT_THAT(columns.splits().front().second.columns(), ElementsAre("id", "Überschrift"));
  expect_error(ErrorKind::usage, {"encoding", "no encoding \"cp1525\""}, [&] { texts(folder / "a.txt", "cp1525"); });
}

TEST(OpenText, GuessesWhereAsked) {
  const ScratchFolder folder;
  std::string many;
  for (int i = 0; i < 50'000; ++i) many += "plain lines before what is not\n";
  const LogCapture log;
  EXPECT_EQ(texts(folder.write("a.txt", many + "the cook\x92s soup\n"), "auto").back(), "the cook’s soup");
  EXPECT_THAT(log.text(), HasSubstr("a.txt is read as cp1252"));
  EXPECT_THAT(texts(folder.write("b.txt", "caf\xC3\xA9\n"), "auto"), ElementsAre("café"));
  EXPECT_THAT(texts(folder.write("c.txt", wide("one\ntwo\n", 2, true)), "auto"), ElementsAre("one", "two"));
  EXPECT_THAT(texts(folder.write("d.txt", ""), "auto"), ElementsAre());
  expect_error(ErrorKind::input, {"e.txt", "not recognised", "encoding NAME"},
               [&] { texts(folder.write("e.txt", "caf\xC3\xA9, na\xC3\xAFve, \xE9\xC3\n"), "auto"); });
}

TEST(OpenText, TellsWhatAFileIsLikelyIn) {
  const ScratchFolder folder;
  const auto fails = [&](const char* name, const std::string& bytes, const std::string& encoding,
                         const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { texts(folder.write(name, bytes), encoding); });
    expect_error(ErrorKind::input, parts,
                 [&] { load_dataset(folder / name, {.encoding = encoding}).splits().front().second.size(); });
  };
  fails("a.txt", "one\ntwo\nthe cook\x92s soup \x96 good\n", "utf-8",
        {"a.txt:3", "0x92", "column 9", "encoding cp1252"});
  fails("a.csv", "text\n\x93\xFA\x96{\x8C\xEA\x82\xCC\n", "utf-8", {"a.csv:2", "encoding cp932"});
  fails("a.jsonl", "{\"text\": \"f\xFCr\"}\n", "utf-8", {"a.jsonl:1", "encoding cp1252"});
  fails("b.csv",
        "id,\xDC"
        "berschrift,text\n0,a,b\n",
        "utf-8", {"b.csv:1", "encoding cp1252"});
  fails("b.txt", wide("one\ntwo\n", 2, false), "utf-8", {"b.txt:1", "UTF-16", "encoding utf-16le"});
  fails("c.txt", wide("one\ntwo\n", 2, true), "utf-8", {"UTF-16", "encoding utf-16be"});
  fails("c.jsonl", wide("{\"text\": 1}\n", 2, false), "utf-8", {"UTF-16", "encoding utf-16le"});
  fails("d.txt", wide("one\n", 4, false), "utf-8", {"UTF-32", "encoding utf-32le"});
  fails("e.txt", std::string(5000, 'a') + "\nfine\nNUL\0here\n"s, "utf-8", {"e.txt:3", "NUL", "column 4", "remove it"});
  fails("f.txt", std::string(5000, 'a') + "\n" + wide("and then wide\n", 2, false), "utf-8",
        {"f.txt:2", "NUL", "remove it"});
  fails("g.txt", "caf\xC3\xA9\nna\xC3\xAFve\nbad \xE9\n", "utf-8", {"g.txt:3", "the rest around it is UTF-8"});
  fails("h.txt", "one\ntwo\r\nthree\rfour \x81\n", "cp1252", {"h.txt:4", "0x81", "no character of cp1252"});
  fails("i.txt", "one\n\x93\xFA\x96", "cp932", {"i.txt:2", "ends within a character of cp932"});
  fails("j.txt", "\xFF\xFE" + wide("one\ntwo\n", 2, false) + "\x3D\xD8z\0"s, "utf-8",
        {"j.txt:3", "no character of utf-16le"});
  fails("k.txt", "caf\xC3\xA9 na\xC3\xAFve\n", "ascii", {"k.txt:1", "needs no encoding"});
}

/// UTF-8 text as UTF-16 in little-endian order; `big`: the other.
std::string utf16(std::u16string_view text, bool big = false) {
  std::string out;
  for (const char16_t c : text)
    for (const int shift : {big ? 8 : 0, big ? 0 : 8}) out += static_cast<char>(c >> shift & 0xFF);
  return out;
}

std::u16string repeated(const std::u16string& text, int count) {
  std::u16string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

/// What is wrong with a file, and what --encoding auto reads it as: one detector judges both.
TEST(OpenText, ErrorsAndAutoAgree) {
  const ScratchFolder folder;
  const std::u16string russian = repeated(u"Пациент поступил в отделение с жалобами на боль.\n", 5),
                       japanese = repeated(u"患者は胸の痛みを訴えて来院しました。\n", 5);
  struct Case {
    const char *name, *charset;
    std::string bytes;
  };
  const std::string far(3000, '-');
  for (const Case& c : std::initializer_list<Case>{
           {"a.txt", "utf-16be", utf16(russian, true)},
           {"b.txt", "utf-16le", utf16(russian)},
           {"c.csv", "utf-16le", utf16(u"本文\n" + japanese)},
           {"d.csv", "utf-16be", utf16(u"本文\n" + japanese, true)},
           {"e.txt", "utf-16le", utf16(repeated(u"患者は胸の", 200) + u"\n" + japanese)},  // no NUL in the first bytes
           {"f.csv", "cp932", "\x96{\x95\xB6\n" + std::string("\x8A\xB3\x8E\xD2\x82\xCD\x8C\x83\x82\xB5\x82\xA2\n")},
           {"g.txt", "iso-2022-jp", far + "\n\x1B$B45<T$O7c$7$$F,DK\x1B(B\n"},
           {"h.csv", "iso-2022-jp", "id,text\n1,\x1B$B45<T$O7c$7$$F,DK\x1B(B\n"},
           {"i.tsv", "iso-2022-jp", "id\t\x1B$B45<T\x1B(B\n1\ta\n"}}) {
    SCOPED_TRACE(c.name);
    const std::string path = folder.write(c.name, c.bytes);
    const auto rows = [&](const std::string& encoding) {
      std::vector<std::string> all;
      for (const Row& row : load_dataset(path, {.encoding = encoding})["train"].take(100))
        for (const auto& [column, value] : row.columns) all.push_back(column + value);
      return all;
    };
    expect_error(ErrorKind::input, {c.name, fmt::format("encoding {}", c.charset)}, [&] { rows("utf-8"); });
    const LogCapture log;
    EXPECT_EQ(rows("auto"), rows(c.charset));
    EXPECT_THAT(log.text(), HasSubstr(fmt::format("is read as {}", c.charset)));
  }
  EXPECT_EQ(texts(folder / "g.txt", "iso-2022-jp").back(), "患者は激しい頭痛");
  // What JSON writes as an escape is text, and so are a terminal's colours.
  EXPECT_THAT(texts(folder.write("a.jsonl", R"({"text": "\u001b$B"})")), ElementsAre("\x1B$B"));
  EXPECT_THAT(texts(folder.write("j.txt", "\x1B[31mred\x1B[0m\n")), ElementsAre("\x1B[31mred\x1B[0m"));
}

TEST(OpenText, JudgesEachFileByItself) {
  const ScratchFolder folder;
  std::string utf8;
  for (int i = 0; i < 40; ++i) utf8 += "Müller wurde über Übelkeit befragt\n";
  folder.write("f/a.txt", "le caf\xE9 \xE9tait ferm\xE9, l\x92h\xF4pital aussi\n");
  folder.write("f/b.txt", utf8);
  const auto data = load_dataset(folder / "f");
  expect_error(ErrorKind::input, {"a.txt:1", "encoding cp1252"}, [&] { data["train"].size(); });
  expect_error(ErrorKind::input, {"a.txt:1", "encoding cp1252"}, [&] { data["train"].take(1); });
  // Damage in one is told where it is, also by auto.
  expect_error(ErrorKind::input, {"c.txt:41", "the rest around it is UTF-8"},
               [&] { texts(folder.write("c.txt", utf8 + "bad \xE9\n"), "auto"); });
}

TEST(OpenText, WarnsWhereBytesSpeakAgainstAName) {
  const ScratchFolder folder;
  const auto warning = [&](const std::string& bytes, const std::string& encoding) {
    const LogCapture log;
    texts(folder.write("a.txt", bytes), encoding);
    return log.text();
  };
  EXPECT_THAT(warning("caf\xC3\xA9\n", "cp1252"), HasSubstr("a.txt is read as cp1252, but its text is valid UTF-8"));
  EXPECT_THAT(warning("it\x92s\n", "latin1"), HasSubstr("cp1252"));
  EXPECT_EQ(warning("caf\xE9\n", "latin1"), "");
  const std::u16string russian = repeated(u"Пациент поступил в отделение.\n", 5);
  EXPECT_THAT(warning(utf16(russian, true), "utf-16le"), HasSubstr("encoding utf-16be"));
  EXPECT_THAT(warning(utf16(russian), "utf-16be"), HasSubstr("encoding utf-16le"));
  EXPECT_EQ(warning(utf16(russian), "utf-16"), "");
  EXPECT_EQ(warning("\x1B$B45<T\x1B(B\n", "iso-2022-jp"), "");
  EXPECT_EQ(warning("plain\n", "latin1"), "");
}

TEST(OpenText, RefusesWhatIsNoText) {
  const ScratchFolder folder;
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:5e\nsize 1234\n";
  for (const char* name : {"a.txt", "a.csv", "a.jsonl", "a.tsv", "a.txt.gz", "a.jsonl.zst"}) {
    expect_error(ErrorKind::input, {name, "git-lfs pointer for 1,234 bytes", "git lfs pull"},
                 [&] { texts(folder.write(name, pointer)); });
    expect_error(ErrorKind::input, {name, "HTML page"},
                 [&] { texts(folder.write(name, "<!DOCTYPE html><p>Sign in")); });
  }
  expect_error(ErrorKind::input, {"a.csv", "ZIP archive", "CSV"},
               [&] { texts(folder.write("a.csv", "PK\x03\x04 and so on")); });
  expect_error(ErrorKind::input, {"a.txt", "PDF"}, [&] { texts(folder.write("a.txt", "%PDF-1.7\n")); });
  expect_error(ErrorKind::input, {"a.txt", "gzip", ".gz"}, [&] { texts(folder.write("a.txt", gzip("text"))); });
  expect_error(ErrorKind::input, {"a.txt", "Zstandard", ".zst"}, [&] { texts(folder.write("a.txt", zstd("text"))); });
  expect_error(ErrorKind::input, {"a.txt", "xz", ".xz"}, [&] { texts(folder.write("a.txt", "\xFD\x37zXZ\0\0"s)); });
  expect_error(ErrorKind::input, {"a.txt", "bzip2", ".bz2"}, [&] { texts(folder.write("a.txt", "BZh91AY&SY\1")); });
  folder.write("r/train/pos/0_9.txt", pointer);
  expect_error(ErrorKind::input, {"0_9.txt", "git-lfs"}, [&] { texts(folder / "r"); });
}

}  // namespace
}  // namespace tekio::test
