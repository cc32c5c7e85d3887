// tekio adapt from the outside: what is trained on and evaluated on, what stands on which output, folders, signals,
// resuming.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <thread>

#include "program.h"
#include "support/sanitizer.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::AllOf;
using testing::HasSubstr;

const std::string M = model_folder();

class Adapt : public testing::Test {
 protected:
  // Options of a run of a second, JSON result.
  std::vector<std::string> small(std::vector<std::string> more) const {
    std::vector<std::string> all = {"adapt", "--model",     M,   "--chunk_size", "16", "--per_device_train_batch_size",
                                    "8",     "--max_steps", "4", "--output_dir", run_, "--no_cache",
                                    "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // The data part of the result.
  Json data(const std::vector<std::string>& more) const { return run(small(more)).json()["data"]; }

  ScratchFolder folder_;
  const std::string run_ = folder_ / "run";
  const std::string text_ = folder_.write("text.txt", sentences(60));
};

TEST_F(Adapt, GivesTheResultThatTheContractSays) {
  const Result result = run(small({"--data", text_, "--prompt", "the [MASK] of", "--eval_strategy", "steps",
                                   "--eval_steps", "2", "--trace", folder_ / "trace"}));
  ASSERT_EQ(result.code, 0) << result.err;
  const Json r = result.json();
  EXPECT_EQ(r["run_dir"], run_);
  EXPECT_EQ(r["model"]["name"], "tiny-model");
  EXPECT_EQ(r["model"]["family"], "DistilBERT");
  EXPECT_EQ(r["data"]["rows"], 60);
  EXPECT_GT(r["data"]["tokens"], 0);
  EXPECT_GT(r["data"]["train_chunks"], r["data"]["eval_chunks"]);
  for (const char* key : {"before", "epochs", "after"}) {
    EXPECT_TRUE(r["perplexity"].contains(key));
    EXPECT_TRUE(r["accuracy"].contains(key));
    EXPECT_TRUE(r["eval_loss"].contains(key));
  }
  EXPECT_NEAR(std::log(r["perplexity"]["after"].get<double>()), r["eval_loss"]["after"].get<double>(), 1e-9);
  EXPECT_EQ(r["perplexity"]["epochs"].size(), r["eval_loss"]["epochs"].size());
  EXPECT_EQ(r["train"]["steps"], 4);
  for (const char* key : {"loss", "seconds", "tokens_per_second"}) EXPECT_TRUE(r["train"][key].is_number()) << key;
  ASSERT_EQ(r["prompts"].size(), 1u);
  EXPECT_EQ(r["prompts"][0]["before"].size(), 5u);
  EXPECT_EQ(r["prompts"][0]["after"].size(), 5u);
  EXPECT_THAT(result.err, HasSubstr(" model    tiny-model · DistilBERT · "));
  EXPECT_THAT(result.err, HasSubstr(" data     text.txt · column text · 60 rows · "));
  EXPECT_THAT(result.err, testing::ContainsRegex(" before   perplexity .* · accuracy [0-9.]+ %"));
  EXPECT_THAT(result.err, testing::ContainsRegex(" after    perplexity .* · accuracy [0-9.]+ %"));
  for (const char* name : {"model.safetensors", "config.json", "tokenizer.json", "trainer_state.json",
                           "train_results.json", "eval_results.json", "all_results.json"})
    EXPECT_TRUE(fs::exists(fs::path(run_) / name)) << name;
  const std::string trace = read_file(folder_ / "trace");
  EXPECT_EQ(std::count(trace.begin(), trace.end(), '\n'), 4);
  EXPECT_EQ(run({"info", run_, "--json"}).json()["parameters"], r["model"]["parameters"])
      << "the run folder is a model folder";
}

TEST_F(Adapt, PlainOutputIsTheRunFolder) {
  auto arguments = small({"--data", text_, "--no_json", "--quiet"});
  const Result result = run(arguments);
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, run_ + "\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Adapt, EvaluatesOnTheLastRowsWhereThereIsNothingElse) {
  // round half to even: 5 % of 60 rows are 3, of 50 rows 2 (2.5)
  const Json sixty = data({"--data", text_, "--line_by_line"});
  EXPECT_EQ(sixty["train_chunks"], 57);
  EXPECT_EQ(sixty["eval_chunks"], 3);
  fs::remove_all(run_);
  const Json fifty =
      data({"--data", folder_.write("fifty.txt", sentences(50)), "--line_by_line", "--mlm_probability", "0.9"});
  EXPECT_EQ(fifty["eval_chunks"], 2);
  fs::remove_all(run_);
  EXPECT_EQ(data({"--data", text_, "--line_by_line", "--validation_split_percentage", "50"})["eval_chunks"], 30);
  fs::remove_all(run_);
  std::string gaps;  // blank rows are rows to the percentage, though nothing is learnt from them
  for (int i = 0; i < 30; ++i) gaps += "the work of the license\n" + std::string(i < 10 ? 3 : 0, '\n');
  const Json blank = data({"--data", folder_.write("gaps.txt", gaps), "--line_by_line", "--validation_split_percentage",
                           "50", "--mlm_probability", "0.9"});
  EXPECT_EQ(blank["eval_chunks"], 22) << "of the last 30 rows the first is a text, 7 are blank";
  EXPECT_EQ(blank["train_chunks"], 8);
  EXPECT_EQ(blank["rows"], 30);
  fs::remove_all(run_);
  const Result none = run(small({"--data", folder_.write("few.txt", sentences(5))}));
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("5 % of the data (5 rows) leaves 0 to evaluate on"));
}

TEST_F(Adapt, EvaluatesOnValidationThenTest) {
  folder_.write("d/train.txt", sentences(40));
  folder_.write("d/test.txt", sentences(10, 2));
  EXPECT_EQ(data({"--data", folder_ / "d", "--line_by_line"})["eval_chunks"], 10);
  fs::remove_all(run_);
  folder_.write("d/validation.txt", sentences(12, 3));
  const Json both = data({"--data", folder_ / "d", "--line_by_line"});
  EXPECT_EQ(both["eval_chunks"], 12);
  EXPECT_EQ(both["train_chunks"], 40);
  EXPECT_EQ(both["rows"], 52);
  fs::remove_all(run_);
  EXPECT_EQ(data({"--train_file", text_, "--validation_file", folder_ / "d" + ":test", "--line_by_line",
                  "--mlm_probability", "0.9"})["eval_chunks"],
            10);
  fs::remove_all(run_);
  const Json cut = data({"--data", folder_ / "d", "--train_size", "20", "--test_size", "6"});
  EXPECT_EQ(cut["train_chunks"], 20);
  EXPECT_EQ(cut["eval_chunks"], 6);
  EXPECT_EQ(cut["rows"], 40) << "cut from train alone";
}

TEST_F(Adapt, NeverTrainsOnTestUnasked) {
  folder_.write("d/test.txt", sentences(40));
  const Result only = run(small({"--data", folder_ / "d"}));
  EXPECT_EQ(only.code, 3) << only.err;
  EXPECT_THAT(
      only.err,
      HasSubstr("the data has no split train, it has test; name the one to train on: " + folder_ / "d" + ":test"));
  EXPECT_EQ(run(small({"--data", folder_ / "d", "--train_size", "4"})).code, 3);
  EXPECT_EQ(data({"--data", folder_ / "d" + ":test", "--line_by_line", "--mlm_probability", "0.9"})["train_chunks"],
            38);
  fs::remove_all(run_);
  EXPECT_EQ(data({"--data", folder_ / "d/test.txt", "--line_by_line", "--mlm_probability", "0.9"})["train_chunks"], 38)
      << "a file is train";
  fs::remove_all(run_);
  folder_.write("d/validation.txt", sentences(20));
  const Result several = run(small({"--data", folder_ / "d"}));
  EXPECT_EQ(several.code, 3);
  EXPECT_THAT(several.err, HasSubstr("no split train, it has validation, test; name the one"));
  EXPECT_EQ(run(small({"--data", folder_ / "d" + ":test", folder_ / "d" + ":validation"})).code, 3);
}

TEST_F(Adapt, SplitsMayBeOfDifferentKinds) {
  folder_.write("d/train.txt", sentences(40));
  folder_.write("d/test.jsonl", "{\"text\": \"the work of the license\"}\n{\"text\": \"any other form\"}\n");
  const Json counts = data({"--data", folder_ / "d", "--line_by_line", "--mlm_probability", "0.9"});
  EXPECT_EQ(counts["train_chunks"], 40);
  EXPECT_EQ(counts["eval_chunks"], 2);
}

TEST_F(Adapt, SplitsOfOneDataSetHaveOneColumnOfText) {
  std::string train = "id,review\n", test = "text,review\n";
  for (int i = 0; i < 60; ++i) {
    train += std::to_string(i) + ",the work of the river in the kitchen\n";
    test += "x" + std::to_string(i) + ",the work of the river\n";
  }
  folder_.write("sp/train.csv", train);
  folder_.write("sp/test.csv", test);
  std::vector<std::string> arguments = {"adapt",          "--model", model_folder(), "--data",     folder_ / "sp",
                                        "--chunk_size",   "8",       "--max_steps",  "1",          "--no_cache",
                                        "--general_data", "none",    "--output_dir", folder_ / "o"};
  const Result mixed = run(arguments);
  EXPECT_EQ(mixed.code, 3);
  EXPECT_THAT(mixed.err,
              HasSubstr("is \"review\" in split train, but \"text\" in split test; name the one that is meant "
                        "by --text_column_name"));
  arguments.insert(arguments.end(), {"--text_column_name", "review"});
  const Result named = run(arguments);
  EXPECT_EQ(named.code, 0) << named.err;
}

TEST_F(Adapt, NamesAreShownWithoutControlCharacters) {
  const std::string name = folder_.write("a\x1b[31m\nb.txt", sentences(60));
  const std::string run_folder = folder_ / "r\x1b\n";
  const std::string model = folder_ / "m\x1b\n";
  fs::create_directory_symlink(M, model);
  for (const char* dry : {"--dry_run", "--no_dry_run"}) {
    const Result result =
        run(small({"--data", name, "--model", model + "/.", "--output_dir", run_folder, "--no_json", dry}));
    ASSERT_EQ(result.code, 0) << result.err;
    const std::string shown = result.out + result.err;
    EXPECT_THAT(shown, HasSubstr("a\\x1b[31m\\x0ab.txt · column text · 60 rows"));
    EXPECT_THAT(result.out, HasSubstr("r\\x1b\\x0a\n"));
    EXPECT_EQ(result.out.find('\x1b'), std::string::npos) << result.out;
  }
  EXPECT_THAT(run({"info", model}).out, HasSubstr("m\\x1b\\x0a\n"));
}

TEST_F(Adapt, ARunMlmCommandLineWorksUnchanged) {
  const Result result = run({"adapt",
                             "--model_name_or_path",
                             M,
                             "--train_file",
                             text_,
                             "--validation_file",
                             folder_.write("v.txt", sentences(9)),
                             "--do_train",
                             "--do_eval",
                             "True",
                             "--max_seq_length",
                             "16",
                             "--per_device_train_batch_size",
                             "8",
                             "--per_device_eval_batch_size",
                             "8",
                             "--num_train_epochs",
                             "1",
                             "--output_dir",
                             run_,
                             "--overwrite_output_dir",
                             "--report_to",
                             "none",
                             "--preprocessing_num_workers",
                             "4",
                             "--overwrite_cache",
                             "--max_train_samples",
                             "24",
                             "--max_eval_samples",
                             "5",
                             "--pad_to_max_length",
                             "false",
                             "--logging_strategy",
                             "steps",
                             "--logging_steps",
                             "2",
                             "--save_strategy",
                             "no",
                             "--fp16",
                             "false",
                             "--warmup_steps",
                             "0.1",
                             "--dataloader_num_workers",
                             "2",
                             "--optim",
                             "adamw_torch",
                             "--use_cpu",
                             "--seed",
                             "3",
                             "--no_cache",
                             "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json r = result.json();
  EXPECT_EQ(r["data"]["train_chunks"], 24);
  EXPECT_EQ(r["data"]["eval_chunks"], 5);
  EXPECT_EQ(r["train"]["steps"], 3);
  EXPECT_THAT(result.err, HasSubstr("without effect here: --overwrite_cache (the token store"));
  EXPECT_THAT(result.err, HasSubstr("--preprocessing_num_workers (chunks are cut as one process cuts them"));
}

TEST_F(Adapt, OptionsComeFromAFileToo) {
  const std::string config =
      folder_.write("c.toml", "model = '" + M + "'\ndata = ['" + text_ +
                                  "']\nchunk-size = 16\nmax_steps = 2\nno_cache = true\nsave_strategy = 'no'\n");
  const Result result = run({"adapt", "--config", config, "--output_dir", run_, "--max_steps", "1", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json()["train"]["steps"], 1);
}

TEST_F(Adapt, ADryRunTrainsNothing) {
  const Json plan = run(small({"--data", text_, "--dry_run"})).json();
  EXPECT_EQ(plan["plan"]["steps"], 4);
  EXPECT_GT(plan["plan"]["memory_bytes"], 0);
  EXPECT_GT(plan["plan"]["seconds"].get<double>(), 0);
  EXPECT_GT(plan["plan"]["disk_bytes"], plan["model"]["parameters"].get<int64_t>() * 4);
  EXPECT_GT(plan["plan"]["disk_free_bytes"], 0);
  int64_t sum = 0;
  for (const auto& [purpose, bytes] : plan["plan"]["memory"].items()) {
    sum += bytes.get<int64_t>();
    EXPECT_EQ(purpose.find(' '), std::string::npos) << purpose;
  }
  EXPECT_EQ(sum, plan["plan"]["memory_bytes"]);
  EXPECT_FALSE(fs::exists(run_));
  const Result plain = run(small({"--data", text_, "--dry_run", "--no_json"}));
  for (const char* word : {"model", "data", "steps", "memory", "weights", "disk", "time"})
    EXPECT_THAT(plain.out, HasSubstr(word));
}

TEST_F(Adapt, APlansKeysAreWordsWithUnderscores) {
  const std::vector<std::string> arguments = {"--data", text_, "--dry_run", "--masking_rng", "torch-cpu"};
  const Json memory = run(small(arguments)).json()["plan"]["memory"];
  EXPECT_TRUE(memory.contains("dropout_decisions")) << memory;
  auto plain = arguments;
  plain.emplace_back("--no_json");
  EXPECT_THAT(run(small(plain)).out, HasSubstr(" memory   dropout decisions"));
}

TEST_F(Adapt, TheSplitHasASeedOfItsOwnIfAsked) {
  const std::vector<std::string> sizes = {"--train_size", "12", "--test_size", "6"};
  const auto exported = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {"data", "chunks", text_, "--model", M, "--chunk_size", "16", "--no_cache", "--export",
                               folder_ / name});
    more.insert(more.end(), sizes.begin(), sizes.end());
    EXPECT_EQ(run(more).code, 0);
    return read_file(folder_ / name + "/test.npy");
  };
  const std::string seven = exported("seven", {"--seed", "7"});
  EXPECT_NE(exported("eight", {"--seed", "8"}), seven);
  EXPECT_EQ(exported("split", {"--seed", "8", "--split_seed", "7"}), seven);

  const auto before = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--data", text_, "--mlm_probability", "0.99", "--eval_masking", "fresh", "--quiet"});
    more.insert(more.end(), sizes.begin(), sizes.end());
    const Json r = run(small(more)).json();
    fs::remove_all(run_);
    return r["train"]["loss"].get<double>();
  };
  const double one = before({"--seed", "7"});
  EXPECT_EQ(before({"--seed", "7", "--split_seed", "7"}), one) << "left out it is --seed";
  EXPECT_NE(before({"--seed", "7", "--split_seed", "8"}), one);
  const Result without = run(small({"--data", text_, "--split_seed", "3"}));
  EXPECT_EQ(without.code, 2);
  EXPECT_THAT(without.err, HasSubstr("--split_seed needs --train_size or --test_size"));
}

TEST_F(Adapt, TooLittleMemoryIsWarnedOfBeforeItRunsOut) {
  if (kAddressSanitizer) GTEST_SKIP() << "the address sanitizer takes more addresses than any limit";
  const std::string text = folder_.write("big.txt", sentences(8000));
  for (const char* dry : {"--dry_run", "--no_dry_run"}) {
    std::string command = "ulimit -v 1500000; " TEKIO_PROGRAM;
    for (const std::string& argument :
         small({"--data", text, "--per_device_train_batch_size", "8000", "--threads", "1", "--dtype", "f32", dry}))
      command += " " + argument;
    const int status = std::system(("sh -c '" + command + "' >/dev/null 2>" + folder_ / "err").c_str());
    EXPECT_EQ(WEXITSTATUS(status), std::string(dry) == "--dry_run" ? 0 : 5);
    EXPECT_THAT(
        read_file(folder_ / "err"),
        testing::ContainsRegex("tekio: warning: the run needs 1.. GB of memory, but [0-9.]+ [MG]B is available: take a "
                               "smaller --per_device_train_batch_size with more --gradient_accumulation_steps"));
  }
  EXPECT_THAT(run(small({"--data", text, "--dry_run"})).err, testing::Not(HasSubstr("of memory")));
}

TEST_F(Adapt, TheDefaultRunFolderIsNamedAfterModelAndData) {
  const Result result =
      run({"adapt", "--model", M, "--data", text_, "--chunk_size", "16", "--dry_run", "--json", "--no_cache"},
          {.folder = folder_.path()});
  EXPECT_EQ(result.json()["run_dir"], "tiny-model-finetuned-text");
}

TEST_F(Adapt, AFolderThatIsNoRunIsRefused) {
  folder_.write("run/letter.txt", "dear");
  const Result result = run(small({"--data", text_}));
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("letter.txt"));
  EXPECT_THAT(result.err, testing::Not(HasSubstr("before"))) << "told before the work, not after it";
  EXPECT_EQ(run(small({"--data", text_, "--overwrite_output_dir"})).code, 2);
  EXPECT_EQ(read_file(folder_ / "run/letter.txt"), "dear");
  EXPECT_EQ(run(small({"--data", text_, "--output_dir", text_})).code, 2) << "a file";
  EXPECT_EQ(run(small({"--data", text_, "--output_dir", text_, "--dry_run"})).code, 0);
  EXPECT_EQ(run(small({"--data", text_, "--output_dir", "/proc/none/run"})).code, 4);
}

