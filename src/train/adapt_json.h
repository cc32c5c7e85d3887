// A run as a document: what `tekio adapt --json` prints.
#pragma once

#include <tekio/adapt.h>

#include "base/json.h"

namespace tekio {

OrderedJson adapt_json(const AdaptReport& report, const TrainingOptions& options);
/// What is masked, and by which chance: {"of", "rule", "rate": {"first", "last", "evaluation"}}.
OrderedJson masking_json(const TrainingOptions& options);

}  // namespace tekio
