// Chunks out of given ids, for tests of what comes after chunking: a token store in a temporary folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/chunks.h"
#include "data/masking.h"
#include "data/token_store.h"
#include "support/golden_tensors.h"

namespace tekio::test {

/// The vocabulary of distilbert-base-uncased.
inline MaskingVocabulary uncased_vocabulary() {
  return {.mask_id = 103, .pad_id = 0, .size = 30522, .special_ids = {0, 100, 101, 102, 103}};
}

/// A text of its own for each row, which is cut at `block` tokens (line_by_line); its word ids count `word_starts`.
inline Chunks chunks_of(const std::vector<std::vector<int32_t>>& rows,
                        const std::vector<std::vector<uint8_t>>& word_starts = {}, int64_t block = 128) {
  static int files = 0;
  const fs::path path = fs::path(testing::TempDir()) / fmt::format("chunks-{}-{}", getpid(), files++);
  EncodedRows encoded;
  for (size_t r = 0; r < rows.size(); ++r) {
    encoded.ids.insert(encoded.ids.end(), rows[r].begin(), rows[r].end());
    if (word_starts.empty())
      encoded.word_starts.resize(encoded.ids.size(), 1);
    else
      encoded.word_starts.insert(encoded.word_starts.end(), word_starts[r].begin(), word_starts[r].end());
    encoded.row_ends.push_back(encoded.ids.size());
  }
  const StoreKey key{};
  TokenStoreWriter writer(path, key, {});
  writer.append(encoded);
  writer.commit();
  auto store = std::make_shared<const TokenStore>(path, key);
  fs::remove(path);  // it stays mapped
  return ChunksView::wrap(
      std::make_shared<const ChunksView>(ChunksView::whole(std::move(store), block, /*line_by_line=*/true)));
}

/// The 48 chunks of tests/golden/masks.safetensors.
inline const std::map<std::string, IntTensor>& golden_masks() {
  static const auto tensors = read_int_tensors(TEKIO_GOLDEN_DIR "/masks.safetensors");
  return tensors;
}
inline std::vector<std::vector<int32_t>> golden_rows() {
  const auto& chunks = golden_masks().at("chunks");
  std::vector<std::vector<int32_t>> rows;
  for (int64_t i = 0; i < chunks.shape[0]; ++i) rows.push_back(chunks.row(i));
  return rows;
}

/// A batch as the reference's padded arrays: row-major [B, padded_length].
struct PaddedBatch {
  std::vector<int32_t> input_ids, labels;
};
inline PaddedBatch padded(const Batch& batch, int32_t pad_id = 0) {
  PaddedBatch out;
  const auto size = static_cast<size_t>(batch.sequences() * batch.padded_length);
  out.input_ids.assign(size, pad_id);
  out.labels.assign(size, -100);
  size_t masked = 0;
  for (size_t s = 0; s + 1 < batch.offsets.size(); ++s)
    for (int32_t t = batch.offsets[s]; t < batch.offsets[s + 1]; ++t) {
      const size_t at = s * static_cast<size_t>(batch.padded_length) + static_cast<size_t>(t - batch.offsets[s]);
      out.input_ids[at] = batch.input_ids[static_cast<size_t>(t)];
      if (masked < batch.masked_rows.size() && batch.masked_rows[masked] == t) out.labels[at] = batch.labels[masked++];
    }
  EXPECT_EQ(masked, batch.masked_rows.size()) << "masked rows must ascend";
  return out;
}

}  // namespace tekio::test
