// Almost always a handful of tokens that are nowhere in a text, which the filter settles at a glance. Where one may
// begin, the tree of all patterns says which is the longest.
#include "text/added_tokens.h"

#include <algorithm>

#include "text/python_unicode.h"
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

// Takes white space off a stretch's beginning or end; a token that loses some is one no more.
void strip_stretch(std::string_view text, AddedTokenMatcher::Stretch& stretch, bool from_begin) {
  const AddedTokenMatcher::Stretch before = stretch;
  const char *begin = text.data() + stretch.begin, *end = text.data() + stretch.end;
  if (from_begin) {
    for (const char* at = begin; at < end && python::is_space(decode_utf8(at));) begin = at;
    stretch.begin = static_cast<size_t>(begin - text.data());
  } else {
    for (const char* at = end; at > begin && python::is_space(decode_utf8_before(at));) end = at;
    stretch.end = static_cast<size_t>(end - text.data());
  }
  if (stretch.begin != before.begin || stretch.end != before.end) stretch.token = AddedTokenMatcher::kText;
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
  if (slow_ && !empty() && !ignore_special) return cut_slowly(text, tokens, stretches);
  if (!empty() && !slow_) {
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

// First everything is found, then token by token looks at its neighbours, as those before have left them.
void AddedTokenMatcher::cut_slowly(std::string_view text, const std::vector<AddedToken>& tokens,
                                   std::vector<Stretch>& stretches) const {
  size_t done = 0;
  Match match{};
  for (size_t from = 0; next(text, from, match); from = done = match.end) {
    if (done < match.begin) stretches.push_back({kText, done, match.begin});
    stretches.push_back({match.token, match.begin, match.end});
  }
  if (done < text.size()) stretches.push_back({kText, done, text.size()});
  const Stretch nothing{kText, 0, 0};
  for (size_t i = 0; i < stretches.size(); ++i) {
    Stretch& one = stretches[i];
    if (one.token == kText) continue;
    const AddedToken& token = tokens[static_cast<size_t>(one.token)];
    const Stretch left = i > 0 ? stretches[i - 1] : nothing,
                  right = i + 1 < stretches.size() ? stretches[i + 1] : nothing;
    if (token.rstrip && right.begin < right.end) strip_stretch(text, stretches[i + 1], true);
    if (token.lstrip && left.begin < left.end) strip_stretch(text, stretches[i - 1], false);
    if (!token.single_word) continue;
    if (left.begin < left.end && text[left.end - 1] != ' ') {
      stretches[i - 1] = {kText, stretches[i - 1].begin, one.end};
      one = nothing;
    } else if (right.begin < right.end && text[right.begin] != ' ') {
      stretches[i + 1] = {kText, one.begin, stretches[i + 1].end};
      one = nothing;
    }
  }
  std::erase_if(stretches, [](const Stretch& stretch) { return stretch.begin == stretch.end; });
}

}  // namespace tekio
