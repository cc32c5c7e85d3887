#include "dist/join.h"

#include <charconv>
#include <cstdlib>

#include "base/environment.h"
#include "base/error.h"
#include "dist/engine.h"
#include "dist/mpi_transport.h"

namespace tekio {
namespace {

// Launchers by the variable that holds how many they started. Open MPI's comes first: under Slurm its own daemons are a
// step of Slurm's.
struct Launcher {
  const char* variable;
  const char* name;
  std::vector<std::string> mpis;
};
const std::vector<Launcher>& launchers() {
  static const std::vector<Launcher> all = {
      {"OMPI_COMM_WORLD_SIZE", "Open MPI's mpirun", {"openmpi"}},
      {"PMI_SIZE", "MPICH's mpirun", {"mpich"}},
      {"SLURM_STEP_NUM_TASKS", "Slurm's srun", {"openmpi", "mpich"}},
  };
  return all;
}

int number_of(const char* variable, const std::string& text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end || number < 1)
    fail(ErrorKind::comms, "{} is '{}', and no number of processes: unset it where no launcher started this one",
         variable, printable(text));
  return number;
}

}  // namespace

std::optional<Launch> find_launch() {
  for (const Launcher& launcher : launchers()) {
    const std::string size = environment(launcher.variable);
    if (size.empty()) continue;
    Launch launch{launcher.name, number_of(launcher.variable, size), launcher.mpis};
    if (launch.size == 1) continue;
    return launch;
  }
  return std::nullopt;
}

namespace {

void read_seconds(const char* variable, double& seconds) {
  const std::string text = environment(variable);
  if (text.empty()) return;
  char* end = nullptr;
  seconds = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !(seconds >= 0.1 && seconds <= 1e6))
    fail(ErrorKind::usage, "{} is '{}': a number of seconds from 0.1 on is expected", variable, printable(text));
}

}  // namespace

Limits limits_of_environment() {
  Limits limits;
  read_seconds("TEKIO_SILENCE_SECONDS", limits.silence_seconds);
  read_seconds("TEKIO_START_SECONDS", limits.start_seconds);
  return limits;
}

std::unique_ptr<Communicator> join(const Say& say, const Limits& limits) {
  const std::optional<Launch> launch = find_launch();
  if (!launch) return alone();
  std::string why, other;
  for (const std::string& mpi : launch->mpis) {
    const bool is_first = why.empty();
    std::string problem;
    if (!mpi_version(mpi, problem).empty()) return make_communicator(mpi_transport(mpi, launch->size), limits, say);
    if (is_first) why = problem;
  }
  for (const char* mpi : {"openmpi", "mpich"})
    if (std::string ignored; !mpi_version(mpi, ignored).empty())
      other = fmt::format("; or start it by the mpirun of {}, which it has", shown_mpi(mpi));
  fail(ErrorKind::comms, "{} started {} processes, and this one is left alone: {}{}", launch->launcher, launch->size,
       why, other);
}

std::string mpi_version(const std::string& mpi, std::string& why) {
  try {
    return mpi_library_version(mpi);
  } catch (const Error& error) {
    why = error.what();
    return "";
  }
}

}  // namespace tekio
