// The sink is called without a lock: it may take its time, and set another one.
#include "base/log.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/silence.h"

namespace tekio {
namespace {

struct Installed {
  std::mutex mutex;
  std::shared_ptr<LogSink> sink;
};

// Never destroyed: threads may speak while the process ends.
Installed& installed() {
  static Installed& all = *new Installed;
  return all;
}

thread_local bool is_silent = false;

std::shared_ptr<LogSink> sink_now() {
  if (is_silent) return nullptr;
  const std::lock_guard lock(installed().mutex);
  return installed().sink;
}

template <typename Call>
void tell_sink(Call&& call) {
  try {
    if (const std::shared_ptr<LogSink> sink = sink_now()) call(*sink);
  } catch (...) {}  // see LogSink
}

}  // namespace

LogSink::~LogSink() = default;

std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink) {
  const std::lock_guard lock(installed().mutex);
  installed().sink.swap(sink);
  return sink;
}

void note(std::string_view line) {
  tell_sink([&](LogSink& sink) { sink.line(LogLevel::note, line); });
}

void warn(std::string_view line) {
  tell_sink([&](LogSink& sink) { sink.line(LogLevel::warning, line); });
}

bool progress_is_shown() {
  const std::shared_ptr<LogSink> sink = sink_now();
  return sink && sink->wants_progress();
}

Silence::Silence() : before_(std::exchange(is_silent, true)) {}

Silence::~Silence() { is_silent = before_; }

void CountedWarning::give() const {
  if (count_ == 1) warn(first_);
  if (count_ > 1) warn(fmt::format("{} ({} {})", first_, with_commas(count_), all_));
}

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t start)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), start_(start), done_(start) {}

Progress::~Progress() {
  if (told_) tell({}, {}, /*ended=*/true);
}

void Progress::update(int64_t done, int64_t units, std::string_view detail, std::optional<double> seconds_left) {
  done_ = done, units_ = units;
  if (since_told_.seconds() < 0.1 || !progress_is_shown()) return;
  since_told_.restart();
  told_ = true;
  tell(detail, seconds_left, /*ended=*/false);
}

void Progress::tell(std::string_view detail, std::optional<double> seconds_left, bool ended) const {
  tell_sink([&](LogSink& sink) {
    sink.progress({.label = label_,
                   .unit = unit_,
                   .detail = detail,
                   .done = done_,
                   .total = total_,
                   .start = start_,
                   .units = units_,
                   .seconds = running_.seconds(),
                   .seconds_left = seconds_left,
                   .ended = ended});
  });
}

std::string clock_time(double seconds) {
  const auto total = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

std::string with_commas(int64_t number) {
  std::string digits = fmt::format("{}", number);
  const size_t first = digits[0] == '-' ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string counted(int64_t number, std::string_view noun, std::string_view many) {
  if (number == 1) return fmt::format("1 {}", noun);
  return many.empty() ? fmt::format("{} {}s", with_commas(number), noun)
                      : fmt::format("{} {}", with_commas(number), many);
}

std::string bytes_text(uint64_t bytes) {
  const char* const units[] = {"bytes", "KB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit < 4) value /= 1000, ++unit;
  return unit == 0 ? fmt::format("{} bytes", bytes)
                   : fmt::format("{:.{}f} {}", value, value < 99.95 ? 1 : 0, units[unit]);
}

}  // namespace tekio
