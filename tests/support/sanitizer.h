// Whether this build runs under a sanitizer that changes what memory a process takes.
#pragma once

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

}  // namespace tekio::test
