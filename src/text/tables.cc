// The added tokens' place beside the vocabulary. The reference hands out ids itself and overrules the file's: a token
// that the vocabulary has keeps its id there, any other gets the next number after the vocabulary. Its slow tokenizers
// believe the file.
#include "text/tables.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/log.h"

namespace tekio {

std::optional<int32_t> TokenizerTables::id_of(std::string_view token) const {
  if (const auto it = added_number.find(std::string(token)); it != added_number.end()) return added[it->second].id;
  const int32_t id = model.vocabulary().find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::optional<std::string_view> TokenizerTables::token_of(int64_t id) const {
  if (const auto it = added_by_id.find(static_cast<int32_t>(id)); it != added_by_id.end() && id <= INT32_MAX)
    return added[it->second].content;
  return model.vocabulary().token(id);
}

void TokenizerTables::add_tokens(std::vector<AddedToken> tokens, const std::string& where) {
  const Vocabulary& vocabulary = model.vocabulary();
  auto next_id = static_cast<int64_t>(vocabulary.size());
  CountedWarning other_ids("tokens get other ids than the files say");
  for (AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    if (const auto known = added_number.find(token.content); known != added_number.end()) {
      token.id = added[known->second].id;
      added[known->second] = token;  // what is said later counts
      continue;
    }
    const int32_t declared = token.id;
    token.id = vocabulary.find(token.content);
    if (is_slow() && declared >= 0) {
      if (declared >= Vocabulary::kIdLimit)
        fail(ErrorKind::input, "{}: the id {} of the added token {} does not lie in [0, {})", where, declared,
             printable(token.content), Vocabulary::kIdLimit);
      next_id += token.id < 0;
      token.id = declared;
    } else if (token.id < 0) {
      if (next_id >= Vocabulary::kIdLimit)
        fail(ErrorKind::input, "{}: more than {} tokens", where, with_commas(Vocabulary::kIdLimit));
      if (const auto taken = vocabulary.token(next_id))
        fail(ErrorKind::input,
             "{}: the added token {} would get id {}, which {} has; the vocabulary's ids must have no gaps", where,
             printable(token.content), next_id, printable(*taken));
      token.id = static_cast<int32_t>(next_id++);
    }
    if (declared >= 0 && declared != token.id)
      other_ids.add([&] {
        return fmt::format("{}: the token {} is said to have id {} but gets id {}", where, printable(token.content),
                           declared, token.id);
      });
    added_number.emplace(token.content, added.size());
    added.push_back(std::move(token));
  }
  other_ids.give();
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  for (size_t i = 0; i < added.size(); ++i) {
    const AddedToken& token = added[i];
    if (i > 0 && added[i - 1].id == token.id)
      fail(ErrorKind::input, "{}: the added tokens {} and {} have the same id {}", where,
           printable(added[i - 1].content), printable(token.content), token.id);
    added_number[token.content] = i;
    added_by_id.emplace(token.id, i);
    const bool normalized = token.normalized && !is_slow();
    const std::string pattern = normalized ? normalizer.apply(token.content) : token.content;
    if (pattern.empty())
      fail(ErrorKind::input,
           "{}: nothing is left of the added token {} once it is normalized; set \"normalized\" to false for it", where,
           printable(token.content));
    (normalized ? normalized_matcher : raw_matcher).add(pattern, static_cast<int32_t>(i));
  }
  if (is_slow()) raw_matcher.keep_slow_rules();
}

void TokenizerTables::list_special_ids() {
  std::set<int32_t> special;
  for (const std::string& token : roles)
    if (const auto id = id_of(token)) special.insert(*id);
  for (const std::string& token : further_special)
    if (const auto id = id_of(token)) special.insert(*id);
  all_special_ids.assign(special.begin(), special.end());
}

Template TokenizerTables::class_template() const {
  if (known_class == nullptr) return {};
  using Kind = TokenizerClass::Kind;
  // These two go by other roles, which are filled by the same tokens.
  const bool by_ends = known_class->kind == Kind::xlm_roberta || known_class->kind == Kind::camembert;
  const Role first = by_ends ? kBos : kCls, last = by_ends ? kEos : kSep;
  const auto cls = id_of_role(first), sep = id_of_role(last);
  if (!cls || !sep) return {};
  if (by_ends) return Template::roberta(roles[first], *cls, roles[last], *sep);
  if (known_class->kind == Kind::albert) return Template::bert("[CLS]", *cls, "[SEP]", *sep);
  if (known_class->kind == Kind::mpnet || known_class->kind == Kind::roberta)
    return Template::roberta(roles[kCls], *cls, roles[kSep], *sep);
  Template result = Template::bert(roles[kCls], *cls, roles[kSep], *sep);
  if (known_class->kind == Kind::funnel) result.single[0].type_id = result.pair[0].type_id = 2;
  if (known_class->kind == Kind::splinter) {
    // Behind the question stands a token that the model fills, and a full stop.
    const std::string question = further_special.empty() ? "" : further_special.front();
    const auto id = id_of(question), stop = id_of(".");
    if (id && stop)
      result.pair.insert(result.pair.begin() + 2, {template_token(question, *id), template_token(".", *stop)});
  }
  return result;
}

void warn_of_length(const TokenizerTables& tables, int64_t length) {
  if (length <= tables.model_max_length || tables.model_max_length <= 0) return;
  auto armed = TokenizerTables::Warning::armed;
  if (!tables.length_warning.compare_exchange_strong(armed, TokenizerTables::Warning::given)) return;
  warn(fmt::format(
      "Token indices sequence length is longer than the specified maximum sequence length for this model ({} > {}). "
      "Running this sequence through the model will result in indexing errors",
      length, tables.model_max_length));
}

}  // namespace tekio
