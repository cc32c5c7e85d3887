// Puts masked sequences together as a batch. The checksums are those of the reference's padded int64 arrays, which are
// never built: only one row at a time.
#pragma once

#include <zlib.h>

#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "data/chunks.h"
#include "data/masking.h"

namespace tekio {

class BatchWriter {
 public:
  BatchWriter(int64_t width, int32_t pad_id, bool checksums) : pad_id_(pad_id), checksums_(checksums) {
    out_.batch.offsets.push_back(0);
    out_.batch.padded_length = width;
  }

  /// A sequence: what the model sees, what stood there, and where (1) that is to be predicted.
  void add(std::span<const int32_t> input, std::span<const int32_t> original, std::span<const uint8_t> chosen) {
    Batch& batch = out_.batch;
    const auto first = static_cast<int32_t>(batch.input_ids.size());
    batch.input_ids.insert(batch.input_ids.end(), input.begin(), input.end());
    batch.offsets.push_back(static_cast<int32_t>(batch.input_ids.size()));
    for (size_t i = 0; i < chosen.size(); ++i) {
      if (chosen[i] == 0) continue;
      batch.masked_rows.push_back(first + static_cast<int32_t>(i));
      batch.labels.push_back(original[i]);
    }
    if (checksums_) add_checksums(input, original, chosen);
  }

  CollatedBatch finish() { return std::move(out_); }

 private:
  void add_checksums(std::span<const int32_t> input, std::span<const int32_t> original,
                     std::span<const uint8_t> chosen) {
    static_assert(std::endian::native == std::endian::little);
    constexpr int64_t kNotChosen = -100;
    const auto continued = [&](uint32_t crc) {
      return static_cast<uint32_t>(
          crc32_z(crc, reinterpret_cast<const Bytef*>(row_.data()), row_.size() * sizeof(int64_t)));
    };
    row_.assign(input.begin(), input.end());
    row_.resize(static_cast<size_t>(out_.batch.padded_length), pad_id_);
    out_.input_ids_crc32 = continued(out_.input_ids_crc32);
    row_.assign(row_.size(), kNotChosen);
    for (size_t i = 0; i < chosen.size(); ++i)
      if (chosen[i] != 0) row_[i] = original[i];
    out_.labels_crc32 = continued(out_.labels_crc32);
  }

  CollatedBatch out_;
  int32_t pad_id_;
  bool checksums_;
  std::vector<int64_t> row_;
};

/// Copies chunk `number`'s ids into `out`.
inline void copy_ids(const ChunksView& view, int64_t number, std::vector<int32_t>& out) {
  const TokenSpan ids = view.ids(number);
  out.resize(static_cast<size_t>(ids.size()));
  ids.copy_to(out.data());
}

/// The width of the rectangle that holds rows of up to `longest` tokens.
inline int64_t padded_width(int64_t longest, int64_t multiple) {
  return (longest + multiple - 1) / multiple * multiple;
}

}  // namespace tekio
