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

const Json& part_of(const Json& json, const char* key, size_t number) {
  static const Json kNone;
  const auto list = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && list != json.end() && list->is_array() && number < list->size() ? (*list)[number] : kNone;
}
bool is_type(const Json& json, const char* type) { return json.is_object() && json.value("type", Json()) == type; }

// Of a tokenizer.json's normalizer, only Precompiled counts, alone or the first in a sequence: what it says.
std::optional<CharsmapNormalization> charsmap_of(const Json& normalizer, const std::string& where) {
  const auto charsmap = [&](const Json& json) -> std::optional<CharsmapNormalization> {
    if (!is_type(json, "Precompiled")) return std::nullopt;
    return std::get<CharsmapNormalization>(parse_normalizer(json, where + ": normalizer").steps().at(0));
  };
  if (!is_type(normalizer, "Sequence")) return charsmap(normalizer);
  for (size_t i = 0; !part_of(normalizer, "normalizers", i).is_null(); ++i)
    if (auto found = charsmap(part_of(normalizer, "normalizers", i))) return found;
  return std::nullopt;
}

// Whether a normalizer is not the class's own, nor what older versions wrote of it: with steps that make single spaces
// of several, which are removed anyway.
bool says_otherwise(const Json& json, const Normalizer& own) {
  const Json expected = Json::parse(json_of(own).dump());
  const auto steps_of = [](const Json& normalizer) {
    std::vector<const Json*> steps;
    if (!is_type(normalizer, "Sequence") && !normalizer.is_null()) steps.push_back(&normalizer);
    for (size_t i = 0; !part_of(normalizer, "normalizers", i).is_null(); ++i) {
      const Json& step = part_of(normalizer, "normalizers", i);
      const bool spaces = is_type(step, "Strip") ||
                          (is_type(step, "Replace") && step.value("pattern", Json()) == Json{{"Regex", " {2,}"}});
      if (!spaces) steps.push_back(&step);
    }
    return steps;
  };
  const auto said = steps_of(json), made = steps_of(expected);
  return !std::equal(said.begin(), said.end(), made.begin(), made.end(),
                     [](const Json* a, const Json* b) { return *a == *b; });
}

// Only the classes' own three pre-tokenizers are told from others.
bool says_otherwise(const Json& json, const PreTokenizer& own, const std::string& where) {
  if (const auto* spaces = std::get_if<MetaspacePreTokenization>(&own.steps().back())) {
    const Json& last = is_type(json, "Sequence") && is_type(part_of(json, "pretokenizers", 0), "WhitespaceSplit") &&
                               part_of(json, "pretokenizers", 2).is_null()
                           ? part_of(json, "pretokenizers", 1)
                           : json;
    return !is_type(last, "Metaspace") ||
           parse_pre_tokenizer(last, where).steps() != std::vector<PreTokenizerStep>{*spaces};
  }
  const auto* bytes = std::get_if<ByteLevelPreTokenization>(&own.steps().at(0));
  if (!json.is_object() || json.value("type", Json()) != (bytes != nullptr ? "ByteLevel" : "BertPreTokenizer"))
    return true;
  if (bytes == nullptr) return false;
  const PreTokenizer parsed = parse_pre_tokenizer(json, where);
  const auto& said = std::get<ByteLevelPreTokenization>(parsed.steps().at(0));
  return said.add_prefix_space != bytes->add_prefix_space || said.use_regex != bytes->use_regex;
}

