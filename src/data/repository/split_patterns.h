// A repository's splits where nothing but its files' names tells of them, by the reference's patterns; and patterns to
// files. Names are sorted, as listings are.
#pragma once

#include <string>
#include <vector>

namespace tekio {

/// A split and its patterns, or its files.
struct NamedSplit {
  std::string split;
  std::vector<std::string> names;
  bool operator==(const NamedSplit&) const = default;
};

/// The patterns of the splits that the names tell of: data/SPLIT-00000-of-00001.…, else keywords in names of folders,
/// else in those of files, else all files are "train". The first of these rules that finds a file holds alone. Errors:
/// input (shards of a split that cannot be called so; no file at all; `what` stands in messages).
std::vector<NamedSplit> default_patterns(const std::vector<std::string>& names, const std::string& what);

/// The files of each split's patterns, in the patterns' order; a file that two patterns match is there twice, as the
/// reference has it. Files without an ending of data are left out. Errors: input (a name without wildcards that is not
/// there, unless `some_are_missing`; patterns that lead out of the repository).
std::vector<NamedSplit> resolve_patterns(const std::vector<NamedSplit>& splits, const std::vector<std::string>& names,
                                         const std::string& what, bool some_are_missing = false);

}  // namespace tekio
