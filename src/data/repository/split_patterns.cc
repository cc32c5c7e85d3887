#include "data/repository/split_patterns.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/error.h"
#include "data/repository/formats.h"
#include "data/repository/pattern.h"
#include "data/split_slice.h"

namespace tekio {
namespace {

constexpr std::string_view kShard = "-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*";
constexpr std::string_view kSeparators = "-._ 0-9";
constexpr size_t kMostPatterns = 1000;  // each is compared with every name

struct SplitWords {
  std::string_view split;
  std::vector<std::string_view> words;
};

const std::array<SplitWords, 3>& split_words() {
  static const std::array<SplitWords, 3> words = {{{"train", {"train", "training"}},
                                                   {"validation", {"validation", "valid", "dev", "val"}},
                                                   {"test", {"test", "testing", "eval", "evaluation"}}}};
  return words;
}

/// The patterns of each split: `forms` with {0} for the keyword and {1} for what delimits it.
template <size_t count>
std::vector<NamedSplit> keyword_patterns(const std::array<const char*, count>& forms) {
  std::vector<NamedSplit> splits;
  for (const SplitWords& known : split_words()) {
    NamedSplit split{std::string(known.split), {}};
    for (const std::string_view word : known.words)
      for (const char* form : forms) split.names.push_back(fmt::format(fmt::runtime(form), word, kSeparators));
    splits.push_back(std::move(split));
  }
  return splits;
}

/// In the order in which the reference tries them.
std::vector<std::vector<NamedSplit>> rules() {
  return {{{"logs", {"**/*.eval"}}},
          {{"test", {"**/task.toml", "**/instruction.md"}}},
          keyword_patterns(std::array{"**/{0}/**", "**/{0}[{1}]*/**", "**/*[{1}]{0}/**", "**/*[{1}]{0}[{1}]*/**"}),
          keyword_patterns(std::array{"**/{0}[{1}]*", "**/*[{1}]{0}[{1}]*"}),
          {{"train", {"**"}}}};
}

/// "train" of "train-00000-of-00002.csv": what stands before the last such numbers.
std::string shard_split(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  constexpr std::string_view kForm = "-ddddd-of-dddd";
  for (size_t at = name.size() - kForm.size(); at > 0; --at) {
    bool matches = true;
    for (size_t i = 0; matches && i < kForm.size(); ++i)
      matches = kForm[i] == 'd' ? name[at + i] >= '0' && name[at + i] <= '9' : name[at + i] == kForm[i];
    if (matches) return std::string(name.substr(0, at));
  }
  return "";
}

std::vector<NamedSplit> shards(const std::vector<std::string>& names, const std::string& what) {
  std::set<std::string> found;
  for (const std::string& path : RepositoryPattern(fmt::format("data/*{}", kShard)).matching(names)) {
    std::string split = shard_split(path);
    if (!is_split_name(split))
      fail(ErrorKind::input, "{}: {} is a piece of a split \"{}\", expected letters, digits, underscores and dots",
           what, printable(path, 200), printable(split));
    found.insert(std::move(split));
  }
  std::vector<NamedSplit> splits;
  const auto add = [&](const std::string& split) {
    splits.push_back({split, {fmt::format("data/{}{}", split, kShard)}});
  };
  for (const SplitWords& known : split_words())
    if (found.erase(std::string(known.split)) > 0) add(std::string(known.split));
  for (const std::string& split : found) add(split);
  return splits;
}

bool finds_any(const NamedSplit& split, const std::vector<std::string>& names) {
  return std::any_of(split.names.begin(), split.names.end(),
                     [&](const std::string& pattern) { return !RepositoryPattern(pattern).matching(names).empty(); });
}

/// A pattern as a listing's names are written. Errors: input (it leads out of the repository).
std::string below_root(const std::string& pattern, const std::string& what) {
  std::string clean;
  bool outside =
      pattern.starts_with('/') || pattern.find("://") != std::string::npos || pattern.find("::") != std::string::npos;
  for (size_t begin = 0; begin <= pattern.size();) {
    const size_t end = std::min(pattern.find('/', begin), pattern.size());
    const std::string part = pattern.substr(begin, end - begin);
    outside |= part == "..";
    if (!part.empty() && part != ".") clean += (clean.empty() ? "" : "/") + part;
    begin = end + 1;
  }
  if (outside || clean.empty())
    fail(ErrorKind::input, "{}: its data files are \"{}\", expected names or patterns within the repository", what,
         printable(pattern, 200));
  return clean;
}

}  // namespace

std::vector<NamedSplit> default_patterns(const std::vector<std::string>& names, const std::string& what) {
  if (auto found = shards(names, what); !found.empty()) return found;
  for (std::vector<NamedSplit>& rule : rules()) {
    std::erase_if(rule, [&](const NamedSplit& split) { return !finds_any(split, names); });
    if (!rule.empty()) return rule;
  }
  fail(ErrorKind::input, "{} holds no data files", what);
}

std::vector<NamedSplit> resolve_patterns(const std::vector<NamedSplit>& splits, const std::vector<std::string>& names,
                                         const std::string& what, bool some_are_missing) {
  std::vector<NamedSplit> resolved;
  size_t wildcards = 0;
  for (const NamedSplit& split : splits) {
    NamedSplit files{split.split, {}};
    for (const std::string& written : split.names) {
      const RepositoryPattern pattern(below_root(written, what), what);
      if (pattern.has_wildcard() && ++wildcards > kMostPatterns)
        fail(ErrorKind::input, "{}: its data files are given by more than {} patterns", what, kMostPatterns);
      std::vector<std::string> found = pattern.matching(names);
      std::erase_if(found, [](const std::string& name) { return !has_data_ending(name); });
      if (found.empty() && !pattern.has_wildcard() && !some_are_missing)
        fail(ErrorKind::input, "{}: split {} is to come from {}, which is no data file of it", what,
             printable(split.split), printable(written, 200));
      files.names.insert(files.names.end(), found.begin(), found.end());
    }
    resolved.push_back(std::move(files));
  }
  return resolved;
}

}  // namespace tekio
