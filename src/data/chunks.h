// Inside Chunks: which tokens of the store a chunk is. For the hot path; users see include/tekio/dataset.h.
#pragma once

#include <tekio/dataset.h>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/token_store.h"

namespace tekio {

/// A chunk is known by its number within the store, whatever selection it is reached through.
struct Chunks::View {
  std::shared_ptr<const TokenStore> store;
  int64_t block = 128;  ///< tokens of a chunk; line_by_line: the most that a row has
  bool line_by_line = false;
  std::shared_ptr<const std::vector<int64_t>>
      first;  ///< [batches+1] number of each batch's first chunk; the last: how many there are
  std::shared_ptr<const std::vector<int64_t>> picked;  ///< numbers of the chunks in this view; absent: all, in order

  /// All chunks of a store.
  static View whole(std::shared_ptr<const TokenStore> store, int64_t block, bool line_by_line);

  int64_t size() const { return static_cast<int64_t>(picked ? picked->size() : static_cast<size_t>(first->back())); }
  /// Number within the store of this view's chunk i: what counter-based masks are a function of.
  int64_t number(int64_t i) const { return picked ? (*picked)[static_cast<size_t>(i)] : i; }
  /// Ids of chunk i, in the mapped file: nothing is copied. 0 <= i < size().
  TokenSpan ids(int64_t i) const;
  /// Its word ids (see Chunks::word_ids), as many as ids(i) has; `out` is overwritten.
  void word_ids(int64_t i, std::vector<int32_t>& out) const;

 private:
  struct Place {
    const TokenStore::Batch* batch;
    int64_t begin, end;
  };  // tokens [begin, end) of a batch
  Place place(int64_t i) const;
};

}  // namespace tekio
