// How many rows files have, remembered for as long as the process lives: whoever asks for the end of a split and then
// for the rest of it, or for one part of it after the other, has its files read once to count them.
#pragma once

#include <cstdint>
#include <optional>

#include "data/source.h"
#include "data/token_store.h"

namespace tekio {

/// Takes note of how a file looks before it is read, and of what was counted in it if it still looks so afterwards.
class CountedFile {
 public:
  CountedFile(const Files& files, size_t file);
  /// What is known of the file as it is.
  std::optional<RowCount> known() const;
  /// Called when all its rows were read.
  void remember(const RowCount& count) const;

 private:
  const Files& files_;
  size_t file_;
  StoreKey key_;
};

}  // namespace tekio
