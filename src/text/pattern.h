// What Replace and Split look for: a string, or a regular expression of Oniguruma, which is the reference's library.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

class Pattern {
 public:
  /// Bytes [begin, end) of a text; may be empty.
  struct Match {
    size_t begin, end;
  };

  /// Valid UTF-8, each. An empty string stands between all characters.
  static Pattern string(std::string text);
  /// Errors: input (not a regular expression, or too long; `where` stands in the message).
  static Pattern regex(std::string text, const std::string& where);

  /// Replaces `matches` by those in valid UTF-8 from left to right; none overlaps another, and no empty one stands
  /// where the one before ends. Errors: input (a regular expression that takes too many steps on this text).
  void find(std::string_view text, std::vector<Match>& matches) const;

  const std::string& text() const { return text_; }
  bool is_regex() const { return compiled_ != nullptr; }
  bool operator==(const Pattern& other) const { return text_ == other.text_ && is_regex() == other.is_regex(); }

 private:
  struct Compiled;
  explicit Pattern(std::string text) : text_(std::move(text)) {}

  std::string text_;
  std::shared_ptr<const Compiled> compiled_;  // absent: a string
};

}  // namespace tekio
