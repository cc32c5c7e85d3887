#include "ranks.h"

#include <filesystem>
#include <mutex>
#include <new>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "dist/join.h"
#include "terminal_log.h"
#include "train/rank_agreement.h"

namespace tekio::cli {
namespace {

std::mutex said_mutex;
std::string said_of_end;  // of the end of all, by this rank or another
bool has_joined = false;  // once in a process

void note_said(const std::string& why) {
  const std::lock_guard lock(said_mutex);
  said_of_end = why;
}

// All come together before one may leave: who leaves is heard by all.
std::unique_ptr<Communicator> meet() {
  has_joined = true;
  std::unique_ptr<Communicator> ranks = join([](const std::string& why) {
    report_error(why);
    note_said(why);
  });
  ranks->gather("");
  return ranks;
}

void require_same_options(Communicator& ranks, const OptionTable& table) {
  static const std::set<std::string> kOwn = {"threads", "device", "offline",    "no_cache", "cache_dir",
                                             "json",    "quiet",  "output_dir", "trace",    "config"};
  Json told = Json::object();
  for (const auto& [name, value] : table.to_json().items())
    if (!kOwn.contains(name)) told["--" + name] = value;
  require_same_on_all(ranks, "tekio " + table.command(), told);
}

void leave_with(Communicator& ranks, const std::string& why) {
  ranks.leave(why);
  if (const std::string told = ranks.said(); !told.empty()) note_said(told);
}

}  // namespace

Told told_of(const std::exception& error) {
  if (const auto* const known = dynamic_cast<const Error*>(&error)) {
    if (known->kind() != ErrorKind::bug) return {known->kind(), error.what()};
    return {ErrorKind::bug, fmt::format("a bug of tekio's own, please report it: {}", error.what())};
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return {ErrorKind::device, "memory ran out; a smaller batch or shorter chunks need less"};
  if (const auto* const files = dynamic_cast<const std::filesystem::filesystem_error*>(&error))
    return {ErrorKind::io,
            fmt::format("cannot use {}: {}", printable(files->path1().string(), 300), files->code().message())};
  return {ErrorKind::bug, fmt::format("a bug of tekio's own, please report it: {}", printable(error.what(), 300))};
}

int run_on_ranks(const OptionTable& table, Common& common, const std::function<int(Communicator& ranks)>& body) {
  const std::unique_ptr<Communicator> ranks = meet();
  if (ranks->size() > 1 && common.threads == 0) common.threads = ranks->processors();
  if (ranks->rank() > 0) set_silent();
  try {
    require_same_options(*ranks, table);
    return body(*ranks);
  } catch (const std::exception& error) {
    leave_with(*ranks, told_of(error).sentence);
    throw;
  }
}

DataRanks data_ranks(Communicator& ranks) {
  return {ranks.rank(), ranks.size(), [&ranks](std::string_view own) { return ranks.gather(own); }};
}

void refuse_on_ranks(const std::string& why) {
  if (has_joined) return;
  try {
    if (find_launch()) leave_with(*meet(), why);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it is said by this one then
  }
}

bool was_said(ErrorKind kind, const std::string& why) {
  constexpr size_t kCompared = 300;  // a word to other ranks may be cut
  const std::lock_guard lock(said_mutex);
  return !said_of_end.empty() &&
         (kind == ErrorKind::comms || said_of_end.find(why.substr(0, kCompared)) != std::string::npos);
}

}  // namespace tekio::cli
