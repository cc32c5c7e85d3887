// The heart of training a vocabulary: again and again the most frequent pair of neighbouring tokens becomes a token. A
// new token tells which pairs became more and less frequent, and where; nothing is counted twice.
//
// The surprising fact: a pair's count is not taken back when it is merged, as in the reference. So where two ways lead
// to one token ("a" + "##bc", "ab" + "##c"), a pair that comes into being again is counted on top of what it once was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/large_pages.h"
#include "base/thread_pool.h"
#include "text/pair_queue.h"
#include "text/pair_table.h"
#include "text/tokenized_words.h"
#include "text/vocabulary.h"

namespace tekio {

class PairMerger {
 public:
  /// `vocabulary` has all tokens of `words`, ids without gaps; merged ones are added to it.
  PairMerger(Vocabulary& vocabulary, std::string_view prefix, TokenizedWords words, ThreadPool& pool);

  /// Merges until the vocabulary has `vocab_size` entries or no pair occurs `min_frequency` times (nor once).
  void run(int64_t vocab_size, uint64_t min_frequency);

  /// What was merged, in order.
  struct Merged {
    PairKey pair;
    uint32_t token;
  };
  const std::vector<Merged>& merges() const { return merges_; }

 private:
  /// Tokens on one side of what is merged, by id, and how often and where each was met there.
  struct Side {
    struct Neighbour {
      uint64_t count = 0, begin = 0;
      uint32_t places = 0;
    };
    struct Meeting {
      uint32_t id, place;
    };
    std::vector<Neighbour> by_id;
    std::vector<uint32_t> ids;
    std::vector<Meeting> meetings;

    /// Whether it is met for the first time.
    bool meet(uint32_t id, uint64_t count, uint32_t place);
    /// Moves what another side has here.
    void take(Side& other);
    void keep_places(LargeVector<uint32_t>& all);
    void clear();
  };
  /// What merging a pair in some words has found out.
  struct Findings {
    Side before, behind;                               // what was merged
    uint64_t doubled = 0;                              // how often what was merged stands beside itself
    std::vector<uint32_t> doubled_at;                  // and where
    std::vector<std::pair<PairKey, uint64_t>> undone;  // pairs that this took apart

    void take(Findings& other);
    void clear();
  };

  void count_pairs();
  uint32_t token_of(PairKey pair);
  void fetch_next() const;
  void merge(const WaitingPair& top, uint32_t merged);
  void merge_words(const uint32_t* places, size_t count, PairKey pair, uint32_t merged, Findings& found);
  void merge_word(uint32_t place, uint32_t left, uint32_t right, uint32_t merged, Findings& found);
  void settle(uint32_t left, uint32_t right, uint32_t merged, Findings& found);

  Vocabulary& vocabulary_;
  std::string_view prefix_;
  TokenizedWords words_;
  ThreadPool& pool_;
  LargeVector<uint32_t> places_;  // of words in words_.cells, for all pairs that wait
  PairTable counts_;
  PairQueue queue_;
  std::vector<Findings> found_;  // one a thread
  std::string token_;
  std::vector<Merged> merges_;
};

}  // namespace tekio
