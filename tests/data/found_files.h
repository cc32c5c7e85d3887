// The files that a spec's splits are read from, as tests look at them.
#pragma once

#include <tekio/dataset.h>
#include <string>

#include "data/layout.h"
#include "data/source.h"

namespace tekio::test {

inline SplitFiles find_files(const std::string& spec) {
  const DatasetDict data = load_dataset(spec);
  SplitFiles found;
  for (const auto& [name, split] : data.splits()) found.emplace_back(name, DatasetSource::of(split).files->list());
  return found;
}

}  // namespace tekio::test
