// What a run says on stderr. stdout belongs to results alone. `--quiet` silences notes and progress, never warnings.
// What cannot be written (the terminal is gone, the disk full) is lost: a run does not end for want of its log.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/stopwatch.h"

namespace tekio {

/// Silences note() and Progress. Set once, at start.
void set_quiet(bool quiet);
/// Async-signal-safe.
bool is_quiet();

/// One line on stderr; on a terminal that is narrower than it, broken at blanks, and continued under where its text
/// begins (" label    text").
void note(std::string_view line);
/// The same, beginning with "tekio: warning: ".
void warn(std::string_view line);
/// The same, beginning with "tekio: ": why the program ends.
void report_error(std::string_view line);

/// Warnings of one kind that may come by the thousand: the first is said, the others are counted.
class CountedWarning {
 public:
  /// `all` says what they are, in the plural ("rows are empty").
  explicit CountedWarning(std::string all) : all_(std::move(all)) {}
  /// `line` makes the warning; it is called for the first alone.
  template <typename Line>
  void add(Line&& line) {
    if (++count_ == 1) first_ = line();
  }
  /// The one line, if there is anything to warn of: "FIRST (40 tokens get …)".
  void give() const;
  int64_t count() const { return count_; }

 private:
  std::string all_, first_;
  int64_t count_ = 0;
};

/// A bar with rate and time left on a terminal, as wide as that allows, which clears itself; where stderr is none, a
/// plain line every few seconds. Draws at most ten times a second.
class Progress {
 public:
  /// `unit` names what a rate counts ("tokens"): update() gets their number beside the steps done. Where the steps
  /// themselves are bytes it is kBytes, and all is written in units of these.
  Progress(std::string label, int64_t total, std::string unit, int64_t start = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` steps of `total`; `units` counted since the start; `detail` is put before the time left ("loss 2.61"),
  /// which is `seconds_left` where that is known, else what these steps take at their rate so far.
  void update(int64_t done, int64_t units, std::string_view detail = {}, std::optional<double> seconds_left = {});
  /// Whether a bar stands on the terminal now. Async-signal-safe.
  static bool is_shown();
  static constexpr const char* kBytes = "bytes";

 private:
  std::string line(int64_t done, int64_t units, std::string_view detail, std::optional<double> seconds_left) const;
  std::string label_, unit_;
  int64_t total_, start_;
  Stopwatch running_, since_drawn_;
  bool terminal_, drew_ = false;
};

/// 75 s as "1:15", 4,000 s as "1:06:40".
std::string clock_time(double seconds);
/// 1234567 as "1,234,567".
std::string with_commas(int64_t number);
/// 1 and "row" as "1 row", 1234 as "1,234 rows"; `many`: a plural that is not the noun and an s.
std::string counted(int64_t number, std::string_view noun, std::string_view many = {});
/// 3221225472 as "3.2 GB" (powers of ten).
std::string bytes_text(uint64_t bytes);

}  // namespace tekio
