#include "text/step_json.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/base64.h"
#include "base/error.h"
#include "text/json_parts.h"
#include "text/utf8.h"

namespace tekio {
namespace {

std::string type_of(const Json& component, const std::string& where) {
  const auto type = JsonReader(component, where).string("type");
  if (!type) fail(ErrorKind::input, "{}: \"type\" is missing", where);
  return *type;
}

std::string required_string(const JsonReader& reader, const char* key, const std::string& where) {
  const auto text = reader.string(key);
  if (!text) fail(ErrorKind::input, "{}: \"{}\" is missing", where, key);
  return *text;
}

bool flag(const JsonReader& reader, const char* key, bool fallback) { return reader.boolean(key).value_or(fallback); }

// {"String": "…"} or {"Regex": "…"}.
Pattern parse_pattern(const JsonReader& step, const std::string& where) {
  const Json* json = step.find("pattern");
  if (json == nullptr) fail(ErrorKind::input, "{}: \"pattern\" is missing", where);
  const JsonReader reader(*json, where + ": pattern");
  const auto text = reader.string("String"), regex = reader.string("Regex");
  if (text.has_value() == regex.has_value())
    fail(ErrorKind::input, "{}: \"pattern\" must be an object with the key String or Regex", where);
  return text ? Pattern::string(*text) : Pattern::regex(*regex, where);
}

OrderedJson json_of(const Pattern& pattern) { return {{pattern.is_regex() ? "Regex" : "String", pattern.text()}}; }

constexpr std::pair<const char*, Delimiter> kBehaviors[] = {{"Removed", Delimiter::removed},
                                                            {"Isolated", Delimiter::isolated},
                                                            {"MergedWithPrevious", Delimiter::merged_with_previous},
                                                            {"MergedWithNext", Delimiter::merged_with_next},
                                                            {"Contiguous", Delimiter::contiguous}};

Delimiter parse_behavior(const JsonReader& step, const char* fallback, const std::string& where) {
  const std::string name =
      fallback != nullptr ? step.string("behavior").value_or(fallback) : required_string(step, "behavior", where);
  for (const auto& [known, delimiter] : kBehaviors)
    if (name == known) return delimiter;
  unsupported(where + ": behavior", name, "Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous");
}

const char* behavior_name(Delimiter wanted) {
  for (const auto& [name, delimiter] : kBehaviors)
    if (delimiter == wanted) return name;
  return "";
}

constexpr std::pair<const char*, UnicodeForm> kForms[] = {
    {"NFD", UnicodeForm::nfd}, {"NFC", UnicodeForm::nfc}, {"NFKD", UnicodeForm::nfkd}, {"NFKC", UnicodeForm::nfkc}};

CharsmapNormalization parse_charsmap(const JsonReader& step, const std::string& where) {
  auto bytes = bytes_of_base64(required_string(step, "precompiled_charsmap", where));
  if (!bytes) fail(ErrorKind::input, "{}: \"precompiled_charsmap\" is not valid base64", where);
  return {std::make_shared<Charsmap>(std::move(*bytes), where)};
}

constexpr std::pair<const char*, MetaspacePrefix> kPrefixes[] = {
    {"always", MetaspacePrefix::always}, {"first", MetaspacePrefix::first}, {"never", MetaspacePrefix::never}};

// Older files say add_prefix_space in place of prepend_scheme, or beside it.
MetaspacePrefix parse_prefix(const JsonReader& step, const std::string& where) {
  const std::string name = step.string("prepend_scheme").value_or("always");
  const auto* known = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                   [&](const auto& prefix) { return name == prefix.first; });
  if (known == std::end(kPrefixes)) unsupported(where + ": prepend_scheme", name, "always, first and never");
  if (!flag(step, "add_prefix_space", true) && known->second != MetaspacePrefix::never)
    fail(ErrorKind::input, "{}: \"add_prefix_space\" is false, but \"prepend_scheme\" is {}; set it to never", where,
         name);
  return known->second;
}

const char* prefix_name(MetaspacePrefix wanted) {
  for (const auto& [name, prefix] : kPrefixes)
    if (prefix == wanted) return name;
  return "";
}

void append(const Json& json, const std::string& where, std::vector<NormalizationStep>& steps) {
  const std::string type = type_of(json, where);
  const JsonReader reader(json, where);
  for (const auto& [name, form] : kForms)
    if (type == name) return steps.push_back(UnicodeNormalization{form});
  if (type == "Sequence") {
    for (const Json& part : list_of(json, "normalizers", where)) append(part, where, steps);
  } else if (type == "BertNormalizer") {
    steps.push_back(BertNormalization{.clean_text = flag(reader, "clean_text", true),
                                      .handle_chinese_chars = flag(reader, "handle_chinese_chars", true),
                                      .strip_accents = reader.boolean("strip_accents"),
                                      .lowercase = flag(reader, "lowercase", true)});
  } else if (type == "Lowercase") {
    steps.push_back(LowercaseNormalization{});
  } else if (type == "StripAccents") {
    steps.push_back(StripAccentsNormalization{});
  } else if (type == "Strip") {
    steps.push_back(StripNormalization{flag(reader, "strip_left", true), flag(reader, "strip_right", true)});
  } else if (type == "Replace") {
    steps.push_back(ReplaceNormalization{parse_pattern(reader, where), required_string(reader, "content", where)});
  } else if (type == "Prepend") {
    steps.push_back(PrependNormalization{required_string(reader, "prepend", where)});
  } else if (type == "Precompiled") {
    steps.push_back(parse_charsmap(reader, where));
  } else {
    unsupported(where, type,
                "BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, Precompiled "
                "and Sequence");
  }
}

char32_t one_character(const std::string& text, const char* key, const std::string& where) {
  const char* at = text.data();
  const char32_t c = text.empty() ? 0 : decode_utf8(at);
  if (text.empty() || at != text.data() + text.size())
    fail(ErrorKind::input, "{}: \"{}\" must be one character, got {}", where, key, printable(text));
  return c;
}

template <typename Step>
Step parse_metaspace(const JsonReader& reader, const std::string& where) {
  return {one_character(required_string(reader, "replacement", where), "replacement", where),
          parse_prefix(reader, where), flag(reader, "split", true)};
}

void append(const Json& json, const std::string& where, std::vector<PreTokenizerStep>& steps) {
  const std::string type = type_of(json, where);
  const JsonReader reader(json, where);
  if (type == "Sequence") {
    for (const Json& part : list_of(json, "pretokenizers", where)) append(part, where, steps);
  } else if (type == "BertPreTokenizer") {
    steps.push_back(BertPreTokenization{});
  } else if (type == "Whitespace") {
    steps.push_back(WhitespacePreTokenization{});
  } else if (type == "WhitespaceSplit") {
    steps.push_back(WhitespaceSplitting{});
  } else if (type == "Punctuation") {
    steps.push_back(PunctuationSplitting{parse_behavior(reader, "Isolated", where)});
  } else if (type == "Digits") {
    steps.push_back(DigitSplitting{flag(reader, "individual_digits", false)});
  } else if (type == "CharDelimiterSplit") {
    steps.push_back(CharacterSplitting{one_character(required_string(reader, "delimiter", where), "delimiter", where)});
  } else if (type == "Split") {
    steps.push_back(PatternSplitting{parse_pattern(reader, where), parse_behavior(reader, nullptr, where),
                                     flag(reader, "invert", false)});
  } else if (type == "ByteLevel") {
    const bool again = std::any_of(steps.begin(), steps.end(), [](const PreTokenizerStep& step) {
      return std::holds_alternative<ByteLevelPreTokenization>(step);
    });
    if (again) fail(ErrorKind::input, "{}: ByteLevel may stand there once", where);
    steps.push_back(ByteLevelPreTokenization{.add_prefix_space = flag(reader, "add_prefix_space", true),
                                             .use_regex = flag(reader, "use_regex", true),
                                             .trim_offsets = flag(reader, "trim_offsets", true)});
  } else if (type == "UnicodeScripts") {
    steps.push_back(ScriptSplitting{});
  } else if (type == "Metaspace") {
    steps.push_back(parse_metaspace<MetaspacePreTokenization>(reader, where));
  } else {
    unsupported(where, type,
                "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, Split, CharDelimiterSplit, "
                "UnicodeScripts, ByteLevel, Metaspace and Sequence");
  }
}

void append(const Json& json, const std::string& where, std::vector<DecoderStep>& steps) {
  const std::string type = type_of(json, where);
  const JsonReader reader(json, where);
  if (type == "Sequence") {
    const Json& parts = list_of(json, "decoders", where);
    for (const Json& part : parts) append(part, where, steps);
    if (parts.empty()) steps.push_back(FusedDecoding{});  // tokens one after another, without spaces
  } else if (type == "WordPiece") {
    steps.push_back(WordPieceDecoding{reader.string("prefix").value_or("##"), flag(reader, "cleanup", true)});
  } else if (type == "ByteLevel") {
    steps.push_back(ByteLevelDecoding{flag(reader, "add_prefix_space", true), flag(reader, "trim_offsets", true),
                                      flag(reader, "use_regex", true)});
  } else if (type == "BPEDecoder") {
    steps.push_back(BpeDecoding{required_string(reader, "suffix", where)});
  } else if (type == "ByteFallback") {
    steps.push_back(ByteFallbackDecoding{});
  } else if (type == "Fuse") {
    steps.push_back(FusedDecoding{});
  } else if (type == "Replace") {
    steps.push_back(ReplaceDecoding{parse_pattern(reader, where), required_string(reader, "content", where)});
  } else if (type == "Strip") {
    const auto times = [&](const char* key) {
      return static_cast<size_t>(checked_id(reader.integer(key).value_or(0), where));
    };
    steps.push_back(StripDecoding{one_character(required_string(reader, "content", where), "content", where),
                                  times("start"), times("stop")});
  } else if (type == "Metaspace") {
    steps.push_back(parse_metaspace<MetaspaceDecoding>(reader, where));
  } else {
    unsupported(where, type,
                "WordPiece, ByteLevel, BPEDecoder, ByteFallback, Fuse, Replace, Strip, Metaspace and Sequence");
  }
}

std::string string_of(char32_t c) {
  std::string text;
  append_utf8(text, c);
  return text;
}

OrderedJson step_json(const BertNormalization& step) {
  OrderedJson json = {
      {"type", "BertNormalizer"}, {"clean_text", step.clean_text}, {"handle_chinese_chars", step.handle_chinese_chars}};
  json["strip_accents"] = step.strip_accents ? OrderedJson(*step.strip_accents) : OrderedJson(nullptr);
  json["lowercase"] = step.lowercase;
  return json;
}
OrderedJson step_json(const UnicodeNormalization& step) {
  for (const auto& [name, form] : kForms)
    if (form == step.form) return {{"type", name}};
  return nullptr;
}
OrderedJson step_json(const LowercaseNormalization&) { return {{"type", "Lowercase"}}; }
OrderedJson step_json(const StripAccentsNormalization&) { return {{"type", "StripAccents"}}; }
OrderedJson step_json(const StripNormalization& step) {
  return {{"type", "Strip"}, {"strip_left", step.left}, {"strip_right", step.right}};
}
OrderedJson step_json(const ReplaceNormalization& step) {
  return {{"type", "Replace"}, {"pattern", json_of(step.pattern)}, {"content", step.content}};
}
OrderedJson step_json(const PrependNormalization& step) { return {{"type", "Prepend"}, {"prepend", step.text}}; }

OrderedJson step_json(const CharsmapNormalization& step) {
  return {{"type", "Precompiled"}, {"precompiled_charsmap", base64(step.map->bytes())}};
}

OrderedJson step_json(const BertPreTokenization&) { return {{"type", "BertPreTokenizer"}}; }
OrderedJson step_json(const WhitespacePreTokenization&) { return {{"type", "Whitespace"}}; }
OrderedJson step_json(const WhitespaceSplitting&) { return {{"type", "WhitespaceSplit"}}; }
OrderedJson step_json(const PunctuationSplitting& step) {
  return {{"type", "Punctuation"}, {"behavior", behavior_name(step.delimiter)}};
}
OrderedJson step_json(const DigitSplitting& step) {
  return {{"type", "Digits"}, {"individual_digits", step.one_by_one}};
}
OrderedJson step_json(const CharacterSplitting& step) {
  return {{"type", "CharDelimiterSplit"}, {"delimiter", string_of(step.c)}};
}
OrderedJson step_json(const PatternSplitting& step) {
  return {{"type", "Split"},
          {"pattern", json_of(step.pattern)},
          {"behavior", behavior_name(step.delimiter)},
          {"invert", step.invert}};
}
OrderedJson step_json(const ScriptSplitting&) { return {{"type", "UnicodeScripts"}}; }

OrderedJson step_json(const ByteLevelPreTokenization& step) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", step.add_prefix_space},
          {"trim_offsets", step.trim_offsets},
          {"use_regex", step.use_regex}};
}

