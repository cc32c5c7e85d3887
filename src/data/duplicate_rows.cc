// Each row is its tokens' hash. Equal rows have equal hashes, so where hashes would fill the memory, those of some
// share of all values tell how often a row comes again as well as all do.
#include "data/duplicate_rows.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "data/chunks.h"

namespace tekio {
namespace {

constexpr int64_t kMostHashes = int64_t{1} << 24;  // of 8 bytes

/// Of the rows with tokens of their own, those hashes that `share`, a power of two, divides.
std::vector<uint64_t> row_hashes(const Chunks& chunks, uint64_t share) {
  const TokenStore& store = *ChunksView::of(chunks).store;
  const ChunksView::Rows& rows = *ChunksView::of(chunks).rows;
  const int64_t template_tokens = store.prefix() + store.suffix();
  std::vector<uint64_t> hashes;
  hashes.reserve(static_cast<size_t>(rows.end - rows.begin) / share);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const TokenStore::Batch& batch = store.batches()[static_cast<size_t>(row / TokenStore::kBatchRows)];
    const int64_t begin = batch.begin_of(row % TokenStore::kBatchRows),
                  end = batch.end_of(row % TokenStore::kBatchRows);
    if (end - begin <= template_tokens) continue;
    const std::span<const std::byte> ids = batch.ids.subspan(begin, end - begin).bytes();
    if (const uint64_t hash = XXH3_64bits(ids.data(), ids.size()); hash % share == 0) hashes.push_back(hash);
  }
  return hashes;
}

}  // namespace

DuplicateRows count_duplicate_rows(const Chunks& train, const Chunks& held_out) {
  const auto share =
      std::bit_ceil(static_cast<uint64_t>(std::max(train.rows(), held_out.rows()) / (kMostHashes + 1) + 1));
  std::vector<uint64_t> trained = row_hashes(train, share);
  const auto all = static_cast<int64_t>(trained.size());
  std::ranges::sort(trained);
  trained.erase(std::unique(trained.begin(), trained.end()), trained.end());
  const auto factor = static_cast<int64_t>(share);
  DuplicateRows duplicates{.train = (all - static_cast<int64_t>(trained.size())) * factor, .held_out = std::nullopt};
  if (ChunksView::of(train).rows == ChunksView::of(held_out).rows) return duplicates;
  duplicates.held_out = factor * std::ranges::count_if(row_hashes(held_out, share), [&](uint64_t hash) {
                          return std::ranges::binary_search(trained, hash);
                        });
  return duplicates;
}

}  // namespace tekio
