// Every command's way on small data, and what each tells when model or data are at fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "compute/cuda.h"
#include "program.h"

namespace tekio::test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::StartsWith;

const std::string M = model_folder();

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

TEST(Fill, OneTextGivesTheBareResultOfThePipeline) {
  const Json one = run({"fill", "--model", M, "--json", "the [MASK] of this license"}).json();
  ASSERT_EQ(one.size(), 5u);
  for (const Json& prediction : one)
    EXPECT_THAT(keys(prediction), testing::ElementsAre("score", "token", "token_str", "sequence"));
  EXPECT_GE(one[0]["score"], one[1]["score"]);
  EXPECT_THAT(one[0]["sequence"].get<std::string>(), StartsWith("the "));
  EXPECT_EQ(one[0]["score"].get<double>(), static_cast<double>(one[0]["score"].get<float>()))
      << "the float's own value, not rounded";
}

TEST(Fill, SeveralMasksAndSeveralTextsGiveLists) {
  const Json masks = run({"fill", "--model", M, "--json", "--top_k", "2", "the [MASK] of [MASK] license"}).json();
  ASSERT_EQ(masks.size(), 2u);
  ASSERT_EQ(masks[1].size(), 2u);
  EXPECT_TRUE(masks[1][0].is_object());
  const Json texts = run({"fill", "--model", M, "--json", "--top_k", "3", "the [MASK] of", "a [MASK] b [MASK]"}).json();
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_TRUE(texts[0][0].is_object());
  EXPECT_TRUE(texts[1][0].is_array());
  EXPECT_EQ(
      run({"fill", "--model", M, "--json", "--top_k", "3"}, {.input = "the [MASK] of\na [MASK] b [MASK]\n"}).json(),
      texts);
}

TEST(Fill, TargetsAndTopK) {
  const Json targets = run({"fill", "--model", M, "--json", "--targets", "license,work", "the [MASK] of"}).json();
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(run({"fill", "--model", M, "--json", "--top_k", "0", "the [MASK] of"}).json(), Json::array());
  const Result plain = run({"fill", "--model", M, "--top_k", "1", "the [MASK] of this license"});
  EXPECT_EQ(plain.code, 0);
  EXPECT_EQ(std::count(plain.out.begin(), plain.out.end(), '\n'), 1);
}

TEST(Fill, ControlCharactersDoNotReachTheTerminal) {
  const ScratchFolder folder;
  const std::string model = folder / "model", vocabulary = read_file(M + "/vocab.txt");
  std::filesystem::copy(M, model);
  const size_t last = vocabulary.rfind('\n', vocabulary.size() - 2) + 1;
  folder.write("model/vocab.txt", vocabulary.substr(0, last) + "\x1b[31m\n");
  const Result result = run({"fill", "--model", model, "--top_k", "100000", "a \x1b[32m [MASK]", "the [MASK]"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("a \\x1b[32m [MASK]\n"));
  EXPECT_THAT(result.out, HasSubstr("  \\x1b[31m"));
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
  const Json exact = run({"fill", "--model", model, "--top_k", "100000", "--json", "the [MASK]"}).json();
  EXPECT_TRUE(std::any_of(exact.begin(), exact.end(), [](const Json& p) { return p["token_str"] == "\x1b[31m"; }));
}

TEST(Fill, ATextWithoutMaskOrTooLongIsBadInput) {
  const Result none = run({"fill", "--model", M, "no mask here"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("[MASK]"));
  EXPECT_EQ(none.out, "");
  const Result second = run({"fill", "--model", M, "a [MASK]", "no mask"});
  EXPECT_EQ(second.code, 3);
  EXPECT_EQ(second.out, "") << "nothing of a result that is not whole";
  std::string text = "[MASK]";
  for (int i = 0; i < 200; ++i) text += " work";
  const Result longer = run({"fill", "--model", M, text});
  EXPECT_EQ(longer.code, 3);
  EXPECT_THAT(longer.err, HasSubstr("128"));
}

TEST(Fill, ALineOfStandardInputIsToldByItsNumber) {
  for (const char* bad : {"no mask", ""}) {
    const Result result =
        run({"fill", "--model", M}, {.input = std::string("a [MASK]\nb [MASK]\n") + bad + "\nc [MASK]\n"});
    EXPECT_EQ(result.code, 3);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, StartsWith("tekio: standard input:3: no [MASK] in \"" + std::string(bad) + "\""));
  }
  EXPECT_THAT(run({"fill", "--model", M, "no mask"}).err, StartsWith("tekio: no [MASK] in \"no mask\""));
}

TEST(Devices, FillingStaysExactUnlessAskedOtherwise) {
  const std::vector<std::string> fill = {"fill", "--model", M, "--json", "the [MASK] of this license"};
  const auto as = [&](const char* dtype) {
    auto all = fill;
    all.insert(all.end(), {"--dtype", dtype});
    return run(all);
  };
  const std::string exact = as("f32").out;
  EXPECT_EQ(run(fill).out, exact);
  EXPECT_EQ(as("auto").out, exact);
  const Result rounded = as("bf16");
  if (rounded.code == 5) GTEST_SKIP() << "this processor does not multiply bf16";
  EXPECT_NE(rounded.out, exact);
}

TEST(Devices, CudaIsNotThere) {
  if (cuda_problem().empty()) GTEST_SKIP() << "there is a GPU";
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"fill", "--model", M, "a [MASK]"}, {"eval", "--model", M, "--data", "x"}, {"adapt"}, {"doctor"}}) {
    auto with_cuda = arguments;
    with_cuda.insert(with_cuda.end(), {"--device", "cuda"});
    const Result result = run(with_cuda);
    EXPECT_EQ(result.code, 5) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr("use --device cpu"));
  }
}

