// Whether this build runs under a sanitizer that changes what memory a process takes.
#pragma once

#include <vector>

namespace tekio::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEKIO_ADDRESS_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(TEKIO_ADDRESS_SANITIZER)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

/// Of numbers that a test goes through: all, or the ends alone where a sanitizer makes each cost ten times as much. It
/// looks for reads and writes out of place, which the ends have if any.
template <typename T>
std::vector<T> thinned_under_sanitizer(std::vector<T> numbers) {
  if (!kAddressSanitizer || numbers.size() < 3) return numbers;
  return {numbers.front(), numbers[numbers.size() / 2], numbers.back()};
}

/// For tests of how fast something is.
#define TEKIO_NEEDS_TRUE_SPEED() \
  if (::tekio::test::kAddressSanitizer) GTEST_SKIP() << "speed under a sanitizer says nothing"

}  // namespace tekio::test
