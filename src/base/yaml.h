// YAML that came from outside: what stands at the head of a repository's README.md. By libyaml, loaded when it is first
// needed: the parser that the reference's PyYAML has its rules from, and one that hands over a document event by event,
// so that its depth and size are bounded here.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace tekio {

/// One document as JSON. Scalars are strings as they were written, but for plain ones that mean nothing (~, null, none
/// at all), which are null: what is a number or a truth is the reader's to say. An alias stands for a copy, "<<"
/// merges. No document at all: null. `where` stands in messages, `first_line` is the number there of the text's first
/// line. Errors: input (no YAML, with line and column; nested deeper than kDeepestYaml; aliases that unfold beyond
/// kLargestYaml; a tag of a programming language), io (libyaml is missing).
Json parse_yaml(std::string_view text, const std::string& where, int64_t first_line = 1);

inline constexpr int kDeepestYaml = 64;
inline constexpr int64_t kLargestYaml = int64_t{64} << 20;  // bytes, each node counted as 64 more

}  // namespace tekio