TEST(Devices, RefAndCpuAgree) {
  const Json ref = run({"fill", "--model", M, "--json", "--device", "ref", "the [MASK] of this license"}).json();
  const Json cpu =
      run({"fill", "--model", M, "--json", "--device", "cpu", "--threads", "1", "the [MASK] of this license"}).json();
  ASSERT_EQ(ref.size(), cpu.size());
  for (size_t i = 0; i < ref.size(); ++i)
    EXPECT_NEAR(ref[i]["score"].get<double>(), cpu[i]["score"].get<double>(), 1e-6);
}

class Tokenize : public testing::Test {
 protected:
  ScratchFolder folder_;
};

TEST_F(Tokenize, AnObjectALine) {
  const Result result = run({"tokenize", "--model", M}, {.input = "The work of [MASK].\n\n"});
  std::istringstream lines(result.out);
  std::string line;
  std::getline(lines, line);
  const Json first = Json::parse(line);
  EXPECT_THAT(keys(first), testing::ElementsAre("input_ids", "word_ids", "offsets"));
  const size_t n = first["input_ids"].size();
  EXPECT_EQ(first["word_ids"].size(), n);
  EXPECT_TRUE(first["word_ids"][0].is_null());
  EXPECT_EQ(first["word_ids"][1], 0);
  EXPECT_EQ(first["offsets"][1], Json::parse("[0, 3]"));
  EXPECT_EQ(first["offsets"][n - 1], Json::parse("[0, 0]"));
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line)["input_ids"].size(), 2u) << "an empty line is an empty text";
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(Tokenize, AsOneListWithJson) {
  const Json list = run({"tokenize", "--model", M, "--json"}, {.input = "one\ntwo\n"}).json();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(run({"tokenize", "--model", M, "--json"}).json(), Json::array());
  EXPECT_EQ(run({"tokenize", "--model", M, "--json", "--ids"}, {.input = "one\n"}).json()[0], list[0]["input_ids"]);
}

TEST_F(Tokenize, FilesOfEveryKindGiveTheirTexts) {
  const std::string text = folder_.write("a.txt", "The work\nof this\n");
  const std::string jsonl =
      folder_.write("b.jsonl", "{\"label\": 1, \"text\": \"The work\"}\n{\"label\": 0, \"text\": \"of this\"}\n");
  const std::string other =
      folder_.write("c.jsonl", "{\"label\": 1, \"body\": \"The work\"}\n{\"label\": 0, \"body\": \"of this\"}\n");
  const std::string csv = folder_.write("d.csv", "label,text\n1,The work\n0,of this\n");
  const std::string expected = run({"tokenize", "--model", M, text}).out;
  EXPECT_EQ(run({"tokenize", "--model", M, jsonl}).out, expected);
  EXPECT_EQ(run({"tokenize", "--model", M, other}).out, expected);
  EXPECT_EQ(run({"tokenize", "--model", M, csv}).out, expected);
  EXPECT_EQ(run({"tokenize", "--model", M, other, "--text_column_name", "body"}).out, expected);
  EXPECT_EQ(run({"tokenize", "--model", M, text, jsonl}).out, expected + expected);
  const Result missing = run({"tokenize", "--model", M, other, "--text_column_name", "boddy"});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("boddy"));
}

