#include "text/class_pipeline.h"

#include "base/error.h"
#include "base/log.h"
#include "text/japanese_tokenizer.h"
#include "text/step_json.h"

namespace tekio {
namespace {

bool says_otherwise(const Json& normalizer, const BertNormalization& bert, const std::string& where) {
  if (!normalizer.is_object() || normalizer.value("type", Json()) != "BertNormalizer") return true;
  const Normalizer parsed = parse_normalizer(normalizer, where);
  const auto& said = std::get<BertNormalization>(parsed.steps().at(0));
  return said.clean_text != bert.clean_text || said.handle_chinese_chars != bert.handle_chinese_chars ||
         said.lowercase != bert.lowercase ||
         said.strip_accents.value_or(said.lowercase) != bert.strip_accents.value_or(bert.lowercase);
}

// Only the classes' own two pre-tokenizers are told from others.
bool says_otherwise(const Json& json, const PreTokenizer& own, const std::string& where) {
  const auto* bytes = std::get_if<ByteLevelPreTokenization>(&own.steps().at(0));
  if (!json.is_object() || json.value("type", Json()) != (bytes != nullptr ? "ByteLevel" : "BertPreTokenizer"))
    return true;
  if (bytes == nullptr) return false;
  const PreTokenizer parsed = parse_pre_tokenizer(json, where);
  const auto& said = std::get<ByteLevelPreTokenization>(parsed.steps().at(0));
  return said.add_prefix_space != bytes->add_prefix_space || said.use_regex != bytes->use_regex;
}

bool take_bert_pipeline(WordPiece model, const TokenizerSettings& settings, Tokenizer::Tables& tables) {
  tables.normalizer = Normalizer({bert_normalization(settings, *tables.known_class)});
  tables.pre_tokenizer = PreTokenizer({BertPreTokenization{}});
  tables.decoder = Decoder({WordPieceDecoding{}});
  const std::string& unknown = tables.roles[kUnknown];
  const bool other = model.prefix() != "##" || model.unknown_token() != unknown ||
                     model.max_input_chars_per_word() != WordPiece::kMaxInputChars;
  tables.model = {std::move(model).with_settings(unknown, "##", WordPiece::kMaxInputChars)};
  return other;
}

bool adds_prefix_space(const TokenizerSettings& settings) {
  return settings.reader().boolean("add_prefix_space").value_or(false);
}

bool take_roberta_pipeline(Bpe model, const TokenizerSettings& settings, Tokenizer::Tables& tables,
                           const std::string& where) {
  tables.normalizer = Normalizer();
  tables.pre_tokenizer = PreTokenizer({ByteLevelPreTokenization{.add_prefix_space = adds_prefix_space(settings)}});
  tables.decoder = Decoder({ByteLevelDecoding{}});
  const Bpe::Options& said = model.options();
  const bool other = said.ignore_merges || !said.prefix.value_or("").empty() || !said.suffix.value_or("").empty() ||
                     (!model.spells_bytes() && (said.byte_fallback || said.unknown_token));
  tables.model = {std::move(model).with_options(Bpe::Options{.prefix = "", .suffix = ""}, where)};
  return other;
}

}  // namespace

bool take_class_pipeline(SubwordModel model, const TokenizerSettings& settings, Tokenizer::Tables& tables,
                         const std::string& where) {
  if (tables.is_slow()) {
    take_japanese_pipeline(std::get<WordPiece>(std::move(model).take()), settings, tables);
    return false;
  }
  const bool bytes = tables.known_class->is_byte_level();
  const char* const needed = bytes ? Bpe::kType : WordPiece::kType;
  if (std::string_view(model.type()) != needed)
    fail(ErrorKind::input,
         "{}: the model is {}, but the tokenizer_class {} needs {}; with \"tokenizer_class\": \"{}\" in "
         "tokenizer_config.json the file counts as it is",
         where, model.type(), tables.tokenizer_class, needed, kGenericClass);
  SubwordModel::Kind kind = std::move(model).take();
  return bytes ? take_roberta_pipeline(std::get<Bpe>(std::move(kind)), settings, tables, where)
               : take_bert_pipeline(std::get<WordPiece>(std::move(kind)), settings, tables);
}

Template template_of_class(const TokenizerSettings& settings, const Tokenizer::Tables& tables) {
  Template templates = tables.class_template();
  if (tables.known_class->is_byte_level() && settings.reader().boolean("trim_offsets").value_or(true))
    templates.trimming = OffsetTrimming{adds_prefix_space(settings)};
  return templates;
}

void warn_of_overruled(const Pipeline& file, bool other_model, const Tokenizer::Tables& tables,
                       const std::string& where) {
  std::vector<std::string> parts;
  const auto* bert = tables.settings_of_class();
  if (bert != nullptr ? says_otherwise(file.normalizer, *bert, where) : !file.normalizer.is_null())
    parts.push_back("normalizer");
  if (says_otherwise(file.pre_tokenizer, tables.pre_tokenizer, where)) parts.push_back("pre_tokenizer");
  if (other_model) parts.push_back("model's settings");
  if (!file.post_processor.is_null()) {
    Template said = parse_post_processor(file.post_processor, where);
    said.trimming = tables.templates.trimming;  // changes no token
    if (json_of(said) != json_of(tables.templates)) parts.push_back("post_processor");
  }
  if (parts.empty()) return;
  std::string list = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) list += (i + 1 < parts.size() ? ", " : " and ") + parts[i];
  const bool several = parts.size() > 1 || parts[0].ends_with('s');
  warn(
      fmt::format("{}: its {} {} of {}, which makes its own, as in Hugging Face transformers 5; with "
                  "\"tokenizer_class\": \"{}\" in "
                  "tokenizer_config.json the file counts as it is",
                  where, list, several ? "are not those" : "is not that", tables.tokenizer_class, kGenericClass));
}

}  // namespace tekio
