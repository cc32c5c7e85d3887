// dataset_dict.json names the splits; state.json, beside the data, names a split and its files in their order.
#include "data/saved_layout.h"

#include "base/error.h"
#include "base/json.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

std::string name_of(const fs::path& path) { return printable(path.string(), 300); }

/// A name within its folder: nothing that leads elsewhere.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

std::string plain_name(const Json& value, const fs::path& path) {
  if (value.is_string())
    if (std::string name = value.get<std::string>(); is_plain_name(name)) return name;
  fail(ErrorKind::input, "{}: expected the name of a file or folder beside it, got {}", name_of(path),
       printable(value.dump(-1, ' ', true, Json::error_handler_t::replace), 100));
}

bool is_list(const Json& document, const char* key) {
  return document.is_object() && document.contains(key) && document[key].is_array();
}

/// The files of a folder's state.json; nullopt if there is none, or one of another program.
std::optional<std::pair<std::string, std::vector<DataFile>>> saved_split(const fs::path& folder) {
  const fs::path path = folder / "state.json";
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  const Json state = read_json(path);
  if (!is_list(state, "_data_files")) return std::nullopt;
  for (const char* key : {"_indices_files", "_indices_data_files"})
    if (state.contains(key) && !state[key].is_null() && !state[key].empty())
      fail(ErrorKind::input,
           "{} keeps a selection of rows apart from the data, as old versions of datasets did: load it there, call "
           "flatten_indices(), and save it again",
           name_of(path));
  std::vector<DataFile> files;
  for (const Json& each : state["_data_files"]) {
    if (!each.is_object() || !each.contains("filename"))
      fail(ErrorKind::input, "{}: a file has no name", name_of(path));
    const fs::path file = folder / plain_name(each["filename"], path);
    if (!fs::is_regular_file(file, ignored))
      fail(ErrorKind::input, "{} names {}, which is not there", name_of(path), name_of(file));
    files.push_back({.path = file, .kind = FileKind::arrow});
  }
  const bool named = state.contains("_split") && state["_split"].is_string();
  std::string split = named ? state["_split"].get<std::string>() : "train";
  if (!is_plain_name(split) || split.front() == '.') split = "train";
  return std::pair(std::move(split), std::move(files));
}

}  // namespace

SplitFiles find_saved(const fs::path& folder) {
  SplitFiles splits;
  const fs::path path = folder / "dataset_dict.json";
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    if (auto split = saved_split(folder)) splits.push_back(*std::move(split));
    return splits;
  }
  const Json document = read_json(path);
  if (!is_list(document, "splits")) return splits;
  for (const Json& each : document["splits"]) {
    const std::string name = plain_name(each, path);
    auto split = saved_split(folder / name);
    if (!split)
      fail(ErrorKind::input, "{} names the split {}, whose folder has no state.json", name_of(path), printable(name));
    splits.emplace_back(name, std::move(split->second));
  }
  return splits;
}

}  // namespace tekio
