// Which exit code what is wrong with models and data has: 4 where a path is not there or cannot be read or written, 3
// where what is there is not what is needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "program.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

const std::string M = model_folder();

TEST(InputErrors, HaveACodeAndASentence) {
  const ScratchFolder folder;
  const std::string none = folder / "none", text = folder.write("text.txt", sentences(40)),
                    few = folder.write("few.txt", "two words\n"), odd = folder / "odd", pipe = folder / "pipe.txt",
                    unfinished = folder / "unfinished";
  folder.write("odd/foo-00000-of-00001.txt", sentences(40));
  folder.write("odd/bar-00000-of-00001.txt", sentences(40));
  folder.write("bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \n");
  folder.write("x.bin", "a");
  folder.write("empty/.hidden", "");
  folder.write("unfinished/checkpoint-8/config.json", "{}");
  folder.write("unfinished/checkpoint-40/config.json", "{}");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const struct {
    std::vector<std::string> arguments;
    int code;
    std::string message;
  } cases[] = {
      {{"data", "info", none}, 4, "there is no file or folder " + none},
      {{"data", "info", folder / "X.BIN"}, 4, "did you mean " + folder / "x.bin" + "?"},
      {{"data", "info", folder / "*.csv"}, 4, "no file matches the pattern"},
      {{"data", "info", folder.write("table.xlsx", "PK")}, 3, "save its sheet as CSV"},
      {{"data", "info", text, "--encoding", "cp1525"}, 2, "--encoding: there is no encoding \"cp1525\""},
      {{"adapt", "--model", M, "--data", "-", "--validation_file", "-", "--output_dir", none},
       2,
       "standard input (-) was given twice"},
      {{"data", "info", text, "--text_column_name", ""}, 2, "--text_column_name is empty"},
      {{"data", "info", text, "--json_field="}, 2, "--json_field is empty"},
      {{"data", "info", text, "--csv_separator", ""}, 2, "--csv_separator is ''"},
      {{"data", "info", text, "--column_names", "a,"}, 2, "--column_names is 'a,', in which a name is empty"},
      {{"data", "info", text, "--column_names", "a,b,a"}, 2, "names the column \"a\" twice"},
      {{"data", "info", folder.write("doc.json", R"({"a": 1, "text": "t", "items": [{"text": "x"}, {"text": "y"}]})")},
       3,
       "--json_field items"},
      {{"data", "info", "-", "-"}, 2, "standard input (-) was given twice"},
      {{"data", "info", folder.write("cp1252.txt", "it\x92s\n")},
       3,
       "cp1252.txt:1: byte 0x92 at column 3 is not UTF-8"},
      {{"data", "info", "nobody/nothing"},
       4,
       "no file or folder nobody/nothing here, and nobody/nothing is not in the Hub's"},
      {{"data", "info", pipe}, 4, "cannot read " + pipe + ": it is not a regular file"},
      {{"data", "info", folder / "empty"}, 3, "holds no data files; what is read: .txt"},
      {{"data", "info", folder / "x.bin"}, 3, "x.bin: its name does not say what kind of data it holds"},
      {{"data", "info", folder / "bad.jsonl"}, 3, "bad.jsonl:2"},
      {{"data", "head", odd, "--split", "fo"}, 3, "the data has no split \"fo\" (is \"foo\" meant?); it has: bar, foo"},
      {{"data", "chunks", odd, "--model", M, "--split", "fo"}, 3, "the data has no split \"fo\""},
      {{"data", "chunks", odd, "--model", M, "--export", "/proc/none"},
       4,
       "cannot make the folder /proc/none: No such file or directory"},
      {{"eval", "--model", M, "--data", odd},
       3,
       "the data has no split validation or test or train; it has bar, foo: pick one with PATH:SPLIT"},
      {{"eval", "--model", M, "--data", few}, 3, "split train is too short for a single chunk of 128 tokens; pass a"},
      {{"eval", "--model", none, "--data", text}, 4, "there is no model folder " + none},
      {{"eval", "--model", folder / "empty", "--data", text}, 3, "has neither tokenizer.json nor vocab.txt"},
      {{"eval", "--model", M, "--tokenizer", folder / "empty", "--data", text}, 3, "has neither tokenizer.json"},
      {{"info", folder / "empty"}, 3, "is not a model folder: it has no config.json"},
      {{"info", unfinished},
       3,
       "is a run that has not ended, so it holds no model yet: take its newest checkpoint, " + unfinished +
           "/checkpoint-40"},
      {{"tokenize", "--model", M, "--decode", none}, 4, "cannot open " + none + ": No such file or directory"},
      {{"tokenize", "--model", M, none + ".txt"}, 4, "there is no file or folder " + none + ".txt"},
      {{"doctor", "--config", none}, 4, "cannot open " + none + ": No such file or directory"},
      {{"doctor", "--config", pipe}, 4, "cannot read " + pipe + ": it is a pipe, not a regular file"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> arguments = c.arguments;
    arguments.emplace_back("--no_cache");
    const Result result = run(arguments);
    EXPECT_EQ(result.code, c.code) << c.message;
    EXPECT_THAT(result.err, HasSubstr(c.message));
    EXPECT_THAT(result.err, HasSubstr("tekio: "));
    EXPECT_EQ(result.out, "");
  }
}

TEST(InputErrors, OptionsWithoutEffectAreWarnedOf) {
  const ScratchFolder folder;
  const std::string text = folder.write("a.txt", "one\n"), table = folder.write("a.csv", "text\none\n");
  const struct {
    std::string data;
    std::vector<std::string> option;
    bool warned;
  } cases[] = {{text, {"--json_field", "a"}, true},     {text, {"--csv_separator", ";"}, true},
               {text, {"--no_header"}, true},           {text, {"--column_names", "a"}, true},
               {table, {"--sample_by", "line"}, false}, {table, {"--sample_by", "paragraph"}, true},
               {table, {"--json_field", "a"}, true},    {table, {"--csv_separator", ";"}, false},
               {table, {"--no_header"}, false},         {text, {"--sample_by", "document"}, false}};
  for (const auto& c : cases) {
    std::vector<std::string> arguments = {"data", "info", c.data};
    arguments.insert(arguments.end(), c.option.begin(), c.option.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.err.find(c.option.front() + " has no effect on " + c.data) != std::string::npos, c.warned)
        << c.option.front() << " " << result.err;
  }
}

}  // namespace
}  // namespace tekio::test
