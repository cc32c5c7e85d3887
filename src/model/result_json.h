// What models say, as JSON: the program prints it, to_json() writes it.
#pragma once

#include <tekio/masked_lm.h>
#include <vector>

#include "base/json.h"

namespace tekio {

OrderedJson json_of(const Prediction& prediction);
OrderedJson json_of(const std::vector<Prediction>& predictions);
/// Of a text's masks: of an only one its predictions, else a list of such.
OrderedJson json_of(const std::vector<std::vector<Prediction>>& masks);
OrderedJson json_of(const ModelInfo& info);

}  // namespace tekio
