// Options as a document: RUN/options.json, and in every checkpoint, where a resumed run compares them with its own.
#pragma once

#include <tekio/adapt.h>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace tekio {

/// Every option by its name.
Json options_to_json(const TrainingOptions& options);
/// Every option of masking by its name.
Json mask_options_to_json(const MaskOptions& options);

/// How many ranks a run was begun on, beside its options; absent: 1.
constexpr const char* kWorldSize = "world_size";
int64_t ranks_of(const Json& options);
/// Chunks that an update took in a run with these recorded options; 0 where they do not say.
int64_t chunks_per_update(const Json& options);

/// How a resumed run's options meet those that its checkpoint was written with.
struct OptionChanges {
  std::vector<std::string> forbidden;  ///< "seed 42 -> 43": the run's place in its data would mean nothing
  std::vector<std::string> told;       ///< the run goes on, but not as it would have without the stop
};
OptionChanges compare_options(const Json& before, const Json& now);

}  // namespace tekio