TEST_F(Tokenize, ARowWithoutTextIsToldWithFileAndLine) {
  const std::string row = "{\"text\": \"a\"}\n";
  for (const auto& [bad, message] :
       {std::pair{"{\"text\": null}\n", "expected a string in the column \"text\", got null"},
        std::pair{"{\"label\": 1}\n", "the column \"text\" is missing"}}) {
    const std::string file = folder_.write("bad.jsonl", row + bad + row);
    const Result result = run({"tokenize", "--model", M, file});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr(std::string("bad.jsonl:2: ") + message));
    EXPECT_EQ(run({"data", "chunks", file, "--model", M, "--no_cache"}).err, result.err);
  }
}

TEST_F(Tokenize, OrderHoldsWithAnyNumberOfThreads) {
  const std::string text = folder_.write("big.txt", sentences(9000));
  const std::string one = run({"tokenize", "--model", M, "--ids", "--threads", "1", text}).out;
  EXPECT_EQ(std::count(one.begin(), one.end(), '\n'), 9000);
  EXPECT_TRUE(run({"tokenize", "--model", M, "--ids", "--threads", "3", text}).out == one);
}

TEST_F(Tokenize, IdsTurnBackIntoText) {
  const std::string ids = run({"tokenize", "--model", M, "--ids"}, {.input = "The work of this license\n"}).out;
  EXPECT_EQ(run({"tokenize", "--model", M, "--decode"}, {.input = ids}).out, "[CLS] the work of this license [SEP]\n");
  const std::string bare =
      run({"tokenize", "--model", M, "--ids", "--no_special_tokens"}, {.input = "The work of this license\n"}).out;
  EXPECT_LT(bare.size(), ids.size());
  EXPECT_EQ(run({"tokenize", "--model", M, "--decode", folder_.write("ids.txt", bare)}).out,
            "the work of this license\n");
  EXPECT_EQ(run({"tokenize", "--model", M, "--decode", "--no_special_tokens", "--json"}, {.input = ids}).json(),
            Json::parse("[\"the work of this license\"]"));
}

TEST_F(Tokenize, TextsStandOnTheCommandLine) {
  const std::string line = run({"tokenize", "-m", M, "--ids"}, {.input = "the work\n"}).out;
  EXPECT_EQ(run({"tokenize", "-m", M, "--ids", "--text", "the work"}).out, line);
  EXPECT_EQ(run({"tokenize", "-m", M, "--ids", "--text", "the work", "--text=the work"}).out, line + line);
  EXPECT_EQ(run({"tokenize", "-m", M, "--ids", "--text", "the\nwork"}).out, line) << "one text, whatever is in it";
  EXPECT_EQ(run({"tokenize", "-m", M, "--decode", "--text", line.substr(0, line.size() - 1)}).out,
            "[CLS] the work [SEP]\n");
  EXPECT_EQ(run({"tokenize", "-m", M, "--text", ""}).code, 0);
  const Result latin = run({"tokenize", "-m", M, "--text", "a", "--text", "caf\xe9"});
  EXPECT_EQ(latin.code, 3);
  EXPECT_THAT(latin.err, HasSubstr("--text 2 is not UTF-8: 'caf\\xe9'; set the terminal to UTF-8, or give a file"));
  for (const std::vector<std::string>& input : {std::vector<std::string>{}, {"-"}}) {  // one way of reading it
    const auto tokenize = [&](const std::string& text) {
      std::vector<std::string> arguments = {"tokenize", "-m", M, "--ids"};
      arguments.insert(arguments.end(), input.begin(), input.end());
      return run(arguments, {.input = text});
    };
    EXPECT_THAT(tokenize("a\ncaf\xe9 is\n").err,
                HasSubstr("standard input:2: byte 0xE9 at column 4 is not UTF-8; it is likely cp1252"));
    EXPECT_EQ(tokenize(std::string("\xFF\xFEt\0h\0e\0 \0w\0o\0r\0k\0\n\0", 20)).out, line);
  }
  const Result bad = run({"tokenize", "-m", M, "--decode", "--text", "1 x"});
  EXPECT_EQ(bad.code, 3);
  EXPECT_THAT(bad.err, HasSubstr("--text:1: expected ids"));
}

