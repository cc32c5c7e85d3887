// The four files of transformers 4, which 5 opens as well. tokenizer.json is written by hand where it holds the
// vocabulary: in the library's own order and indentation, straight from the table.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "text/tables.h"
#include "text/tokenizer_json.h"
#include "text/unicode.h"

namespace tekio {
namespace {

std::string json_string(std::string_view text) { return Json(std::string(text)).dump(); }

/// The same at a text's end, without detours for what needs no escape: a vocabulary is tens of thousands of strings.
void append_json_string(std::string_view text, std::string& to) {
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; });
  if (!plain) {
    to += json_string(text);
    return;
  }
  to += '"';
  to += text;
  to += '"';
}

OrderedJson json_of(const AddedToken& token, bool with_id) {
  OrderedJson json = OrderedJson::object();
  if (with_id) json["id"] = token.id;
  json["content"] = token.content;
  json["single_word"] = token.single_word;
  json["lstrip"] = token.lstrip;
  json["rstrip"] = token.rstrip;
  json["normalized"] = token.normalized;
  json["special"] = token.special;
  return json;
}

OrderedJson json_of(const BertNormalization& step) {
  OrderedJson json = {
      {"type", "BertNormalizer"}, {"clean_text", step.clean_text}, {"handle_chinese_chars", step.handle_chinese_chars}};
  json["strip_accents"] = step.strip_accents ? OrderedJson(*step.strip_accents) : OrderedJson(nullptr);
  json["lowercase"] = step.lowercase;
  return json;
}
OrderedJson json_of(const NfdNormalization&) { return {{"type", "NFD"}}; }
OrderedJson json_of(const LowercaseNormalization&) { return {{"type", "Lowercase"}}; }
OrderedJson json_of(const StripAccentsNormalization&) { return {{"type", "StripAccents"}}; }

OrderedJson json_of(PreTokenizerStep step) {
  switch (step) {
    case PreTokenizerStep::bert:
      return {{"type", "BertPreTokenizer"}};
    case PreTokenizerStep::whitespace:
      return {{"type", "Whitespace"}};
    case PreTokenizerStep::whitespace_split:
      return {{"type", "WhitespaceSplit"}};
    case PreTokenizerStep::punctuation_isolated:
      return {{"type", "Punctuation"}, {"behavior", "Isolated"}};
    case PreTokenizerStep::punctuation_removed:
      return {{"type", "Punctuation"}, {"behavior", "Removed"}};
    case PreTokenizerStep::punctuation_contiguous:
      return {{"type", "Punctuation"}, {"behavior", "Contiguous"}};
  }
  return nullptr;
}

// One component as itself, several as a Sequence, none as null.
OrderedJson sequence(std::vector<OrderedJson> parts, const char* key) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {key, std::move(parts)}};
}

OrderedJson json_of(const std::vector<TemplatePiece>& pieces) {
  OrderedJson list = OrderedJson::array();
  for (const TemplatePiece& piece : pieces) {
    const bool token = piece.kind == TemplatePiece::Kind::token;
    OrderedJson body = {{"id", token                                      ? piece.name
                               : piece.kind == TemplatePiece::Kind::first ? "A"
                                                                          : "B"},
                        {"type_id", piece.type_id}};
    list.push_back(OrderedJson{{token ? "SpecialToken" : "Sequence", std::move(body)}});
  }
  return list;
}

OrderedJson json_of(const Template& templates) {
  if (templates.is_plain()) return nullptr;
  std::map<std::string, OrderedJson> tokens;
  for (const auto* pieces : {&templates.single, &templates.pair})
    for (const TemplatePiece& piece : *pieces)
      if (piece.kind == TemplatePiece::Kind::token)
        tokens[piece.name] = {{"id", piece.name}, {"ids", piece.ids}, {"tokens", piece.tokens}};
  OrderedJson json = {
      {"type", "TemplateProcessing"}, {"single", json_of(templates.single)}, {"pair", json_of(templates.pair)}};
  json["special_tokens"] = OrderedJson::object();
  for (auto& [name, token] : tokens) json["special_tokens"][name] = std::move(token);
  return json;
}

// Whether the constructor of BERT's classes would build just this pipeline from the vocabulary and the settings. Where
// not (a prefix of its own, say), only the generic class opens the folder with the same ids.
bool is_bert_pipeline(const Tokenizer::Tables& tables) {
  const auto& normalizers = tables.normalizer.steps();
  const auto& pre_tokenizers = tables.pre_tokenizer.steps();
  const auto* bert = normalizers.size() == 1 ? std::get_if<BertNormalization>(&normalizers[0]) : nullptr;
  const auto cls = tables.id_of_role(kCls), sep = tables.id_of_role(kSep);
  if (!cls || !sep) return false;
  const OrderedJson expected = json_of(Template::bert(tables.roles[kCls], *cls, tables.roles[kSep], *sep));
  return bert != nullptr && bert->clean_text && pre_tokenizers.size() == 1 &&
         pre_tokenizers[0] == PreTokenizerStep::bert && tables.decoder && tables.decoder->prefix == "##" &&
         tables.decoder->cleanup && tables.model.prefix() == "##" && tables.model.max_input_chars_per_word() == 100 &&
         tables.model.unknown_token() == tables.roles[kUnknown] && json_of(tables.templates) == expected;
}

Json plain_json(const AddedToken& token) { return Json::parse(json_of(token, false).dump()); }

