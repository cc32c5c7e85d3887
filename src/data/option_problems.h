// What is wrong with the values that an options struct has: a walker (base/option_text.h).
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/option_text.h"

namespace tekio {

/// A sentence for each value out of its range, in the order of the walk.
class OptionProblems {
 public:
  virtual ~OptionProblems() = default;

  void add(std::string sentence) { found_.push_back(std::move(sentence)); }
  std::vector<std::string> take() { return std::move(found_); }

  void option(const OptionText& text, double value) { check(text, value, "a number"); }
  void option(const OptionText& text, int64_t value) { check(text, value, "an integer"); }
  void option(const OptionText& text, uint64_t value) { check(text, value, "an integer"); }
  void option(const OptionText& text, const std::optional<double>& value) {
    if (value) check(text, *value, "a number");
  }
  void option(const OptionText& text, const std::optional<uint64_t>& value) {
    if (value) check(text, *value, "an integer");
  }
  void option(const OptionText&, bool) {}
  void option(const OptionText&, const std::string&) {}
  void option(const OptionText&, const std::vector<std::string>&) {}
  template <typename Enum>
  void choice(const OptionText&, Enum, const Names<Enum>&) {}
  void changing(const OptionText& text, const std::optional<double>& first, double last) {
    option(text, last);
    option(text, first);
  }

 protected:
  /// Whether the option has a meaning beside the others.
  virtual bool counts(std::string_view) const { return true; }

 private:
  template <typename Number>
  void check(const OptionText& text, Number value, const char* what) {
    const auto number = static_cast<double>(value);
    if (!counts(text.name)) return;
    constexpr double kMost = 0x1p31;  // of what is counted: products of two counts stay within 64 bits
    if (text.range.holds(number) && std::is_integral_v<Number> && number > kMost && !std::isfinite(text.range.maximum))
      add(message("{} is {}, expected at most {}", named_option(text.name), value, kMost));
    else if (!text.range.holds(number))
      add(message("{} is {}, expected {}", named_option(text.name), value, text.range.text(what)));
    else if (text.interval && number >= 1 &&
             (number > 0x1p53 || number != static_cast<double>(static_cast<int64_t>(number))))
      add(message("{} is {}, expected a whole number of updates, or a share of all updates below 1",
                  named_option(text.name), value));
  }

  std::vector<std::string> found_;
};

}  // namespace tekio