TEST_F(Adapt, AFinishedRunIsReplacedOnlyWhenAsked) {
  ASSERT_EQ(run(small({"--data", text_})).code, 0);
  const Result again = run(small({"--data", text_}));
  EXPECT_EQ(again.code, 2);
  EXPECT_EQ(again.err, "tekio: --output_dir " + run_ + " holds a finished run; name another folder, --output_dir " +
                           run_ + "-2 say, or pass --overwrite_output_dir to replace it\n");
  const Result plan = run(small({"--data", text_, "--dry_run", "--quiet"}));
  EXPECT_EQ(plan.code, 0) << "a plan is made all the same";
  EXPECT_EQ(plan.err, "tekio: warning:" + again.err.substr(6)) << "and what the run would meet is told";
  EXPECT_EQ(plan.json()["plan"]["steps"], 4);
  EXPECT_FALSE(fs::exists(run_ + "-2"));
  EXPECT_EQ(run(small({"--data", text_, "--overwrite_output_dir"})).code, 0);
}

TEST_F(Adapt, ASignalSavesAndResumingGivesTheSameModel) {
  const std::vector<std::string> more = {
      "--data",          text_, "--max_steps",     "3000", "--num_train_epochs", "100",
      "--eval_strategy", "no",  "--logging_steps", "1",    "--save_strategy",    "no"};
  for (const int signal : {SIGTERM, SIGINT}) {
    fs::remove_all(run_);
    Running running(small(more));
    ASSERT_TRUE(running.wait_for("before"));
    while (read_file(run_ + "/metrics.jsonl").size() < 500) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    running.signal(signal);
    const Result result = running.finish();
    EXPECT_EQ(result.code, 128 + signal) << result.err;
    EXPECT_EQ(result.json()["stopped"], true);
    EXPECT_TRUE(result.json()["perplexity"]["after"].is_null());
    bool checkpoint = false;
    for (const auto& entry : fs::directory_iterator(run_))
      checkpoint = checkpoint || entry.path().filename().string().starts_with("checkpoint-");
    EXPECT_TRUE(checkpoint);
  }
}

