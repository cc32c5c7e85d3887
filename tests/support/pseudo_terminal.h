// Whether this machine has terminals to play with: some containers do not mount /dev/pts.
#pragma once

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

namespace tekio::test {

inline bool has_pseudo_terminals() {
  int outer = -1, inner = -1;
  if (::openpty(&outer, &inner, nullptr, nullptr, nullptr) != 0) return false;
  ::close(outer);
  ::close(inner);
  return true;
}

}  // namespace tekio::test

/// First line of a test that needs one.
#define TEKIO_NEEDS_PSEUDO_TERMINAL() \
  if (!tekio::test::has_pseudo_terminals()) GTEST_SKIP() << "this machine gives no pseudo-terminals (/dev/pts)"
