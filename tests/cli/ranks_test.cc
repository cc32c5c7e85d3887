// The program as a launcher starts it: several processes at once, by each MPI that is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "process.h"
#include "program.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

constexpr int kRanks = 3;

bool is_on_path(const std::string& program) {
  std::string folders = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    if (::access((folders.substr(begin, end - begin) + "/" + program).c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

/// Whether TEKIO_REQUIRE_MPIS says that a test of this MPI which is skipped has failed: where both were installed.
bool is_required(const std::string& mpi) {
  const char* const all = std::getenv("TEKIO_REQUIRE_MPIS");
  return all != nullptr && (" " + std::string(all) + " ").find(" " + mpi + " ") != std::string::npos;
}

/// A launcher; killed after a minute and a half with all that it started.
class RanksOf : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string missing;
    if (!is_on_path("mpirun." + GetParam())) missing = "mpirun." + GetParam() + " is not on the PATH";
    if (std::string(TEKIO_MPIS).find(GetParam()) == std::string::npos)
      missing = "this build has no module for " + GetParam();
    if (!missing.empty() && is_required(GetParam())) FAIL() << missing << ", and TEKIO_REQUIRE_MPIS demands it";
    if (!missing.empty()) GTEST_SKIP() << missing;
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    ::setenv("TEKIO_SILENCE_SECONDS", "3", 1);
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // an MPI keeps what it takes
  }
  void TearDown() override {
    ::unsetenv("TEKIO_SILENCE_SECONDS");
    ::unsetenv("ASAN_OPTIONS");
  }

  static cli::ProcessResult launch(int ranks, std::vector<std::string> options,
                                   const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"timeout", "-k", "5", "90", "mpirun." + GetParam(), "-n", std::to_string(ranks)};
    if (GetParam() == "openmpi") options.insert(options.end(), {"--oversubscribe", "--bind-to", "none"});
    all.insert(all.end(), options.begin(), options.end());
    all.push_back(TEKIO_PROGRAM);
    all.insert(all.end(), arguments.begin(), arguments.end());
    return cli::run_process(all);
  }

  /// Long work of several ranks, one of which, `victim`, gets `signal` in the middle of it.
  static cli::ProcessResult launch_and_signal(int signal, int victim, std::vector<std::string> options = {}) {
    // In bytes, 1.2 to 1.6 MB, of a number that no other test at this time has: it tells these ranks apart.
    const std::string mark = std::to_string(1'200'000 + 4 * (::getpid() % 100'000));
    const auto strike = [&](const std::vector<int>& processes) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // by now they have met
      ::kill(processes[static_cast<size_t>(victim)], signal);
    };
    return launch_beside(mark, strike, std::move(options),
                         {"bench", "allreduce", "--repeats", "10000", "--bytes", mark});
  }

  /// Calls `strike` with all ranks, whose arguments hold `mark`, once they are there. None of them may be left then.
  static cli::ProcessResult launch_beside(const std::string& mark,
                                          const std::function<void(const std::vector<int>&)>& strike,
                                          std::vector<std::string> options, const std::vector<std::string>& arguments) {
    std::vector<int> processes;
    std::thread fault([&] {
      for (int tries = 0; tries < 400 && processes.size() < kRanks; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        processes = ranks_marked(mark);
      }
      if (processes.size() == kRanks) strike(processes);
    });
    const cli::ProcessResult result = launch(kRanks, std::move(options), arguments);
    fault.join();
    EXPECT_EQ(processes.size(), static_cast<size_t>(kRanks)) << "nothing was done to them";
    for (int tries = 0; tries < 100 && !ranks_marked(mark).empty(); ++tries)  // they are being ended
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (const int left : ranks_marked(mark)) {
      ADD_FAILURE() << "process " << left << " is left";
      ::kill(left, SIGKILL);
    }
    return result;
  }

 private:
  static std::vector<int> ranks_marked(const std::string& mark) {
    std::vector<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream file(entry.path() / "cmdline", std::ios::binary);
      const std::string line(std::istreambuf_iterator<char>(file), {});
      if (line.starts_with(TEKIO_PROGRAM) && line.find(mark) != std::string::npos) found.push_back(std::stoi(name));
    }
    return found;
  }
};

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

