// Filling masks with a model that is open, measured: what a server takes for a request, against the time in which the
// weights, which every request reads, can be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "command.h"
#include "inputs.h"

namespace tekio::cli {

/// How long one text of each of `lengths` tokens with one mask takes through the model, and how long `text` takes from
/// text to words. Each is measured `repeats` times or more, for at least half a second; medians count.
/// Errors: input (a length that the model does not take, no mask in the text).
OrderedJson measure_warm_fill(const OpenModel& opened, const Common& common, const std::string& text,
                              const std::vector<int64_t>& lengths, int64_t repeats);

}  // namespace tekio::cli