TEST_F(Adapt, AResumedRunEndsWithTheSameBytes) {
  const std::vector<std::string> more = {"--data",          text_,   "--max_steps",  "12",
                                         "--save_strategy", "steps", "--save_steps", "4"};
  ASSERT_EQ(run(small(more)).code, 0);
  auto other = more;
  other.insert(other.end(), {"--output_dir", folder_ / "other", "--resume_from_checkpoint", run_ + "/checkpoint-4"});
  ASSERT_EQ(run(small(other)).code, 0);
  EXPECT_TRUE(read_file(run_ + "/model.safetensors") == read_file(folder_ / "other/model.safetensors"));
  auto newest = more;
  newest.emplace_back("--resume_from_checkpoint");
  EXPECT_EQ(run(small(newest)).code, 0) << "without a folder: the run's newest";
  auto none = more;
  none.insert(none.end(), {"--output_dir", folder_ / "third", "--resume_from_checkpoint", folder_ / "nowhere"});
  EXPECT_EQ(run(small(none)).code, 4);
}

TEST_F(Adapt, RunsThatAreComparedStayExactUnlessAskedOtherwise) {
  for (const char* rng : {"torch", "torch-cpu"}) {
    const Result result = run(small({"--data", text_, "--masking_rng", rng, "--max_steps", "1"}));
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, testing::ContainsRegex(" device   cpu · [0-9]+ threads? · f32 · "));
    fs::remove_all(run_);
  }
  const Result asked = run(small({"--data", text_, "--masking_rng", "torch", "--max_steps", "1", "--dtype", "bf16"}));
  if (asked.code == 5) GTEST_SKIP() << "this processor does not multiply bf16";
  EXPECT_THAT(asked.err, HasSubstr(" · bf16"));
}

