// What the library says, to the sink of <tekio/log.h>: notes, warnings, progress; and how numbers and times are
// written.
#pragma once

#include <fmt/format.h>

#include <tekio/log.h>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/stopwatch.h"

namespace tekio {

/// One line. A note that begins " label    text" has its text in the eleventh column.
void note(std::string_view line);
void warn(std::string_view line);
/// Whether there is a sink that makes something of Progress.
bool progress_is_shown();

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

/// How far a piece of work is: a point now and then, and one more when this ends.
class Progress {
 public:
  /// `unit` names what a rate counts ("tokens"): update() gets their number beside the steps done. Where the steps
  /// themselves are bytes it is kBytes. `start`: steps that are done already.
  Progress(std::string label, int64_t total, std::string unit, int64_t start = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` steps of `total`; `units` counted since the start; `detail` is what else there is to say ("loss 2.61");
  /// `seconds_left`, where that is known better than by the rate so far.
  void update(int64_t done, int64_t units, std::string_view detail = {}, std::optional<double> seconds_left = {});
  static constexpr const char* kBytes = "bytes";

 private:
  void tell(std::string_view detail, std::optional<double> seconds_left, bool ended) const;
  const std::string label_, unit_;
  const int64_t total_, start_;
  int64_t done_ = 0, units_ = 0;
  Stopwatch running_, since_told_;
  bool told_ = false;
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
