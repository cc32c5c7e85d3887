// Specs to files. The rules of names are the reference stack's (datasets' data_files), with "unsupervised" as one more
// split and each file judged for itself. Where they differ: a split is read whole, so files of several kinds are
// refused (the reference takes the most frequent kind). What is left out, since its name says no split, is told in
// a note.
#include "data/layout.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/foreign_file.h"
#include "base/log.h"
#include "base/near_path.h"
#include "base/system_error.h"
#include "data/file_kinds.h"
#include "data/path_pattern.h"
#include "data/review_layout.h"
#include "data/saved_layout.h"
#include "data/split_slice.h"
#include "data/standard_input.h"

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

std::string shown(const fs::path& path) { return printable(path.string(), 300); }

/// Files of a folder and its folders, hidden ones and "__…" left out, by path. Errors: input (a link to data that is
/// not there: what is left would be a part of what is meant).
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
      if (is_description(name)) continue;
      if (entry->is_regular_file()) files.push_back(entry->path());
      if (const std::string why = dangling_link(entry->path()); !why.empty() && judge_name(entry->path()).kind)
        fail(ErrorKind::input, "{} {}", shown(entry->path()), why);
    }
  } catch (const fs::filesystem_error& error) {
    fail_system({error.code(), folder}, "cannot list the folder {}: {}", shown(folder));
  }
  std::sort(files.begin(), files.end());
  return files;
}

enum class Family { json, table, text, parquet, arrow, refused };

struct Candidate {
  fs::path path;
  NameVerdict verdict;
  std::string split;

  Family family() const {
    if (!verdict.kind) return Family::refused;
    if (*verdict.kind == FileKind::json) return Family::json;
    if (*verdict.kind == FileKind::parquet) return Family::parquet;
    if (*verdict.kind == FileKind::arrow) return Family::arrow;
    return *verdict.kind == FileKind::text ? Family::text : Family::table;
  }
};

std::string names_of(const fs::path& folder, const std::vector<Candidate>& files, size_t most) {
  std::string names;
  for (size_t i = 0; i < std::min(files.size(), most); ++i)
    names += (i == 0 ? "" : ", ") + printable(files[i].path.lexically_relative(folder).string());
  return files.size() > most ? fmt::format("{} and {} more", names, files.size() - most) : names;
}

void tell_left_out(const fs::path& folder, const std::vector<Candidate>& files, const std::string& why) {
  if (!files.empty()) note(fmt::format("{}: left out {}, {}", shown(folder), names_of(folder, files, 1), why));
}

/// Moves what `keep` does not hold for out of `files`.
template <typename Keep>
std::vector<Candidate> take_out(std::vector<Candidate>& files, const Keep& keep) {
  const auto rest = std::stable_partition(files.begin(), files.end(), keep);
  std::vector<Candidate> taken(std::make_move_iterator(rest), std::make_move_iterator(files.end()));
  files.erase(rest, files.end());
  return taken;
}

/// Which of several kinds is meant is not for us to say.
[[noreturn]] void fail_several_kinds(const fs::path& folder, const std::string& split, std::vector<Candidate> files) {
  std::stable_sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.family() < b.family(); });
  std::string kinds;
  for (size_t begin = 0; begin < files.size();) {
    size_t end = begin;
    while (end < files.size() && files[end].family() == files[begin].family()) ++end;
    const auto at = [&](size_t i) { return files.begin() + static_cast<std::ptrdiff_t>(i); };
    kinds += (kinds.empty() ? "" : "; ") + names_of(folder, {at(begin), at(end)}, 5);
    begin = end;
  }
  const std::string ending = files.front().path.extension().string();
  fail(ErrorKind::input,
       "{} holds files of several kinds for split {} ({}): name those that are meant, one by one or by a quoted "
       "pattern ('{}')",
       shown(folder), printable(split), kinds, shown(folder / ("*" + ending)));
}

