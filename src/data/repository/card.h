// What a dataset's README.md says of its files: the YAML between two lines of dashes at its head, as the Hub has it.
//
//   configs:
//   - config_name: plain_text
//     data_files:
//     - split: train
//       path: plain_text/train-*
//     default: true
#pragma once

#include <tekio/dataset.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "data/repository/split_patterns.h"

namespace tekio {

struct DatasetConfig {
  std::string name;
  Json fields;  ///< as they stand there, scalars as strings
  /// The splits and their patterns; empty: it has no data_files. Errors: input (of another form, a split twice, a name
  /// that no split can have). `what` stands in messages.
  std::vector<NamedSplit> data_files(const std::string& what) const;
  std::string data_dir() const;
};

struct DatasetCard {
  std::vector<DatasetConfig> configs;  ///< in their order
  std::vector<std::string> described;  ///< configurations that dataset_info describes, or what stood for it once
};

/// `readme`: README.md, "" if there is none; only its head is looked at. `standalone`: .huggingface.yaml, whose keys
/// replace the README's. Errors: input (no YAML; configs that are no list of mappings with names; a head that does not
/// end in 8 MiB).
DatasetCard read_card(std::string_view readme, std::string_view standalone, const std::string& what);

/// Adds what dataset_infos.json describes, which older versions of the reference wrote beside the README.md. Errors:
/// input (no JSON object).
void add_described(DatasetCard& card, const Json& dataset_infos, const std::string& what);

/// The configuration of this name; "": the default one, or the only one. nullptr: the card has no configurations and
/// none was asked for (or "default", which a dataset without any has). Errors: input (no such one, or several and none
/// is the default: the message lists them).
const DatasetConfig* choose_config(const DatasetCard& card, const std::string& name, const std::string& what);

/// Sets what the configuration says of reading (sep, delimiter, header, names, encoding, field, sample_by) where the
/// options leave it as it is by default. Errors: input (a parameter that changes what is read and is not supported).
ReadOptions with_parameters(const DatasetConfig& config, const std::string& format, ReadOptions options,
                            const std::string& what);

inline constexpr size_t kLongestCardHead = size_t{8} << 20;

}  // namespace tekio
