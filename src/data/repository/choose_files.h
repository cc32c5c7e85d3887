// A repository's names and what its README.md says of them, to the files of each split: what the reference's
// load_dataset does before it reads any.
#pragma once

#include <string>
#include <vector>

#include "data/repository/card.h"

namespace tekio {

struct ChosenSplit {
  std::string name;
  std::vector<std::string>
      files;            ///< by their names, in the order of their rows; one that is there twice is read twice
  std::string format;   ///< of most of them
  size_t left_out = 0;  ///< files of other formats
};

struct ChosenFiles {
  const DatasetConfig* config = nullptr;  ///< of the card; nullptr: it has none
  std::vector<ChosenSplit> splits;  ///< that have files; in the card's order, else train, validation, test, others
  std::vector<std::string> empty;   ///< splits whose patterns match no file
};

/// `names`: sorted; `config`: "" for the default one. Where `some_are_missing`, files that the card names may be
/// absent. Errors: input (see card.h and split_patterns.h; no data files; a split in a format that Tekio has no reader
/// for).
ChosenFiles choose_files(const std::vector<std::string>& names, const DatasetCard& card, const std::string& config,
                         const std::string& what, bool some_are_missing = false);

/// Whether the files are laid out as in the Hub's copies of datasets: CONFIGURATION/SPLIT/0000.parquet.
bool is_converted(const std::vector<std::string>& names);
/// The same of those. Splits that the Hub has converted in part only count as empty.
ChosenFiles choose_converted(const std::vector<std::string>& names, const std::string& config, const std::string& what);

}  // namespace tekio
