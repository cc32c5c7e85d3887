// Intervals: Student's t distribution, and Wilson's of a share.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace tekio {

/// The 97.5 % point with n > 0 degrees of freedom: beyond a few, Abramowitz and Stegun 26.7.5.
inline double student_t(int64_t n) {
  constexpr double kFew[] = {12.706205, 4.302653, 3.182446, 2.776445};
  if (n <= 4) return kFew[n - 1];
  constexpr double z = 1.959963985, z2 = z * z;
  const auto v = static_cast<double>(n);
  return z * (1 + (z2 + 1) / (4 * v) + ((5 * z2 + 16) * z2 + 3) / (96 * v * v) +
              (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * v * v * v));
}

/// The ends of Wilson's 95 % interval of a share from 0 to 1 that was found in `of` > 0 tries.
inline std::array<double, 2> interval_of_share(double share, double of) {
  constexpr double z = 1.959963985, z2 = z * z;
  const double middle = (share + z2 / (2 * of)) / (1 + z2 / of),
               half = z / (1 + z2 / of) * std::sqrt(share * (1 - share) / of + z2 / (4 * of * of));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace tekio