TEST_P(RanksOf, OneThatStandsStillIsNamedAndAllEnd) {
  std::random_device random;
  const auto result = launch_and_signal(SIGSTOP, static_cast<int>(random() % kRanks));
  // MPICH's launcher may answer with the signal by which it ended the one that stood still.
  EXPECT_THAT(result.code, testing::AnyOf(6, GetParam() == "mpich" ? 9 : 6)) << result.err;
  EXPECT_LT(result.seconds, 30);
  EXPECT_THAT(result.err, AllOf(HasSubstr("tekio: rank "), HasSubstr("was not heard of for 3 s")));
}

TEST_P(RanksOf, OneThatIsKilledEndsAll) {
  std::random_device random;
  const auto result = launch_and_signal(SIGKILL, static_cast<int>(random() % kRanks));
  EXPECT_EQ(result.code, GetParam() == "openmpi" ? 128 + SIGKILL : SIGKILL) << result.err;
  EXPECT_LT(result.seconds, 20);
}

TEST_P(RanksOf, OneThatIsKilledIsNamedWhereTheLauncherLetsTheOthersLive) {
  if (GetParam() != "openmpi") GTEST_SKIP() << "MPICH's launcher ends the others whatever it is told";
  const auto result = launch_and_signal(SIGKILL, 1, {"--enable-recovery"});
  EXPECT_EQ(result.code, 0) << "the launcher's, which was told that nothing was wrong";
  EXPECT_LT(result.seconds, 30);
  EXPECT_THAT(result.err, AllOf(HasSubstr("tekio: rank "), HasSubstr("was not heard of for 3 s")));
}

// As by a file system that does not answer: nobody reads the pipe that rank 0 opens.
TEST_P(RanksOf, OneThatIsHeldUpEndsWithTheOthers) {
  if (GetParam() != "openmpi") GTEST_SKIP() << "MPICH's launcher ends the others whatever it is told";
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60)), trace = folder / "trace";
  ASSERT_EQ(::mkfifo(trace.c_str(), 0600), 0);
  const auto strike = [](const std::vector<int>& processes) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // by now it waits
    const int first = *std::ranges::min_element(processes);
    for (const int process : processes)
      if (process != first) ::kill(process, SIGKILL);
  };
  const auto result =
      launch_beside(trace, strike, {"--enable-recovery"},
                    {"adapt", "--model", model_folder(), "--data", text, "--chunk_size", "16", "--max_steps", "6",
                     "--threads", "1", "--trace", trace, "--output_dir", folder / "run"});
  EXPECT_LT(result.seconds, 30);
  EXPECT_THAT(result.err, AllOf(HasSubstr("tekio: rank "), HasSubstr("was not heard of for 3 s")));
}

