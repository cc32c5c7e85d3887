// SentencePiece's table of replacements, "precompiled_charsmap": a tree of bytes, in two arrays folded into one, whose
// leaves say where a replacement begins in a list of strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

class Charsmap {
 public:
  /// `bytes` as files hold them: the tree's size in bytes, its units, the strings, each with a NUL behind it. Errors:
  /// input (not of that form; `where` stands in the message).
  Charsmap(std::string bytes, std::string where);

  /// What takes the place of a text: that of the shortest of its beginnings which has one. That is the reference's
  /// rule; SentencePiece itself takes the longest. Errors: input (the tree leads out of the table).
  std::optional<std::string_view> find(std::string_view text) const;

  /// Whether a text that begins so may have a replacement: whether a rule begins so, or is a beginning of it. Errors:
  /// as find().
  bool may_begin(std::string_view text) const;

  const std::string& bytes() const { return bytes_; }
  /// All replacements, a NUL behind each.
  std::string_view strings() const { return std::string_view(bytes_).substr(4 + 4 * units_.size()); }

 private:
  [[noreturn]] void refuse() const;
  uint32_t unit(size_t place) const;
  size_t walk(std::string_view text, uint32_t& leaf) const;

  std::string bytes_, where_;
  std::vector<uint32_t> units_;
};

}  // namespace tekio
