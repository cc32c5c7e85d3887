// What is told of a folder's tensors and the model's: which met, which did not, what was decided.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "model/initialize.h"

namespace tekio {

/// Names as the reference reports them.
struct LoadReport {
  std::vector<std::string> missing;     ///< not in the file: initialised
  std::set<Start> starts;               ///< how those are
  std::vector<std::string> unexpected;  ///< in the file, not in the model
  bool head_missing = false;            ///< the whole masked-LM head is among the missing
  bool decoder_missing = false;         ///< its own matrix is
  std::vector<std::string> notes;       ///< sentences on what was decided where a file left a choice

  /// One sentence on what is missing and how it begins, one on what is not used; empty where there is nothing to tell.
  /// `where` names the folder.
  std::string missing_sentence(const ModelConfig& config, const std::string& where, uint64_t seed) const;
  std::string unexpected_sentence(const std::string& where) const;
};

}  // namespace tekio
