// numpy's old global generator (numpy.random.seed, rand, binomial), bit for bit: the reference's whole-word collator
// draws words from it. The same Twister as torch's, read differently.
#pragma once

#include <cstdint>

#include "base/random/twister.h"

namespace tekio {

class NumpyLegacy {
 public:
  /// numpy.random.seed(seed mod 2^32): numpy itself refuses larger seeds.
  explicit NumpyLegacy(uint64_t seed) : twister_(static_cast<uint32_t>(seed)) {}

  double rand();  ///< [0, 1), 53 bits of two words
  /// One element of binomial(1, p, count): 0 or 1.
  int binomial1(double p);

  using State = Twister::State;
  const State& state() const { return twister_.state(); }
  void set_state(const State& state) { twister_.set_state(state); }

 private:
  Twister twister_;
};

}  // namespace tekio
