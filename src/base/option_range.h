// What values a numeric option takes.
#pragma once

#include <limits>
#include <optional>
#include <string>

namespace tekio {

struct OptionRange {
  double minimum = -std::numeric_limits<double>::infinity(), maximum = std::numeric_limits<double>::infinity();
  bool above_minimum = false;  ///< the minimum itself is out of range
  bool below_maximum = false;  ///< so is the maximum
  std::optional<double> also;  ///< one more number that is in range

  static OptionRange at_least(double low) { return {.minimum = low}; }
  static OptionRange above(double low) { return {.minimum = low, .above_minimum = true}; }
  OptionRange at_most(double high) const {
    OptionRange range = *this;
    range.maximum = high;
    return range;
  }
  OptionRange below(double high) const {
    OptionRange range = at_most(high);
    range.below_maximum = true;
    return range;
  }
  OptionRange or_exactly(double number) const {
    OptionRange range = *this;
    range.also = number;
    return range;
  }

  bool holds(double number) const;
  /// "an integer >= 1", "a number > 0 and < 1", "an integer from 1 to 99"; `what`: "an integer" or "a number".
  std::string text(const std::string& what) const;
};

}  // namespace tekio
