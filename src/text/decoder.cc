// Ids to text. Two clean-ups exist: the decoder's own, which sees one token at a time and therefore never rejoins "i '
// m", and the one asked for by clean_up, which runs over the whole string.
#include "text/decoder.h"

#include <array>
#include <string_view>

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

void run(const WordPieceDecoding& step, std::vector<std::string>& tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string& token = tokens[i];
    if (i > 0 && token.starts_with(step.prefix))
      token.erase(0, step.prefix.size());
    else if (i > 0)
      token.insert(token.begin(), ' ');
    if (step.cleanup) clean(token, true);
  }
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

std::string Decoder::decode(std::vector<std::string> tokens) const {
  for (const DecoderStep& step : steps_) std::visit([&](const auto& kind) { run(kind, tokens); }, step);
  std::string text;
  for (const std::string& token : tokens) {
    if (steps_.empty() && &token != &tokens.front()) text += ' ';
    text += token;
  }
  return text;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    if (id < 0) fail(ErrorKind::usage, "cannot decode the id {}: ids are not negative", id);
    // Ids that no token has are left out, as in the reference.
    if (auto token = written_form(*tables_, id, options.skip_special_tokens)) tokens.push_back(std::move(*token));
  }
  std::string text = tables_->decoder.decode(std::move(tokens));
  if (options.clean_up.value_or(tables_->clean_up)) clean(text, false);
  return text;
}

}  // namespace tekio
