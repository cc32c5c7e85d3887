// Post-processing: the tokens that stand around a text, or around and between two ("[CLS] A [SEP] B [SEP]").
#pragma once

#include <cstdint>
#include <optional>
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

/// Takes white space off the ends of tokens' offsets, that of byte-level tokens too.
struct OffsetTrimming {
  bool add_prefix_space = true;  ///< the text's first token has one space that stands nowhere in the text
};

/// One template for single texts, one for pairs. Without a post-processor: just the texts, types 0 and 1.
struct Template {
  std::vector<TemplatePiece> single{{TemplatePiece::Kind::first}};
  std::vector<TemplatePiece> pair{{TemplatePiece::Kind::first}, {TemplatePiece::Kind::second, 1}};
  std::optional<OffsetTrimming> trimming;

  /// "cls A sep" and "cls A sep B sep", the second text and its sep of type 1.
  static Template bert(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id);
  /// "cls A sep" and "cls A sep sep B sep", all of type 0.
  static Template roberta(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id);
  bool is_plain() const { return single.size() == 1 && pair.size() == 2; }
};

inline int64_t template_tokens(const std::vector<TemplatePiece>& pieces) {
  int64_t count = 0;
  for (const TemplatePiece& piece : pieces) count += static_cast<int64_t>(piece.ids.size());
  return count;
}

inline TemplatePiece template_token(const std::string& token, int32_t id, int32_t type_id = 0) {
  return {TemplatePiece::Kind::token, type_id, token, {id}, {token}};
}
inline TemplatePiece template_text(TemplatePiece::Kind kind, int32_t type_id = 0) {
  return {kind, type_id, {}, {}, {}};
}

inline Template Template::bert(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id) {
  const TemplatePiece begin = template_token(cls, cls_id), end = template_token(sep, sep_id);
  const TemplatePiece first = template_text(TemplatePiece::Kind::first);
  return {{begin, first, end},
          {begin, first, end, template_text(TemplatePiece::Kind::second, 1), template_token(sep, sep_id, 1)},
          std::nullopt};
}

inline Template Template::roberta(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id) {
  const TemplatePiece begin = template_token(cls, cls_id), end = template_token(sep, sep_id);
  const TemplatePiece first = template_text(TemplatePiece::Kind::first);
  return {{begin, first, end}, {begin, first, end, end, template_text(TemplatePiece::Kind::second), end}, std::nullopt};
}

}  // namespace tekio
