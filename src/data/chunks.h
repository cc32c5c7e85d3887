// Inside Chunks: which tokens of the store a chunk is. For the hot path; users see include/tekio/dataset.h.
#pragma once

#include <tekio/dataset.h>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/token_store.h"

namespace tekio {

/// A chunk is known by its number among those of its rows, whatever selection it is reached through.
struct ChunksView {
  static const ChunksView& of(const Chunks& chunks) { return *chunks.view_; }
  static Chunks wrap(std::shared_ptr<const ChunksView> view) { return Chunks(std::move(view)); }

  /// Tokens [begin, end) of a batch of the store.
  struct Stretch {
    const TokenStore::Batch* batch = nullptr;
    int64_t begin = 0, end = 0;
    int64_t size() const { return end - begin; }
  };
  /// TokenStore::kBatchRows of the rows, whose tokens are cut together. Counted from another row than the store's
  /// first, they lie in two of its batches, and a chunk may lie across.
  struct Batch {
    int64_t first_chunk = 0;
    Stretch front, back;
    std::vector<uint16_t> narrow_seam;  ///< [block] ids of the chunk that lies across, where the store has 16 bits
    std::vector<uint32_t> wide_seam;
  };
  /// What all selections of some rows' chunks share.
  struct Rows {
    int64_t begin = 0, end = 0;  ///< of the store
    int64_t tokens = 0, chunks = 0;
    std::vector<Batch> batches;
  };

  std::shared_ptr<const TokenStore> store;
  int64_t block = 128;  ///< tokens of a chunk; line_by_line: the most that a row has
  bool line_by_line = false;
  WordBounds words = WordBounds::tokenizer;  ///< what the store's words are
  std::shared_ptr<const Rows> rows;
  /// The words of all tokens of the store, where somebody else numbered them; else they are counted from its bits.
  std::shared_ptr<const std::vector<int32_t>> given_words;
  std::shared_ptr<const std::vector<int64_t>> picked;  ///< numbers of the chunks in this view; absent: all, in order

  /// All chunks of a store.
  static ChunksView whole(std::shared_ptr<const TokenStore> store, int64_t block, bool line_by_line,
                          WordBounds words = WordBounds::tokenizer);
  /// The chunks of rows [begin, end) of a store, which are those that a store of these rows alone would have.
  static ChunksView of_rows(std::shared_ptr<const TokenStore> store, int64_t block, bool line_by_line, int64_t begin,
                            int64_t end);

  int64_t size() const { return picked ? static_cast<int64_t>(picked->size()) : rows->chunks; }
  /// Number of this view's chunk i among those of its rows: what counter-based masks are a function of.
  int64_t number(int64_t i) const { return picked ? (*picked)[static_cast<size_t>(i)] : i; }
  /// Ids of chunk i, where they lie: nothing is copied. 0 <= i < size().
  TokenSpan ids(int64_t i) const;
  /// Its word ids (see Chunks::word_ids), as many as ids(i) has; `out` is overwritten.
  void word_ids(int64_t i, std::vector<int32_t>& out) const;
  /// Whether any of the rows has a word.
  bool has_words() const;

 private:
  struct Place {
    const Batch& batch;
    Stretch front, back;  ///< the second: of a chunk that lies across
  };
  Place place(int64_t i) const;
  void add_word_ids(const Stretch& tokens, std::vector<int32_t>& out) const;
};

}  // namespace tekio
