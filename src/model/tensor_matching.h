// How a file's tensors meet the model's. Names vary (old norms' gamma and beta, bare encoders without their prefix,
// decoders' copies of tied tensors); the rules are the reference's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "model/family.h"
#include "model/load_report.h"
#include "model/weight_files.h"
#include "model/weights.h"

namespace tekio {

/// The model's name of a tensor, the file's name of it, and where that lies.
using MatchedTensors = std::map<std::string, std::pair<std::string, WeightFiles::Found>>;

/// Finds a file's tensor for each of the model's; fills the report's `unexpected` and `notes`. Errors (input): two
/// tensors for one.
MatchedTensors match_tensors(const WeightFiles& files, const ModelConfig& config, const ParameterSet& weights,
                             LoadReport& report);

/// The family whose layers the files' names are; nothing if they could be another's, too.
std::optional<Family> family_of_tensors(const WeightFiles& files);

/// Whether the files hold a matrix of the head's own: one that is not the word embeddings.
bool has_own_decoder(const WeightFiles& files, Family family);

}  // namespace tekio
