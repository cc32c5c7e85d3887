// What evaluations say, as JSON: the program prints it, to_json() writes it.
#pragma once

#include <tekio/adapt.h>

#include "base/json.h"

namespace tekio {

OrderedJson json_of(const EvaluationReport& report);

}  // namespace tekio
