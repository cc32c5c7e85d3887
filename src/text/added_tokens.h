// Added tokens: strings that are cut out of a text before anything else happens to it (or, if `normalized`, after the
// normalizer). The leftmost longest match counts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tekio {

struct AddedToken {
  std::string content;
  int32_t id = -1;
  bool single_word = false;  ///< matches only between characters that are not \w
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< takes the white space after it along
  bool normalized = false;   ///< is looked for in normalized text, in its own normal form
  bool special = false;      ///< left out by decode() on request
  bool operator==(const AddedToken&) const = default;
};

/// Finds tokens in text.
class AddedTokenMatcher {
 public:
  /// A stretch of text: an added token's number, or kText.
  struct Stretch {
    int32_t token;
    size_t begin, end;  // bytes
  };
  static constexpr int32_t kText = -1;

  AddedTokenMatcher() { lengths_.fill(0); }
  /// Looks for `pattern` (not empty) where token number `token` is meant; the first of equal patterns counts.
  void add(std::string pattern, int32_t token);
  bool empty() const { return patterns_.empty(); }

  /// Replaces `stretches` by those that `text` is made of, in order. Tokens that stand in `ignored` are found but not
  /// cut out.
  void cut(std::string_view text, const std::vector<AddedToken>& tokens, bool ignore_special,
           std::vector<Stretch>& stretches) const;

 private:
  struct Match {
    int32_t token;
    size_t begin, end;
  };
  bool next(std::string_view text, size_t from, Match& match) const;
  size_t candidate(std::string_view text, size_t from) const;

  std::unordered_map<std::string, int32_t> patterns_;
  std::array<uint8_t, 256> lengths_;           // by first byte: 1 + index into by_first_; 0: no pattern begins so
  std::vector<std::vector<size_t>> by_first_;  // lengths of the patterns with that first byte, longest first
  std::string firsts_;                         // the distinct first bytes
};

}  // namespace tekio
