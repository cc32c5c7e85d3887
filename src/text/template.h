// Post-processing: the tokens that stand around a text, or around and between two ("[CLS] A [SEP] B [SEP]").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tekio {

struct TemplatePiece {
  enum class Kind { first, second, token } kind;  // the first text, the second text, template tokens
  int32_t type_id = 0;
  std::string name;  // of the token; may stand for several
  std::vector<int32_t> ids;
  std::vector<std::string> tokens;  // what `ids` stand for, kept for the files
};

/// One template for single texts, one for pairs. Without a post-processor: just the texts, types 0 and 1.
struct Template {
  std::vector<TemplatePiece> single{{TemplatePiece::Kind::first}};
  std::vector<TemplatePiece> pair{{TemplatePiece::Kind::first}, {TemplatePiece::Kind::second, 1}};

  /// "cls A sep" and "cls A sep B sep", the second text and its sep of type 1.
  static Template bert(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id);
  bool is_plain() const { return single.size() == 1 && pair.size() == 2; }
};

inline int64_t template_tokens(const std::vector<TemplatePiece>& pieces) {
  int64_t count = 0;
  for (const TemplatePiece& piece : pieces) count += static_cast<int64_t>(piece.ids.size());
  return count;
}

inline Template Template::bert(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id) {
  using Kind = TemplatePiece::Kind;
  const TemplatePiece begin{Kind::token, 0, cls, {cls_id}, {cls}}, end{Kind::token, 0, sep, {sep_id}, {sep}};
  TemplatePiece second_end = end;
  second_end.type_id = 1;
  const TemplatePiece first{Kind::first, 0, {}, {}, {}}, second{Kind::second, 1, {}, {}, {}};
  return {{begin, first, end}, {begin, first, end, second, second_end}};
}

}  // namespace tekio
