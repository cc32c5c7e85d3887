// Float32 numbers below 1.2e-38 ("denormal") cost many processors an assist of many cycles for each operation that
// meets one, and the gradients of a trained model are full of them, as gelu's slope fades like e^(-x^2/2). So the
// processor's back end takes them for 0, in operands and in results, as do sums over ranks. The setting is a thread's
// own: it holds while the back end computes, and whoever owns the thread finds it as it was.
#pragma once

#include <xmmintrin.h>

namespace tekio {

class FlushDenormals {
 public:
  FlushDenormals() : before_(_mm_getcsr() & kBoth) {
    if (before_ != kBoth) _mm_setcsr(_mm_getcsr() | kBoth);
  }
  ~FlushDenormals() {
    if (before_ != kBoth) _mm_setcsr((_mm_getcsr() & ~kBoth) | before_);
  }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

  /// Whether the calling thread takes denormal numbers for 0 now, in operands as in results.
  static bool is_on() { return (_mm_getcsr() & kBoth) == kBoth; }

 private:
  static constexpr unsigned kBoth = 0x8040;  // MXCSR's flush-to-zero and denormals-are-zero
  unsigned before_;
};

}  // namespace tekio
