// The files of transformers 4, which 5 opens as well. tokenizer.json is written by hand where it holds the model: in
// the library's own order and indentation, straight from the table.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/system_error.h"
#include "text/models/model_json.h"
#include "text/step_json.h"
#include "text/tables.h"
#include "text/tokenizer_json.h"

namespace tekio {
namespace {

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

// Whether BERT's kind of constructor would build just this pipeline.
bool is_bert_pipeline(const TokenizerTables& tables) {
  const auto* bert = tables.settings_of_class();
  const auto* model = tables.model.as<WordPiece>();
  return model != nullptr && bert != nullptr &&
         (bert->clean_text || tables.known_class->kind == TokenizerClass::Kind::funnel) &&
         tables.pre_tokenizer.steps() == std::vector<PreTokenizerStep>{BertPreTokenization{}} &&
         tables.decoder.steps() == std::vector<DecoderStep>{WordPieceDecoding{}} && model->prefix() == "##" &&
         model->max_input_chars_per_word() == WordPiece::kMaxInputChars &&
         model->unknown_token() == tables.roles[kUnknown];
}

// The pre-tokenizer if it is ByteLevel alone; else nullptr.
const ByteLevelPreTokenization* byte_level_of(const TokenizerTables& tables) {
  const auto& steps = tables.pre_tokenizer.steps();
  return steps.size() == 1 ? std::get_if<ByteLevelPreTokenization>(&steps[0]) : nullptr;
}

bool is_roberta_pipeline(const TokenizerTables& tables) {
  const auto* bytes = byte_level_of(tables);
  const auto* model = tables.model.as<Bpe>();
  return model != nullptr && bytes != nullptr && bytes->use_regex && tables.normalizer.steps().empty() &&
         tables.decoder.steps().size() == 1 && std::holds_alternative<ByteLevelDecoding>(tables.decoder.steps()[0]) &&
         model->options() == Bpe::Options{.prefix = "", .suffix = ""} &&
         (!tables.templates.trimming || tables.templates.trimming->add_prefix_space == bytes->add_prefix_space);
}

// Of other classes' pipelines, what the settings say, and the charsmap, are read again as they are written; a trained
// one may have a step, or a place of the unknown piece, that the class does not know.
bool is_unigram_pipeline(const TokenizerTables& tables) {
  const auto* model = tables.model.as<Unigram>();
  const auto& steps = tables.pre_tokenizer.steps();
  const auto& normalizations = tables.normalizer.steps();
  if (model == nullptr || model->options().divided_scores || steps.empty() ||
      !std::holds_alternative<MetaspacePreTokenization>(steps.back()))
    return false;
  return tables.known_class->kind != TokenizerClass::Kind::xlm_roberta ||
         (model->options().unknown_id == 3 &&
          std::all_of(normalizations.begin(), normalizations.end(), [](const NormalizationStep& step) {
            return std::holds_alternative<CharsmapNormalization>(step);
          }));
}

// Whether the constructor of the tokenizer's class would build just this pipeline from the vocabulary and the settings.
// Where not (a prefix of its own, say), only the generic class opens the folder with the same ids.
bool is_class_pipeline(const TokenizerTables& tables) {
  if (tables.is_slow()) return true;
  if (tables.known_class == nullptr || !tables.id_of_role(kCls) || !tables.id_of_role(kSep)) return false;
  Template own = tables.class_template();
  own.trimming = tables.templates.trimming;
  const TokenizerClass& known = *tables.known_class;
  return (known.is_unigram()      ? is_unigram_pipeline(tables)
          : known.is_byte_level() ? is_roberta_pipeline(tables)
                                  : is_bert_pipeline(tables)) &&
         (known.keeps_template() || json_of(tables.templates) == json_of(own));
}

Json plain_json(const AddedToken& token) { return Json::parse(json_of(token, false).dump()); }

Json tokenizer_config(const TokenizerTables& tables) {
  Json json = tables.config;
  // What names places on somebody's disk, or is said below in another form.
  for (const char* key : {"name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file", "backend",
                          "is_local", "local_files_only", "extra_special_tokens", "additional_special_tokens"})
    json.erase(key);
  json["tokenizer_class"] = is_class_pipeline(tables) ? tables.tokenizer_class : std::string(kGenericClass);
  if (const BertNormalization* bert = tables.settings_of_class()) {
    json["do_lower_case"] = bert->lowercase;
    json["strip_accents"] = bert->strip_accents ? Json(*bert->strip_accents) : Json(nullptr);
    json["tokenize_chinese_chars"] = bert->handle_chinese_chars;
  }
  // transformers 4 sets the file's pre-tokenizer by it, to false where nothing is said.
  if (const auto* bytes = byte_level_of(tables)) json["add_prefix_space"] = bytes->add_prefix_space;
  if (tables.known_class != nullptr && tables.known_class->is_byte_level())
    json["trim_offsets"] = tables.templates.trimming.has_value();
  json["clean_up_tokenization_spaces"] = tables.clean_up;
  // "No limit" is 1e30 as a whole number there, which no integer of ours holds; the reference takes an absent key for
  // it.
  json.erase("model_max_length");
  if (tables.model_max_length != INT64_MAX) json["model_max_length"] = tables.model_max_length;
  for (int role = 0; role < kRoles; ++role)
    if (!tables.roles[role].empty()) json[kRoleNames[role]] = tables.roles[role];
  // Where nothing is said of them, CamembertTokenizer has three of its own: none is said as an empty list.
  if (!tables.further_special.empty() ||
      (tables.known_class != nullptr && tables.known_class->kind == TokenizerClass::Kind::camembert))
    json["additional_special_tokens"] = tables.further_special;
  json["added_tokens_decoder"] = Json::object();
  for (const AddedToken& token : tables.added)
    json["added_tokens_decoder"][std::to_string(token.id)] = plain_json(token);
  return json;
}

Json special_tokens_map(const TokenizerTables& tables) {
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

}  // namespace

std::string write_tokenizer_json(const TokenizerTables& tables) {
  OrderedJson head = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  head["added_tokens"] = OrderedJson::array();
  for (const AddedToken& token : tables.added) head["added_tokens"].push_back(json_of(token, true));
  head["normalizer"] = json_of(tables.normalizer);
  head["pre_tokenizer"] = json_of(tables.pre_tokenizer);
  head["post_processor"] = json_of(tables.templates);
  head["decoder"] = json_of(tables.decoder);
  std::string text = head.dump(2);
  text.resize(text.size() - 2);  // the closing brace, on its own line: the model comes before it
  text += ",\n  \"model\": ";
  append_model_json(tables.model, text);
  text += "\n}";
  return text;
}

std::vector<WrittenFile> save_tokenizer(const TokenizerTables& tables, const std::filesystem::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_system({error, folder}, "{}: cannot make this folder: {}", folder.string());
  std::vector<WrittenFile> files = {
      write_atomically(folder / "tokenizer_config.json", pretty_json(tokenizer_config(tables))),
      write_atomically(folder / "special_tokens_map.json", pretty_json(special_tokens_map(tables)))};
  if (tables.is_slow()) {  // a tokenizer.json cannot say it
    files.push_back(write_atomically(folder / "vocab.txt", vocabulary_lines(tables.model.vocabulary())));
    return files;
  }
  files.push_back(write_atomically(folder / "tokenizer.json", write_tokenizer_json(tables)));
  for (const ModelFile& file : model_files(tables.model))
    files.push_back(write_atomically(folder / file.name, file.text));
  return files;
}

void Tokenizer::save_pretrained(const std::filesystem::path& folder) const { save_tokenizer(*tables_, folder); }

}  // namespace tekio
