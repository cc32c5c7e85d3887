// Patterns of a repository's files, as data_files have them: the globs of fsspec. Within a name * ? [a-z] [!a]; ** as a
// whole part for any folders. Braces are characters like others. Not the shell's rules, which patterns of paths on the
// disk follow (path_pattern.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio {

class RepositoryPattern {
 public:
  /// Errors: input ("**" beside other characters in one part; longer than 1,024 bytes). `what` stands in messages.
  explicit RepositoryPattern(const std::string& pattern, const std::string& what = "the repository");

  const std::string& text() const { return pattern_; }
  /// Whether it may match anything but the file of its own name.
  bool has_wildcard() const { return wildcard_; }
  /// Whether the whole path matches. Code points count as characters. Takes time in proportion to both lengths.
  bool matches(std::string_view path) const;
  /// The paths that match and are meant: of hidden ones, of those in folders that begin with "__" and of descriptions
  /// (README.md, dataset_infos.json, …) only those that the pattern names as such. `paths` are sorted, so is the
  /// answer.
  std::vector<std::string> matching(const std::vector<std::string>& paths) const;

 private:
  struct Token {
    enum class Kind : uint8_t { literal, one, set, any, some, folders, rest };
    Kind kind = Kind::literal;
    std::string text;                                        // literal
    std::vector<std::pair<uint32_t, uint32_t>> ranges = {};  // set: code points, ends included
    bool negated = false;                                    // set
  };
  struct Attempt;
  void add_literal(std::string_view text);
  void add_part(std::string_view part);
  size_t add_set(std::string_view part, size_t at);
  bool takes(const Token& token, uint32_t character) const;
  bool match(Attempt& attempt, size_t token, size_t at) const;
  bool means(std::string_view path) const;

  std::string pattern_, name_, longest_;  // longest_: of the literals; every path that matches holds it
  std::vector<Token> tokens_;
  bool wildcard_ = false;
  size_t hidden_ = 0, special_ = 0;  // parts that begin with "." or (of the folders) with "__"
};

}  // namespace tekio
