#include "base/random/python_random.h"

#include <array>
#include <span>

namespace tekio {
namespace {

/// A number is a key of as many words as it takes, the lowest first.
Twister seeded_as_python_does(uint64_t seed) {
  const std::array<uint32_t, 2> words{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  return Twister(std::span(words).first(words[1] == 0 ? 1 : 2));
}

}  // namespace

PythonRandom::PythonRandom(uint64_t seed) : twister_(seeded_as_python_does(seed)) {}

}  // namespace tekio