/// A split's files, which are of one kind; splits need not be packed alike.
std::vector<DataFile> files_of_split(const fs::path& folder, const std::string& split,
                                     const std::vector<Candidate>& files) {
  std::vector<DataFile> found;
  for (const Candidate& c : files) {
    if (c.family() != files.front().family()) fail_several_kinds(folder, split, files);
    if (!c.verdict.kind) fail(ErrorKind::input, "{}: {}", shown(c.path), c.verdict.refusal);
    found.push_back({.path = c.path, .kind = *c.verdict.kind, .packing = c.verdict.packing});
  }
  return found;
}

/// `folder`: that the files' names are told and their splits found below of; they are data all.
SplitFiles by_split(const fs::path& folder, std::vector<Candidate> candidates) {
  std::map<std::string, std::vector<Candidate>> named;
  for (Candidate& c : candidates) {
    std::string split = c.split.empty() ? "train" : c.split;
    named[std::move(split)].push_back(std::move(c));
  }
  SplitFiles splits;
  const auto add = [&](const std::string& split, const std::vector<Candidate>& files) {
    splits.emplace_back(split, files_of_split(folder, split, files));
  };
  for (const std::string_view known : kSplitOrder)
    if (auto found = named.extract(std::string(known)); !found.empty()) add(found.key(), found.mapped());
  for (const auto& [split, files] : named) add(split, files);
  return splits;
}

bool is_data(const Candidate& c) { return c.verdict.kind || !c.verdict.refusal.empty(); }
bool names_split(const Candidate& c) { return !c.split.empty(); }

std::vector<Candidate> judged(const fs::path& folder, const std::vector<fs::path>& paths) {
  std::vector<Candidate> candidates;
  for (const fs::path& path : paths)
    candidates.push_back({path, judge_name(path), split_of(path.lexically_relative(folder))});
  return candidates;
}

[[noreturn]] void fail_no_kind(const fs::path& path, const NameVerdict& verdict) {
  if (!verdict.remedy.empty()) fail(ErrorKind::input, "{} is no file of text: {}", shown(path), verdict.remedy);
  fail(ErrorKind::input,
       "{}: its name does not say what kind of data it holds; what is read: {}; lines of text under another name can "
       "be renamed to end in .txt, or be piped and read from -, standard input",
       shown(path), kKindsRead);
}

SplitFiles find_in_folder(const fs::path& folder) {
  std::vector<Candidate> files = judged(folder, list_files(folder));
  const std::vector<Candidate> others = take_out(files, is_data);
  const std::vector<Candidate> papers = take_out(files, [](const Candidate& c) { return !c.verdict.is_text; });
  if (files.empty()) files = papers;
  if (files.empty() && others.size() == 1 && !others.front().verdict.remedy.empty())
    fail_no_kind(others.front().path, others.front().verdict);
  if (files.empty())
    fail(ErrorKind::input, "the folder {} holds no data files{}; what is read: {}", shown(folder),
         others.empty() ? "" : fmt::format(", but {}", names_of(folder, others, 3)), kKindsRead);
  for (const Candidate& c : others)
    if (!c.verdict.remedy.empty()) warn(fmt::format("{} is left out: {}", shown(c.path), c.verdict.remedy));
  if (std::any_of(files.begin(), files.end(), names_split))
    tell_left_out(folder, take_out(files, names_split),
                  "whose name says no split (train, validation, test, unsupervised)");
  return by_split(folder, std::move(files));
}

/// What matches was asked for, so all of it is read: by splits where every name says one, else as train.
SplitFiles find_by_pattern(const std::string& pattern) {
  const fs::path folder = fixed_folder(pattern);
  std::vector<fs::path> paths = files_matching(pattern);
  std::erase_if(paths, [](const fs::path& path) { return is_description(path.filename().string()); });
  if (paths.empty())
    fail({std::errc::no_such_file_or_directory, pattern},
         "no file matches the pattern {}; it is to match files, ** stands for any folders", printable(pattern, 300));
  std::vector<Candidate> files = judged(folder, paths);
  const std::vector<Candidate> others = take_out(files, is_data);
  if (files.empty()) fail_no_kind(others.front().path, others.front().verdict);
  if (!others.empty())
    warn(fmt::format("{}: left out {}, which is no file of data; what is read: {}", printable(pattern, 300),
                     names_of(folder, others, 3), kKindsRead));
  if (!std::all_of(files.begin(), files.end(), names_split)) {
    if (std::any_of(files.begin(), files.end(), names_split))
      note(fmt::format("{}: not every name says a split, so all {} files are read together", printable(pattern, 300),
                       files.size()));
    for (Candidate& c : files) c.split.clear();
  }
  return by_split(folder.empty() ? "." : folder, std::move(files));
}

