// tekio pretrain from the outside: what it needs, what it writes, that its runs go on and are asked for again as
// adapt's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "compute/bf16.h"
#include "model/safetensors.h"
#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::HasSubstr;

const std::string T = model_folder();  // whose tokenizer has 2,048 entries

class Pretrain : public testing::Test {
 protected:
  static std::string config(int vocabulary) {
    return Json{{"model_type", "bert"},
                {"vocab_size", vocabulary},
                {"hidden_size", 32},
                {"num_hidden_layers", 2},
                {"num_attention_heads", 2},
                {"intermediate_size", 64},
                {"max_position_embeddings", 32},
                {"team", "ours"}}
        .dump();
  }
  // Options of a run of a second, JSON result; four updates of an epoch of more.
  std::vector<std::string> small(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"pretrain", "--config",     config_, "--tokenizer",
                                    T,          "--data",       text_,   "--output_dir",
                                    run_,       "--chunk_size", "16",    "--per_device_train_batch_size",
                                    "4",        "--max_steps",  "4",     "--learning_rate",
                                    "1e-3",     "--no_cache",   "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  static std::string weights(const std::string& run) { return read_file(run + "/model.safetensors"); }

  ScratchFolder folder_;
  const std::string run_ = folder_ / "run";
  const std::string text_ = folder_.write("text.txt", sentences(60));
  const std::string config_ = folder_.write("mini.json", config(2050));  // larger than needed: padded
};

TEST_F(Pretrain, MakesAModelFolderThatAdaptTakes) {
  const Result result = run(small());
  ASSERT_EQ(result.code, 0) << result.err;
  const Json r = result.json();
  EXPECT_EQ(r["run_dir"], run_);
  EXPECT_EQ(r["model"]["name"], "mini");
  EXPECT_EQ(r["model"]["family"], "BERT");
  EXPECT_EQ(r["train"]["steps"], 4);
  const double before = r["perplexity"]["before"].get<double>();
  EXPECT_NEAR(before, 2050, 250) << "every entry is as likely as any other";
  EXPECT_LT(r["perplexity"]["after"].get<double>(), before);
  const Json saved = Json::parse(read_file(run_ + "/config.json"));
  EXPECT_EQ(saved["vocab_size"], 2050);
  EXPECT_EQ(saved["team"], "ours");
  EXPECT_EQ(saved["architectures"][0], "BertForMaskedLM");
  EXPECT_EQ(run({"info", run_, "--json"}).json()["parameters"], r["model"]["parameters"]);
  const Json adapted = run({"adapt", "--model", run_, "--data", text_, "--output_dir", folder_ / "adapted",
                            "--chunk_size", "16", "--max_steps", "1", "--no_cache", "--json"})
                           .json();
  EXPECT_NEAR(adapted["perplexity"]["before"].get<double>(), r["perplexity"]["after"].get<double>(), 1e-6);
}

TEST_F(Pretrain, SaysBeforeTheRunThatItsModelIsShorterThanTheTokenizer) {
  fs::copy(T, folder_ / "long");
  Json settings = Json::parse(read_file(T + "/tokenizer_config.json"));
  settings["model_max_length"] = 512;
  folder_.write("long/tokenizer_config.json", settings.dump());
  const Result result = run(small({"--tokenizer", folder_ / "long", "--max_steps", "1"}));
  ASSERT_EQ(result.code, 0) << result.err;
  const size_t note = result.err.find("the tokenizer's model_max_length is 512, but the model has 32 positions");
  EXPECT_LT(note, result.err.find(" model    ")) << result.err;
  EXPECT_EQ(result.err.find("model_max_length", note + 20), std::string::npos) << "once";
}

TEST_F(Pretrain, TheSeedDecidesTheWeights) {
  const auto loss = [&](const std::string& seed) {
    return run(small({"--seed", seed, "--max_steps", "1", "--overwrite_output_dir"})).json()["train"]["loss"];
  };
  EXPECT_EQ(loss("1"), loss("1"));
  EXPECT_NE(loss("1"), loss("2"));
}

TEST_F(Pretrain, AResumedRunHasTheSameBits) {
  ASSERT_EQ(run(small({"--save_strategy", "steps", "--save_steps", "2"})).code, 0);
  const Result other = run(small({"--output_dir", folder_ / "other", "--resume_from_checkpoint", run_ + "/checkpoint-2",
                                  "--save_strategy", "steps", "--save_steps", "2"}));
  ASSERT_EQ(other.code, 0) << other.err;
  EXPECT_THAT(other.err, HasSubstr("/checkpoint-2 at update 2 of 4"));
  EXPECT_LT(Json::parse(read_file(run_ + "/trainer_state.json"))["epoch"], 1) << "so that it goes on within a pass";
  EXPECT_EQ(weights(run_), weights(folder_ / "other"));
}

TEST_F(Pretrain, AFolderHoldsAConfigTooAndAFileOfOptionsMayStandBesideIt) {
  folder_.write("mini/config.json", config(2048));
  const std::string options = folder_.write("o.toml", "max_steps = 1\ntokenizer = '" + T + "'\n");
  const std::string other = folder_ / "other";
  const Result result = run({"pretrain", "--config", folder_ / "mini", "--config", options, "--data", text_,
                             "--chunk_size", "16", "--output_dir", run_, "--no_cache", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["model"]["name"], "mini");
  EXPECT_EQ(result.json()["train"]["steps"], 1);
  ASSERT_EQ(run({"pretrain", "--config", run_ + "/options.toml", "--output_dir", other}).code, 0);
  EXPECT_EQ(weights(run_), weights(other)) << "the record asks for the same run";
}

TEST_F(Pretrain, ARunMlmCommandLineFromNothingWorksUnchanged) {
  const Json r = run({"pretrain",
                      "--model_type",
                      "bert",
                      "--config_name",
                      config_,
                      "--tokenizer_name",
                      T,
                      "--train_file",
                      text_,
                      "--validation_file",
                      folder_.write("v.txt", sentences(9)),
                      "--do_train",
                      "--do_eval",
                      "--max_seq_length",
                      "16",
                      "--max_steps",
                      "2",
                      "--max_eval_samples",
                      "4",
                      "--output_dir",
                      run_,
                      "--no_cache",
                      "--json"})
                     .json();
  EXPECT_EQ(r["train"]["steps"], 2);
  EXPECT_EQ(r["data"]["eval_chunks"], 4);
}

TEST_F(Pretrain, ADryRunTrainsNothing) {
  const Result result = run({"pretrain", "--config", config_, "--tokenizer", T, "--data", text_, "--chunk_size", "16",
                             "--dry_run", "--json", "--no_cache"},
                            {.folder = folder_.path()});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["run_dir"], "mini-pretrained-text");
  EXPECT_GT(result.json()["plan"]["memory_bytes"], 0);
}

TEST_F(Pretrain, RefusesInOneSentence) {
  folder_.write("mine/notes.txt", "not a run's");
  folder_.write("run/keep.json", "{}");
  const std::string small_vocabulary = folder_.write("small.json", config(2047)),
                    no_sizes = folder_.write("none.json", R"({"model_type": "bert"})"),
                    other_padding = folder_.write("padding.json",
                                                  [] {
                                                    Json json = Json::parse(config(2050));
                                                    json["pad_token_id"] = 7;
                                                    return json.dump();
                                                  }()),
                    no_json = folder_.write("broken.json", "{"), no_model = folder_.write("other.json", "{}"),
                    none = folder_ / "absent.json";
  const auto with = [&](std::vector<std::string> start) {
    start.insert(start.begin(), "pretrain");
    for (const char* more : {"--chunk_size", "16", "--max_steps", "1", "--no_cache"}) start.emplace_back(more);
    return start;
  };
  const struct {
    std::vector<std::string> arguments;
    int code;
    std::string message;
  } cases[] = {
      {with({}), 2, "--config is missing: tekio pretrain needs the config.json of the model to make"},
      {with({"--config", config_}), 2, "--tokenizer is missing: tekio pretrain needs the folder of a tokenizer"},
      {with({"--config", config_, "--tokenizer", T}), 2, "--data is missing"},
      {with({"--config", config_, "--config_name", none, "--tokenizer", T}), 2, "they are two names of one option"},
      {with({"--config", none, "--tokenizer", T, "--data", text_}), 4, "no model config " + none},
      {with({"--config", no_json, "--tokenizer", T, "--data", text_}), 3, no_json},
      {with({"--config", no_sizes, "--tokenizer", T, "--data", text_}), 3, no_sizes + ": vocab_size is missing"},
      {with({"--config", no_model, "--tokenizer", T, "--data", text_}), 3, no_model + ": model_type is missing"},
      {with({"--config", small_vocabulary, "--tokenizer", T, "--data", text_}), 3,
       "the tokenizer has 2048 entries but vocab_size is 2047 in " + small_vocabulary + ": set it to 2048 or more"},
      {with({"--config", other_padding, "--tokenizer", T, "--data", text_}), 3,
       "pad_token_id is 7 in " + other_padding + ", but the tokenizer's padding token [PAD] is number 0: set it to 0"},
      {with({"--config", config_, "--tokenizer", T + "/vocab.txt", "--data", text_}), 2,
       "--tokenizer " + T + "/vocab.txt is a file, expected the folder that holds it"},
      {with({"--config", config_, "--tokenizer", T, "--data", text_, "--output_dir", folder_ / "mine"}), 2,
       "holds files that are not a run's (notes.txt, say)"},
      {with({"--config", config_, "--tokenizer", T, "--data", text_, "--model", T}), 2, "unknown option --model"},
      {with({"--config", config_, "--config_overrides", "n=1", "--tokenizer", T, "--data", text_}), 2,
       "--config_overrides n=1 cannot be honoured"},
      {{"adapt", "--config", config_}, 2, "mini.json:1: not TOML"},
  };
  for (const auto& c : cases) {
    const Result result = run(c.arguments, {.folder = folder_.path()});
    EXPECT_EQ(result.code, c.code) << c.message;
    EXPECT_THAT(result.err, HasSubstr("tekio: "));
    EXPECT_THAT(result.err, HasSubstr(c.message));
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(Pretrain, TellsOfRowsThatNoTokenUses) {
  const std::string large = folder_.write("large.json", config(2500));
  const Result result = run({"pretrain", "--config", large, "--tokenizer", T, "--data", text_, "--chunk_size", "16",
                             "--max_steps", "1", "--no_cache", "--dry_run"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("vocab_size is 2500 in " + large +
                                    " but the tokenizer has 2048 entries: 452 rows can never be used; 2048 is enough"));
  EXPECT_THAT(result.err, testing::Not(HasSubstr("different models"))) << "there are no weights";
}

TEST_F(Pretrain, ItsLossIsDrawnFromTheRun) {
  ASSERT_EQ(run(small({"--eval_strategy", "steps", "--eval_steps", "2", "--logging_steps", "1"})).code, 0);
  const auto draw = [](const std::string& source, const std::string& picture) {
    const std::string command = "python3 '" TEKIO_LOSS_CURVE_SCRIPT "' '" + source + "' '" + picture + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read_file(picture);
  };
  const std::string svg = draw(run_, folder_ / "a.svg");
  EXPECT_THAT(svg, testing::StartsWith("<svg "));
  EXPECT_THAT(svg, testing::EndsWith("</svg>\n"));
  for (const char* part : {"The loss of run", "each update", "logged", "evaluation", "accuracy", "(perplexity "})
    EXPECT_THAT(svg, HasSubstr(part));
  // While the run goes on, its newest checkpoint tells.
  ASSERT_TRUE(fs::remove(run_ + "/trainer_state.json"));
  EXPECT_EQ(draw(run_, folder_ / "a2.svg").substr(0, 200), svg.substr(0, 200));
  EXPECT_THAT(read_file(folder_ / "a2.svg"), HasSubstr("(perplexity "));
  // Of a folder that holds no more, as the reference stack leaves it: what its log has.
  const std::string state = folder_.write(
      "reference/trainer_state.json", R"({"log_history": [{"step": 5, "loss": 2.5}, {"step": 5, "eval_loss": 2.5}]})");
  const std::string plain = draw(state, folder_ / "b.svg");
  EXPECT_THAT(plain, HasSubstr("2.500 (perplexity 12.18)"));
  EXPECT_THAT(plain, testing::Not(HasSubstr("accuracy")));
  // Of two runs, the second goes on where the first ended: both evaluations are there, 5 updates apart.
  const std::string both = draw(state + "' '" + state, folder_ / "c.svg");
  EXPECT_THAT(both, HasSubstr("The loss of trainer_state.json, trainer_state.json"));
  const auto discs = [](const std::string& picture) {
    size_t count = 0;
    for (size_t at = picture.find("<circle"); at != std::string::npos; at = picture.find("<circle", at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(discs(plain), 1U);
  EXPECT_EQ(discs(both), 2U);
  EXPECT_THAT(both, HasSubstr(">10</text>")) << "the axis of updates reaches both runs' end";
}

TEST(PretrainScripts, RefuseWhatTheyCannotReadAndLeaveNothing) {
  const ScratchFolder folder;
  const auto runs = [&](const std::string& arguments) {
    return std::system(("python3 " + arguments + " 2> '" + folder / "err" + "' > '" + folder / "out" + "'").c_str());
  };
  EXPECT_NE(runs("'" TEKIO_LOSS_CURVE_SCRIPT "' '" + folder / "none" + "' '" + folder / "c.svg" + "'"), 0);
  EXPECT_THAT(read_file(folder / "err"), HasSubstr("expected run folders, then the picture's name"));
  EXPECT_FALSE(fs::exists(folder / "c.svg"));

  const std::string text =
      folder.write("text.txt", "One sentence stands here. \"Another one!\" he said. No.\n\nA third of them is here.\n");
  const std::string shuffle = "'" TEKIO_SHUFFLE_SENTENCES_SCRIPT "' '" + text + "' '";
  ASSERT_EQ(runs(shuffle + folder / "s.txt" + "'"), 0);
  const std::string sentences = read_file(folder / "s.txt");
  for (const char* sentence : {"One sentence stands here.\n", "A third of them is here.\n"})
    EXPECT_THAT(sentences, HasSubstr(sentence));
  EXPECT_THAT(sentences, testing::Not(HasSubstr("No.\n"))) << "shorter than 15 characters";
  EXPECT_NE(runs(shuffle + folder / "s.txt" + "'"), 0) << "a text that is there is not overwritten";
  EXPECT_THAT(read_file(folder / "err"), HasSubstr("is there already"));
  EXPECT_NE(runs("'" TEKIO_SHUFFLE_SENTENCES_SCRIPT "' '" + folder / "none" + "' '" + folder / "t.txt" + "'"), 0);
  EXPECT_FALSE(fs::exists(folder / "t.txt"));
}

TEST_F(Pretrain, ARunIsBundledWithItsWeightsRoundedToBf16) {
  ASSERT_EQ(run(small()).code, 0);
  const ScratchFolder folder;
  const std::string bundled = folder / "bundled", script = "python3 '" TEKIO_BUNDLE_MODEL_SCRIPT "' '";
  ASSERT_EQ(std::system((script + run_ + "' '" + bundled + "'").c_str()), 0);
  const SafetensorsFile from(run_ + "/model.safetensors"), to(bundled + "/model.safetensors");
  ASSERT_EQ(from.tensors().size(), to.tensors().size());
  for (const auto& [name, tensor] : from.tensors()) {
    const StoredTensor& rounded = to.tensors().at(name);
    EXPECT_EQ(rounded.dtype, "BF16");
    EXPECT_EQ(rounded.shape, tensor.shape);
    std::vector<float> numbers(tensor.bytes.size() / sizeof(float)), halves(numbers.size());
    to_float32(tensor, numbers, name);
    to_float32(rounded, halves, name);
    for (size_t i = 0; i < numbers.size(); ++i)
      ASSERT_EQ(halves[i], float{bf16(numbers[i])}) << name << "[" << i << "]";
  }
  EXPECT_EQ(run({"fill", "--model", bundled, "a [MASK] b"}).code, 0);
  const Json described = Json::parse(read_file(bundled + "/config.json"));
  EXPECT_EQ(described["dtype"], "bfloat16");
  EXPECT_EQ(described["dropout"], 0.1) << "for whoever trains it further";
  EXPECT_NE(std::system((script + bundled + "' '" + folder / "again" + "' 2> '" + folder / "err" + "'").c_str()), 0);
  EXPECT_THAT(read_file(folder / "err"), HasSubstr("is BF16, expected F32"));
}

TEST_F(Pretrain, TheConfigIsNotReplacedByItsRun) {
  ASSERT_EQ(run(small()).code, 0);
  const Result again = run(small({"--config", run_ + "/config.json", "--overwrite_output_dir"}));
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("--config " + run_ + "/config.json lies in --output_dir " + run_));
}

}  // namespace
}  // namespace tekio::test
