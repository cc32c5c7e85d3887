#include "ranks.h"

#include <chrono>
#include <filesystem>
#include <mutex>
#include <new>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/error_kind.h"
#include "base/log.h"
#include "compute/cuda.h"
#include "dist/join.h"
#include "dist/rank_sums.h"
#include "terminal_log.h"
#include "train/rank_agreement.h"

namespace tekio::cli {
namespace {

std::mutex said_mutex;
std::string said_of_end;  // of the end of all, by this rank or another
bool has_joined = false;  // once in a process
double leaving_seconds = 0;
// By this process, which is about to end; not destroyed, since an MPI that ends it may do so from another thread.
Communicator* abandoned = nullptr;

void note_said(const std::string& why) {
  const std::lock_guard lock(said_mutex);
  said_of_end = why;
}

void require_same_options(Communicator& ranks, const OptionTable& table) {
  static const std::set<std::string> kOwn = {"threads", "device", "offline",    "no_cache", "cache_dir",
                                             "json",    "quiet",  "output_dir", "trace",    "config"};
  Json told = Json::object();
  const OrderedJson options = table.to_json();
  for (const auto& [name, value] : options.items())
    if (!kOwn.contains(name)) told["--" + name] = value;
  require_same_on_all(ranks, "tekio " + table.command(), told);
}

void leave_with(std::unique_ptr<Communicator> ranks, const Told& why) {
  ranks->leave(why.sentence, why.kind);
  if (const std::string told = ranks->said(); !told.empty()) note_said(told);
  abandoned = ranks.release();
}

// All come together before one may leave: who leaves is heard by all.
std::unique_ptr<Communicator> meet() {
  has_joined = true;
  Limits limits = limits_of_environment();
  limits.leaving_seconds = leaving_seconds;
  std::unique_ptr<Communicator> ranks = join(
      [](const std::string& why) {
        report_error(why);
        note_said(why);
      },
      limits);
  try {
    ranks->gather("");
  } catch (const Error& error) {  // one of them has left already, and has been heard before what it sent
    leave_with(std::move(ranks), told_of(error));
    throw;
  }
  return ranks;
}

}  // namespace

void require_gpu(const Common& common) {
  const std::optional<int> gpu = gpu_number(common.computes_on());
  if (!gpu) return;
  if (const std::string problem = cuda_problem(*gpu); !problem.empty()) fail(ErrorKind::device, "{}", problem);
}

Told told_of(const std::exception& error) {
  const ErrorKind kind = kind_of(error);
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return {kind, "memory ran out; a smaller batch or shorter chunks need less"};
  if (const auto* const files = dynamic_cast<const std::filesystem::filesystem_error*>(&error))
    return {kind, fmt::format("cannot use {}: {}", printable(files->path1().string(), 300), files->code().message())};
  if (kind != ErrorKind::bug) return {kind, error.what()};
  const bool own = dynamic_cast<const Error*>(&error) != nullptr;
  return {kind, "a bug of tekio's own, please report it: " + (own ? error.what() : printable(error.what(), 300))};
}

int run_on_ranks(const OptionTable& table, Common& common, const std::function<int(Communicator& ranks)>& body) {
  std::unique_ptr<Communicator> ranks = meet();
  if (ranks->size() > 1 && common.threads == 0) common.threads = ranks->processors();
  if (ranks->rank() > 0) set_silent();
  try {
    require_same_options(*ranks, table);
    common.own_device = own_device(*ranks, common.device);
    require_gpu(common);
    const int code = body(*ranks);
    ranks->finish();
    return code;
  } catch (const std::exception& error) {
    leave_with(std::move(ranks), told_of(error));
    throw;
  }
}

DataRanks data_ranks(Communicator& ranks) {
  return {ranks.rank(), ranks.size(), [&ranks](std::string_view own) { return ranks.gather(own); }};
}

void require_one_process(const std::string& command) {
  if (const std::optional<Launch> launch = find_launch())
    fail(ErrorKind::usage,
         "{} is the work of one process, and {} started {}: start it without mpirun or srun, or as one process",
         command, launch->launcher, launch->size);
}

void refuse_on_ranks(const Told& why) {
  if (has_joined) return;
  try {
    if (find_launch()) leave_with(meet(), why);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is said by this one then
  }
}

bool was_said(ErrorKind kind, const std::string& why) {
  constexpr size_t kCompared = 300;  // a word to other ranks may be cut
  const std::lock_guard lock(said_mutex);
  return !said_of_end.empty() &&
         (kind == ErrorKind::comms || said_of_end.find(why.substr(0, kCompared)) != std::string::npos);
}

void end_where_held_up() { leaving_seconds = 5; }

// By now nothing of what the command had is left on this rank. Rank 0 waits a moment for the others to come as far;
// they end by themselves only where rank 0 is not there to do it.
int end_with(ErrorKind kind) {
  if (abandoned == nullptr || abandoned->size() == 1) return exit_code(kind);
  const int code = exit_code(abandoned->ended_by());
  std::this_thread::sleep_for(std::chrono::milliseconds(abandoned->rank() == 0 ? 200 : 2000));
  abandoned->end_all(code);
  return code;
}

}  // namespace tekio::cli