SplitFiles find_standard_input() {
  DataFile file{.path = spooled_standard_input(), .kind = FileKind::text};
  file.shown = "standard input";
  return {{"train", {std::move(file)}}};
}

/// Errors: io (a folder on the way may not be entered).
fs::file_status status_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error == std::errc::permission_denied) fail_system({error, path}, "cannot look at {}: {}", shown(path));
  return status;
}

std::optional<DataPlace> place_of(const std::string& path) {
  if (is_standard_input(path) || fs::exists(status_of(path))) return DataPlace{.path = path};
  if (is_pattern(path) && !files_matching(path).empty()) return DataPlace{.path = path, .is_pattern = true};
  return std::nullopt;
}

}  // namespace

std::string shown_name(const DataFile& file) { return file.shown.empty() ? shown(file.path) : file.shown; }

std::string split_of(const fs::path& relative) {
  const std::string name = relative.filename().string();
  if (const auto sharded = sharded_split(name)) return *sharded;
  for (const fs::path& folder : relative.parent_path())
    if (const auto split = keyword_split(lower(folder.string())); !split.empty()) return std::string(split);
  return std::string(keyword_split(lower(name)));
}

std::optional<DataPlace> find_data_place(const std::string& spec) {
  if (auto whole = place_of(spec)) return whole;
  const auto colon = find_split_colon(spec);
  if (!colon) return std::nullopt;
  auto place = place_of(spec.substr(0, *colon));
  if (place) place->split = spec.substr(*colon + 1);
  return place;
}

void fail_no_data(const std::string& spec, const std::string& or_else, const std::vector<std::string>& names) {
  if (const std::string why = dangling_link(spec); !why.empty())
    fail(ErrorKind::input, "{} {}", printable(spec, 300), why);
  if (is_pattern(spec)) find_by_pattern(spec);
  std::string near = nearest(spec, names);
  if (near.empty()) near = near_path(spec);
  if (const auto colon = find_split_colon(spec); near.empty() && colon)
    if (near = near_path(spec.substr(0, *colon)); !near.empty()) near += spec.substr(*colon);
  fail({std::errc::no_such_file_or_directory, spec}, "there is no file or folder {}{}", printable(spec, 300),
       near.empty() ? or_else : fmt::format("; did you mean {}?", printable(near, 300)));
}

SplitFiles find_files(const DataPlace& place) {
  if (is_standard_input(place.path)) return find_standard_input();
  if (place.is_pattern) return find_by_pattern(place.path);
  const fs::path path = place.path;
  const fs::file_status status = status_of(path);
  if (fs::is_directory(status)) {
    if (SplitFiles saved = find_saved(path); !saved.empty()) return saved;
    if (SplitFiles reviews = find_reviews(path); !reviews.empty()) return reviews;
    return find_in_folder(path);
  }
  if (!fs::is_regular_file(status))
    fail(ErrorKind::io,
         "cannot read {}: it is not a regular file; pipe its text in, and read it from -, standard input", shown(path));
  const NameVerdict verdict = judge_name(path);
  if (!verdict.refusal.empty()) fail(ErrorKind::input, "{}: {}", shown(path), verdict.refusal);
  if (!verdict.kind) fail_no_kind(path, verdict);
  return {{"train", {{.path = path, .kind = *verdict.kind, .packing = verdict.packing}}}};
}

}  // namespace tekio