TEST_P(RanksOf, AdaptAndEvaluateAsOneProcessDoes) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const auto adapt = [&](const std::string& name, const char* accumulation) {
    return std::vector<std::string>{"adapt",
                                    "--model",
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
                                    "6",
                                    "--save_strategy",
                                    "steps",
                                    "--save_steps",
                                    "4",
                                    "--dtype",
                                    "f32",
                                    "--threads",
                                    "1",
                                    "--output_dir",
                                    folder / name,
                                    "--json"};
  };
  const Result one = run(adapt("one", "4"));
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.json()["world_size"], 1);
  const auto several = launch(4, {}, adapt("several", "1"));
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

  auto resume = adapt("resumed", "1");
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
TEST_P(RanksOf, ASignalStopsAllWithACheckpoint) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const auto adapt = [&](const std::string& name, const char* updates) {
    return std::vector<std::string>{"adapt",
                                    "--model",
                                    model_folder(),
                                    "--data",
                                    text,
                                    "--chunk_size",
                                    "16",
                                    "--per_device_train_batch_size",
                                    "1",
                                    "--max_steps",
                                    updates,
                                    "--lr_scheduler_type",
                                    "constant",
                                    "--save_strategy",
                                    "no",
                                    "--eval_strategy",
                                    "no",
                                    "--dtype",
                                    "f32",
                                    "--threads",
                                    "1",
                                    "--trace",
                                    folder / (name + ".trace"),
                                    "--output_dir",
                                    folder / name};
  };
  for (const bool to_all : {false, true}) {
    const std::string name = to_all ? "all" : "one";
    const auto strike = [&](const std::vector<int>& processes) {
      const auto has_begun = [&] { return read_file(folder / (name + ".trace")).find('\n') != std::string::npos; };
      for (int tries = 0; tries < 600 && !(std::filesystem::exists(folder / (name + ".trace")) && has_begun()); ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      for (const int process : processes)
        if (to_all || process == processes.back()) ::kill(process, SIGTERM);
    };
    const auto stopped = launch_beside(folder / name, strike, {}, adapt(name, "1000000"));
    EXPECT_EQ(stopped.code, 128 + SIGTERM) << stopped.err;
    EXPECT_THAT(stopped.err, Not(HasSubstr("tekio: ")));
    std::vector<int> steps;
    for (const auto& entry : std::filesystem::directory_iterator(folder / name))
      if (const std::string file = entry.path().filename().string(); file.starts_with("checkpoint-"))
        steps.push_back(std::stoi(file.substr(11)));
    ASSERT_EQ(steps.size(), 1u) << stopped.err;
    auto resume = adapt(name, std::to_string(steps[0] + 2).c_str());
    resume.push_back("--resume_from_checkpoint");
    const auto resumed = launch(kRanks, {}, resume);
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    const auto whole = launch(kRanks, {}, adapt(name + "-whole", std::to_string(steps[0] + 2).c_str()));
    ASSERT_EQ(whole.code, 0) << whole.err;
    EXPECT_EQ(read_file(folder / (name + "/model.safetensors")),
              read_file(folder / (name + "-whole/model.safetensors")));
  }
}

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

TEST_P(RanksOf, TheExitCodeIsThatOfWhatEndedAll) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  folder.write("foreign/mine.txt", "not a run's");
  const auto adapt = [&](const std::string& output, const std::string& trace) {
    return std::vector<std::string>{
        "adapt", "--model", model_folder(), "--data",  text,  "--chunk_size", "16",           "--max_steps",
        "2",     "--dtype", "f32",          "--trace", trace, "--output_dir", folder / output};
  };
  // What rank 0 alone finds; more than once, since what launchers make of it by themselves differs from time to time.
  for (int i = 0; i < 3; ++i) {
    const auto refused = launch(kRanks, {}, adapt("foreign", folder / "trace"));
    EXPECT_EQ(refused.code, 2) << refused.err;
    const auto full = launch(kRanks, {}, adapt("run", "/dev/full"));
    EXPECT_EQ(full.code, 4) << full.err;
    EXPECT_THAT(full.err, HasSubstr("No space left on device"));
    std::filesystem::remove_all(folder / "run");
  }
  // What another rank finds.
  std::vector<std::string> last = {"eval", "--model", model_folder(), "--data", text};
  std::vector<std::string> all = last;
  all.insert(all.end(), {":", "-n", "1", TEKIO_PROGRAM, "eval", "--model", folder / "nowhere", "--data", text});
  const auto refused = launch(1, {}, all);
  EXPECT_EQ(refused.code, 2) << refused.err;
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

TEST_P(RanksOf, OneThatNeverComesIsNotWaitedForLong) {
  std::vector<std::string> both = {"bench", "allreduce", ":", "-n", "1", "sleep", "60"};
  ::setenv("TEKIO_START_SECONDS", "2", 1);
  const auto result = launch(1, {}, both);
  ::unsetenv("TEKIO_START_SECONDS");
  EXPECT_NE(result.code, 0);
  EXPECT_LT(result.seconds, 30);
  EXPECT_THAT(result.err, HasSubstr("did not come within 2 s of this one's start"));
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
