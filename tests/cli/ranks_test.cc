// Several processes: the results of one, the same words said once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "program.h"
#include "ranks_of.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_P(RanksOf, SumsAreRightToTheBitAndTheFirstRankPrints) {
  for (const int ranks : {2, 3, 4})
    for (const char* wire : {"f32", "bf16"}) {
      const auto result = launch(ranks, {},
                                 {"bench", "allreduce", "--bytes", "3000004", "--parts", "7", "--repeats", "2",
                                  "--check", "--wire", wire, "--json"});
      ASSERT_EQ(result.code, 0) << result.err;
      const auto document = nlohmann::ordered_json::parse(result.out);  // one of them
      EXPECT_EQ(document["world_size"], ranks);
      EXPECT_EQ(document["wire"], wire);
      EXPECT_GT(document["seconds"], 0);
    }
}

TEST_P(RanksOf, AStepOfAllIsMeasuredWithWhatTheyExchange) {
  const std::vector<std::string> step = {"bench",
                                         "step",
                                         "--model",
                                         TEKIO_TINY_MODEL,
                                         "--batch_size",
                                         "2",
                                         "--max_seq_length",
                                         "16",
                                         "--max_steps",
                                         "2",
                                         "--threads",
                                         "1",
                                         "--dtype",
                                         "f32",
                                         "--json"};
  const auto result = launch(2, {}, step);
  ASSERT_EQ(result.code, 0) << result.err;
  const auto document = nlohmann::ordered_json::parse(result.out);  // the first rank's
  EXPECT_EQ(document["world_size"], 2);
  EXPECT_NEAR(document["tokens_per_second"].get<double>() * document["seconds"].get<double>(), 2 * 32, 1e-6);
  EXPECT_EQ(document["memory_plan"]["exchange"], document["memory_plan"]["weights"]);
  const auto& exchange = document["exchange"];
  // All parameters, and the rows of those words that two random batches hold.
  const int64_t bytes = exchange["bytes"].get<int64_t>(), parameters = document["parameters"].get<int64_t>();
  EXPECT_GT(bytes, 4 * parameters);
  EXPECT_LE(bytes, 4 * (parameters + 64 * 32 + 16 * 40));
  EXPECT_EQ(exchange["moved_bytes"].get<int64_t>(), bytes) << "2 (N - 1) / N of them";
  EXPECT_GT(exchange["seconds_alone"], 0);
  EXPECT_GE(exchange["seconds_waited"], 0);
  EXPECT_GE(exchange["hidden_share"], 0);
  EXPECT_LE(exchange["hidden_share"], 1);
  const auto refused = launch(2, {}, {"bench", "step", "--kernel", "all"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("start it without mpirun or srun"));
}

TEST_P(RanksOf, AdaptAndEvaluateAsOneProcessDoes) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const auto run_of = [&](const std::string& name, const std::string& accumulation) {
    return adapt(text, {"--per_device_train_batch_size", "2", "--gradient_accumulation_steps", accumulation,
                        "--max_steps", "6", "--save_strategy", "steps", "--save_steps", "4", "--threads", "1",
                        "--output_dir", folder / name, "--json"});
  };
  const Result one = run(run_of("one", "4"));
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.json()["world_size"], 1);
  const auto several = launch(4, {}, run_of("several", "1"));
  ASSERT_EQ(several.code, 0) << several.err;
  const auto document = nlohmann::ordered_json::parse(several.out);  // one of them
  EXPECT_EQ(document["world_size"], 4);
  EXPECT_EQ(document["perplexity"], one.json()["perplexity"]);
  EXPECT_EQ(document["prompts"], one.json()["prompts"]);
  EXPECT_EQ(read_file(folder / "several/model.safetensors"), read_file(folder / "one/model.safetensors"));
  EXPECT_THAT(several.err, HasSubstr(" device   4 ranks, each cpu"));

  const std::vector<std::string> evaluate = {"eval", "--model",      folder / "one", "--data",
                                             text,   "--chunk_size", "16",           "--per_device_eval_batch_size",
                                             "3",    "--dtype",      "f32",          "--json"};
  auto alone = run(evaluate).json();
  const auto dealt = launch(3, {}, evaluate);
  ASSERT_EQ(dealt.code, 0) << dealt.err;
  auto together = nlohmann::ordered_json::parse(dealt.out);
  EXPECT_EQ(together["world_size"], 3);
  for (const char* key : {"seconds", "world_size"}) alone.erase(key), together.erase(key);
  EXPECT_EQ(together, alone);

  auto resume = run_of("resumed", "1");
  const auto option = std::ranges::find(resume, "--gradient_accumulation_steps");
  resume.erase(option, option + 2);
  resume.insert(resume.end(), {"--resume_from_checkpoint", folder / "several/checkpoint-4"});
  const auto resumed = launch(2, {}, resume);  // the option is not given: two micro-batches each
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(read_file(folder / "resumed/model.safetensors"), read_file(folder / "one/model.safetensors"));
}

