// Ids to text. Two clean-ups exist: the decoder's own, which sees one token at a time and therefore never rejoins "i '
// m", and the one asked for by clean_up, which runs over the whole string.
#include "text/decoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/python_unicode.h"
#include "text/slot_decoder.h"
#include "text/tables.h"
#include "text/utf8.h"

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

void replace_all(std::string& text, const Rule& rule) {
  size_t found = text.find(rule.from);
  if (found == std::string::npos) return;
  std::string result;
  size_t done = 0;
  for (; found != std::string::npos; found = text.find(rule.from, done)) {
    result.append(text, done, found - done).append(rule.to);
    done = found + rule.from.size();
  }
  text = result.append(text, done);
}

template <size_t n>
void replace_all(std::string& text, const std::array<Rule, n>& rules) {
  for (const Rule& rule : rules) replace_all(text, rule);
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

// A token with a character that is none of the alphabet's (an added token, mostly) is written as it is.
void run(const ByteLevelDecoding&, std::vector<std::string>& tokens) {
  std::string bytes, of_token;
  for (const std::string& token : tokens) {
    of_token.clear();
    const char *at = token.data(), *end = at + token.size();
    int byte = 0;
    while (at < end && (byte = byte_level::byte_of(decode_utf8(at))) >= 0) of_token += static_cast<char>(byte);
    bytes += byte < 0 ? token : of_token;
  }
  std::string storage;
  tokens.assign(1, std::string(sanitize(bytes, storage)));
}

void run(const BpeDecoding& step, std::vector<std::string>& tokens) {
  for (std::string& token : tokens) replace_all(token, {step.suffix, &token == &tokens.back() ? "" : " "});
}

// "<0x0A>" as 10; -1 for anything else.
int fallback_byte(std::string_view token) {
  unsigned byte = 0;
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const char* const end = token.data() + 5;
  const auto [stopped, error] = std::from_chars(token.data() + 3, end, byte, 16);
  return error == std::errc{} && stopped == end ? static_cast<int>(byte) : -1;
}

// Bytes that are no UTF-8 become as many replacement characters.
void run(const ByteFallbackDecoding&, std::vector<std::string>& tokens) {
  std::vector<std::string> written;
  std::string bytes, storage;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (sanitize(bytes, storage).data() == bytes.data())
      written.push_back(bytes);
    else
      written.insert(written.end(), bytes.size(), "\uFFFD");
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const int byte = fallback_byte(token); byte >= 0) {
      bytes += static_cast<char>(byte);
      continue;
    }
    flush();
    written.push_back(std::move(token));
  }
  flush();
  tokens.swap(written);
}

void run(const FusedDecoding&, std::vector<std::string>& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  tokens.assign(1, std::move(all));
}

void run(const ReplaceDecoding& step, std::vector<std::string>& tokens) {
  std::vector<Pattern::Match> matches;
  for (std::string& token : tokens) {
    if (token.empty()) continue;
    step.pattern.find(token, matches);
    if (matches.empty()) continue;
    std::string result;
    size_t done = 0;
    for (const Pattern::Match& match : matches) {
      result.append(token, done, match.begin - done).append(step.content);
      done = match.end;
    }
    token = result.append(token, done);
  }
}

void run(const StripDecoding& step, std::vector<std::string>& tokens) {
  std::string character;
  append_utf8(character, step.content);
  for (std::string& token : tokens) {
    std::string_view rest = token;
    size_t taken = 0;
    for (; taken < step.start && rest.starts_with(character); ++taken) rest.remove_prefix(character.size());
    for (taken = 0; taken < step.stop && rest.ends_with(character); ++taken) rest.remove_suffix(character.size());
    token = std::string(rest);
  }
}

void run(const PlainWordPieceDecoding&, std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text.append(&token == tokens.data() ? "" : " ").append(token);
  replace_all(text, {" ##", ""});
  const char *begin = text.data(), *end = begin + text.size();
  for (const char* at = begin; at < end && python::is_space(decode_utf8(at));) begin = at;
  for (const char* at = end; at > begin && python::is_space(decode_utf8_before(at));) end = at;
  tokens.assign(1, std::string(begin, end));
}

void run(const MetaspaceDecoding& step, std::vector<std::string>& tokens) {
  std::string space;
  append_utf8(space, step.replacement);
  for (std::string& token : tokens) {
    const bool keeps = &token != &tokens.front() || step.prefix == MetaspacePrefix::never;
    replace_all(token, {space, keeps ? " " : ""});
  }
}

