#include "data/repository/pattern.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace tekio {
namespace {

constexpr size_t kLongestPattern = 1024;

/// What the reference takes for descriptions of a dataset where no pattern names them.
constexpr std::array<std::string_view, 6> kDescriptions = {"README.md",          "config.json",    "dataset_info.json",
                                                           "dataset_infos.json", "dummy_data.zip", "dataset_dict.json"};

/// The code point at `at` and its length; a byte that begins none counts alone.
std::pair<uint32_t, size_t> character(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 1 || at + length > text.size()) return {lead, 1};
  uint32_t code = lead & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xC0) != 0x80) return {lead, 1};
    code = code << 6 | (next & 0x3F);
  }
  return {code, length};
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

size_t count_hidden(const std::vector<std::string_view>& parts) {
  return static_cast<size_t>(std::count_if(parts.begin(), parts.end(), [](std::string_view part) {
    return part.starts_with('.') && part.find_first_not_of('.') != std::string_view::npos;
  }));
}

size_t count_special(const std::vector<std::string_view>& parts) {
  return static_cast<size_t>(
      std::count_if(parts.begin(), parts.end() - 1, [](std::string_view part) { return part.starts_with("__"); }));
}

}  // namespace

RepositoryPattern::RepositoryPattern(const std::string& pattern, const std::string& what)
    : pattern_(pattern), wildcard_(pattern.find_first_of("*?[") != std::string::npos) {
  if (pattern.size() > kLongestPattern)
    fail(ErrorKind::input, "{}: the pattern {} is longer than {} bytes", what, printable(pattern), kLongestPattern);
  const auto parts = parts_of(pattern_);
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    if (parts[i] == "**") {
      tokens_.push_back({.kind = is_last ? Token::Kind::rest : Token::Kind::folders, .text = ""});
      continue;
    }
    if (parts[i].find("**") != std::string_view::npos)
      fail(ErrorKind::input, "{}: the pattern {}: ** stands for any folders and must be alone between slashes", what,
           printable(pattern, 200));
    if (parts[i] == "*")
      tokens_.push_back({.kind = Token::Kind::some, .text = ""});
    else
      add_part(parts[i]);
    if (!is_last) add_literal("/");
  }
  for (const Token& token : tokens_)
    if (token.text.size() > longest_.size()) longest_ = token.text;
  name_ = parts.back();
  hidden_ = count_hidden(parts);
  special_ = count_special(parts);
}

void RepositoryPattern::add_literal(std::string_view text) {
  if (tokens_.empty() || tokens_.back().kind != Token::Kind::literal) tokens_.emplace_back();
  tokens_.back().text += text;
}

void RepositoryPattern::add_part(std::string_view part) {
  for (size_t at = 0; at < part.size();) {
    const char c = part[at];
    if (c == '*') {
      tokens_.push_back({.kind = Token::Kind::any, .text = ""});
      at = std::min(part.find_first_not_of('*', at), part.size());
    } else if (c == '?') {
      tokens_.push_back({.kind = Token::Kind::one, .text = ""});
      ++at;
    } else if (c == '[') {
      at = add_set(part, at);
    } else {
      add_literal(part.substr(at, 1));
      ++at;
    }
  }
}

/// The set that begins at part[at]; where it is never closed, the bracket is a character. Returns what follows it.
size_t RepositoryPattern::add_set(std::string_view part, size_t at) {
  size_t begin = at + 1;
  const bool negated = begin < part.size() && part[begin] == '!';
  if (negated) ++begin;
  const size_t close = part.find(']', begin + 1);  // one that stands first is a character
  if (begin >= part.size() || close == std::string_view::npos) {
    add_literal("[");
    return at + 1;
  }
  Token set{.kind = Token::Kind::set, .text = "", .negated = negated};
  for (size_t i = begin; i < close;) {
    const auto [low, length] = character(part, i);
    i += length;
    uint32_t high = low;
    if (i + 1 < close && part[i] == '-') {
      const auto [last, size] = character(part, i + 1);
      high = last;
      i += 1 + size;
    }
    if (low <= high) set.ranges.emplace_back(low, high);  // an empty range holds nothing
  }
  tokens_.push_back(std::move(set));
  return close + 1;
}

bool RepositoryPattern::takes(const Token& token, uint32_t c) const {
  if (c == '/') return false;
  if (token.kind == Token::Kind::one) return true;
  const bool within = std::any_of(token.ranges.begin(), token.ranges.end(),
                                  [c](const auto& range) { return range.first <= c && c <= range.second; });
  return within != token.negated;
}

/// Where matching was tried in vain: no place is tried twice.
struct RepositoryPattern::Attempt {
  std::string_view path;
  std::vector<bool> tried;
};

bool RepositoryPattern::match(Attempt& attempt, size_t token, size_t at) const {
  const std::string_view path = attempt.path;
  for (;; ++token) {
    if (token == tokens_.size()) return at == path.size();
    const size_t place = token * (path.size() + 1) + at;
    if (attempt.tried[place]) return false;
    attempt.tried[place] = true;
    const Token& wanted = tokens_[token];
    switch (wanted.kind) {
      case Token::Kind::literal:
        if (!path.substr(at).starts_with(wanted.text)) return false;
        at += wanted.text.size();
        break;
      case Token::Kind::one:
      case Token::Kind::set: {
        if (at == path.size()) return false;
        const auto [c, length] = character(path, at);
        if (!takes(wanted, c)) return false;
        at += length;
        break;
      }
      case Token::Kind::rest:
        return true;
      case Token::Kind::any:
      case Token::Kind::some: {
        const size_t end = std::min(path.find('/', at), path.size());
        size_t next = at;
        if (wanted.kind == Token::Kind::any && match(attempt, token + 1, next)) return true;
        while (next < end) {
          next += character(path, next).second;
          if (match(attempt, token + 1, next)) return true;
        }
        return false;
      }
      case Token::Kind::folders:
        if (match(attempt, token + 1, at)) return true;
        for (size_t slash = path.find('/', at + 1); slash != std::string_view::npos; slash = path.find('/', slash + 1))
          if (match(attempt, token + 1, slash + 1)) return true;
        return false;
    }
  }
}

bool RepositoryPattern::matches(std::string_view path) const {
  if (!wildcard_) return path == pattern_;
  if (path.find(longest_) == std::string_view::npos) return false;
  Attempt attempt{path, std::vector<bool>(tokens_.size() * (path.size() + 1))};
  return match(attempt, 0, 0);
}

/// What is left out unless the pattern names it as what it is.
bool RepositoryPattern::means(std::string_view path) const {
  const auto parts = parts_of(path);
  if (parts.back() != name_ &&
      std::find(kDescriptions.begin(), kDescriptions.end(), parts.back()) != kDescriptions.end())
    return false;
  return count_hidden(parts) == hidden_ && count_special(parts) == special_;
}

std::vector<std::string> RepositoryPattern::matching(const std::vector<std::string>& paths) const {
  std::vector<std::string> found;
  if (!wildcard_) {
    if (std::binary_search(paths.begin(), paths.end(), pattern_) && means(pattern_)) found.push_back(pattern_);
    return found;
  }
  for (const std::string& path : paths)
    if (matches(path) && means(path)) found.push_back(path);
  return found;
}

}  // namespace tekio
