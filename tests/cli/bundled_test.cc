// What an installation brings along: corpora by name with their licences, and the options of the bundled model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A share folder of our own: one corpus, and a model where wanted.
class Bundled : public testing::Test {
 protected:
  Bundled() {
    fs::create_directories(folder_ / "share/corpora/rivers");
    folder_.write("share/corpora/rivers/train.txt", sentences(40, 1));
    folder_.write("share/corpora/rivers/test.txt", sentences(10, 2));
    folder_.write("share/corpora/corpora.json", R"({"default": "rivers", "corpora": [{"name": "rivers",
      "title": "Sentences of a test", "licence": "CC0 1.0", "attribution": "by nobody",
      "prompts": ["This is a [MASK]."]}]})");
  }
  void add_model() {
    fs::copy(model_folder(), folder_ / "share/tekio-small-uncased", fs::copy_options::recursive);
    folder_.write("share/adapt.toml",
                  "learning_rate = 0.002\nnum_train_epochs = 2\nchunk_size = 16\nsave_strategy = \"no\"\n");
  }
  Result run_here(const std::vector<std::string>& arguments) const { return run(arguments, start_); }

  ScratchFolder folder_;
  const Start start_ = {.environment = {{"TEKIO_SHARE", folder_ / "share"}, {"TEKIO_CACHE", folder_ / "cache"}},
                        .folder = folder_.path()};
};

TEST_F(Bundled, ListsCorporaWithTheirLicences) {
  const auto list = run_here({"data", "list", "--json"}).json()["corpora"];
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0]["name"], "rivers");
  EXPECT_EQ(list[0]["licence"], "CC0 1.0");
  EXPECT_EQ(list[0]["splits"]["train"]["rows"], 40);
  EXPECT_EQ(list[0]["splits"]["test"]["rows"], 10);
  const Result text = run_here({"data", "list"});
  for (const char* part : {"rivers", "Sentences of a test", "train 40 rows", "licence: CC0 1.0", "by nobody"})
    EXPECT_THAT(text.out, HasSubstr(part));
}

TEST_F(Bundled, NamesStandWhereDataIsAskedFor) {
  EXPECT_EQ(run_here({"data", "info", "rivers", "--json"}).json()["splits"]["test"]["rows"], 10);
  EXPECT_EQ(run_here({"data", "info", "rivers:test", "--json"}).json()["splits"].size(), 1U);
  const Result near = run_here({"data", "info", "river"});
  EXPECT_EQ(near.code, 4);
  EXPECT_THAT(near.err,
              testing::AllOf(HasSubstr("there is no file or folder river here"), HasSubstr("did you mean rivers?")));
  const Result unknown = run_here({"data", "info", "mountains"});
  EXPECT_EQ(unknown.code, 4);
  EXPECT_THAT(unknown.err, testing::AllOf(HasSubstr("there is no file or folder mountains here"),
                                          HasSubstr("the bundled corpora are rivers")));
  fs::create_directories(folder_ / "rivers");  // what is here comes first
  folder_.write("rivers/train.txt", sentences(3));
  EXPECT_EQ(run_here({"data", "info", "rivers", "--json"}).json()["splits"]["train"]["rows"], 3);
}

