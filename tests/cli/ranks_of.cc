#include "ranks_of.h"
#include "program.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace tekio::test {
namespace {

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

std::vector<int> ranks_marked(const std::string& mark) {
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

}  // namespace

void RanksOf::SetUp() {
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
void RanksOf::TearDown() {
  ::unsetenv("TEKIO_SILENCE_SECONDS");
  ::unsetenv("ASAN_OPTIONS");
}

cli::ProcessResult RanksOf::launch(int ranks, std::vector<std::string> options,
                                   const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"timeout", "-k", "5", "90", "mpirun." + GetParam(), "-n", std::to_string(ranks)};
  if (GetParam() == "openmpi") options.insert(options.end(), {"--oversubscribe", "--bind-to", "none"});
  all.insert(all.end(), options.begin(), options.end());
  all.push_back(TEKIO_PROGRAM);
  all.insert(all.end(), arguments.begin(), arguments.end());
  return cli::run_process(all);
}

cli::ProcessResult RanksOf::launch_and_signal(int signal, int victim, std::vector<std::string> options) {
  // In bytes, 1.2 to 1.6 MB, of a number that no other test at this time has: it tells these ranks apart.
  const std::string mark = std::to_string(1'200'000 + 4 * (::getpid() % 100'000));
  const auto strike = [&](const std::vector<int>& processes) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // by now they have met
    ::kill(processes[static_cast<size_t>(victim)], signal);
  };
  return launch_beside(mark, strike, std::move(options), {"bench", "allreduce", "--repeats", "10000", "--bytes", mark});
}

std::vector<std::string> RanksOf::adapt(const std::string& text, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"adapt",        "--model", model_folder(), "--data", text,
                                    "--chunk_size", "16",      "--dtype",      "f32"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

cli::ProcessResult RanksOf::launch_beside(const std::string& mark,
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

}  // namespace tekio::test
