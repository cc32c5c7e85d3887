// Ids to text. Two clean-ups exist: the decoder's own, which sees one token at a time and therefore never rejoins "i '
// m", and the one asked for by clean_up, which runs over the whole string.
#include <array>

#include "base/error.h"
#include "text/tables.h"

namespace tekio {
namespace {

struct Rule {
  std::string_view from, to;
};
constexpr std::array<Rule, 6> kPunctuationRules = {
    {{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}}};
constexpr std::array<Rule, 1> kDoNotRule = {{{" do not", " don't"}}};  // the decoder's alone, after " 'm"
constexpr std::array<Rule, 1> kAmRule = {{{" 'm", "'m"}}};
constexpr std::array<Rule, 3> kVerbRules = {{{" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}}};

template <size_t n>
void replace_all(std::string& text, const std::array<Rule, n>& rules) {
  for (const Rule& rule : rules) {
    size_t found = text.find(rule.from);
    if (found == std::string::npos) continue;
    std::string result;
    size_t done = 0;
    for (; found != std::string::npos; found = text.find(rule.from, done)) {
      result.append(text, done, found - done).append(rule.to);
      done = found + rule.from.size();
    }
    result.append(text, done);
    text.swap(result);
  }
}

void clean(std::string& text, bool by_decoder) {
  replace_all(text, kPunctuationRules);
  replace_all(text, kAmRule);
  if (by_decoder) replace_all(text, kDoNotRule);
  replace_all(text, kVerbRules);
}

// An added token that is looked for in normalized text is written in its normal form.
std::optional<std::string> written_form(const Tokenizer::Tables& tables, int32_t id, bool skip_special) {
  const auto added = tables.added_by_id.find(id);
  if (added == tables.added_by_id.end()) {
    const auto token = tables.model.vocabulary().token(id);
    return token ? std::optional<std::string>(*token) : std::nullopt;
  }
  const AddedToken& token = tables.added[added->second];
  if (skip_special && token.special) return std::nullopt;
  return token.normalized ? tables.normalizer.apply(token.content) : token.content;
}

}  // namespace

std::string Tokenizer::decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  std::string text;
  bool first = true;
  for (const int32_t id : ids) {
    if (id < 0) fail(ErrorKind::usage, "cannot decode the id {}: ids are not negative", id);
    std::optional<std::string> token = written_form(*tables_, id, options.skip_special_tokens);
    if (!token) continue;  // ids that no token has are left out, as in the reference
    const std::optional<WordPieceDecoder>& decoder = tables_->decoder;
    if (!first) {
      if (decoder && token->starts_with(decoder->prefix))
        token->erase(0, decoder->prefix.size());
      else
        token->insert(token->begin(), ' ');
    }
    if (decoder && decoder->cleanup) clean(*token, true);
    text += *token;
    first = false;
  }
  if (options.clean_up.value_or(tables_->clean_up)) clean(text, false);
  return text;
}

}  // namespace tekio
