#include "data/repository/card.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/yaml.h"
#include "data/split_slice.h"

namespace tekio {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

/// The YAML at the head of a README.md, and the number of its first line; nothing where there is none.
struct CardHead {
  std::string_view yaml;
  int64_t first_line = 1;
};

CardHead card_head(std::string_view readme, const std::string& what) {
  if (readme.starts_with("\xEF\xBB\xBF")) readme.remove_prefix(3);
  size_t begin = 0;
  while (begin < readme.size() && is_space(readme[begin])) ++begin;
  if (!readme.substr(begin).starts_with("---")) return {};
  begin += 3;
  const std::string_view end_of_line = readme.substr(begin).starts_with("\r\n") ? "\r\n" : "\n";
  if (!readme.substr(begin).starts_with(end_of_line)) return {};
  // The next line that is dashes alone, blanks behind them perhaps, ends it.
  for (size_t line = readme.find('\n', begin); line != std::string_view::npos; line = readme.find('\n', line + 1)) {
    if (!readme.substr(line + 1).starts_with("---")) continue;
    const size_t rest = readme.find_first_not_of(" \t\r", line + 4);
    if (rest != std::string_view::npos && readme[rest] != '\n') continue;
    begin += end_of_line.size();
    const auto lines = std::count(readme.begin(), readme.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
    return {readme.substr(std::min(begin, line), line - std::min(begin, line)), lines + 1};
  }
  if (readme.size() > kLongestCardHead)
    fail(ErrorKind::input, "{}: the head of its README.md does not end within {} MiB", what, kLongestCardHead >> 20);
  return {};
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

bool is_true(const Json& value) {
  constexpr std::array<std::string_view, 11> kFalse = {"",   "0",  "false", "False", "FALSE", "no",
                                                       "No", "NO", "off",   "Off",   "OFF"};
  if (!value.is_string()) return !value.is_null() && !value.empty();
  return std::find(kFalse.begin(), kFalse.end(), value.get<std::string>()) == kFalse.end();
}

std::vector<std::string> patterns_of(const Json& path, const std::string& what) {
  std::vector<std::string> patterns;
  for (const Json& one : path.is_array() ? path : Json::array({path})) {
    if (!one.is_string()) fail(ErrorKind::input, "{}: a path of its data_files is no text", what);
    patterns.push_back(one.get<std::string>());
  }
  return patterns;
}

std::string list_of(const std::vector<DatasetConfig>& configs) {
  std::string names;
  for (const DatasetConfig& config : configs) names += (names.empty() ? "" : ", ") + config.name;
  return printable(names, 1000);
}

/// The fields that a split of data_files has; anything else is not its form.
std::optional<NamedSplit> split_of(const Json& entry, const std::string& what) {
  if (!entry.is_object() || entry.size() != 2 || !entry.contains("split") || !entry.contains("path"))
    return std::nullopt;
  const Json& path = entry["path"];
  if (!entry["split"].is_string() || !(path.is_string() || path.is_array())) return std::nullopt;
  return NamedSplit{entry["split"].get<std::string>(), patterns_of(path, what)};
}

/// Whether a parameter of the reference's readers asks for what would change the rows and is not done here. What
/// neither knows is passed over, as there.
bool is_refused(const std::string& key, const Json& value) {
  struct Parameter {
    std::string_view name, standard;  // standard: the value that asks for what is done anyway
  };
  constexpr std::array kParameters = {Parameter{"quotechar", "\""},
                                      Parameter{"doublequote", "true"},
                                      Parameter{"quoting", "0"},
                                      Parameter{"escapechar", ""},
                                      Parameter{"comment", ""},
                                      Parameter{"lineterminator", ""},
                                      Parameter{"skiprows", "0"},
                                      Parameter{"skipfooter", "0"},
                                      Parameter{"nrows", ""},
                                      Parameter{"usecols", ""},
                                      Parameter{"index_col", "false"},
                                      Parameter{"dialect", ""},
                                      Parameter{"skipinitialspace", "false"},
                                      Parameter{"skip_blank_lines", "true"},
                                      Parameter{"on_bad_lines", "error"},
                                      Parameter{"encoding_errors", "strict"},
                                      Parameter{"keep_linebreaks", "false"},
                                      Parameter{"filters", ""}};
  std::string small = value.is_string() ? value.get<std::string>() : value.dump();
  for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return std::any_of(kParameters.begin(), kParameters.end(),
                     [&](const Parameter& parameter) { return parameter.name == key && parameter.standard != small; });
}

char separator_of(const std::string& value, const std::string& what) {
  if (value == "\\t" || value == "\t") return '\t';
  if (value.size() == 1 && value[0] > ' ' && value[0] < 0x7F && value[0] != '"') return value[0];
  fail(ErrorKind::input, "{}: its separator is \"{}\", expected one character", what, printable(value));
}

}  // namespace

std::vector<NamedSplit> DatasetConfig::data_files(const std::string& what) const {
  const auto found = fields.find("data_files");
  if (found == fields.end() || found->is_null()) return {};
  const auto fail_form = [&] {
    fail(ErrorKind::input,
         "{}: data_files of the configuration {} is neither a pattern, nor a list of patterns, nor a list of entries "
         "with split and path",
         what, printable(name));
  };
  if (found->is_string()) return {{"train", patterns_of(*found, what)}};
  if (!found->is_array()) fail_form();
  if (std::none_of(found->begin(), found->end(), [](const Json& entry) { return entry.is_object(); }))
    return {{"train", patterns_of(*found, what)}};
  std::vector<NamedSplit> splits;
  std::set<std::string> names;
  for (const Json& entry : *found) {
    auto split = split_of(entry, what);
    if (!split) fail_form();
    if (!is_split_name(split->split))
      fail(ErrorKind::input,
           "{}: the configuration {} has a split \"{}\", expected letters, digits, underscores and dots", what,
           printable(name), printable(split->split));
    if (!names.insert(split->split).second)
      fail(ErrorKind::input, "{}: the configuration {} has the split {} twice", what, printable(name),
           printable(split->split));
    splits.push_back(std::move(*split));
  }
  return splits;
}

std::string DatasetConfig::data_dir() const {
  const auto found = fields.find("data_dir");
  return found == fields.end() ? "" : text_of(*found);
}

DatasetCard read_card(std::string_view readme, std::string_view standalone, const std::string& what) {
  const CardHead head = card_head(readme, what);
  Json data = parse_yaml(head.yaml, what + ": README.md", head.first_line);
  if (data.is_null()) data = Json::object();
  if (!data.is_object()) fail(ErrorKind::input, "{}: the head of its README.md is no mapping of keys", what);
  if (const Json more = parse_yaml(standalone, what + ": .huggingface.yaml"); more.is_object()) data.update(more);

  DatasetCard card;
  if (const auto configs = data.find("configs"); configs != data.end() && is_true(*configs)) {
    if (!configs->is_array()) fail(ErrorKind::input, "{}: configs of its README.md is no list", what);
    std::set<std::string> names;
    for (const Json& config : *configs) {
      if (!config.is_object() || text_of(config.value("config_name", Json())).empty())
        fail(ErrorKind::input, "{}: configs of its README.md has an entry without a config_name", what);
      std::string name = config["config_name"].get<std::string>();
      if (!names.insert(name).second)  // as in a mapping, the last one counts
        std::erase_if(card.configs, [&](const DatasetConfig& earlier) { return earlier.name == name; });
      card.configs.push_back({std::move(name), config});
    }
  }
  if (const auto info = data.find("dataset_info"); info != data.end())
    for (const Json& one : info->is_array() ? *info : Json::array({*info}))
      if (one.is_object()) {
        const std::string name = text_of(one.value("config_name", Json()));
        card.described.push_back(name.empty() ? "default" : name);
      }
  return card;
}

void add_described(DatasetCard& card, const Json& dataset_infos, const std::string& what) {
  if (!dataset_infos.is_object()) fail(ErrorKind::input, "{}: its dataset_infos.json is no JSON object", what);
  for (const auto& [name, info] : dataset_infos.items()) {
    // A single one was called after its owner and dataset.
    const std::string described = dataset_infos.size() == 1 ? "default" : name;
    if (std::find(card.described.begin(), card.described.end(), described) == card.described.end())
      card.described.push_back(described);
  }
}

const DatasetConfig* choose_config(const DatasetCard& card, const std::string& name, const std::string& what) {
  const auto named = [&](const std::string& wanted) -> const DatasetConfig* {
    const auto found = std::find_if(card.configs.begin(), card.configs.end(),
                                    [&](const DatasetConfig& config) { return config.name == wanted; });
    return found == card.configs.end() ? nullptr : &*found;
  };
  if (card.configs.empty()) {
    if (name.empty() || name == "default") return nullptr;
    fail(ErrorKind::input, "{} has no configurations, so none is called {}: leave --dataset_config_name out", what,
         printable(name));
  }
  if (!name.empty()) {
    if (const DatasetConfig* config = named(name)) return config;
    std::vector<std::string> names;
    for (const DatasetConfig& config : card.configs) names.push_back(config.name);
    const std::string near = nearest(name, names);
    fail(ErrorKind::input, "{} has no configuration {}{}; it has: {}", what, printable(name),
         near.empty() ? "" : fmt::format(" (is {} meant?)", printable(near)), list_of(card.configs));
  }
  if (card.configs.size() == 1) return &card.configs.front();
  const DatasetConfig* chosen = nullptr;
  for (const DatasetConfig& config : card.configs) {
    if (config.name != "default" && !is_true(config.fields.value("default", Json()))) continue;
    if (chosen != nullptr)
      fail(ErrorKind::input, "{} has two default configurations, {} and {}: name one with --dataset_config_name", what,
           printable(chosen->name), printable(config.name));
    chosen = &config;
  }
  if (chosen == nullptr && card.described.size() == 1) chosen = named(card.described.front());
  if (chosen == nullptr)
    fail(ErrorKind::input, "{} has several configurations: name one with --dataset_config_name; it has: {}", what,
         list_of(card.configs));
  return chosen;
}

ReadOptions with_parameters(const DatasetConfig& config, const std::string& format, ReadOptions options,
                            const std::string& what) {
  bool header_named = false, names_given = false;
  for (const auto& [key, value] : config.fields.items()) {
    if (value.is_null() && key != "header") continue;  // as if it did not stand there
    const std::string text = text_of(value);
    if (is_refused(key, value)) {
      fail(ErrorKind::input,
           "{}: the configuration {} asks for {}: {}, which is not supported; fetch its files with tekio pull and pass "
           "them as they are to be read",
           what, printable(config.name), printable(key), printable(value.is_string() ? text : value.dump()));
    } else if (key == "encoding") {
      if (options.encoding == "utf-8") options.encoding = text;
    } else if (format == "csv" && (key == "sep" || key == "delimiter")) {
      if (options.csv_separator == '\0') options.csv_separator = separator_of(text, what);
    } else if (format == "csv" && key == "header") {
      header_named = text == "0";
      options.header &= header_named || text == "infer";
    } else if (format == "csv" && (key == "names" || key == "column_names")) {
      names_given = true;
      if (options.column_names.empty()) options.column_names = patterns_of(value, what);
    } else if (format == "json" && key == "field") {
      if (options.json_field.empty()) options.json_field = text;
    } else if (format == "text" && key == "sample_by" && options.sample_by == SampleBy::line) {
      options.sample_by = text == "paragraph"  ? SampleBy::paragraph
                          : text == "document" ? SampleBy::document
                                               : SampleBy::line;
    }
  }
  if (header_named && names_given)
    fail(ErrorKind::input,
         "{}: the configuration {} gives names in place of those in the header, which is not supported; fetch its "
         "files with tekio pull",
         what, printable(config.name));
  return options;
}

}  // namespace tekio
