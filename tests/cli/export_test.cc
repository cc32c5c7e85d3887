// tekio export: the folder it makes, the figures it gives, what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

class ExportCommand : public testing::Test {
 protected:
  std::vector<std::string> exporting(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"export", "--format", "onnx", model_folder(), "--no_cache"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  ScratchFolder folder_;
};

TEST_F(ExportCommand, GivesPerplexityBeforeAndAfter) {
  std::string text;
  for (int i = 0; i < 80; ++i)
    text += "the film was a great deal longer than it had to be, and nobody seemed to mind.\n";
  const std::string data = folder_.write("film.txt", text), out = folder_ / "out";
  const Result result = run(exporting(
      {"--output_dir", out, "--dtype", "int8", "--data", data, "--chunk_size", "32", "--max_chunks", "4", "--json"}));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["path"], out + "/model.onnx");
  EXPECT_GT(result.json()["max_logit_difference"].get<double>(), 0);
  const double before = result.json()["perplexity"]["before"].get<double>();
  EXPECT_NEAR(result.json()["perplexity"]["after"].get<double>() / before, 1, 0.2);
  const Result evaluated = run({"eval", "--model", model_folder(), "--data", data, "--chunk_size", "32", "--max_chunks",
                                "4", "--dtype", "f32", "--no_cache", "--json"});
  EXPECT_NEAR(evaluated.json()["perplexity"].get<double>() / before, 1, 1e-5) << "the same masks as eval's";
}

TEST_F(ExportCommand, RefusesInASentence) {
  const std::string out = folder_ / "out";
  const std::string used = folder_.write("used/file.txt", "kept");
  for (const auto& [arguments, part] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"export", model_folder(), "--output_dir", out}, "--format is missing"},
           {{"export", "--format", "onnx", model_folder()}, "--output_dir is missing"},
           {exporting({"--output_dir", out, "--model", "other"}),
            "--model other contradicts the argument " + model_folder()},
           {exporting({"--output_dir", out, "--dtype", "bf16"}), "expected one of f32, int8"},
           {exporting({"--output_dir", folder_ / "used"}), "name a folder that is missing or empty"}}) {
    const Result result = run(arguments);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_FALSE(std::filesystem::exists(out));
  }
}

}  // namespace
}  // namespace tekio::test