TEST_F(Adapt, ResumingInAnotherNumberFormatIsWarnedOf) {
  const std::vector<std::string> more = {"--data", text_, "--save_strategy", "steps", "--save_steps", "2"};
  const auto as = [&](const char* dtype, const std::string& folder) {
    auto all = more;
    all.insert(all.end(), {"--dtype", dtype, "--output_dir", folder_ / folder});
    if (folder != "run") all.insert(all.end(), {"--resume_from_checkpoint", run_ + "/checkpoint-2"});
    return run(small(all));
  };
  ASSERT_EQ(as("f32", "run").code, 0);
  EXPECT_THAT(as("f32", "same").err, testing::Not(HasSubstr("number format")));
  const Result other = as("bf16", "other");
  if (other.code == 5) GTEST_SKIP() << "this processor does not multiply bf16";
  EXPECT_EQ(other.code, 0) << other.err;
  EXPECT_THAT(other.err, HasSubstr("so the run will not end with the bits it would have had: the number format was f32 "
                                   "and is bf16"));
}

TEST_F(Adapt, ASignalWhereThereIsNothingToSaveEndsTheProgram) {
  const std::string fifo = folder_ / "fifo.txt";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const int signal : {SIGTERM, SIGINT}) {
    Running blocked({"tokenize", "--model", M, "--decode", fifo});
    const int writer = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);  // returns once the program reads
    blocked.signal(signal);
    EXPECT_EQ(blocked.finish().code, 128 + signal);
    ::close(writer);
  }
}

