// A run folder's own record, as far as it is there: what a report is drawn from.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/json.h"

namespace tekio::report {

/// What an update left in metrics.jsonl; what a line lacks is no number.
struct Update {
  double step, epoch, loss, gradient_norm, learning_rate, tokens, seconds;
};

struct Run {
  std::string name;  ///< the folder's last part
  std::filesystem::path folder;
  Json record;                  ///< run.json
  Json options;                 ///< options.json; null: it is not there
  Json details;                 ///< evaluation.json; null: it is not there
  std::vector<Update> updates;  ///< metrics.jsonl; a last line that was cut off is left out
};

/// Errors: io (no such folder), input (it holds no finished run; a file in it is malformed or too large).
Run read_run(const std::filesystem::path& folder);

/// The member under these keys; null where one is missing.
const Json& member(const Json& document, std::initializer_list<const char*> keys);
/// The same as a number, a text or a list; NaN, empty and none where it is something else.
double number(const Json& document, std::initializer_list<const char*> keys);
std::string text(const Json& document, std::initializer_list<const char*> keys);
const Json::array_t& list(const Json& document, std::initializer_list<const char*> keys);

}  // namespace tekio::report