bool take_bert_pipeline(WordPiece model, const TokenizerSettings& settings, TokenizerTables& tables) {
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

bool take_roberta_pipeline(Bpe model, const TokenizerSettings& settings, TokenizerTables& tables,
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

// The piece that unknown characters become: a fixed one, whatever the file says of it.
int32_t unknown_piece(const Unigram& model, const TokenizerTables& tables, const std::string& where) {
  using Kind = TokenizerClass::Kind;
  const Kind kind = tables.known_class->kind;
  int32_t piece = kind == Kind::xlm_roberta ? 3 : kind == Kind::albert ? 1 : 0;
  const auto count = static_cast<int32_t>(model.scores().size());
  if (kind == Kind::camembert && model.vocabulary().find(tables.roles[kUnknown]) >= 0)
    while (model.vocabulary().token(piece) != tables.roles[kUnknown]) ++piece;
  if (piece >= count)
    fail(ErrorKind::input, "{}: the tokenizer_class {} takes piece {} for unknown characters, but there are {} pieces",
         where, tables.tokenizer_class, piece, count);
  return piece;
}

bool take_unigram_pipeline(Unigram model, const Json& normalizer, const TokenizerSettings& settings,
                           TokenizerTables& tables, const std::string& where) {
  std::vector<NormalizationStep> steps;
  if (tables.known_class->kind == TokenizerClass::Kind::albert) steps = albert_normalization(settings);
  if (auto charsmap = charsmap_of(normalizer, where)) steps.push_back(std::move(*charsmap));
  tables.normalizer = Normalizer(std::move(steps));
  const auto prefix =
      settings.reader().boolean("add_prefix_space").value_or(true) ? MetaspacePrefix::always : MetaspacePrefix::never;
  tables.pre_tokenizer = PreTokenizer({WhitespaceSplitting{}, MetaspacePreTokenization{.prefix = prefix}});
  tables.decoder = Decoder({MetaspaceDecoding{.prefix = prefix}});
  Unigram::Options options{.unknown_id = unknown_piece(model, tables, where), .divided_scores = false};
  const bool other = model.options().unknown_id != options.unknown_id || model.options().byte_fallback;
  tables.model = {std::move(model).with_options(options)};
  return other;
}

}  // namespace

bool take_class_pipeline(Pipeline& file, const TokenizerSettings& settings, TokenizerTables& tables,
                         const std::string& where) {
  SubwordModel& model = file.model;
  if (tables.is_slow()) {
    take_japanese_pipeline(std::get<WordPiece>(std::move(model).take()), settings, tables);
    return false;
  }
  const bool bytes = tables.known_class->is_byte_level(), unigram = tables.known_class->is_unigram();
  const char* const needed = bytes ? Bpe::kType : unigram ? Unigram::kType : WordPiece::kType;
  if (std::string_view(model.type()) != needed)
    fail(ErrorKind::input,
         "{}: the model is {}, but the tokenizer_class {} needs {}; with \"tokenizer_class\": \"{}\" in "
         "tokenizer_config.json the file counts as it is",
         where, model.type(), tables.tokenizer_class, needed, kGenericClass);
  SubwordModel::Kind kind = std::move(model).take();
  if (unigram)
    return take_unigram_pipeline(std::get<Unigram>(std::move(kind)), file.normalizer, settings, tables, where);
  return bytes ? take_roberta_pipeline(std::get<Bpe>(std::move(kind)), settings, tables, where)
               : take_bert_pipeline(std::get<WordPiece>(std::move(kind)), settings, tables);
}

Template template_of_class(const Pipeline& file, const TokenizerSettings& settings, const TokenizerTables& tables,
                           const std::string& where) {
  if (tables.known_class->keeps_template() && !file.post_processor.is_null())
    return parse_post_processor(file.post_processor, where + ": post_processor");
  Template templates = tables.class_template();
  if (tables.known_class->is_byte_level() && settings.reader().boolean("trim_offsets").value_or(true))
    templates.trimming = OffsetTrimming{adds_prefix_space(settings)};
  return templates;
}

void warn_of_overruled(const Pipeline& file, bool other_model, const TokenizerTables& tables,
                       const std::string& where) {
  std::vector<std::string> parts;
  const auto* bert = tables.settings_of_class();
  const bool other_normalizer = bert != nullptr                    ? says_otherwise(file.normalizer, *bert, where)
                                : tables.known_class->is_unigram() ? says_otherwise(file.normalizer, tables.normalizer)
                                                                   : !file.normalizer.is_null();
  if (other_normalizer) parts.push_back("normalizer");
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
