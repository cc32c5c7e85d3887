#include "report/run.h"

#include <cmath>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/system_error.h"

namespace tekio::report {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kLargest = uintmax_t{1} << 30;  // of a file of the record

std::string shown(const fs::path& path) { return printable(path.string(), 300); }

bool is_there(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return false;
  if (!fs::is_regular_file(file, error)) fail(ErrorKind::input, "{} is no file", shown(file));
  if (fs::file_size(file, error) > kLargest)
    fail(ErrorKind::input, "{} has {} bytes, which no run of Tekio writes", shown(file), fs::file_size(file, error));
  return true;
}

Json object_in(const fs::path& file) {
  if (!is_there(file)) return {};
  Json document = read_json(file);
  if (!document.is_object()) fail(ErrorKind::input, "{}: expected a JSON object", shown(file));
  return document;
}

std::vector<Update> updates_in(const fs::path& file) {
  std::vector<Update> updates;
  if (!is_there(file)) return updates;
  std::ifstream lines(file, std::ios::binary);
  int64_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    ++count;
    if (lines.eof()) break;  // without its end: cut off
    const Json entry = parse_json(line, fmt::format("{}:{}", shown(file), count));
    const auto of = [&](const char* key) { return number(entry, {key}); };
    updates.push_back(
        {of("step"), of("epoch"), of("loss"), of("grad_norm"), of("learning_rate"), of("tokens"), of("seconds")});
  }
  return updates;
}

}  // namespace

const Json& member(const Json& document, std::initializer_list<const char*> keys) {
  static const Json none;
  const Json* at = &document;
  for (const char* key : keys) {
    if (!at->is_object()) return none;
    const auto found = at->find(key);
    if (found == at->end()) return none;
    at = &*found;
  }
  return *at;
}

double number(const Json& document, std::initializer_list<const char*> keys) {
  const Json& found = member(document, keys);
  return found.is_number() ? found.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::string text(const Json& document, std::initializer_list<const char*> keys) {
  const Json& found = member(document, keys);
  return found.is_string() ? found.get<std::string>() : "";
}

const Json::array_t& list(const Json& document, std::initializer_list<const char*> keys) {
  static const Json::array_t none;
  const Json& found = member(document, keys);
  return found.is_array() ? found.get_ref<const Json::array_t&>() : none;
}

Run read_run(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    fail({std::errc::no_such_file_or_directory, folder}, "there is no run folder {}", shown(folder));
  const fs::path record = folder / "run.json";
  if (!is_there(record))
    fail(ErrorKind::input,
         "{} holds no run.json, so no finished run: a run that was stopped has its report once it is done",
         shown(folder));
  const fs::path whole = fs::absolute(folder, error).lexically_normal();
  return {.name = (whole.has_filename() ? whole : whole.parent_path()).filename().string(),
          .folder = folder,
          .record = object_in(record),
          .options = object_in(folder / "options.json"),
          .details = object_in(folder / "evaluation.json"),
          .updates = updates_in(folder / "metrics.jsonl")};
}

}  // namespace tekio::report