TEST_F(Tokenize, PiecesAreShown) {
  const std::string tokens = run({"tokenize", "-m", M, "--tokens", "--text", "The workable license"}).out;
  EXPECT_THAT(tokens, testing::AllOf(StartsWith("[CLS] the work"), HasSubstr(" ##"), testing::EndsWith(" [SEP]\n")));
  const std::string bare =
      run({"tokenize", "-m", M, "--tokens", "--no_special_tokens", "--text", "The workable license"}).out;
  EXPECT_EQ("[CLS] " + bare.substr(0, bare.size() - 1) + " [SEP]\n", tokens);
  const Json list = run({"tokenize", "-m", M, "--tokens", "--json", "--text", "the work", "--text", "license"}).json();
  EXPECT_EQ(list, Json::parse(R"([["[CLS]", "the", "work", "[SEP]"], ["[CLS]", "license", "[SEP]"]])"));
  const std::string file = folder_.write("two.txt", "the work\nlicense\n");
  EXPECT_EQ(run({"tokenize", "-m", M, "--tokens", file}).out, "[CLS] the work [SEP]\n[CLS] license [SEP]\n");
}

// One rule for all commands: without --model the bundled model is meant.
TEST(WithoutModel, TheBundledOneIsMeant) {
  const ScratchFolder folder;
  const std::string text = folder.write("t.txt", sentences(40));
  const std::string bundled = run({"info", "--json"}).json()["path"];
  for (std::vector<std::string> command :
       std::vector<std::vector<std::string>>{{"tokenize", "--ids", "--text", "the cook"},
                                             {"tokenize", "--tokens", text},
                                             {"data", "chunks", text, "--no_cache", "--json"},
                                             {"fill", "--json", "the [MASK] of this work"}}) {
    const Result without = run(command);
    command.insert(command.end(), {"--model", bundled});
    EXPECT_EQ(without.code, 0) << without.err;
    EXPECT_EQ(without.out, run(command).out);
  }
  EXPECT_EQ(run({"bench", "tokenize", text, "--repeats", "1", "--json"}).code, 0);
  EXPECT_EQ(run({"bench", "data", text, "--repeats", "1", "--json"}).code, 0);
  EXPECT_EQ(run({"info", "tekio-small-uncased", "--json"}).json()["path"], bundled) << "also by its name";
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"tokenize", "--text", "a"}, {"fill", "a [MASK]"}, {"info"}}) {
    const Result none = run(command, {.environment = {{"TEKIO_SHARE", folder.path()}}});
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.err, HasSubstr("--model is missing, and this installation has no bundled model"));
  }
}

TEST_F(Tokenize, WhatIsNoIdIsBadInput) {
  for (const char* line : {"1 two 3", "1 -2", "99999999999", "1,2", "3x"}) {
    const Result result = run({"tokenize", "--model", M, "--decode"}, {.input = std::string("1 2\n") + line + "\n"});
    EXPECT_EQ(result.code, 3) << line;
    EXPECT_THAT(result.err, HasSubstr("standard input:2: expected ids separated by blanks"));
  }
}

TEST_F(Tokenize, AnIdThatNoTokenHasIsBadInput) {
  const auto entries = run({"info", M, "--json"}).json()["vocabulary"].get<int64_t>();
  const std::string beyond = std::to_string(entries);
  EXPECT_EQ(run({"tokenize", "--model", M, "--decode"}, {.input = std::to_string(entries - 1) + "\n"}).code, 0);
  for (const std::string& id : {beyond, std::string("2000000000")}) {
    const Result result = run({"tokenize", "--model", M, "--decode"}, {.input = "1 2\n5 " + id + " 6\n"});
    EXPECT_EQ(result.code, 3);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "tekio: standard input:2: no token has the id " + id + "; the vocabulary has " + beyond +
                              " entries; pass the model that the ids were made with\n");
  }
  const std::string file = folder_.write("ids.txt", beyond + "\n");
  EXPECT_THAT(run({"tokenize", "--model", M, "--decode", file}).err, HasSubstr(file + ":1: no token has the id"));
}

