// Standard input, output and error as shells and scripts leave them: closed, full, broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

#include "program.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

class Streams : public testing::Test {
 protected:
  ScratchFolder folder_;
  const std::string text_ = folder_.write("text.txt", sentences(20));
  // Every command that prints something, with little work.
  const std::vector<std::vector<std::string>> printing_ = {
      {"--version"},
      {"--help"},
      {"adapt", "--dump-config"},
      {"fill", "--model", model_folder(), "the [MASK] of"},
      {"fill", "--model", model_folder(), "the [MASK] of", "--json"},
      {"eval", "--model", model_folder(), "--data", text_, "--chunk_size", "16", "--no_cache"},
      {"tokenize", "--model", model_folder(), text_},
      {"data", "info", text_},
      {"data", "head", text_, "--json"},
      {"data", "chunks", text_, "--model", model_folder(), "--chunk_size", "16", "--no_cache"},
      {"info", model_folder(), "--json"},
      {"doctor"}};
};

TEST_F(Streams, StandardInputIsData) {
  const std::string place = folder_ / "temporary";
  std::filesystem::create_directories(place);
  const Start start{.input = "one\ntwo\n\nfour", .environment = {{"TMPDIR", place}}};
  EXPECT_EQ(run({"data", "info", "-", "--json"}, start).json()["splits"]["train"]["rows"], 4);
  EXPECT_EQ(run({"data", "head", "-:train", "-n", "1", "--json"}, start).json()[0]["text"], "one");
  EXPECT_EQ(run({"tokenize", "--model", model_folder(), "--ids", "-"}, start).out,
            run({"tokenize", "--model", model_folder(), "--ids"}, start).out);
  EXPECT_TRUE(std::filesystem::is_empty(place)) << "what was piped stayed behind";

  const Result wrong = run({"data", "info", "-"}, {.input = "one\nit\x92s\n"});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.err, HasSubstr("standard input:2: byte 0x92 at column 3 is not UTF-8"));
  EXPECT_EQ(run({"data", "head", "-", "--encoding", "cp1252", "--json"}, {.input = "it\x92s\n"}).json()[0]["text"],
            "it’s");
  EXPECT_EQ(run({"data", "info", "-", "--json"}, {.close_input = true}).json()["splits"]["train"]["rows"], 0);
}

TEST_F(Streams, AFullDiskIsAnIoError) {
  for (const auto& arguments : printing_) {
    const Result result = run(arguments, {.output_file = "/dev/full"});
    EXPECT_EQ(result.code, 4) << arguments[0] << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("tekio: cannot write to standard output: No space left on device"));
  }
}

TEST_F(Streams, AClosedOutputIsAnIoError) {
  for (const auto& arguments : printing_) {
    const Result result = run(arguments, {.close_output = true});
    EXPECT_EQ(result.code, 4) << arguments[0] << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("cannot write to standard output: Bad file descriptor"));
  }
}

TEST_F(Streams, ABrokenPipeIsAnIoErrorAndNoSignal) {
  const std::string big = folder_.write("big.txt", sentences(20000));
  const std::string command = std::string(TEKIO_PROGRAM) + " tokenize --model " + model_folder() + " " + big + " 2>" +
                              folder_ / "err" + " | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}";
  const int status = std::system(("bash -c '" + command + "'").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_THAT(read_file(folder_ / "err"), HasSubstr("Broken pipe"));
}

TEST_F(Streams, AFileSizeLimitIsAnIoErrorThatLeavesNothingBehind) {
  const std::string big = folder_.write("big.txt", sentences(3000)), to = folder_ / "export";
  const auto limited = [&](const std::string& arguments) {
    const std::string command = "ulimit -f 16; XDG_CACHE_HOME=" + folder_ / "cache" + " " + TEKIO_PROGRAM + " " +
                                arguments + " --model " + model_folder() + " --chunk_size 16 2>" + folder_ / "err";
    return WEXITSTATUS(std::system(("sh -c '" + command + "'").c_str()));
  };
  // within the token store, and, once that is kept, within the export
  EXPECT_EQ(limited("data chunks " + big + " --export " + to), 4) << read_file(folder_ / "err");
  EXPECT_THAT(read_file(folder_ / "err"), HasSubstr("File too large"));
  ASSERT_EQ(run({"data", "chunks", big, "--model", model_folder(), "--chunk_size", "16"},
                {.environment = {{"XDG_CACHE_HOME", folder_ / "cache"}}})
                .code,
            0);
  EXPECT_EQ(limited("data chunks " + big + " --export " + to), 4) << read_file(folder_ / "err");
  EXPECT_THAT(read_file(folder_ / "err"), HasSubstr("File too large"));
  EXPECT_TRUE(!std::filesystem::exists(to) || std::filesystem::is_empty(to));
}

TEST_F(Streams, AClosedInputIsNotTakenForText) {
  const Result result = run({"fill", "--model", model_folder()}, {.close_input = true});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("there is no text to fill"));
  EXPECT_EQ(run({"tokenize", "--model", model_folder()}, {.close_input = true}).code, 0) << "no lines, no output";
}

