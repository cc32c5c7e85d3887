// Rows that are in memory already: columns that somebody handed over by the Arrow C data interface, or texts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/arrow_data.h"

namespace tekio {

struct MemoryRows {
  using Batch = std::shared_ptr<const ArrowOwned<ArrowArray>>;

  ArrowType table;             ///< a struct of all columns
  std::vector<Batch> batches;  ///< none is empty
  int64_t rows = 0;
  int64_t text_bytes = 0;  ///< of the strings in them, as far as their offsets tell

  /// Takes over what the stream gives; no value is copied. Errors: input (it fails, or what it gives is no table).
  static std::shared_ptr<const MemoryRows> of_stream(ArrowArrayStream* stream);
  /// One column, "text".
  static std::shared_ptr<const MemoryRows> of_texts(const std::vector<std::string>& texts);

  /// 128 bits over the texts of a column, or its lists of words.
  std::array<uint64_t, 2> digest(const std::vector<std::string>& column, bool words) const;
};

}  // namespace tekio
