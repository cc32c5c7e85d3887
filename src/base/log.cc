// Lines and the progress bar. A line printed while a bar is open first clears the bar.
#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <mutex>

namespace tekio {
namespace {

std::mutex output_mutex;
bool quiet = false;
bool bar_open = false;

void write_line(std::string_view prefix, std::string_view line) {
  if (quiet) return;
  const std::lock_guard lock(output_mutex);
  fmt::print(stderr, "{}{}{}\n", bar_open ? "\r\033[K" : "", prefix, line);
}

}  // namespace

void set_quiet(bool value) { quiet = value; }
bool is_quiet() { return quiet; }
void note(std::string_view line) { write_line("", line); }
void warn(std::string_view line) { write_line("warning: ", line); }

void CountedWarning::give() const {
  if (count_ == 1) warn(first_);
  if (count_ > 1) warn(fmt::format("{} ({} {})", first_, with_commas(count_), all_));
}

Progress::Progress(std::string label, int64_t total, std::string unit, int64_t start)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(start),
      begun_(Clock::now()),
      drawn_(begun_),
      terminal_(isatty(2) == 1) {}

Progress::~Progress() {
  if (!open_) return;
  const std::lock_guard lock(output_mutex);
  bar_open = false;
  fmt::print(stderr, "\n");
}

void Progress::update(int64_t done, int64_t units, std::string_view detail) {
  if (quiet) return;
  const auto now = Clock::now();
  const auto interval = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10000);
  const bool last = terminal_ && done == total_;
  if (!last && now - drawn_ < interval) return;
  drawn_ = now;
  draw(done, units, detail);
}

void Progress::draw(int64_t done, int64_t units, std::string_view detail) {
  const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  const double rate = seconds > 0 ? static_cast<double>(units) / seconds : 0;
  const int64_t here = std::max<int64_t>(1, done - start_);
  const double left = seconds / static_cast<double>(here) * static_cast<double>(total_ - done);
  const std::string numbers =
      fmt::format("{}/{} · {} {}/s{}{} · {} left", done, total_, with_commas(std::llround(rate)), unit_,
                  detail.empty() ? "" : " · ", detail, clock_time(left));
  const std::lock_guard lock(output_mutex);
  if (!terminal_) {
    fmt::print(stderr, "{} {}\n", label_, numbers);
    return;
  }
  constexpr int kCells = 20;
  const int full = total_ > 0 ? static_cast<int>(kCells * done / total_) : 0;
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "━" : "╌";
  fmt::print(stderr, "\r\033[K{} {} {}", label_, bar, numbers);
  std::fflush(stderr);
  open_ = bar_open = true;
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
