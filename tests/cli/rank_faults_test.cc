// Several processes of which some end, stand still, are held up or never come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "program.h"
#include "ranks_of.h"

namespace tekio::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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
  // Another one may have found it missing, and ended by itself, before MPICH's launcher does.
  const bool is_mpich = GetParam() == "mpich";
  EXPECT_THAT(result.code, testing::AnyOf(is_mpich ? SIGKILL : 128 + SIGKILL, is_mpich ? 6 : 128 + SIGKILL))
      << result.err;
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
  const auto result = launch_beside(
      trace, strike, {"--enable-recovery"},
      adapt(text, {"--max_steps", "6", "--threads", "1", "--trace", trace, "--output_dir", folder / "run"}));
  EXPECT_LT(result.seconds, 30);
  EXPECT_THAT(result.err, AllOf(HasSubstr("tekio: rank "), HasSubstr("was not heard of for 3 s")));
}

TEST_P(RanksOf, ASignalStopsAllWithACheckpoint) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  const auto run_of = [&](const std::string& name, const std::string& updates) {
    return adapt(text, {"--per_device_train_batch_size", "1", "--max_steps", updates, "--lr_scheduler_type", "constant",
                        "--save_strategy", "no", "--eval_strategy", "no", "--threads", "1", "--trace",
                        folder / (name + ".trace"), "--output_dir", folder / name});
  };
  // One after another: those whose own signal comes last have ended their training by then, and wait for rank 0.
  for (const std::string name : {"one", "all", "one-after-another"}) {
    const auto strike = [&](const std::vector<int>& processes) {
      const auto has_begun = [&] { return read_file(folder / (name + ".trace")).find('\n') != std::string::npos; };
      for (int tries = 0; tries < 600 && !(std::filesystem::exists(folder / (name + ".trace")) && has_begun()); ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      for (const int process : processes) {
        if (name != "one" || process == processes.back()) ::kill(process, SIGTERM);
        if (name == "one-after-another") std::this_thread::sleep_for(std::chrono::milliseconds(15));
      }
    };
    const auto stopped = launch_beside(folder / name, strike, {}, run_of(name, "1000000"));
    EXPECT_EQ(stopped.code, 128 + SIGTERM) << stopped.err;
    EXPECT_THAT(stopped.err, Not(HasSubstr("tekio: ")));
    std::vector<int> steps;
    for (const auto& entry : std::filesystem::directory_iterator(folder / name))
      if (const std::string file = entry.path().filename().string(); file.starts_with("checkpoint-"))
        steps.push_back(std::stoi(file.substr(11)));
    ASSERT_EQ(steps.size(), 1u) << stopped.err;
    auto resume = run_of(name, std::to_string(steps[0] + 2));
    resume.push_back("--resume_from_checkpoint");
    const auto resumed = launch(kRanks, {}, resume);
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    const auto whole = launch(kRanks, {}, run_of(name + "-whole", std::to_string(steps[0] + 2)));
    ASSERT_EQ(whole.code, 0) << whole.err;
    EXPECT_EQ(read_file(folder / (name + "/model.safetensors")),
              read_file(folder / (name + "-whole/model.safetensors")));
  }
}

TEST_P(RanksOf, TheExitCodeIsThatOfWhatEndedAll) {
  const ScratchFolder folder;
  const std::string text = folder.write("text.txt", sentences(60));
  folder.write("foreign/mine.txt", "not a run's");
  const auto run_of = [&](const std::string& output, const std::string& trace) {
    return adapt(text, {"--max_steps", "2", "--trace", trace, "--output_dir", folder / output});
  };
  // What rank 0 alone finds; more than once, since what launchers make of it by themselves differs from time to time.
  for (int i = 0; i < 3; ++i) {
    const auto refused = launch(kRanks, {}, run_of("foreign", folder / "trace"));
    EXPECT_EQ(refused.code, 2) << refused.err;
    const auto full = launch(kRanks, {}, run_of("run", "/dev/full"));
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

TEST_P(RanksOf, OneThatNeverComesIsNotWaitedForLong) {
  std::vector<std::string> both = {"bench", "allreduce", ":", "-n", "1", "sleep", "60"};
  ::setenv("TEKIO_START_SECONDS", "2", 1);
  const auto result = launch(1, {}, both);
  ::unsetenv("TEKIO_START_SECONDS");
  EXPECT_NE(result.code, 0);
  EXPECT_LT(result.seconds, 30);
  EXPECT_THAT(result.err, HasSubstr("did not come within 2 s of this one's start"));
}

}  // namespace
}  // namespace tekio::test
