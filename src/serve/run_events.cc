#include "serve/run_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace tekio::serve {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecord = "trainer_state.json";
constexpr uint64_t kMost = 256 << 10;           // of metrics.jsonl at once
constexpr uintmax_t kLargestState = 256 << 20;  // bytes of a file of the run

/// Empty where there is none, where it is being replaced, or where it is none of a run's.
Json object_in(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > kLargestState || error) return Json::object();
  try {
    Json document = read_json(file);
    return document.is_object() ? document : Json::object();
  } catch (const Error&) {
    return Json::object();
  }
}

int64_t checkpoint_step(const fs::path& folder) {
  constexpr std::string_view kPrefix = "checkpoint-";
  const std::string name = folder.filename().string();
  int64_t step = -1;
  if (name.starts_with(kPrefix)) std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  return step;
}

/// The checkpoint of the most updates; empty: there is none.
fs::path last_checkpoint(const fs::path& run) {
  std::error_code error;
  fs::path newest;
  int64_t last = -1;
  for (fs::directory_iterator each(run, error), end; !error && each != end; each.increment(error)) {
    const int64_t step = checkpoint_step(each->path());
    if (step <= last) continue;
    last = step;
    newest = each->path();
  }
  return newest;
}

/// The update that a trainer_state.json was written after; -1: it does not say.
int64_t step_of(const Json& state) {
  const auto step = state.find("global_step");
  return step != state.end() && step->is_number_integer() ? step->get<int64_t>() : -1;
}

}  // namespace

RunEvents::Record::Record(fs::path path) : file(std::move(path)) {
  std::error_code error;
  time = fs::last_write_time(file, error);
  size = fs::file_size(file, error);
}

std::string RunEvents::next() {
  std::string events = updates();
  return events += evaluations();
}

std::string RunEvents::updates() {
  std::string events;
  std::error_code error;
  const fs::path metrics = run_ / "metrics.jsonl";
  if (!fs::is_regular_file(metrics, error)) return events;
  const auto size = fs::file_size(metrics, error);
  if (error || size == position_) return events;
  if (size < position_) {
    position_ = 0;
    last_step_ = -1;
    told_position_ = 0;
    own_ = last_ = {};
    events = "event: again\ndata: {}\n\n";
  }
  std::ifstream file(metrics, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(position_));
  std::string bytes(std::min<uint64_t>(size - position_, kMost), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  for (size_t end = bytes.find('\n'), at = 0; end != std::string::npos; end = bytes.find('\n', at)) {
    std::string line = bytes.substr(at, end - at);
    std::erase(line, '\r');  // would end the event's line
    if (!line.empty()) events += fmt::format("event: update\ndata: {}\n\n", line);
    at = end + 1;
    if (bytes.find('\n', at) == std::string::npos) position_ += at;  // what follows is not whole yet
  }
  return events;
}

std::string RunEvents::evaluations() {
  std::string events = recorded();
  if (!told_) return events;
  const Json entries = told_->from(told_position_);
  told_position_ += entries.size();
  return events += events_of(entries);
}

/// Of the run's own record and its last checkpoint's the one of more updates: a run that is resumed still has the
/// record that it had when it ended.
std::string RunEvents::recorded() {
  const fs::path checkpoint = last_checkpoint(run_);
  const Record own(run_ / kRecord), last(checkpoint / kRecord);
  if (own == own_ && last == last_) return "";
  own_ = own;
  last_ = last;
  Json state = object_in(own.file);
  if (checkpoint_step(checkpoint) > step_of(state)) state = object_in(last.file);
  const auto history = state.find("log_history");
  return history == state.end() || !history->is_array() ? "" : events_of(*history);
}

/// Of those that come after what was sent.
std::string RunEvents::events_of(const Json& entries) {
  std::string events;
  int64_t newest = last_step_;
  for (const Json& entry : entries) {
    if (!entry.is_object() || !entry.contains("eval_loss")) continue;
    const auto step = entry.find("step");
    if (step == entry.end() || !step->is_number_integer() || step->get<int64_t>() <= last_step_) continue;
    newest = std::max(newest, step->get<int64_t>());
    events += fmt::format("event: evaluation\ndata: {}\n\n", entry.dump(-1, ' ', true, Json::error_handler_t::replace));
  }
  last_step_ = newest;
  return events;
}

std::vector<std::string> prompts_of(const fs::path& run) {
  std::vector<std::string> prompts;
  const Json options = object_in(run / "options.json");
  const auto listed = options.find("prompts");
  if (listed != options.end() && listed->is_array())
    for (const Json& prompt : *listed)
      if (prompt.is_string()) prompts.push_back(prompt.get<std::string>());
  return prompts;
}

}  // namespace tekio::serve
