// Given words: lists in JSON, Parquet and Arrow files, texts that are split; encoded as the reference encodes
// is_split_into_words=True (tests/golden/data/whole_words.json), masked whole, and told where there are none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "data/chunks.h"
#include "data/row_encoder.h"
#include "data/scratch_folder.h"
#include "text/folders.h"

namespace tekio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Ids = std::vector<int32_t>;

const Json& golden_given() {
  static const Json document = read_json(TEKIO_GOLDEN_DIR "/data/whole_words.json");
  return document;
}

Tokenizer golden_tokenizer(const Json& entry) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& [name, content] : entry.at("files").items()) files.emplace_back(name, content);
  return load(folder(files));
}

const ReadOptions kList{.text_column = "tokens", .words = Words::list};

struct EncodedRow {
  Ids ids;
  std::vector<uint8_t> starts;
};

EncodedRow encode_row(const Tokenizer& tokenizer, const std::string& text, const ReadOptions& read,
                      WordBounds bounds = WordBounds::tokenizer) {
  EncodedRow out;
  make_row_encoder(tokenizer, bounds, read)(text, out.ids, out.starts);
  return out;
}

std::string joined_words(const Json& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) text += (i > 0 ? "\xFF" : "") + words[i].get<std::string>();
  return text;
}

TEST(GivenWords, AreEncodedAsTheReferenceEncodesThem) {
  for (const Json& entry : golden_given().at("tokenizers")) {
    SCOPED_TRACE(entry.at("name").get<std::string>());
    const Tokenizer tokenizer = golden_tokenizer(entry);
    const Json& rows = golden_given().at("rows_of_words");
    for (size_t r = 0; r < rows.size(); ++r) {
      SCOPED_TRACE(rows[r].dump());
      const Json& expected = entry.at("given").at(r);
      const EncodedRow got = encode_row(tokenizer, joined_words(rows[r]), kList);
      EXPECT_EQ(got.ids, expected.at("ids").get<Ids>());
      const Ids words = expected.at("word_ids").get<Ids>(), offsets = expected.at("offsets").get<Ids>();
      std::vector<uint8_t> starts, gaps;
      for (size_t t = 0; t < words.size(); ++t) {
        const bool is_text = words[t] != -1;
        starts.push_back(is_text && words[t] != words[t - 1]);
        const bool is_first = t > 0 && words[t - 1] == -1;
        gaps.push_back(is_text && (is_first || offsets[2 * t] != offsets[2 * t - 1]));
      }
      EXPECT_EQ(got.starts, starts);
      const EncodedRow by_offsets = encode_row(tokenizer, joined_words(rows[r]), kList, WordBounds::offsets);
      EXPECT_EQ(by_offsets.ids, got.ids);
      EXPECT_EQ(by_offsets.starts, gaps);
    }
  }
}

std::vector<std::string> split_by(const std::string& text, const std::string& separator) {
  const ReadOptions read{.words = Words::separated, .word_separator = separator};
  std::vector<std::string_view> words;
  split_words(text, read, words);
  return {words.begin(), words.end()};
}

