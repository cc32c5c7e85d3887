// Student's t distribution.
#pragma once

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

}  // namespace tekio