// Not of tokenizer.json, but all that ids depend on.
OrderedJson step_json(const JapaneseWordSplitting& step) {
  const JapaneseWords::Settings& settings = step.words->settings();
  return {{"type", "Japanese"},
          {"words", static_cast<int>(settings.kind)},
          {"normalize_text", settings.normalize_text},
          {"lowercase", settings.lowercase},
          {"characters", settings.characters},
          {"never_split", settings.never_split},
          {"dictionary", settings.mecab != nullptr ? settings.mecab->digest() : ""}};
}
template <typename Step>
OrderedJson metaspace_json(const Step& step) {
  return {{"type", "Metaspace"},
          {"replacement", string_of(step.replacement)},
          {"prepend_scheme", prefix_name(step.prefix)},
          {"split", step.split}};
}
OrderedJson step_json(const MetaspacePreTokenization& step) { return metaspace_json(step); }
OrderedJson step_json(const MetaspaceDecoding& step) { return metaspace_json(step); }

OrderedJson step_json(const ByteLevelDecoding& step) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", step.add_prefix_space},
          {"trim_offsets", step.trim_offsets},
          {"use_regex", step.use_regex}};
}
OrderedJson step_json(const BpeDecoding& step) { return {{"type", "BPEDecoder"}, {"suffix", step.suffix}}; }
OrderedJson step_json(const ByteFallbackDecoding&) { return {{"type", "ByteFallback"}}; }
OrderedJson step_json(const FusedDecoding&) { return {{"type", "Fuse"}}; }
OrderedJson step_json(const ReplaceDecoding& step) {
  return {{"type", "Replace"}, {"pattern", json_of(step.pattern)}, {"content", step.content}};
}
OrderedJson step_json(const StripDecoding& step) {
  return {{"type", "Strip"}, {"content", string_of(step.content)}, {"start", step.start}, {"stop", step.stop}};
}
OrderedJson step_json(const PlainWordPieceDecoding&) { return {{"type", "PlainWordPiece"}}; }
OrderedJson step_json(const WordPieceDecoding& step) {
  return {{"type", "WordPiece"}, {"prefix", step.prefix}, {"cleanup", step.cleanup}};
}

