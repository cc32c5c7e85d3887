// binomial(1, p) by inversion, as numpy's old generator does it: the bounds that it retries at are part of the stream.
#include "base/random/numpy_legacy.h"

#include <cmath>

#include "base/error.h"

namespace tekio {

double NumpyLegacy::rand() {
  const uint32_t high = twister_.word() >> 5, low = twister_.word() >> 6;
  return (high * 0x1p26 + low) * 0x1p-53;
}

int NumpyLegacy::binomial1(double p) {
  TEKIO_CHECK(p >= 0 && p <= 1, "a chance of {}", p);
  if (p > 0.5) return 1 - binomial1(1 - p);
  const double q = 1 - p;
  const double chance_of_0 = std::exp(std::log(q));  // not always q to the last bit
  const double chance_of_1 = p * chance_of_0 / q;
  for (;;) {
    const double drawn = rand();
    if (drawn <= chance_of_0) return 0;
    if (drawn - chance_of_0 <= chance_of_1) return 1;
    // 2 is past the bound, trunc(min(1, p + 10 sqrt(pq + 1))) = 1: drawn anew
  }
}

}  // namespace tekio