TEST(SplitWords, IsPythonsSplit) {
  EXPECT_THAT(split_by("a b  c", " "), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(split_by(" a ", " "), ElementsAre("", "a", ""));
  EXPECT_THAT(split_by("", " "), ElementsAre(""));
  EXPECT_THAT(split_by("a||b|c||", "||"), ElementsAre("a", "b|c", ""));
  EXPECT_THAT(split_by("日/本", "/"), ElementsAre("日", "本"));
  EXPECT_THAT(split_by("", ""), IsEmpty());
  EXPECT_THAT(split_by(" \t\u3000", ""), IsEmpty());
  EXPECT_THAT(split_by("  a\tb \u3000日本\u00a0c\n", ""), ElementsAre("a", "b", "日本", "c"));
  EXPECT_THAT(split_by("\u0142\u0105\u2085 \u00e0", ""), ElementsAre("\u0142\u0105\u2085", "\u00e0"))
      << "bytes like blanks";
}

class WordRows : public testing::Test {
 protected:
  Chunks cut(const std::string& file, const std::string& content, const ReadOptions& read, ChunkOptions options = {}) {
    options.use_cache = false;
    options.threads = 1;
    options.chunk_size = 12;
    options.line_by_line = true;
    return chunk(load_dataset(folder_.write(file, content), read)["train"], tokenizer_, options);
  }
  std::vector<Ids> words(const Chunks& chunks) const {
    std::vector<Ids> all;
    for (int64_t i = 0; i < chunks.size(); ++i) all.push_back(chunks.word_ids(i));
    return all;
  }
  std::string refusal(const std::string& file, const std::string& content, const ReadOptions& read) {
    return message_of(ErrorKind::input, [&] { cut(file, content, read); });
  }
  ScratchFolder folder_;
  const Tokenizer tokenizer_ = bert();
};

TEST_F(WordRows, OfJsonAreLists) {
  const Chunks chunks = cut("a.jsonl",
                            "{\"tokens\": [\"the film\", \"is\", \"good\"], \"n\": 1}\n"
                            "{\"n\": 2, \"tokens\": [\"\", \"a\", \"\\u0000\", \" \", \"b\\u0000\"]}\n"
                            "{\"tokens\": []}\n{\"tokens\": [\" \", \"\"]}\n",
                            kList);
  EXPECT_THAT(words(chunks), ElementsAre(ElementsAre(-1, 0, 0, 1, 2, -1), ElementsAre(-1, 0, 1, -1)))
      << "rows without a word are blank, words without a token have no number";
  EXPECT_EQ(chunks.source_rows(), 4);
  const Chunks array = cut("b.json", "[{\"tokens\": [\"a\"]}, {\"tokens\": [\"b\", \"c\"]}]", kList);
  EXPECT_EQ(array.size(), 2);
  const Chunks one = cut("c.json", "{\"tokens\": [\"a\", \"b\"]}", kList);
  EXPECT_THAT(words(one), ElementsAre(ElementsAre(-1, 0, 1, -1))) << "one row, not a document of rows";
  const Chunks nested = cut("d.jsonl", "{\"note\": {\"words\": [\"a\", \"b c\"]}}\n",
                            {.text_column = "note.words", .words = Words::list});
  EXPECT_THAT(words(nested), ElementsAre(ElementsAre(-1, 0, 1, 1, -1)));
}

TEST_F(WordRows, OfTextsAreSplit) {
  const ReadOptions blanks{.words = Words::separated, .word_separator = " "}, any{.words = Words::separated};
  EXPECT_THAT(words(cut("a.txt", "the film's end  ok\n", blanks)),
              ElementsAre(ElementsAre(-1, 0, 1, 1, 1, 2, 2, 2, 3, 3, -1)));
  EXPECT_THAT(words(cut("b.txt", "\tthe \tfilm's\u3000end\n\n", any)),
              ElementsAre(ElementsAre(-1, 0, 1, 1, 1, 2, 2, 2, -1)));
  const ReadOptions bars{.text_column = "body", .words = Words::separated, .word_separator = "|"};
  EXPECT_THAT(words(cut("c.csv", "id,body\n1,a b|c\n", bars)), ElementsAre(ElementsAre(-1, 0, 0, 1, -1)));
}

TEST_F(WordRows, AreCutWhereTheyAreTooLong) {
  std::string row = "{\"tokens\": [";
  for (int i = 0; i < 40; ++i) row += i > 0 ? ", \"a b\"" : "\"a b\"";
  const Chunks chunks = cut("a.jsonl", row + "]}\n", kList);
  EXPECT_THAT(words(chunks), ElementsAre(ElementsAre(-1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, -1)));
  const Chunks wide = cut("b.jsonl", "{\"tokens\": [\"" + std::string(100'000, 'a') + "\"]}\n", kList);
  EXPECT_THAT(wide.ids(0), ElementsAre(*tokenizer_.cls_id(), *tokenizer_.unknown_id(), *tokenizer_.sep_id()));
}

TEST_F(WordRows, WithoutWordsAreTold) {
  const std::string good = "{\"tokens\": [\"a\"]}\n";
  EXPECT_THAT(
      refusal("a.jsonl", good + "{\"tokens\": null}\n" + good, kList),
      HasSubstr("a.jsonl:2: expected a list of words in the column \"tokens\", got null; 1 of 3 rows read there "
                "has no words (null, missing or not a list of strings): mend it, or pass bad_rows skip"));
  EXPECT_THAT(refusal("b.jsonl", good + "{\"tokens\": \"a b\"}\n", kList), HasSubstr("got a string"));
  EXPECT_THAT(refusal("c.jsonl", good + "{\"tokens\": [\"a\", null]}\n", kList),
              HasSubstr("c.jsonl:2: expected strings alone in the list in the column \"tokens\", got null among them"));
  EXPECT_THAT(refusal("d.jsonl", good + "{\"tokens\": [[\"a\"]]}\n", kList), HasSubstr("got an array among them"));
  EXPECT_THAT(refusal("e.jsonl", good + "{\"text\": \"a\"}\n", kList), HasSubstr("the column \"tokens\" is missing"));
  EXPECT_THAT(refusal("f.jsonl", good + "[1]\n", kList), HasSubstr("expected an object, got an array"));
  EXPECT_THAT(
      refusal("g.jsonl", "{\"token\": [\"a\"]}\n", kList),
      HasSubstr("there is no column \"tokens\" (is \"token\" meant? word_column token); the columns are token"));
  EXPECT_THAT(
      refusal("h.jsonl", "{\"note\": {\"words\": [\"a\"]}}\n", {.text_column = "note.word", .words = Words::list}),
      HasSubstr("the column \"note.word\" is missing"));
  for (const char* file : {"i.txt", "i.csv", "i.tsv"})
    EXPECT_THAT(
        refusal(file, "tokens\na b\n", kList),
        HasSubstr("its rows are texts, but word_column tokens alone asks for lists of words, which JSON, Parquet "
                  "and Arrow files hold: pass word_separator"));
  EXPECT_THAT(refusal("j.jsonl", "{\"tokens\": []}\n{\"tokens\": [\"\", \"\\u0000\"]}\n", kList),
              HasSubstr("there is no text in"));
  for (const char* rows : {"{\"tokens\": \"a b\"}\n", "{\"tokens\": null}\n{\"tokens\": \"a\"}\n"})
    EXPECT_THAT(
        refusal("l.jsonl", rows, kList),
        HasSubstr("l.jsonl: the column \"tokens\" holds texts, not lists of words: pass word_separator with what "
                  "lies between the words of a text (whitespace, say)"));
  EXPECT_THAT(
      refusal("m.jsonl", "{\"note\": {\"text\": \"a b\"}}\n", {.text_column = "note.text", .words = Words::list}),
      HasSubstr("the column \"note.text\" holds texts, not lists of words: pass word_separator"));
  ReadOptions skip = kList;
  skip.bad_rows = BadRows::skip;
  const Dataset some = load_dataset(
      folder_.write("k.jsonl", good + "{\"tokens\": 3}\n{\"tokens\": [\"b\", 3]}\n" + good), skip)["train"];
  EXPECT_EQ(some.size(), 2);
  EXPECT_EQ(some.skipped_rows(), 2);
}

TEST_F(WordRows, OfListsAreNotSplit) {
  ReadOptions blanks{.text_column = "note.words", .words = Words::separated, .word_separator = " "};
  const std::string row = "{\"text\": \"a\", \"words\": [\"a\"], \"note\": {\"words\": [\"a\"]}}\n";
  for (const std::string& rows : {row, row + row}) {
    EXPECT_THAT(refusal("a.jsonl", rows, blanks),
                HasSubstr("a.jsonl: the column \"note.words\" holds lists of strings, which are words already: pass "
                          "word_column note.words without word_separator"));
    ReadOptions top = blanks;
    top.text_column = "words";
    EXPECT_THAT(refusal("a.jsonl", rows, top), HasSubstr("pass word_column words without word_separator"));
  }
  blanks.text_column = "note.word";
  EXPECT_THAT(refusal("a.jsonl", row + row, blanks),
              testing::AllOf(HasSubstr("there is no column \"note.word\""), HasSubstr("word_column text"),
                             HasSubstr("note.words (lists of strings)"), testing::Not(HasSubstr("text_column"))))
      << "the option that goes with word_column";
  EXPECT_THAT(refusal("a.jsonl", row + row, {.text_column = "note.words"}),
              HasSubstr("there is no column \"note.words\" (is \"text\" meant? text_column text)"));
}

// What decides a store's content is in its name.
TEST_F(WordRows, HaveStoresOfTheirOwn) {
  const std::string file = folder_.write("a.jsonl", "{\"tokens\": [\"a b\"], \"text\": \"a b|c\"}\n");
  const auto ids = [&](const ReadOptions& read, WordBounds bounds = WordBounds::tokenizer) {
    return chunk(load_dataset(file, read)["train"], tokenizer_,
                 {.chunk_size = 12, .line_by_line = true, .words = bounds})
        .word_ids(0);
  };
  const ScratchFolder cache;
  ::setenv("TEKIO_CACHE", cache.path().c_str(), 1);
  const ReadOptions blanks{.text_column = "text", .words = Words::separated, .word_separator = " "},
      bars{.text_column = "text", .words = Words::separated, .word_separator = "|"},
      any{.text_column = "text", .words = Words::separated};
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_THAT(ids(kList), ElementsAre(-1, 0, 0, -1));
    EXPECT_THAT(ids({.text_column = "text"}), ElementsAre(-1, 0, 1, 2, 3, -1));
    EXPECT_THAT(ids(blanks), ElementsAre(-1, 0, 1, 1, 1, -1));
    EXPECT_THAT(ids(any), ElementsAre(-1, 0, 1, 1, 1, -1));
    EXPECT_THAT(ids(bars), ElementsAre(-1, 0, 0, 1, -1));
    EXPECT_THAT(ids(bars, WordBounds::offsets), ElementsAre(-1, 0, 1, 2, -1));
    EXPECT_THAT(ids({.text_column = "text"}, WordBounds::offsets), ElementsAre(-1, 0, 1, 1, 1, -1));
  }
  ::unsetenv("TEKIO_CACHE");
  size_t stores = 0;
  for (const auto& entry : fs::recursive_directory_iterator(cache.path())) stores += entry.is_regular_file();
  EXPECT_EQ(stores, 7u);
}

}  // namespace
}  // namespace tekio::test
