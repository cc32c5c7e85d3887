// Specs to files. The rules of names are the reference stack's (datasets' data_files), with "unsupervised" as one more
// split and each file judged for itself. What is left out, for its name says no split or it is of
// another kind than its split, is told on stderr.
#include "data/layout.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "data/formats/format.h"
#include "data/review_layout.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

struct Keyword {
  std::string_view word, split;
};
// Longer words first: "training" must not be taken for "train" and a rest.
constexpr Keyword kKeywords[] = {{"training", "train"},
                                 {"train", "train"},
                                 {"validation", "validation"},
                                 {"valid", "validation"},
                                 {"dev", "validation"},
                                 {"val", "validation"},
                                 {"testing", "test"},
                                 {"test", "test"},
                                 {"evaluation", "test"},
                                 {"eval", "test"},
                                 {"unsupervised", "unsupervised"},
                                 {"unsup", "unsupervised"}};
constexpr std::array<std::string_view, 4> kSplitOrder = {"train", "validation", "test", "unsupervised"};

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

bool is_separator(char c) { return c == '-' || c == '.' || c == '_' || c == ' ' || (c >= '0' && c <= '9'); }

/// The split whose keyword stands in `name`, delimited by separators or the name's ends; the leftmost if there are
/// several.
std::string_view keyword_split(std::string_view name) {
  for (size_t at = 0; at < name.size(); ++at) {
    if (at > 0 && !is_separator(name[at - 1])) continue;
    for (const Keyword& keyword : kKeywords) {
      const size_t end = at + keyword.word.size();
      if (name.substr(at).starts_with(keyword.word) && (end == name.size() || is_separator(name[end])))
        return keyword.split;
    }
  }
  return {};
}

/// "NAME-00000-of-00002…" gives NAME: how the reference stack names the pieces of any split.
std::optional<std::string> sharded_split(std::string_view name) {
  constexpr std::string_view kForm = "-ddddd-of-ddddd";
  for (size_t at = 1; at + kForm.size() <= name.size(); ++at) {
    bool matches = true;
    for (size_t i = 0; matches && i < kForm.size(); ++i) {
      const char c = name[at + i];
      matches = kForm[i] == 'd' ? c >= '0' && c <= '9' : c == kForm[i];
    }
    if (!matches) continue;
    const std::string_view split = name.substr(0, at);
    const std::string_view known = keyword_split(split);
    return std::string(known.empty() ? split : known);
  }
  return std::nullopt;
}

std::string strip_packing(std::string name, Packing& packing) {
  packing = name.ends_with(".gz") ? Packing::gzip : name.ends_with(".zst") ? Packing::zstd : Packing::none;
  if (packing != Packing::none) name.erase(name.rfind('.'));
  return name;
}

constexpr const char* kKindsRead = ".txt .jsonl .json .ndjson .csv .tsv, also packed as .gz or .zst";

/// What a name's ending says: a kind we read, or a reason why not. Neither: no data file.
struct NameVerdict {
  std::optional<FileKind> kind;
  Packing packing = Packing::none;
  std::string refusal;
};

NameVerdict judge_name(const fs::path& path) {
  NameVerdict verdict;
  const std::string name = strip_packing(lower(path.filename().string()), verdict.packing);
  const std::string ending = fs::path(name).extension().string();
  verdict.kind = kind_of_ending(ending);
  if (ending == ".parquet" || ending == ".geoparquet" || ending == ".arrow")
    verdict.refusal = fmt::format(
        "this version does not read Parquet or Arrow files; write it as JSON Lines first (it reads {})", kKindsRead);
  for (const char* packed : {".xz", ".bz2", ".lz4", ".zip", ".tar", ".7z"})
    if (ending == packed)
      verdict.refusal =
          fmt::format("this version does not unpack {}; unpack it first (it reads {})", packed, kKindsRead);
  return verdict;
}

/// The reference stack takes these for descriptions of a data set, not for data.
bool is_description(const std::string& name) {
  for (const char* known :
       {"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"})
    if (name == known) return true;
  return false;
}

