#include "data/repository/choose_files.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "data/file_kinds.h"
#include "data/repository/formats.h"
#include "hub/repository.h"

namespace tekio {
namespace {

/// "a/b" of "./a/b/". Errors: input (it leads out of the repository).
std::string folder_of(const DatasetConfig& config, const std::string& what) {
  std::string folder = std::filesystem::path(config.data_dir()).lexically_normal().generic_string();
  while (folder.ends_with('/')) folder.pop_back();
  if (folder == ".") folder.clear();
  if (!folder.empty() && !hub::is_safe_path(folder))
    fail(ErrorKind::input, "{}: the configuration {} has the data_dir {}, expected a folder of the repository", what,
         printable(config.name), printable(config.data_dir(), 200));
  return folder;
}

/// Names below a folder, without it; "": all.
std::vector<std::string> names_below(const std::vector<std::string>& names, const std::string& folder) {
  if (folder.empty()) return names;
  std::vector<std::string> below;
  for (const std::string& name : names)
    if (name.starts_with(folder + "/")) below.push_back(name.substr(folder.size() + 1));
  return below;
}

ChosenSplit split_of(const NamedSplit& named, const std::string& folder, const std::string& what) {
  ChosenSplit split{named.split, {}, format_of(named.names)};
  if (!is_read(split.format))
    fail(ErrorKind::input, "{}: split {} is {} ({}), which is no text that can be read; what is read: {}", what,
         printable(split.name), split.format.empty() ? "of no known format" : split.format,
         printable(named.names.front(), 200), kKindsRead);
  for (const std::string& name : named.names) split.files.push_back(folder.empty() ? name : folder + "/" + name);
  return split;
}

}  // namespace

ChosenFiles choose_files(const std::vector<std::string>& names, const DatasetCard& card, const std::string& config,
                         const std::string& what, bool some_are_missing) {
  ChosenFiles chosen{choose_config(card, config, what), {}, {}};
  const std::string folder = chosen.config != nullptr ? folder_of(*chosen.config, what) : "";
  const std::vector<std::string> below = names_below(names, folder);
  std::vector<NamedSplit> patterns;
  if (chosen.config != nullptr) patterns = chosen.config->data_files(what);
  if (patterns.empty()) patterns = default_patterns(below, what);
  for (const NamedSplit& named : resolve_patterns(patterns, below, what, some_are_missing)) {
    if (named.names.empty()) {
      chosen.empty.push_back(named.split);
      continue;
    }
    ChosenSplit split = split_of(named, folder, what);
    if (chosen.config == nullptr)  // what a configuration lists is what is meant
      split.left_out =
          std::erase_if(split.files, [&](const std::string& name) { return !is_of_format(name, split.format); });
    chosen.splits.push_back(std::move(split));
  }
  if (chosen.splits.empty())
    fail(ErrorKind::input, "{} holds no data files that can be read; what is read: {}", what, kKindsRead);
  return chosen;
}

bool is_converted(const std::vector<std::string>& names) {
  const auto is_hidden = [](const std::string& name) { return name.starts_with('.'); };
  const auto is_piece = [](const std::string& name) {
    const std::string number = name.substr(name.rfind('/') + 1);
    return std::count(name.begin(), name.end(), '/') == 2 && number.size() == 12 && number.ends_with(".parquet") &&
           number.find_first_not_of("0123456789") == 4;
  };
  return std::any_of(names.begin(), names.end(), is_piece) &&
         std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return is_hidden(name) || is_piece(name); });
}

ChosenFiles choose_converted(const std::vector<std::string>& names, const std::string& config,
                             const std::string& what) {
  std::map<std::string, std::map<std::string, std::vector<std::string>>> configs;
  for (const std::string& name : names) {
    const size_t first = name.find('/'), second = name.find('/', first + 1);
    if (second != std::string::npos)
      configs[name.substr(0, first)][name.substr(first + 1, second - first - 1)].push_back(name);
  }
  DatasetCard card;
  for (const auto& [name, splits] : configs) card.configs.push_back({name, Json::object()});
  const auto& splits = configs.at(choose_config(card, config, what)->name);
  std::vector<std::string> order = {"train", "validation", "test"};
  for (const auto& [name, files] : splits)
    if (std::find(order.begin(), order.end(), name) == order.end()) order.push_back(name);
  ChosenFiles chosen;
  for (const std::string& name : order) {
    const auto found = splits.find(name);
    if (found == splits.end()) continue;
    if (name.starts_with("partial-"))
      chosen.empty.push_back(name);
    else
      chosen.splits.push_back({name, found->second, "parquet"});
  }
  if (chosen.splits.empty())
    fail(ErrorKind::input, "{}: of every split the Hub's copy holds the first 5 GB only, none is whole", what);
  return chosen;
}

}  // namespace tekio
