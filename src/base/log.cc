// Lines and the progress bar. A line printed while a bar is shown first clears the bar.
#include "base/log.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "base/silent.h"
#include "base/terminal.h"

namespace tekio {
namespace {

std::mutex output_mutex;
std::atomic<bool> quiet{false}, silent{false};
std::atomic<bool> bar_shown{false};  // read by signal handlers
static_assert(std::atomic<bool>::is_always_lock_free);

constexpr std::string_view kClear = "\r\033[K", kYellow = "\033[33m", kRed = "\033[31m", kCyan = "\033[36m",
                           kPlain = "\033[0m";

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

// " label    text": where the text begins. Sentences go on two columns in.
int64_t indent_of(std::string_view line) {
  constexpr size_t kLabel = 10;
  if (line.size() > kLabel && line[0] == ' ' && line[1] != ' ' && line[kLabel - 1] == ' ') return kLabel;
  const size_t blanks = std::min(line.find_first_not_of(' '), line.size());
  return static_cast<int64_t>(blanks) + 2;
}

void write_line(std::string_view prefix, std::string_view colour, std::string_view line) {
  std::string text(prefix);
  text += line;
  if (is_terminal(2)) text = folded(text, terminal_width(2), indent_of(text));
  if (!colour.empty() && is_coloured(2)) {
    text.insert(prefix.size(), colour);
    text += kPlain;
  }
  const std::lock_guard lock(output_mutex);
  put((bar_shown.exchange(false) ? std::string(kClear) : "") + text + "\n");
}

}  // namespace

void set_quiet(bool value) { quiet = value; }
bool is_quiet() { return quiet; }
void set_silent() { quiet = silent = true; }
void note(std::string_view line) {
  if (!quiet) write_line("", "", line);
}
void warn(std::string_view line) {
  if (!silent) write_line("tekio: warning: ", kYellow, line);
}
void report_error(std::string_view line) { write_line("tekio: ", kRed, line); }

void CountedWarning::give() const {
  if (count_ == 1) warn(first_);
  if (count_ > 1) warn(fmt::format("{} ({} {})", first_, with_commas(count_), all_));
}

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t start)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), start_(start), terminal_(is_terminal(2)) {}

Progress::~Progress() {
  if (!drew_) return;
  const std::lock_guard lock(output_mutex);
  if (bar_shown.exchange(false)) put(kClear);
}

bool Progress::is_shown() { return bar_shown; }

void Progress::update(int64_t done, int64_t units, std::string_view detail, std::optional<double> seconds_left) {
  if (quiet) return;
  if (since_drawn_.seconds() < (terminal_ ? 0.1 : 10)) return;
  since_drawn_.restart();
  const std::string text = line(done, units, detail, seconds_left);
  const std::lock_guard lock(output_mutex);
  if (!terminal_) return put(text + "\n");
  put(std::string(kClear) + text);
  drew_ = true;
  bar_shown = true;
}

/// The most telling of these that fits: a bar and all figures; no bar; no detail; no rate; the steps alone.
std::string Progress::line(int64_t done, int64_t units, std::string_view detail,
                           std::optional<double> seconds_left) const {
  const double seconds = running_.seconds();
  const double rate = seconds > 0 ? static_cast<double>(units) / seconds : 0;
  const int64_t here = std::max<int64_t>(1, done - start_);
  const double left = seconds_left.value_or(seconds / static_cast<double>(here) * static_cast<double>(total_ - done));
  const bool bytes = unit_ == kBytes;
  const auto size = [](double number) { return bytes_text(static_cast<uint64_t>(std::max(0.0, number))); };
  const std::string steps = bytes ? fmt::format("{} of {}", size(static_cast<double>(done)),
                                                size(static_cast<double>(total_)))
                                  : fmt::format("{}/{}", done, total_),
                    speed = bytes ? fmt::format(" · {}/s", size(rate))
                                  : fmt::format(" · {} {}/s", with_commas(std::llround(rate)), unit_),
                    shown_detail = detail.empty() ? "" : fmt::format(" · {}", detail),
                    time = fmt::format(" · {} left", clock_time(left)), all = steps + speed + shown_detail + time;
  if (!terminal_) return fmt::format("{} {}", label_, all);
  const int64_t width = terminal_width(2) - 1;  // a full line would make some terminals begin the next
  const auto fits = [&](const std::string& numbers, int64_t cells) {
    return columns_of(label_) + columns_of(numbers) + (cells > 0 ? cells + 1 : 0) + 1 <= width;
  };
  for (const int64_t cells : {20, 10, 6}) {
    if (!fits(all, cells)) continue;
    const int64_t full = total_ > 0 ? cells * done / total_ : 0;
    std::string bar;
    for (int64_t i = 0; i < cells; ++i) bar += i < full ? "━" : "╌";
    return fmt::format("{} {} {}", label_, is_coloured(2) ? std::string(kCyan) + bar + std::string(kPlain) : bar, all);
  }
  for (const std::string& numbers : {all, steps + speed + time, steps + time, steps})
    if (fits(numbers, 0)) return fmt::format("{} {}", label_, numbers);
  return steps.substr(0, static_cast<size_t>(std::max<int64_t>(0, width)));
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