class Data : public testing::Test {
 protected:
  Data() {
    folder_.write("d/train.jsonl", rows(250));
    folder_.write("d/test.jsonl", rows(30));
  }
  static std::string rows(int count) {
    std::istringstream lines(sentences(count));
    std::string out;
    int i = 0;
    for (std::string line; std::getline(lines, line); ++i)
      out += Json{{"text", line}, {"label", i % 2}, {"weight", 1.50}}.dump() + "\n";
    return out;
  }
  ScratchFolder folder_;
  const std::string d_ = folder_ / "d";
};

TEST_F(Data, Info) {
  const Json info = run({"data", "info", d_, "--json"}).json();
  EXPECT_THAT(keys(info["splits"]), testing::UnorderedElementsAre("train", "test"));
  EXPECT_EQ(info["splits"]["train"]["rows"], 250);
  EXPECT_EQ(info["splits"]["train"]["columns"], Json::parse(R"(["text", "label", "weight"])"));
  EXPECT_EQ(info["splits"]["train"]["bytes"], read_file(d_ + "/train.jsonl").size());
  EXPECT_THAT(run({"data", "info", d_}).out, HasSubstr("250 rows"));
  EXPECT_EQ(run({"data", "info", d_ + ":test", "--json"}).json()["splits"].size(), 1u);
}

TEST_F(Data, Head) {
  const Json head = run({"data", "head", d_, "-n", "4", "--json"}).json();
  ASSERT_EQ(head.size(), 4u);
  EXPECT_EQ(head[1]["label"], 1);
  EXPECT_EQ(head[0]["weight"], 1.5);
  EXPECT_THAT(keys(head[0]), testing::ElementsAre("text", "label", "weight"));
  EXPECT_EQ(run({"data", "head", d_, "-n", "999", "--split", "test", "--json"}).json().size(), 30u);
  EXPECT_EQ(run({"data", "head", d_, "-n", "0", "--json"}).json(), Json::array());
  const Result plain = run({"data", "head", d_});
  EXPECT_EQ(std::count(plain.out.begin(), plain.out.end(), '\n'), 3);
}

TEST_F(Data, HeadAfterTheReferencesShuffle) {
  std::string numbers;  // numpy.random.default_rng(42).permutation(10) begins 5, 6, 0
  for (int i = 0; i < 10; ++i) numbers += std::to_string(i) + "\n";
  const Json head =
      run({"data", "head", folder_.write("n.txt", numbers), "-n", "3", "--shuffle_seed", "42", "--json"}).json();
  EXPECT_EQ(head, Json::parse(R"([{"text": "5"}, {"text": "6"}, {"text": "0"}])"));
}

TEST_F(Data, Chunks) {
  const Json chunks = run({"data", "chunks", d_, "--model", M, "--chunk_size", "32", "--json", "--no_cache"}).json();
  const Json& train = chunks["splits"]["train"];
  EXPECT_EQ(train["rows"], 250);
  EXPECT_EQ(train["chunks"], train["tokens"].get<int64_t>() / 32) << "250 rows are one batch: one remainder";
  const Json one =
      run({"data", "chunks", d_, "--model", M, "--max_seq_length", "32", "--split", "test", "--json", "--no_cache"})
          .json();
  EXPECT_EQ(keys(one["splits"]), std::vector<std::string>{"test"});
  EXPECT_EQ(one["splits"]["test"], chunks["splits"]["test"]);
  const Json lines = run({"data", "chunks", d_, "--model", M, "--line_by_line", "--json", "--no_cache"}).json();
  EXPECT_EQ(lines["splits"]["train"]["chunks"], 250);
}

