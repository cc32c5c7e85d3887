// Rates that were measured on a processor, kept in a folder for later processes: a file for each key (what was measured
// on what), named by its digest, that appears whole. Several processes may write it at once; the last one stays.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/json.h"
#include "model/arithmetic.h"

namespace tekio {

class KeptRates {
 public:
  KeptRates(std::filesystem::path folder, Json key);
  /// nullopt where there are none, or what there is is damaged or another key's.
  std::optional<std::vector<StepRate>> read() const;
  /// Errors: io.
  void write(const std::vector<StepRate>& rates) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path folder_, path_;
  Json key_;
};

}  // namespace tekio
