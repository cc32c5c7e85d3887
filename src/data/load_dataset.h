// load_dataset for callers that have more to say of the Hub than its environment variables do.
#pragma once

#include <tekio/dataset.h>
#include <functional>
#include <string>
#include <vector>

#include "hub/settings.h"

namespace tekio {

/// `settings`: called where a spec names a dataset of the Hub.
DatasetDict load_dataset(const std::vector<std::string>& specs, const ReadOptions& options,
                         const std::function<hub::Settings()>& settings);

}  // namespace tekio