TEST_F(Data, ChunksAreShown) {
  const Json shown = run({"data", "chunks", d_, "--model", M, "--chunk_size", "32", "--show", "0", "--show_masked", "1",
                          "--json", "--no_cache"})
                         .json();
  EXPECT_THAT(shown["show"]["text"].get<std::string>(), StartsWith("[CLS] "));
  EXPECT_EQ(shown["show_masked"]["input_ids"].size(), 32u);
  EXPECT_EQ(shown["show_masked"]["labels"].size(), 32u);
  EXPECT_NE(shown["show_masked"]["text"], shown["show_masked"]["masked"]);
  const Result plain = run({"data", "chunks", d_, "--model", M, "--chunk_size", "32", "--show", "0", "--no_cache"});
  EXPECT_EQ(plain.out, shown["show"]["text"].get<std::string>() + "\n");
  const Result beyond = run({"data", "chunks", d_, "--model", M, "--show", "100000", "--no_cache"});
  EXPECT_EQ(beyond.code, 2);
  EXPECT_THAT(beyond.err, HasSubstr("--show is 100000, but the split has"));
}

// The header by hand: 64 or 128 bytes in all, then the numbers.
TEST_F(Data, ChunksAreExported) {
  const std::string out = folder_ / "arrays/deep";
  const Json all =
      run({"data", "chunks", d_, "--model", M, "--chunk_size", "32", "--export", out, "--json", "--no_cache"}).json();
  const int64_t chunks = all["splits"]["train"]["chunks"];
  const std::string train = read_file(out + "/train.npy");
  EXPECT_EQ(train.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t header = 10 + static_cast<unsigned char>(train[8]) + 256 * static_cast<unsigned char>(train[9]);
  EXPECT_EQ(header % 64, 0u);
  EXPECT_EQ(train.size(), header + static_cast<size_t>(chunks) * 32 * 2);
  EXPECT_THAT(train.substr(10, header), HasSubstr("'descr': '<u2'"));
  EXPECT_THAT(train.substr(10, header), HasSubstr("(" + std::to_string(chunks) + ", 32)"));
  EXPECT_FALSE(read_file(out + "/test.npy").empty());

  const Json cut = run({"data", "chunks", d_, "--model", M, "--chunk_size", "32", "--export", folder_ / "cut",
                        "--train_size", "20", "--test_size", "5", "--json", "--no_cache"})
                       .json();
  EXPECT_EQ(cut["export"]["train"]["chunks"], 20);
  EXPECT_EQ(cut["export"]["test"]["chunks"], 5);
  EXPECT_EQ(read_file(folder_ / "cut/test.npy").size(), header + 5 * 32 * 2);
  const Result too_many =
      run({"data", "chunks", d_, "--model", M, "--export", folder_ / "no", "--train_size", "2000000", "--no_cache"});
  EXPECT_EQ(too_many.code, 2);
}

TEST_F(Data, EvalIsTheSameEachTime) {
  const std::vector<std::string> eval = {"eval",         "--model", M,        "--data",    d_,
                                         "--chunk_size", "32",      "--json", "--no_cache"};
  const Json first = run(eval).json();
  for (const char* key : {"eval_loss", "perplexity", "accuracy", "eval_chunks", "masked_tokens", "seconds"})
    EXPECT_TRUE(first.contains(key)) << key;
  EXPECT_EQ(first["split"], "test");
  EXPECT_NEAR(first["perplexity"].get<double>(), std::exp(first["eval_loss"].get<double>()),
              1e-6 * first["perplexity"].get<double>());
  EXPECT_EQ(run(eval).json()["eval_loss"], first["eval_loss"]);
  auto other = eval;
  other.insert(other.end(), {"--seed", "7", "--max_chunks", "3"});
  const Json few = run(other).json();
  EXPECT_EQ(few["eval_chunks"], 3);
  EXPECT_NE(few["eval_loss"], first["eval_loss"]);
  auto longer = eval;
  longer.insert(longer.end(), {"--chunk_size", "4096"});
  const Result capped = run(longer);
  EXPECT_THAT(capped.err, HasSubstr("--chunk_size 4096 is more than the 128 tokens that the model takes; using 128"));
  auto train = eval;
  train[4] = d_ + ":train";
  EXPECT_EQ(run(train).json()["split"], "train");
}

TEST(Info, TellsSizesAndTokens) {
  const Json info = run({"info", M, "--json"}).json();
  EXPECT_EQ(info["family"], "DistilBERT");
  for (const char* key : {"path", "layers", "hidden_size", "heads", "vocabulary", "parameters", "max_length"})
    EXPECT_TRUE(info.contains(key)) << key;
  EXPECT_EQ(info["missing"], Json::array());
  EXPECT_TRUE(info["special_tokens"].contains("[MASK]"));
  const Result plain = run({"info", M});
  EXPECT_THAT(plain.out, HasSubstr("DistilBERT"));
  EXPECT_THAT(run({"info", "--json"}).json()["path"].get<std::string>(),
              testing::EndsWith("share/tekio/tekio-small-uncased"))
      << "without M: the bundled model";
}

TEST(Info, AFolderWithoutTokenizerIsStillAModel) {
  const ScratchFolder folder;
  for (const char* name : {"config.json", "model.safetensors"}) std::filesystem::copy(M + "/" + name, folder / name);
  const Json info = run({"info", folder.path(), "--json"}).json();
  EXPECT_TRUE(info["tokenizer_entries"].is_null());
  EXPECT_EQ(info["max_length"], 128);
  EXPECT_THAT(run({"info", folder.path()}).out, HasSubstr("no tokenizer"));
}

// --- models by name: the Hub's cache, laid out as the reference stack lays it out ---

class Models : public testing::Test {
 protected:
  Models() {
    namespace fs = std::filesystem;
    const fs::path repository = fs::path(folder_ / "hub") / "models--org--name";
    fs::create_directories(repository / "snapshots");
    fs::create_directory_symlink(M, repository / "snapshots" / commit_);
    folder_.write("hub/models--org--name/refs/main", commit_);
    folder_.write("hub/models--org--name/refs/pr/1", commit_);
  }
  ScratchFolder folder_;
  const std::string commit_ = "0123456789abcdef0123456789abcdef01234567";
};

TEST_F(Models, AreFoundInTheHubsCache) {
  const std::map<std::string, std::string> cache = {{"HF_HUB_CACHE", folder_ / "hub"}},
                                           home = {{"HF_HOME", folder_.path()}, {"HF_HUB_CACHE", ""}};
  for (const auto& environment : {cache, home}) {
    const Json info = run({"info", "org/name", "--json"}, {.environment = environment}).json();
    EXPECT_EQ(info["name"], "org/name");
    EXPECT_THAT(info["path"].get<std::string>(), testing::EndsWith(commit_));
  }
  EXPECT_EQ(run({"info", "org/name@" + commit_}, {.environment = cache}).code, 0);
  EXPECT_EQ(run({"info", "org/name@pr/1"}, {.environment = cache}).code, 0);
  EXPECT_EQ(run({"info", "org/name", "--model_revision", "pr/1"}, {.environment = cache}).code, 0);
  EXPECT_EQ(run({"info", "org/name", "--cache_dir", folder_ / "hub"}).code, 0);
}

TEST_F(Models, ThatAreNowhereAreAnIoErrorThatSaysWhatToDo) {
  for (const char* spec : {"org/other", "org/name@other", "distilbert-base-uncased"}) {
    const Result result = run({"info", spec}, {.environment = {{"HF_HUB_CACHE", folder_ / "hub"}}});
    EXPECT_EQ(result.code, 4) << spec;
    EXPECT_THAT(result.err, HasSubstr("is not in the Hub's cache"));
    EXPECT_THAT(result.err, HasSubstr("tekio pull"));
  }
  for (const char* spec : {"/none/here", "./none", "../x", "a/b/c", "org/name@../../x", "org/name@"}) {
    const Result result = run({"info", spec}, {.environment = {{"HF_HUB_CACHE", folder_ / "hub"}}});
    EXPECT_EQ(result.code, 4) << spec;
    EXPECT_THAT(result.err, HasSubstr("there is no model folder")) << spec;
  }
  folder_.write("hub/models--org--name/refs/bad", "../../../x");
  EXPECT_EQ(run({"info", "org/name@bad"}, {.environment = {{"HF_HUB_CACHE", folder_ / "hub"}}}).code, 4);
  const Result file = run({"info", M + "/config.json"});
  EXPECT_EQ(file.code, 2);
  EXPECT_THAT(file.err, HasSubstr("is a file, expected the folder"));
}

TEST_F(Models, TheBundledOneMayBeMissing) {
  const Result result = run({"info"}, {.environment = {{"TEKIO_SHARE", folder_.path()}}});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("has no bundled model"));
}

}  // namespace
}  // namespace tekio::test
