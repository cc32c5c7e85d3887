// Added tokens: strings that are cut out of a text before anything else happens to it (or, if `normalized`, after the
// normalizer). The leftmost longest match counts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/prefix_filter.h"

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

  /// Looks for `pattern` (not empty) where token number `token` is meant; the first of equal patterns counts.
  void add(std::string_view pattern, int32_t token);
  bool empty() const { return nodes_.size() == 1; }
  /// From now on what the reference's slow tokenizers do with what they find: a single word is one between spaces, else
  /// it and its neighbour are text; white space that a token takes along belongs to nothing; none is found where
  /// special tokens are ignored.
  void keep_slow_rules() { slow_ = true; }

  /// Replaces `stretches` by those that `text` is made of, in order. Tokens that stand in `ignored` are found but not
  /// cut out.
  void cut(std::string_view text, const std::vector<AddedToken>& tokens, bool ignore_special,
           std::vector<Stretch>& stretches) const;

 private:
  struct Match {
    int32_t token;
    size_t begin, end;
  };
  // A node of the tree of all patterns: what has been read so far.
  struct Node {
    int32_t token = kText;  // that ends here
    std::vector<std::pair<char, size_t>> children;
  };
  bool next(std::string_view text, size_t from, Match& match) const;
  void cut_slowly(std::string_view text, const std::vector<AddedToken>& tokens, std::vector<Stretch>& stretches) const;

  std::vector<Node> nodes_ = {{}};         // the first one: nothing read
  std::array<size_t, 256> after_first_{};  // the first one's children, 0 where there is none
  PrefixFilter filter_;
  bool slow_ = false;
};

}  // namespace tekio