TEST_F(Adapt, ATraceThatCannotBeWrittenIsAnIoError) {
  const Result full = run(small({"--data", text_, "--trace", "/dev/full"}));
  EXPECT_EQ(full.code, 4) << full.err;
  EXPECT_THAT(full.err, HasSubstr("/dev/full"));
  const Result nowhere =
      run(small({"--data", text_, "--trace", folder_ / "none/trace", "--output_dir", folder_ / "run2"}));
  EXPECT_EQ(nowhere.code, 4);
  EXPECT_THAT(nowhere.err, HasSubstr("there is no folder " + folder_ / "none"));
  EXPECT_THAT(nowhere.err, testing::Not(HasSubstr(" data "))) << "told before the corpus is tokenized";
}

TEST_F(Adapt, AFullOutputIsAnIoErrorAfterTheRunIsSaved) {
  const Result result = run(small({"--data", text_}), {.output_file = "/dev/full"});
  EXPECT_EQ(result.code, 4);
  EXPECT_TRUE(fs::exists(run_ + "/all_results.json"));
}

TEST_F(Adapt, TextThatIsTooShortOrMissingIsBadInput) {
  const Result empty = run(small({"--data", folder_.write("empty.txt", "")}));
  EXPECT_EQ(empty.code, 3) << empty.err;
  EXPECT_THAT(empty.err, HasSubstr("there is no text in " + folder_ / "empty.txt" + ": it is empty or all its rows"));
  const Result blank = run(small({"--data", folder_.write("blank.txt", std::string(200, '\n')), "--line_by_line"}));
  EXPECT_EQ(blank.code, 3) << blank.err;
  for (const char* blanks : {"\n", " \n\t\n\n"}) {
    const Result result = run(small({"--data", folder_.write("blank.txt", blanks)}));
    EXPECT_EQ(result.code, 3);
    EXPECT_THAT(result.err, HasSubstr("there is no text in " + folder_ / "blank.txt"));
    const Result evaluated = run(small({"--data", text_, "--validation_file", folder_ / "blank.txt"}));
    EXPECT_EQ(evaluated.code, 3);
    EXPECT_THAT(evaluated.err, HasSubstr("there is no text in " + folder_ / "blank.txt"));
  }
  EXPECT_THAT(blank.err, HasSubstr("there is no text in "));
  const Result numbers = run(small(
      {"--data", folder_.write("numbers.jsonl", "{\"x\": 1}\n{\"x\": 2}\n"), "--validation_split_percentage", "50"}));
  EXPECT_EQ(numbers.code, 3);
  EXPECT_THAT(numbers.err, HasSubstr("numbers.jsonl: no column holds text; there are: x"));
  const Result unmasked = run(small({"--data", text_, "--mlm_probability", "1e-9"}));
  EXPECT_EQ(unmasked.code, 3);
  EXPECT_THAT(unmasked.err, HasSubstr("was masked"));
  const Result few = run(small({"--data", folder_.write("few.txt", sentences(25)), "--chunk_size", "128"}));
  EXPECT_EQ(few.code, 3) << few.err;
  EXPECT_THAT(few.err, HasSubstr("too short for a single chunk of 128 tokens"));
  const std::string notes = folder_.write("notes.txt", sentences(60));
  const Result end = run(small({"--data", notes, "--chunk_size", "128"}));
  EXPECT_EQ(end.code, 3) << end.err;
  EXPECT_THAT(end.err, HasSubstr("the last 5 % of the rows are too short for a single chunk of 128 tokens to evaluate "
                                 "on; pass --test_size 2, which cuts off chunks instead of rows, "));
  EXPECT_EQ(run(small({"--data", notes, "--chunk_size", "128", "--test_size", "2", "--max_steps", "1"})).code, 0);
  const Result large = run(small({"--data", text_, "--train_size", "100000"}));
  EXPECT_EQ(large.code, 2) << large.err;
}

