#include "hub/pushed.h"

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/http.h"

namespace tekio::hub {
namespace {

// One Hub's repositories are another's not.
fs::path record_of(const Settings& settings, const Repository& repository) {
  return settings.pushed / (percent_encoded(settings.endpoint) + "--" + folder_name(repository) + ".json");
}

}  // namespace

PushRecord read_push_record(const Settings& settings, const Repository& repository) {
  if (settings.pushed.empty()) return {};
  try {
    const fs::path file = record_of(settings, repository);
    const Json record = is_missing(file) ? Json() : parse_json(read_text(file, 4096), file.string());
    if (!record.is_object()) return {};
    return {.commit = record.value("commit", ""), .under_way = record.value("under_way", false)};
  } catch (const std::exception&) {
    return {};
  }
}

void keep_push_record(const Settings& settings, const Repository& repository, const PushRecord& record) {
  if (settings.pushed.empty() || !make_private_folder(settings.pushed).empty()) return;
  try {
    write_atomically(record_of(settings, repository), pretty_json({{"endpoint", settings.endpoint},
                                                                   {"repository", repository.id},
                                                                   {"commit", record.commit},
                                                                   {"under_way", record.under_way}}));
  } catch (const Error&) {}
}

}  // namespace tekio::hub
