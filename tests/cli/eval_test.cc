// tekio eval with several models: the same masks, paired differences, one vocabulary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "program.h"

namespace tekio::test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

const std::string M = model_folder();

class Compared : public testing::Test {
 protected:
  // A model that has seen a little of the text.
  std::string trained(const std::string& name = "run") {
    const std::string folder = folder_ / name;
    const Result result = run({"adapt",     "-m",
                               M,           "-d",
                               data_,       "-o",
                               folder,      "--chunk_size",
                               "32",        "--max_steps",
                               "3",         "--lr",
                               "1e-3",      "--batch_size",
                               "8",         "--save_strategy",
                               "no",        "--eval_strategy",
                               "no",        "--quiet",
                               "--no_cache"});
    EXPECT_EQ(result.code, 0) << result.err;
    return folder;
  }
  std::vector<std::string> eval(const std::vector<std::string>& models, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"eval", "--data", data_, "--chunk_size", "32", "--no_cache"};
    for (const std::string& model : models) arguments.insert(arguments.end(), {"--model", model});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  ScratchFolder folder_;
  const std::string data_ = folder_.write("text.txt", sentences(60));
};

TEST_F(Compared, HaveTheFiguresThatEachHasAlone) {
  const std::string other = trained();
  const Json both = run(eval({M, other}, {"--json"})).json();
  ASSERT_EQ(both["models"].size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const std::string name = i == 0 ? M : other;
    const Json alone = run(eval({name}, {"--json"})).json();
    EXPECT_EQ(both["models"][i]["model"], name);
    for (const char* key : {"eval_loss", "perplexity", "accuracy", "eval_chunks", "masked_tokens"})
      EXPECT_EQ(both["models"][i][key], alone[key]) << key;
    EXPECT_TRUE(both["models"][i]["seconds"].is_number());
  }
  ASSERT_EQ(both["differences"].size(), 1u);
  const Json& difference = both["differences"][0];
  EXPECT_EQ(difference["model"], other);
  EXPECT_EQ(difference["against"], M);
  const double loss = difference["eval_loss"];
  EXPECT_NEAR(loss, both["models"][1]["eval_loss"].get<double>() - both["models"][0]["eval_loss"].get<double>(), 1e-9);
  EXPECT_LT(loss, 0) << "it has seen the text";
  EXPECT_LE(difference["low"].get<double>(), loss);
  EXPECT_LE(loss, difference["high"].get<double>());
  // The same chunks are easy or hard for both: the paired interval is far narrower than each model's own.
  const double half = difference["high"].get<double>() - loss;
  const double own =
      both["models"][0]["perplexity_interval"].get<double>() / both["models"][0]["perplexity"].get<double>();
  EXPECT_LT(half, own);
}

TEST_F(Compared, MayBeTheSameOne) {
  const Json twice = run(eval({M, M}, {"--json", "--masking_rng", "torch"})).json();
  EXPECT_EQ(twice["models"][0]["eval_loss"], twice["models"][1]["eval_loss"]);
  for (const char* key : {"eval_loss", "low", "high"}) EXPECT_EQ(twice["differences"][0][key], 0.0) << key;
  const Json one_chunk = run(eval({M, M}, {"--json", "--max_chunks", "1"})).json();
  EXPECT_TRUE(one_chunk["differences"][0]["low"].is_null()) << "one chunk has no spread";
  const Json several =
      run({"eval", "-d", data_, "--no_cache", "--chunk_size", "32", "--json", "-m", M, M, "--model_name_or_path", M})
          .json();
  EXPECT_EQ(several["models"].size(), 3u);
  EXPECT_EQ(several["differences"].size(), 2u);
}

TEST_F(Compared, AreATableOfEightyColumns) {
  const std::string far = "a-folder-with-a-name-that-no-table-has-room-for/and-another-one";
  std::filesystem::create_directories(folder_ / far);
  for (const auto& file : std::filesystem::directory_iterator(M))
    std::filesystem::copy(file.path(), folder_ / far + "/" + file.path().filename().string());
  const Result result = run(eval({M, folder_ / far}));
  EXPECT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto columns =
        std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    EXPECT_LE(columns, 80) << line;
  }
  EXPECT_EQ(count, 5);
  EXPECT_THAT(result.out, HasSubstr("and-another-one"));
  EXPECT_THAT(result.out, HasSubstr("+0.0000 ± 0.0000"));
}

TEST_F(Compared, NeedOneVocabulary) {
  const Result result = run(eval({M, "tekio-small-uncased"}));
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("the models " + M + " and "));
  EXPECT_THAT(result.err, HasSubstr("have different vocabularies, "));
  EXPECT_THAT(result.err, HasSubstr("tekio-small-uncased"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(Compared, AreTwoToEight) {
  EXPECT_EQ(run(eval(std::vector<std::string>(8, M), {"--dump_config"})).code, 0);
  const Result nine = run(eval(std::vector<std::string>(9, M)));
  EXPECT_EQ(nine.code, 2);
  EXPECT_THAT(nine.err, HasSubstr("--model is given 9 times, expected at most 8 models to compare"));
  const Result none = run(eval({M, folder_ / "none"}));
  EXPECT_EQ(none.code, 4) << "a misspelt one is told before anything is evaluated";
  EXPECT_THAT(none.err, HasSubstr("none"));
}

TEST_F(Compared, ShareTheShortestLength) {
  const std::string other = folder_ / "short";
  std::filesystem::create_directory(other);
  for (const auto& file : std::filesystem::directory_iterator(M))
    std::filesystem::copy(file.path(), other + "/" + file.path().filename().string());
  const std::string settings = read_file(other + "/tokenizer_config.json");
  Json config = Json::parse(settings);
  config["model_max_length"] = 48;
  folder_.write("short/tokenizer_config.json", config.dump());
  const Result result = run(eval({M, other}, {"--chunk_size", "64", "--json"}));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--chunk_size 64 is more than the 48 tokens"));
  EXPECT_EQ(result.json()["models"][0]["eval_chunks"], result.json()["models"][1]["eval_chunks"]);
}

TEST_F(Compared, ConfigFilesHoldOneOrSeveral) {
  const Result one = run(eval({M}, {"--dump_config"}));
  EXPECT_THAT(one.out, HasSubstr("\nmodel = \"" + M + "\"\n")) << "as other commands write it";
  const Result two = run(eval({M, "b"}, {"--dump_config"}));
  EXPECT_THAT(two.out, HasSubstr("\nmodel = [\"" + M + "\", \"b\"]\n"));
  for (const std::string& dump : {one.out, two.out})
    EXPECT_EQ(run({"eval", "--config", folder_.write("c.toml", dump), "--dump_config"}).out, dump);
}

TEST_F(Compared, TheBundledOneByItsName) {
  const Result result = run(eval({"tekio-small-uncased", M}, {"--max_chunks", "1"}));
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("the models tekio-small-uncased and ")) << "it was found";
}

}  // namespace
}  // namespace tekio::test
