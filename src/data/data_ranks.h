// Processes that read the same data together, as one of them sees them. This room knows no other way to reach them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

struct DataRanks {
  int rank = 0, size = 1;
  /// Every rank's record, in the order of the ranks: all call it as often. Errors: comms.
  std::function<std::vector<std::string>(std::string_view own)> gather;
};

}  // namespace tekio
