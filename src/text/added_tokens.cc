// Almost always a handful of tokens that are nowhere in a text, which the filter settles at a glance. Where one may
// begin, the tree of all patterns says which is the longest.
#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/utf8.h"

namespace tekio {
namespace {

using unicode::is;

bool starts_with_word(std::string_view text) {
  if (text.empty()) return false;
  const char* at = text.data();
  return is(decode_utf8(at), unicode::kWordCharacter);
}

size_t without_space_at_end(std::string_view text) {
  const char* end = text.data() + text.size();
  while (end > text.data()) {
    const char* before = end;
    if (!is(decode_utf8_before(before), unicode::kWhiteSpace)) break;
    end = before;
  }
  return static_cast<size_t>(end - text.data());
}

size_t space_at_start(std::string_view text) {
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    const char* after = at;
    if (!is(decode_utf8(after), unicode::kWhiteSpace)) break;
    at = after;
  }
  return static_cast<size_t>(at - text.data());
}

}  // namespace

void AddedTokenMatcher::add(std::string_view pattern, int32_t token) {
  filter_.add(pattern);
  size_t at = 0;
  for (const char byte : pattern) {
    const auto& children = nodes_[at].children;
    const auto child = std::find_if(children.begin(), children.end(), [&](const auto& c) { return c.first == byte; });
    if (child != children.end()) {
      at = child->second;
      continue;
    }
    nodes_[at].children.emplace_back(byte, nodes_.size());
    if (at == 0) after_first_[static_cast<unsigned char>(byte)] = nodes_.size();
    at = nodes_.size();
    nodes_.emplace_back();
  }
  if (nodes_[at].token == kText) nodes_[at].token = token;
}

bool AddedTokenMatcher::next(std::string_view text, size_t from, Match& match) const {
  for (size_t at = filter_.next(text, from); at < text.size(); at = filter_.next(text, at + 1)) {
    match.token = kText;
    size_t end = at + 1;
    for (size_t node = after_first_[static_cast<unsigned char>(text[at])]; node != 0;) {
      const Node& read = nodes_[node];
      if (read.token != kText) match = {read.token, at, end};
      node = 0;
      if (end == text.size()) break;
      for (const auto& [byte, child] : read.children)
        if (byte == text[end]) node = child;
      ++end;
    }
    if (match.token != kText) return true;
  }
  return false;
}

void AddedTokenMatcher::cut(std::string_view text, const std::vector<AddedToken>& tokens, bool ignore_special,
                            std::vector<Stretch>& stretches) const {
  stretches.clear();
  size_t done = 0;
  Match match{};
  if (!empty()) {
    for (size_t from = 0; next(text, from, match);) {
      from = match.end;  // a match that is turned down still hides what it overlaps
      const AddedToken& token = tokens[static_cast<size_t>(match.token)];
      if (ignore_special && token.special) continue;
      if (token.single_word && (unicode::ends_with(text.substr(0, match.begin), unicode::kWordCharacter) ||
                                starts_with_word(text.substr(match.end))))
        continue;
      // White space that the token before took along is not taken twice.
      if (token.lstrip) match.begin = std::max(without_space_at_end(text.substr(0, match.begin)), done);
      if (token.rstrip) match.end += space_at_start(text.substr(match.end));
      if (done < match.begin) stretches.push_back({kText, done, match.begin});
      stretches.push_back({match.token, match.begin, match.end});
      done = match.end;
    }
  }
  if (done < text.size()) stretches.push_back({kText, done, text.size()});
}

}  // namespace tekio