TEST_F(Bundled, AColumnThatIsNamedMustBeThere) {
  const std::string M = model_folder();
  const Result none = run_here({"data", "chunks", "rivers", "--model", M, "--text_column_name", "body"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("there is no column \"body\""));
  EXPECT_EQ(run_here({"data", "chunks", "rivers", "--model", M, "--text_column_name", "text"}).code, 0);
}

TEST_F(Bundled, AdaptNeedsNoArguments) {
  add_model();
  const Result result = run_here({"adapt", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto r = result.json();
  EXPECT_EQ(r["model"]["name"], "tekio-small-uncased");
  EXPECT_EQ(r["run_dir"], "tekio-small-uncased-finetuned-rivers");
  EXPECT_EQ(r["perplexity"]["epochs"].size(), 2U);
  ASSERT_EQ(r["prompts"].size(), 1U);
  EXPECT_EQ(r["prompts"][0]["text"], "This is a [MASK].");
}

TEST_F(Bundled, ItsModelFillsMasks) {
  add_model();
  const Result bundled = run_here({"fill", "This is a [MASK].", "--json"});
  EXPECT_EQ(bundled.code, 0) << bundled.err;
  EXPECT_EQ(bundled.out, run_here({"fill", "--model", model_folder(), "This is a [MASK].", "--json"}).out);
  fs::remove_all(folder_ / "share/tekio-small-uncased");
  const Result missing = run_here({"fill", "This is a [MASK]."});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("--model is missing, and this installation has no bundled model"));
}

TEST_F(Bundled, ItsModelBecomesAnOnnxFile) {
  add_model();
  const Result bundled = run_here({"export", "--format", "onnx", "--output_dir", "bundled"});
  ASSERT_EQ(bundled.code, 0) << bundled.err;
  ASSERT_EQ(run_here({"export", "--format", "onnx", model_folder(), "--output_dir", "named"}).code, 0);
  EXPECT_EQ(read_file(folder_ / "bundled/model.onnx"), read_file(folder_ / "named/model.onnx"));
}

TEST_F(Bundled, TellsWhatTrainingCostsElsewhere) {
  add_model();
  const std::string other = folder_.write("other.txt", sentences(30, 9));
  const Result result = run_here({"adapt", "--general_data", other, "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto general = result.json()["general"];
  EXPECT_EQ(general["data"], "other.txt");
  const auto evaluated = [&](const std::string& model) {
    return run_here({"eval", "--model", model, "--data", other, "--chunk_size", "16", "--json"}).json();
  };
  EXPECT_NEAR(general["eval_loss"]["before"].get<double>(), evaluated(model_folder())["eval_loss"].get<double>(), 1e-6);
  EXPECT_NEAR(general["eval_loss"]["after"].get<double>(),
              evaluated(folder_ / "tekio-small-uncased-finetuned-rivers")["eval_loss"].get<double>(), 1e-6);
  EXPECT_THAT(result.err, HasSubstr(" general  perplexity "));
  EXPECT_THAT(result.err, HasSubstr(" · on other.txt\n saved "));
  EXPECT_THAT(result.err, HasSubstr(" device   cpu · "));
  EXPECT_THAT(result.err, HasSubstr("\n defaults the bundled model's (" + folder_ / "share/adapt.toml" + ")\n"));
  EXPECT_EQ(general["before"], general["perplexity"]["before"]);
  EXPECT_EQ(general["after"], general["perplexity"]["after"]);
  folder_.write("share/adapt.toml", read_file(folder_ / "share/adapt.toml") + "general_data = [\"other.txt\"]\n");
  const Result without = run_here({"adapt", "--general_data", "none", "--overwrite_output_dir", "--json"});
  ASSERT_EQ(without.code, 0) << without.err;
  EXPECT_TRUE(without.json()["general"].is_null());
  EXPECT_THAT(without.err, testing::Not(HasSubstr("general")));

  const std::string blank = folder_.write("blank.txt", "a\n");
  const Result refused = run_here({"adapt", "--general_data", blank, "--overwrite_output_dir"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("the text to evaluate on as --general_data is too short"));
}

TEST_F(Bundled, ItsModelIsEvaluatedWhereNoneIsNamed) {
  const std::vector<std::string> eval = {"eval", "--data", "rivers", "--chunk_size", "16", "--json"};
  const Result none = run_here(eval);
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("--model"));
  add_model();
  std::vector<std::string> named = eval;
  named.insert(named.end(), {"--model", model_folder()});
  EXPECT_EQ(run_here(eval).json()["eval_loss"], run_here(named).json()["eval_loss"]);
}

TEST_F(Bundled, ItsOptionsGiveWayToThoseGiven) {
  add_model();
  const auto options = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"adapt", "--dump-config", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const Result result = run_here(all);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.json();
  };
  EXPECT_EQ(options({})["learning_rate"], 0.002);
  EXPECT_EQ(options({"--learning_rate", "0.1"})["learning_rate"], 0.1);
  EXPECT_EQ(options({"--learning_rate", "0.1"})["num_train_epochs"], 2);
  const std::string file = folder_.write("mine.toml", "num_train_epochs = 5\n");
  EXPECT_EQ(options({"--config", file})["num_train_epochs"], 5);
  EXPECT_EQ(options({"--config", file})["learning_rate"], 0.002);
  // Another model has other needs.
  EXPECT_EQ(options({"--model", model_folder()})["num_train_epochs"], 3);
  const std::string other = folder_.write("other.toml", "model = \"" + model_folder() + "\"\n");
  EXPECT_EQ(options({"--config", other})["num_train_epochs"], 3);
}

TEST_F(Bundled, TextKeptForATestIsNotTrainedOn) {
  add_model();
  fs::remove(folder_ / "share/corpora/rivers/train.txt");
  const Result result = run_here({"adapt", "--data", "rivers"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("no split train, it has test; name the one to train on: rivers:test"));
}

TEST_F(Bundled, TellsWhatAnInstallationLacks) {
  Result result = run_here({"adapt"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--model is missing, and this installation has no bundled model"));
  fs::remove_all(folder_ / "share/corpora");
  EXPECT_EQ(run_here({"data", "list", "--json"}).json()["corpora"].size(), 0U);
  add_model();
  result = run_here({"adapt"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--data is missing, and this installation has no bundled text"));
}

TEST_F(Bundled, AnotherModelIsNotTrainedOnATextThatNobodyAskedFor) {
  const Result result = run_here({"adapt", "--model", model_folder()});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--data is missing: pass files or a folder of text, or the name of a bundled"));
}

TEST_F(Bundled, DamagedListsAreRefused) {
  for (const auto& [text, message] : {std::pair{"[", "corpora.json"},
                                      {R"({"corpora": 1})", "expected a list \"corpora\""},
                                      {R"({"corpora": [{"title": "x"}]})", "a corpus has no \"name\""}}) {
    folder_.write("share/corpora/corpora.json", text);
    const Result result = run_here({"data", "list"});
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr(message));
  }
}

}  // namespace
}  // namespace tekio::test