TEST_F(Adapt, APromptWithoutMaskIsToldBeforeTraining) {
  const Result result = run(small({"--data", text_, "--prompt", "no mask"}));
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_THAT(result.err, testing::Not(HasSubstr(" data "))) << "told before the corpus is tokenized";
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(Adapt, TheRecordOfARunAsksForItAgain) {
  const Result first = run(small(
      {"--data", text_, "--save_strategy", "steps", "--save_steps", "2", "--line_by_line", "--overwrite_output_dir"}));
  ASSERT_EQ(first.code, 0) << first.err;
  const std::string record = run_ + "/options.toml";
  for (const std::string& line : {"model = \"" + M + "\"", "data = [\"" + text_ + "\"]", std::string("chunk_size = 16"),
                                  std::string("line_by_line = true"), std::string("dtype = \"auto\"")})
    EXPECT_THAT(read_file(record), HasSubstr(line + "\n"));
  const Result again = run({"adapt", "--config", record, "--output_dir", folder_ / "again"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_TRUE(read_file(run_ + "/model.safetensors") == read_file(folder_ / "again/model.safetensors"));
  const Result resumed = run({"adapt", "--config", record, "--resume_from_checkpoint"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming " + run_ + "/checkpoint-4"));
  EXPECT_TRUE(read_file(run_ + "/model.safetensors") == read_file(folder_ / "again/model.safetensors"));
  EXPECT_EQ(run({"adapt", "--config", record, "--overwrite_output_dir"}).code, 0);
  EXPECT_THAT(read_file(record), HasSubstr("overwrite_output_dir = false\n"));
}

TEST_F(Adapt, AModelInTheFolderToBeReplacedIsRefused) {
  ASSERT_EQ(run(small({"--data", text_})).code, 0);
  for (const std::string& model : {run_, run_ + "/checkpoint-4"}) {
    const Result result = run(small({"--data", text_, "--model", model, "--overwrite_output_dir"}));
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, testing::EndsWith("tekio: --model " + model + " lies in --output_dir " + run_ +
                                              ", which --overwrite_output_dir replaces; name another folder\n"));
  }
  EXPECT_TRUE(fs::exists(run_ + "/model.safetensors"));
}

TEST_F(Adapt, ACheckpointThatIsNotThereIsToldAsSuch) {
  ASSERT_EQ(run(small({"--data", text_})).code, 0);
  const Result result = run(small({"--data", text_, "--resume_from_checkpoint", folder_ / "nowhere"}));
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("tekio: there is no checkpoint " + folder_ / "nowhere"));
}

TEST_F(Adapt, ACheckpointThatCannotBeLookedAtIsToldAsSuch) {
  const std::string loop = folder_ / "loop";
  fs::create_symlink(loop, loop);
  const Result result = run(small({"--data", text_, "--resume_from_checkpoint", loop}));
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("tekio: cannot read the checkpoint " + loop), HasSubstr("symbolic links")));
}

TEST_F(Adapt, WhatAnOptionRefusesIsToldWithTheFileAndLineItIsFrom) {
  const std::string file = folder_.write("c.toml", "seed = 3\ntext_column_name = ''\n");
  const Result result = run(small({"--data", text_, "--config", file}));
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("c.toml:2: --text_column_name is empty"));
}

TEST_F(Adapt, APromptWithSeveralMasksIsToldBeforeTraining) {
  const Result result = run(small({"--data", text_, "--prompt", "[MASK] b [MASK]"}));
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_EQ(result.err, "tekio: --prompt \"[MASK] b [MASK]\" has 2 masks; give it one\n")
      << "told before the corpus is tokenized";
  EXPECT_FALSE(fs::exists(run_));
}

}  // namespace
}  // namespace tekio::test