TEST_F(Streams, AnInputThatCannotBeReadIsAnIoError) {
  const std::string command =
      std::string(TEKIO_PROGRAM) + " tokenize --model " + model_folder() + " </ 2>" + folder_ / "err";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 4);
  EXPECT_THAT(read_file(folder_ / "err"), HasSubstr("cannot read standard input: Is a directory"));
}

TEST_F(Streams, QuietSilencesTheLogButNoError) {
  const Result result = run({"data", "chunks", text_, "--model", model_folder(), "--chunk_size", "16", "--export",
                             folder_ / "x", "--quiet", "--no_cache"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(run({"data", "info", folder_ / "none", "--quiet"}).err, HasSubstr("tekio: "));
}

TEST_F(Streams, AByteOrderMarkSaysWhatTheInputIsIn) {
  const auto wide = [](const std::string& text, int bytes, bool big) {  // of ASCII, and é
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool two = static_cast<unsigned char>(text[i]) == 0xC3;
      std::string unit(static_cast<size_t>(bytes), '\0');
      unit[big ? static_cast<size_t>(bytes) - 1 : 0] = two ? '\xE9' : text[i];
      i += two;
      out += unit;
    }
    return out;
  };
  const std::string lines = "the [MASK] of caf\xC3\xA9\r\nsome [MASK] work\n";
  const std::vector<std::string> fill = {"fill", "--model", model_folder(), "--json"};
  const Result plain = run(fill, {.input = lines});
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(plain.json().size(), 2u);
  const std::string inputs[] = {"\xFF\xFE" + wide(lines, 2, false), "\xFE\xFF" + wide(lines, 2, true),
                                std::string("\xFF\xFE\0\0", 4) + wide(lines, 4, false),
                                std::string("\0\0\xFE\xFF", 4) + wide(lines, 4, true)};
  for (const std::string& input : inputs) {
    const Result result = run(fill, {.input = input});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.out, plain.out);
    EXPECT_EQ(run({"tokenize", "--model", model_folder()}, {.input = input}).out,
              run({"tokenize", "--model", model_folder()}, {.input = lines}).out);
  }
  // More than one block, cut within a character.
  std::string many;
  for (int i = 0; i < 9'000; ++i) many += "ab caf\xC3\xA9\n";
  EXPECT_EQ(run({"tokenize", "--model", model_folder()}, {.input = "\xFF\xFE" + wide(many, 2, false) + "a"}).code, 3);
  EXPECT_EQ(run({"tokenize", "--model", model_folder()}, {.input = "\xFF\xFE" + wide(many, 2, false)}).out,
            run({"tokenize", "--model", model_folder()}, {.input = many}).out);
  const Result cut = run(fill, {.input = "\xFF\xFE" + wide("a [MASK]\n", 2, false) + "b"});
  EXPECT_EQ(cut.code, 3);
  EXPECT_THAT(cut.err, HasSubstr("standard input begins with the byte order mark of utf-16le, but ends within"));
  const Result half = run(fill, {.input = "\xFF\xFE" + wide("a [MASK]\n", 2, false) + std::string("\0\xDC\n\0", 4)});
  EXPECT_EQ(half.code, 3);
  EXPECT_THAT(half.err, HasSubstr("holds bytes that are no character of"));
  EXPECT_EQ(run(fill, {.input = "\xFF\xFE"}).code, 3) << "no text";
  EXPECT_EQ(run(fill, {.input = "\xFF"}).code, 3);
}

TEST_F(Streams, LinesOfInputEndAsThoseOfFilesDo) {
  const std::string text = "one\r\ntwo\rthree\n\nfour";
  const std::vector<std::string> tokenize = {"tokenize", "--model", model_folder(), "--ids"};
  const std::string expected = run(tokenize, {.input = "one\ntwo\nthree\n\nfour\n"}).out;
  EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), 5);
  EXPECT_EQ(run(tokenize, {.input = text}).out, expected);
  auto from_file = tokenize;
  from_file.push_back(folder_.write("lines.txt", text));
  EXPECT_EQ(run(from_file).out, expected);
  // \r\n cut apart by the reader's blocks of 65,536 bytes
  const std::string filler(65535, 'a');
  EXPECT_EQ(run(tokenize, {.input = filler + "\r\nb\n"}).out, run(tokenize, {.input = filler + "\nb\n"}).out);
}

}  // namespace
}  // namespace tekio::test