TEST_P(RanksOf, PretrainAsOneProcessDoes) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const std::string config =
      folder.write("mini.json",
                   R"({"model_type": "bert", "vocab_size": 2048, "hidden_size": 32, "num_hidden_layers": 2,
                       "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 32})");
  const auto pretrain = [&](const std::string& name, const char* accumulation, const char* updates) {
    return std::vector<std::string>{"pretrain",
                                    "--config",
                                    config,
                                    "--tokenizer",
                                    model_folder(),
                                    "--data",
                                    text,
                                    "--chunk_size",
                                    "16",
                                    "--per_device_train_batch_size",
                                    "2",
                                    "--gradient_accumulation_steps",
                                    accumulation,
                                    "--max_steps",
                                    updates,
                                    "--dtype",
                                    "f32",
                                    "--threads",
                                    "1",
                                    "--output_dir",
                                    folder / name,
                                    "--json"};
  };
  const Result one = run(pretrain("one", "4", "4"));
  ASSERT_EQ(one.code, 0) << one.err;
  const auto several = launch(4, {}, pretrain("several", "1", "4"));
  ASSERT_EQ(several.code, 0) << several.err;
  const auto document = nlohmann::ordered_json::parse(several.out);
  EXPECT_EQ(document["world_size"], 4);
  EXPECT_EQ(document["perplexity"], one.json()["perplexity"]);
  EXPECT_EQ(read_file(folder / "several/model.safetensors"), read_file(folder / "one/model.safetensors"));
  EXPECT_EQ(read_file(folder / "several/config.json"), read_file(folder / "one/config.json"));
}

// A signal to one rank, or to all as launchers send it: a checkpoint, with which a run goes on to the same end.

TEST_P(RanksOf, PlanTheMemoryOfAll) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const auto plan = [&](int ranks) {
    const auto result = launch(ranks, {},
                               {"adapt", "--model", model_folder(), "--data", text, "--chunk_size", "16", "--dry_run",
                                "--json", "--output_dir", folder / "run"});
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::ordered_json::parse(result.out)["plan"];
  };
  const auto two = plan(2);
  EXPECT_EQ(two["world_size"], 2);
  EXPECT_EQ(two["memory"]["exchange"], two["memory"]["weights"]) << "less than what finds room on its way";
  EXPECT_FALSE(plan(1)["memory"].contains("exchange"));
}