Json tokenizer_config(const Tokenizer::Tables& tables) {
  Json json = tables.config;
  // What names places on somebody's disk, or is said below in another form.
  for (const char* key : {"name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file", "backend",
                          "is_local", "local_files_only", "extra_special_tokens", "additional_special_tokens"})
    json.erase(key);
  json["tokenizer_class"] =
      tables.bert_class && is_bert_pipeline(tables) ? tables.tokenizer_class : "PreTrainedTokenizerFast";
  if (tables.bert_class) {
    const auto* bert = std::get_if<BertNormalization>(&tables.normalizer.steps()[0]);
    json["do_lower_case"] = bert->lowercase;
    json["strip_accents"] = bert->strip_accents ? Json(*bert->strip_accents) : Json(nullptr);
    json["tokenize_chinese_chars"] = bert->handle_chinese_chars;
  }
  json["clean_up_tokenization_spaces"] = tables.clean_up;
  // "No limit" is 1e30 as a whole number there, which no integer of ours holds; the reference takes an absent key for
  // it.
  json.erase("model_max_length");
  if (tables.model_max_length != INT64_MAX) json["model_max_length"] = tables.model_max_length;
  for (int role = 0; role < kRoles; ++role)
    if (!tables.roles[role].empty()) json[kRoleNames[role]] = tables.roles[role];
  if (!tables.further_special.empty()) json["additional_special_tokens"] = tables.further_special;
  json["added_tokens_decoder"] = Json::object();
  for (const AddedToken& token : tables.added)
    json["added_tokens_decoder"][std::to_string(token.id)] = plain_json(token);
  return json;
}

Json special_tokens_map(const Tokenizer::Tables& tables) {
  Json json = Json::object();
  const auto described = [&](const std::string& content) -> Json {
    const auto found = tables.added_number.find(content);
    if (found == tables.added_number.end()) return content;
    const AddedToken& token = tables.added[found->second];
    if (!token.lstrip && !token.rstrip && !token.single_word && !token.normalized) return content;
    Json object = plain_json(token);
    object.erase("special");
    return object;
  };
  for (int role = 0; role < kRoles; ++role)
    if (!tables.roles[role].empty()) json[kRoleNames[role]] = described(tables.roles[role]);
  for (const std::string& token : tables.further_special) json["additional_special_tokens"].push_back(described(token));
  return json;
}

// One token a line; nothing where lines cannot say it: ids with gaps, or a token that a reader of lines would change.
std::optional<std::string> vocab_txt(const Vocabulary& vocabulary) {
  std::string text;
  for (int64_t id = 0; id < vocabulary.id_end(); ++id) {
    const auto token = vocabulary.token(id);
    if (!token || token->find('\n') != std::string_view::npos || unicode::ends_with(*token, unicode::kWhiteSpace))
      return std::nullopt;
    text.append(*token).push_back('\n');
  }
  return text;
}

}  // namespace

std::string write_tokenizer_json(const Tokenizer::Tables& tables) {
  OrderedJson head = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  head["added_tokens"] = OrderedJson::array();
  for (const AddedToken& token : tables.added) head["added_tokens"].push_back(json_of(token, true));
  std::vector<OrderedJson> normalizers, pre_tokenizers;
  for (const NormalizationStep& step : tables.normalizer.steps())
    normalizers.push_back(std::visit([](const auto& kind) { return json_of(kind); }, step));
  for (const PreTokenizerStep step : tables.pre_tokenizer.steps()) pre_tokenizers.push_back(json_of(step));
  head["normalizer"] = sequence(std::move(normalizers), "normalizers");
  head["pre_tokenizer"] = sequence(std::move(pre_tokenizers), "pretokenizers");
  head["post_processor"] = json_of(tables.templates);
  head["decoder"] = nullptr;
  if (tables.decoder)
    head["decoder"] = {{"type", "WordPiece"}, {"prefix", tables.decoder->prefix}, {"cleanup", tables.decoder->cleanup}};
  std::string text = head.dump(2);
  text.resize(text.size() - 2);  // the closing brace, on its own line: the model comes before it
  text += fmt::format(
      ",\n  \"model\": {{\n    \"type\": \"WordPiece\",\n    \"unk_token\": {},\n    \"continuing_subword_prefix\": "
      "{},\n"
      "    \"max_input_chars_per_word\": {},\n    \"vocab\": {{",
      json_string(tables.model.unknown_token()), json_string(tables.model.prefix()),
      tables.model.max_input_chars_per_word());
  const Vocabulary& vocabulary = tables.model.vocabulary();
  const char* separator = "\n";
  for (int64_t id = 0; id < vocabulary.id_end(); ++id) {
    const auto token = vocabulary.token(id);
    if (!token) continue;
    text += separator;
    text += "      ";
    append_json_string(*token, text);
    text += ": ";
    const fmt::format_int digits(id);
    text.append(digits.data(), digits.size());
    separator = ",\n";
  }
  text += vocabulary.size() > 0 ? "\n    }\n  }\n}" : "}\n  }\n}";
  return text;
}

void Tokenizer::save_pretrained(const std::filesystem::path& folder) const {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorKind::io, "{}: cannot make this folder: {}", folder.string(), error.message());
  write_atomically(folder / "tokenizer.json", write_tokenizer_json(*tables_));
  write_atomically(folder / "tokenizer_config.json", pretty_json(tokenizer_config(*tables_)));
  write_atomically(folder / "special_tokens_map.json", pretty_json(special_tokens_map(*tables_)));
  if (const auto lines = vocab_txt(tables_->model.vocabulary())) write_atomically(folder / "vocab.txt", *lines);
}

}  // namespace tekio
