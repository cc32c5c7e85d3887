// Almost always a handful of tokens that all begin with '[': one memchr over the text then settles that none is there.
#include "text/added_tokens.h"

#include <algorithm>
#include <cstring>
#include <functional>

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

void AddedTokenMatcher::add(std::string pattern, int32_t token) {
  const auto first = static_cast<unsigned char>(pattern.front());
  if (lengths_[first] == 0) {
    by_first_.emplace_back();
    lengths_[first] = static_cast<uint8_t>(by_first_.size());  // valid UTF-8 has fewer than 255 first bytes
    firsts_.push_back(pattern.front());
  }
  std::vector<size_t>& lengths = by_first_[lengths_[first] - 1];
  if (std::find(lengths.begin(), lengths.end(), pattern.size()) == lengths.end()) {
    lengths.push_back(pattern.size());
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
  }
  patterns_.emplace(std::move(pattern), token);
}

size_t AddedTokenMatcher::candidate(std::string_view text, size_t from) const {
  if (firsts_.size() == 1) {
    const void* at = from < text.size() ? std::memchr(text.data() + from, firsts_[0], text.size() - from) : nullptr;
    return at == nullptr ? text.size() : static_cast<size_t>(static_cast<const char*>(at) - text.data());
  }
  while (from < text.size() && lengths_[static_cast<unsigned char>(text[from])] == 0) ++from;
  return from;
}

bool AddedTokenMatcher::next(std::string_view text, size_t from, Match& match) const {
  std::string key;
  for (size_t at = candidate(text, from); at < text.size(); at = candidate(text, at + 1)) {
    for (const size_t length : by_first_[lengths_[static_cast<unsigned char>(text[at])] - 1]) {
      if (length > text.size() - at) continue;
      key.assign(text.substr(at, length));
      const auto found = patterns_.find(key);
      if (found == patterns_.end()) continue;
      match = {found->second, at, at + length};
      return true;
    }
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