TEST_P(RanksOf, WhatIsOneProcesssWorkIsRefused) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const std::vector<std::vector<std::string>> refused = {
      {"fill", "--model", model_folder(), "a [MASK]"},
      {"export", "--format", "onnx", model_folder(), "--output_dir", folder / "made"},
      {"tokenizer", "train", "--data", text, "--output_dir", folder / "made"},
  };
  for (const auto& arguments : refused) {
    const auto result = launch(kRanks, {}, arguments);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    const size_t first = result.err.find("is the work of one process, and ");
    EXPECT_NE(first, std::string::npos) << result.err;
    EXPECT_EQ(result.err.find("is the work of one process, and ", first + 1), std::string::npos) << "said once";
    EXPECT_THAT(result.err, HasSubstr("started 3: start it without mpirun or srun, or as one process"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
  const auto each = launch(2, {}, {"cache", "list", "--json"});  // a machine's own
  EXPECT_EQ(each.code, 0) << each.err;
  EXPECT_EQ(launch(1, {}, {"info", model_folder()}).code, 0);
}

TEST_P(RanksOf, ThoseThatAreToldDifferentThingsAreRefused) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const auto adapt = [&](const char* rate) {
    return std::vector<std::string>{"adapt",        "--model",      model_folder(), "--data", text,
                                    "--chunk_size", "16",           "--max_steps",  "2",      "--learning_rate",
                                    rate,           "--output_dir", folder / "run"};
  };
  std::vector<std::string> both = adapt("1e-3");
  both.insert(both.end(), {":", "-n", "1", TEKIO_PROGRAM});
  const std::vector<std::string> other = adapt("2e-3");
  both.insert(both.end(), other.begin(), other.end());
  const auto result = launch(1, {}, both);
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("the ranks were told different things: --learning_rate is 0.001 on rank 0 and "
                                    "0.002 on rank 1;"));
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_P(RanksOf, WhatAllAreRefusedForIsSaidOnce) {
  const ScratchFolder folder;
  const std::vector<std::vector<std::string>> refused = {
      {"adapt", "--learning_rate", "fast"},
      {"adapt", "--model", model_folder(), "--data", folder / "nowhere.txt", "--output_dir", folder / "run"},
      {"eval", "--model", model_folder()},
      {"bench", "step", "--kernel", "all"},
  };
  for (const auto& arguments : refused) {
    const auto result = launch(kRanks, {}, arguments);
    EXPECT_NE(result.code, 0);
    std::istringstream lines(result.err);
    int said = 0;
    for (std::string line; std::getline(lines, line);) said += line.starts_with("tekio: ") ? 1 : 0;
    EXPECT_EQ(said, 1) << result.err;
  }
}

TEST_P(RanksOf, TokenizeIntoTheStoreThatOneProcessMakes) {
  const ScratchFolder folder;
  std::string many;
  while (many.size() < 900'000) many += sentences(60);  // four blocks
  const std::string text = folder.write("text.txt", many);
  const auto evaluate = [&](const std::string& data) {
    return std::vector<std::string>{"eval", "--model",      model_folder(), "--data",    data, "--max_chunks",
                                    "8",    "--chunk_size", "16",           "--threads", "1",  "--dtype",
                                    "f32",  "--json"};
  };
  std::map<std::string, std::string> stores[2];
  nlohmann::ordered_json reports[2];
  for (const int together : {0, 1}) {
    const std::string cache = folder / (together == 1 ? "together" : "alone");
    ::setenv("TEKIO_CACHE", cache.c_str(), 1);
    const auto result = launch(together == 1 ? kRanks : 1, {}, evaluate(text));
    ::unsetenv("TEKIO_CACHE");
    ASSERT_EQ(result.code, 0) << result.err;
    reports[together] = nlohmann::ordered_json::parse(result.out);
    for (const char* key : {"seconds", "world_size"}) reports[together].erase(key);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache))
      if (entry.path().string().find("/tokens/") != std::string::npos)
        stores[together][entry.path().filename().string()] = read_file(entry.path().string());
  }
  EXPECT_EQ(reports[1], reports[0]);
  EXPECT_FALSE(stores[0].empty());
  EXPECT_TRUE(stores[1] == stores[0]);
}