template <typename Step>
OrderedJson sequence(const std::vector<Step>& steps, const char* key) {
  OrderedJson parts = OrderedJson::array();
  for (const Step& step : steps) parts.push_back(std::visit([](const auto& kind) { return step_json(kind); }, step));
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {key, std::move(parts)}};
}

}  // namespace

Normalizer parse_normalizer(const Json& json, const std::string& where) {
  std::vector<NormalizationStep> steps;
  if (!json.is_null()) append(json, where, steps);
  return Normalizer(std::move(steps));
}

PreTokenizer parse_pre_tokenizer(const Json& json, const std::string& where) {
  std::vector<PreTokenizerStep> steps;
  if (!json.is_null()) append(json, where, steps);
  return PreTokenizer(std::move(steps));
}

Decoder parse_decoder(const Json& json, const std::string& where) {
  std::vector<DecoderStep> steps;
  if (!json.is_null()) append(json, where, steps);
  return Decoder(std::move(steps));
}

OrderedJson json_of(const Normalizer& normalizer) { return sequence(normalizer.steps(), "normalizers"); }
OrderedJson json_of(const PreTokenizer& pre_tokenizer) { return sequence(pre_tokenizer.steps(), "pretokenizers"); }

OrderedJson json_of(const Decoder& decoder) { return sequence(decoder.steps(), "decoders"); }

}  // namespace tekio