/// Files of a folder and its folders, hidden ones and "__…" left out, by path.
std::vector<fs::path> list_files(const fs::path& folder) {
  std::vector<fs::path> files;
  try {
    for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
      const std::string name = entry->path().filename().string();
      const bool is_folder = entry->is_directory();
      if (name.starts_with(".") || (is_folder && name.starts_with("__"))) {
        if (is_folder) entry.disable_recursion_pending();
        continue;
      }
      if (entry->is_regular_file() && !is_description(name)) files.push_back(entry->path());
    }
  } catch (const fs::filesystem_error& error) {
    fail(ErrorKind::io, "cannot list the folder {}: {}", printable(folder.string(), 300), error.code().message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

enum class Family { json, csv, text, refused };  // of equally many files the first wins

Family family_of(const NameVerdict& verdict) {
  if (!verdict.kind) return Family::refused;
  if (*verdict.kind == FileKind::json) return Family::json;
  return *verdict.kind == FileKind::text ? Family::text : Family::csv;
}

struct Candidate {
  fs::path path;
  NameVerdict verdict;
  std::string split;
};

void tell_left_out(const fs::path& folder, const std::vector<Candidate>& files, const std::string& why) {
  if (files.empty()) return;
  note(fmt::format("{}: left out {}{}, {}", printable(folder.string(), 300),
                   printable(files.front().path.lexically_relative(folder).string()),
                   files.size() > 1 ? fmt::format(" and {} more", files.size() - 1) : "", why));
}

/// Moves what `keep` does not hold for out of `files`.
template <typename Keep>
std::vector<Candidate> take_out(std::vector<Candidate>& files, const Keep& keep) {
  const auto rest = std::stable_partition(files.begin(), files.end(), keep);
  std::vector<Candidate> taken(std::make_move_iterator(rest), std::make_move_iterator(files.end()));
  files.erase(rest, files.end());
  return taken;
}

/// A split's files: those of its own most frequent kind, as splits need not be packed alike.
std::vector<DataFile> files_of_split(const fs::path& folder, const std::string& split, std::vector<Candidate> files) {
  std::array<int64_t, 4> counts{};
  for (const Candidate& c : files) ++counts[static_cast<size_t>(family_of(c.verdict))];
  const auto family = static_cast<Family>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  const auto others = take_out(files, [family](const Candidate& c) { return family_of(c.verdict) == family; });
  std::vector<DataFile> found;
  for (const Candidate& c : files) {
    if (!c.verdict.kind) fail(ErrorKind::input, "{}: {}", printable(c.path.string(), 300), c.verdict.refusal);
    found.push_back({.path = c.path, .kind = *c.verdict.kind, .packing = c.verdict.packing});
  }
  tell_left_out(folder, others,
                fmt::format("of another kind than most of split {} ({})", printable(split),
                            printable(found.front().path.filename().string())));
  return found;
}

SplitFiles find_in_folder(const fs::path& folder) {
  std::vector<Candidate> candidates;
  for (const fs::path& path : list_files(folder)) {
    NameVerdict verdict = judge_name(path);
    if (!verdict.kind && verdict.refusal.empty()) continue;
    candidates.push_back({path, std::move(verdict), split_of(path.lexically_relative(folder))});
  }
  if (candidates.empty())
    fail(ErrorKind::input, "the folder {} holds no data files; what is read: {}", printable(folder.string(), 300),
         kKindsRead);
  const auto is_named = [](const Candidate& c) { return !c.split.empty(); };
  if (std::any_of(candidates.begin(), candidates.end(), is_named))
    tell_left_out(folder, take_out(candidates, is_named),
                  "whose name says no split (train, validation, test, unsupervised)");

  std::map<std::string, std::vector<Candidate>> by_split;
  for (Candidate& c : candidates) {
    std::string split = c.split.empty() ? "train" : c.split;
    by_split[std::move(split)].push_back(std::move(c));
  }
  SplitFiles splits;
  const auto add = [&](const std::string& split, std::vector<Candidate> files) {
    splits.emplace_back(split, files_of_split(folder, split, std::move(files)));
  };
  for (const std::string_view known : kSplitOrder)
    if (auto found = by_split.extract(std::string(known)); !found.empty()) add(found.key(), std::move(found.mapped()));
  for (auto& [split, files] : by_split) add(split, std::move(files));
  return splits;
}

SplitFiles find_at(const fs::path& path) {
  if (fs::is_directory(path)) {
    if (SplitFiles reviews = find_reviews(path); !reviews.empty()) return reviews;
    return find_in_folder(path);
  }
  if (!fs::is_regular_file(path))
    fail(ErrorKind::io, "cannot read {}: it is not a regular file", printable(path.string(), 300));
  const NameVerdict verdict = judge_name(path);
  if (!verdict.refusal.empty()) fail(ErrorKind::input, "{}: {}", printable(path.string(), 300), verdict.refusal);
  if (!verdict.kind)
    fail(ErrorKind::input, "{}: its name does not say what kind of data it holds; what is read: {}",
         printable(path.string(), 300), kKindsRead);
  return {{"train", {{.path = path, .kind = *verdict.kind, .packing = verdict.packing}}}};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

std::string shown_name(const DataFile& file) { return printable(file.path.string(), 300); }

std::string split_of(const fs::path& relative) {
  const std::string name = relative.filename().string();
  if (const auto sharded = sharded_split(name)) return *sharded;
  for (const fs::path& folder : relative.parent_path())
    if (const auto split = keyword_split(lower(folder.string())); !split.empty()) return std::string(split);
  return std::string(keyword_split(lower(name)));
}

SplitFiles find_files(const std::string& spec) {
  if (spec.empty()) fail(ErrorKind::usage, "the data's path is empty; give a file, a folder or PATH:SPLIT");
  if (is_there(spec)) return find_at(spec);
  const size_t colon = spec.rfind(':');
  if (colon == std::string::npos || colon == 0 || !is_there(spec.substr(0, colon)))
    fail(ErrorKind::io, "no data at {}: there is neither a file nor a folder of this name", printable(spec, 300));
  SplitFiles splits = find_at(spec.substr(0, colon));
  const std::string wanted = spec.substr(colon + 1);
  std::string names;
  for (auto& split : splits) {
    if (split.first == wanted) return {std::move(split)};
    names += (names.empty() ? "" : ", ") + printable(split.first);
  }
  fail(ErrorKind::input, "{} has no split \"{}\"; it has: {}", printable(spec.substr(0, colon), 300), printable(wanted),
       names);
}

}  // namespace tekio
