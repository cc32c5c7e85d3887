// Dropout, the same on every back end: whether an element is kept is a pure function of (seed, step, site, row,
// column), so nothing is stored between forward and backward and resuming needs no state. Where a run repeats the
// reference stack's own random stream instead (--masking_rng torch-cpu), `kept` holds the drawn decisions.
#pragma once

#include <cstdint>

#include "base/random/counter.h"

namespace tekio {

struct Dropout {
  float rate = 0;  ///< chance to be dropped, [0, 1); 0: off
  uint64_t seed = 0;
  uint64_t step = 0;              ///< the update's number
  uint32_t site = 0;              ///< which dropout of the model: layer * 4 + kind
  const uint8_t* kept = nullptr;  ///< explicit decisions, 1 = kept, row-major over the op's own order: [n,C] for rows
                                  ///< of tokens; for attention one sequence after another, [H,T,T] each

  bool on() const { return rate > 0; }
  float scale() const { return 1.0f / (1.0f - rate); }  ///< kept elements are multiplied by it
};

/// A dropout row: a token (head 0, position within its sequence) or an attention query (head, position).
struct DropoutRow {
  uint64_t sequence;
  uint32_t head;
  uint32_t position;
};

/// An element is kept where its 16-bit random number is at least this.
constexpr uint32_t dropout_threshold(const Dropout& drop) { return static_cast<uint32_t>(drop.rate * 65536.0f + 0.5f); }
/// The word of the counter that tells dropout, and the site, from other uses of randomness.
constexpr uint32_t dropout_site(const Dropout& drop) {
  return drop.site | static_cast<uint32_t>(RandomUse::dropout) << 24;
}

/// Eight decisions at once, the unit in which they are drawn: bit j says whether column 8 * block + j is kept.
/// One Philox call gives eight 16-bit numbers.
constexpr uint8_t kept_bits(RandomKey key, uint32_t threshold, uint32_t site, const DropoutRow& row, uint32_t block) {
  const RandomWords words =
      random_words(key, {block, row.position | row.head << 20, static_cast<uint32_t>(row.sequence), site});
  uint8_t bits = 0;
  for (unsigned j = 0; j < 8; ++j)
    bits |= static_cast<uint8_t>((((words[j / 2] >> (16 * (j % 2))) & 0xFFFF) >= threshold) << j);
  return bits;
}
constexpr uint8_t kept_bits(const Dropout& drop, const DropoutRow& row, uint32_t block) {
  return kept_bits(random_key(drop.seed, drop.step), dropout_threshold(drop), dropout_site(drop), row, block);
}

}  // namespace tekio
