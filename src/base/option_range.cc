#include "base/option_range.h"

#include <fmt/format.h>

#include <cmath>

namespace tekio {

bool OptionRange::holds(double number) const {
  if (!std::isfinite(number)) return false;
  if (number == also) return true;
  return (above_minimum ? number > minimum : number >= minimum) &&
         (below_maximum ? number < maximum : number <= maximum);
}

std::string OptionRange::text(const std::string& what) const {
  const bool low = std::isfinite(minimum), high = std::isfinite(maximum);
  if (low && high && !above_minimum && !below_maximum) return fmt::format("{} from {} to {}", what, minimum, maximum);
  std::string text = what;
  if (low) text += fmt::format(" {} {}", above_minimum ? ">" : ">=", minimum);
  if (high) text += fmt::format("{} {} {}", low ? " and" : "", below_maximum ? "<" : "<=", maximum);
  if (also) text += fmt::format(", or {}", *also);
  return text;
}

}  // namespace tekio