// An added token that is looked for in normalized text is written in its normal form.
std::optional<std::string> written_form(const TokenizerTables& tables, int32_t id, bool skip_special) {
  const auto added = tables.added_by_id.find(id);
  if (added == tables.added_by_id.end()) {
    const auto token = tables.model.vocabulary().token(id);
    if (!token && tables.is_slow()) return tables.roles[kUnknown];
    return token ? std::optional<std::string>(*token) : std::nullopt;
  }
  const AddedToken& token = tables.added[added->second];
  const std::vector<int32_t>& of_roles = tables.all_special_ids;
  const bool special = tables.is_slow() ? std::binary_search(of_roles.begin(), of_roles.end(), id) : token.special;
  if (skip_special && special) return std::nullopt;
  return token.normalized ? tables.normalizer.apply(token.content) : token.content;
}

}  // namespace

bool Decoder::writes_by_token() const {
  if (steps_.size() == 1 && std::holds_alternative<ByteLevelDecoding>(steps_.front())) return true;
  return !steps_.empty() && std::ranges::all_of(steps_, [](const DecoderStep& step) {
    return std::holds_alternative<WordPieceDecoding>(step) || std::holds_alternative<ReplaceDecoding>(step) ||
           std::holds_alternative<StripDecoding>(step) || std::holds_alternative<MetaspaceDecoding>(step);
  });
}

std::string Decoder::decode(std::vector<std::string> tokens) const {
  for (const DecoderStep& step : steps_) std::visit([&](const auto& kind) { run(kind, tokens); }, step);
  std::string text;
  for (const std::string& token : tokens) {
    if (steps_.empty() && &token != &tokens.front()) text += ' ';
    text += token;
  }
  return text;
}

namespace {

// Ids that no token has are left out, as in the reference, whose slow tokenizers write the unknown token.
std::vector<std::string> written_forms(const TokenizerTables& tables, std::span<const int32_t> ids,
                                       const DecodeOptions& options) {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    if (id < 0) fail(ErrorKind::usage, "cannot decode the id {}: ids are not negative", id);
    if (auto token = written_form(tables, id, options.skip_special_tokens)) tokens.push_back(std::move(*token));
  }
  return tokens;
}

std::string cleaned_up(const TokenizerTables& tables, std::string text, const DecodeOptions& options) {
  // Of BPE's texts it would take spaces that stand there.
  if (options.clean_up.value_or(tables.clean_up) && tables.model.as<Bpe>() == nullptr) clean(text, false);
  return text;
}

/// Bytes of several tokens may be one character; what was cut shows as this one.
bool has_replacement(std::string_view text) { return text.find("\uFFFD") != std::string_view::npos; }

}  // namespace

std::string Tokenizer::decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  return cleaned_up(*tables_, tables_->decoder.decode(written_forms(*tables_, ids, options)), options);
}

SlotDecoder::SlotDecoder(Tokenizer tokenizer, std::span<const int32_t> ids, size_t slot, const DecodeOptions& options)
    : tokenizer_(std::move(tokenizer)),
      options_(options),
      before_(written_forms(TokenizerTables::of(tokenizer_), ids.first(slot), options)),
      behind_(written_forms(TokenizerTables::of(tokenizer_), ids.subspan(slot + 1), options)),
      is_by_token_(TokenizerTables::of(tokenizer_).decoder.writes_by_token()) {
  if (!is_by_token_) return;
  text_before_ = TokenizerTables::of(tokenizer_).decoder.decode(before_);
  std::vector<std::string> behind = {""};  // so that none of them is the first
  behind.insert(behind.end(), behind_.begin(), behind_.end());
  text_behind_ = TokenizerTables::of(tokenizer_).decoder.decode(std::move(behind));
  is_by_token_ = !has_replacement(text_before_) && !has_replacement(text_behind_);
}

std::string SlotDecoder::with(int32_t id) const {
  const TokenizerTables& tables = TokenizerTables::of(tokenizer_);
  std::vector<std::string> token = written_forms(tables, std::span(&id, 1), options_);
  if (is_by_token_ && !token.empty()) {
    if (!before_.empty()) token.insert(token.begin(), "");
    const std::string written = tables.decoder.decode(token);
    if (!has_replacement(written)) return cleaned_up(tables, text_before_ + written + text_behind_, options_);
    token.erase(token.begin(), token.end() - 1);
  }
  return around(token);
}

std::string SlotDecoder::without() const { return around({}); }

/// The text with `tokens` in the slot, decoded as a whole.
std::string SlotDecoder::around(const std::vector<std::string>& tokens) const {
  std::vector<std::string> all = before_;
  all.insert(all.end(), tokens.begin(), tokens.end());
  all.insert(all.end(), behind_.begin(), behind_.end());
  const TokenizerTables& tables = TokenizerTables::of(tokenizer_);
  return cleaned_up(tables, tables.decoder.decode(std::move(all)), options_);
}

}  // namespace tekio