TEST_P(RanksOf, AnotherCommandOrAnotherNumberOfModelsIsRefused) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const std::vector<std::string> one = {"eval", "--model", model_folder(), "--data", text, "--chunk_size", "16"};
  struct {
    std::vector<std::string> other;
    const char* named;
  } const cases[] = {
      {{"adapt", "--model", model_folder(), "--data", text, "--output_dir", folder / "run"},
       "the work is tekio eval on rank 0 and tekio adapt on rank 1"},
      {{"bench", "allreduce"}, "the work is tekio eval on rank 0 and tekio bench allreduce on rank 1"},
      {{"eval", "--model", model_folder(), "--model", model_folder(), "--data", text, "--chunk_size", "16"},
       "--model is "},
      {{"eval", "--model", model_folder(), "--data", text, "--chunk_size", "16", "--masking", "span"},
       "--masking is token on rank 0 and span on rank 1"},
  };
  for (const auto& c : cases) {
    std::vector<std::string> both = one;
    both.insert(both.end(), {":", "-n", "1", TEKIO_PROGRAM});
    both.insert(both.end(), c.other.begin(), c.other.end());
    const auto result = launch(1, {}, both);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(std::string("the ranks were told different things: ") + c.named));
  }
}

INSTANTIATE_TEST_SUITE_P(Mpi, RanksOf, testing::Values("openmpi", "mpich"), [](const auto& mpi) { return mpi.param; });

TEST(Ranks, OneOfSeveralThatCannotJoinFailsInsteadOfWorkingAlone) {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const Result result = run({"bench", "allreduce", "--bytes", "4000"},
                              {.environment = {{variable, "2"}, {"TEKIO_MPI_MODULE", "/nonexistent/module.so"}}});
    EXPECT_EQ(result.code, 6);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, AllOf(HasSubstr("started 2 processes, and this one is left alone"),
                                  HasSubstr("/nonexistent/module.so"), Not(HasSubstr("bug"))));
  }
}

TEST(Ranks, OneThatALauncherStartedAloneIsAlone) {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const Result result = run({"bench", "allreduce", "--bytes", "4000", "--json"}, {.environment = {{variable, "1"}}});
    EXPECT_EQ(result.json()["world_size"], 1);
    EXPECT_THAT(result.err, HasSubstr("one process has nothing to sum"));
  }
}

TEST(Ranks, NumbersInTheEnvironmentAreChecked) {
  for (const char* text : {"two", "0", "-3", "3x", "99999999999"}) {
    const Result result = run({"bench", "allreduce"}, {.environment = {{"OMPI_COMM_WORLD_SIZE", text}}});
    EXPECT_EQ(result.code, 6) << text;
    EXPECT_THAT(result.err, HasSubstr(std::string("OMPI_COMM_WORLD_SIZE is '") + text + "'"));
  }
  for (const std::string variable : {"TEKIO_SILENCE_SECONDS", "TEKIO_START_SECONDS"})
    for (const char* text : {"soon", "0", "-1", "nan", "5s"}) {
      const Result result = run({"bench", "allreduce"}, {.environment = {{variable, text}}});
      EXPECT_EQ(result.code, 2) << text;
      EXPECT_THAT(result.err, HasSubstr(variable + " is '" + text + "'"));
    }
}

TEST(Ranks, DoctorShowsWhatProcessesCanMeetBy) {
  const auto report = run({"doctor", "--json"}).json();
  for (const char* name : {"openmpi", "mpich", "nccl"}) {
    const auto& one = report["communication"][name];
    EXPECT_EQ(one["version"] != "", one["there"].get<bool>()) << name;
    EXPECT_EQ(one["why_not"] == "", one["there"].get<bool>()) << name;
  }
  if (std::string(TEKIO_MPIS).find("openmpi") != std::string::npos) {
    EXPECT_THAT(report["communication"]["openmpi"]["version"].get<std::string>(), HasSubstr("Open MPI v"));
  }
}

}  // namespace
}  // namespace tekio::test
