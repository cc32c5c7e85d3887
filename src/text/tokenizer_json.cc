// Every component has a "type"; a type that is not supported is refused by name, together with what is. Only the model
// may lack it (files of 2019 and 2020): then it is WordPiece unless it has merges or a list for a vocabulary.
#include "text/tokenizer_json.h"

#include <simdjson.h>

#include <set>
#include <utility>

#include "base/error.h"

namespace tekio {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kDepthLimit = 128;

std::string type_of(const Json& component, const std::string& where) {
  const auto type = JsonReader(component, where).string("type");
  if (!type) fail(ErrorKind::input, "{}: \"type\" is missing", where);
  return *type;
}

[[noreturn]] void unsupported(const std::string& where, const std::string& type, const char* supported) {
  fail(ErrorKind::input, "{}: the type {} is not supported; supported are {}", where, printable(type), supported);
}

const Json& list_of(const Json& component, const char* key, const std::string& where) {
  const Json* list = JsonReader(component, where).find(key);
  if (list == nullptr || !list->is_array()) fail(ErrorKind::input, "{}: \"{}\" must be a list", where, key);
  return *list;
}

bool flag(const JsonReader& reader, const char* key, bool fallback) { return reader.boolean(key).value_or(fallback); }

void parse_normalizer(const Json& json, const std::string& where, std::vector<NormalizationStep>& steps) {
  const std::string type = type_of(json, where);
  const JsonReader reader(json, where);
  if (type == "Sequence") {
    for (const Json& part : list_of(json, "normalizers", where)) parse_normalizer(part, where, steps);
  } else if (type == "BertNormalizer") {
    BertNormalization bert;
    bert.clean_text = flag(reader, "clean_text", true);
    bert.handle_chinese_chars = flag(reader, "handle_chinese_chars", true);
    bert.strip_accents = reader.boolean("strip_accents");
    bert.lowercase = flag(reader, "lowercase", true);
    steps.emplace_back(bert);
  } else if (type == "NFD") {
    steps.emplace_back(NfdNormalization{});
  } else if (type == "Lowercase") {
    steps.emplace_back(LowercaseNormalization{});
  } else if (type == "StripAccents") {
    steps.emplace_back(StripAccentsNormalization{});
  } else {
    unsupported(where, type, "BertNormalizer, NFD, Lowercase, StripAccents and Sequence");
  }
}

void parse_pre_tokenizer(const Json& json, const std::string& where, std::vector<PreTokenizerStep>& steps) {
  const std::string type = type_of(json, where);
  if (type == "Sequence") {
    for (const Json& part : list_of(json, "pretokenizers", where)) parse_pre_tokenizer(part, where, steps);
  } else if (type == "BertPreTokenizer") {
    steps.push_back(PreTokenizerStep::bert);
  } else if (type == "Whitespace") {
    steps.push_back(PreTokenizerStep::whitespace);
  } else if (type == "WhitespaceSplit") {
    steps.push_back(PreTokenizerStep::whitespace_split);
  } else if (type == "Punctuation") {
    const std::string behavior = JsonReader(json, where).string("behavior").value_or("Isolated");
    if (behavior == "Isolated")
      steps.push_back(PreTokenizerStep::punctuation_isolated);
    else if (behavior == "Removed")
      steps.push_back(PreTokenizerStep::punctuation_removed);
    else if (behavior == "Contiguous")
      steps.push_back(PreTokenizerStep::punctuation_contiguous);
    else
      unsupported(where + ": behavior", behavior, "Isolated, Removed and Contiguous");
  } else {
    unsupported(where, type, "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation and Sequence");
  }
}

int32_t checked_id(int64_t id, const std::string& where) {
  if (id < 0 || id >= Vocabulary::kIdLimit)
    fail(ErrorKind::input, "{}: the id {} does not lie in [0, {})", where, id, Vocabulary::kIdLimit);
  return static_cast<int32_t>(id);
}

int32_t integer_of(const Json& json, const std::string& where) {
  if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX}))
    fail(ErrorKind::input, "{}: an id must be a whole number, got {}", where, printable(json.dump()));
  return checked_id(json.get<int64_t>(), where);
}

std::vector<TemplatePiece> parse_template(const Json& json, const char* key, const Json& tokens,
                                          const std::string& where) {
  std::vector<TemplatePiece> pieces;
  bool first = false, second = false;
  for (const Json& entry : list_of(json, key, where)) {
    const JsonReader reader(entry, where);
    const Json *sequence = reader.find("Sequence"), *token = reader.find("SpecialToken");
    if ((sequence == nullptr) == (token == nullptr))
      fail(ErrorKind::input, "{}: \"{}\" must hold objects with the key Sequence or SpecialToken", where, key);
    const JsonReader piece_reader(sequence != nullptr ? *sequence : *token, where);
    const std::string id = piece_reader.string("id").value_or("");
    TemplatePiece piece{TemplatePiece::Kind::token, 0, id, {}, {}};
    piece.type_id = checked_id(piece_reader.integer("type_id").value_or(0), where);
    if (sequence != nullptr) {
      if (id != "A" && id != "B") fail(ErrorKind::input, "{}: a Sequence must be A or B, got {}", where, printable(id));
      if (std::exchange(id == "A" ? first : second, true))
        fail(ErrorKind::input, "{}: \"{}\" holds the sequence {} twice; each may stand there once", where, key, id);
      piece.kind = id == "A" ? TemplatePiece::Kind::first : TemplatePiece::Kind::second;
      piece.name.clear();
    } else {
      const auto entry_of_token = tokens.find(id);
      if (entry_of_token == tokens.end())
        fail(ErrorKind::input, "{}: the template names the token {}, which special_tokens lacks", where, printable(id));
      const std::string token_where = where + ": special_tokens";
      for (const Json& number : list_of(*entry_of_token, "ids", token_where))
        piece.ids.push_back(integer_of(number, token_where));
      for (const Json& text : list_of(*entry_of_token, "tokens", token_where))
        piece.tokens.push_back(text.is_string() ? text.get<std::string>() : "");
    }
    pieces.push_back(std::move(piece));
  }
  const bool is_pair = std::string_view(key) == "pair";
  if (!first || second != is_pair)
    fail(ErrorKind::input, "{}: \"{}\" must hold {}", where, key,
         is_pair ? "the sequences A and B" : "the sequence A alone");
  return pieces;
}

Template parse_post_processor(const Json& json, const std::string& where) {
  const std::string type = type_of(json, where);
  if (type == "BertProcessing") {
    const auto token = [&](const char* key) {
      const Json& pair = list_of(json, key, where);
      if (pair.size() != 2 || !pair[0].is_string())
        fail(ErrorKind::input, "{}: \"{}\" must be a token and its id", where, key);
      return std::pair(pair[0].get<std::string>(), integer_of(pair[1], where));
    };
    const auto cls = token("cls"), sep = token("sep");
    return Template::bert(cls.first, cls.second, sep.first, sep.second);
  }
  if (type != "TemplateProcessing") unsupported(where, type, "TemplateProcessing and BertProcessing");
  const Json none = Json::object();
  const Json* tokens = JsonReader(json, where).find("special_tokens");
  if (tokens != nullptr && !tokens->is_object())
    fail(ErrorKind::input, "{}: \"special_tokens\" must be an object", where);
  Template result;
  result.single = parse_template(json, "single", tokens != nullptr ? *tokens : none, where);
  result.pair = parse_template(json, "pair", tokens != nullptr ? *tokens : none, where);
  return result;
}

WordPieceDecoder parse_decoder(const Json& json, const std::string& where) {
  const std::string type = type_of(json, where);
  if (type != "WordPiece") unsupported(where, type, "WordPiece");
  const JsonReader reader(json, where);
  return {reader.string("prefix").value_or("##"), flag(reader, "cleanup", true)};
}

Vocabulary parse_vocabulary(const element& json, const std::string& where) {
  object entries;
  if (json.get(entries) != simdjson::SUCCESS) fail(ErrorKind::input, "{} must be an object of tokens and ids", where);
  Vocabulary vocabulary;
  size_t bytes = 0, tokens = 0;
  for (const auto entry : entries) bytes += entry.key.size(), ++tokens;
  vocabulary.reserve(tokens, bytes);
  for (const auto entry : entries) {
    int64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS)
      fail(ErrorKind::input, "{}: the id of {} must be a whole number, got {}", where, printable(entry.key),
           printable(simdjson::minify(entry.value)));
    if (!vocabulary.add(entry.key, checked_id(id, where))) {
      const auto other = vocabulary.token(id);
      if (vocabulary.find(entry.key) >= 0)
        fail(ErrorKind::input, "{}: the token {} stands there twice", where, printable(entry.key));
      fail(ErrorKind::input, "{}: the tokens {} and {} have the same id {}", where, printable(*other),
           printable(entry.key), id);
    }
  }
  return vocabulary;
}

WordPiece parse_model(const element& json, const std::string& where) {
  object members;
  if (json.get(members) != simdjson::SUCCESS) fail(ErrorKind::input, "{} must be an object", where);
  std::string rest = "{";  // all but the vocabulary, for the reader that names what is wrong
  std::optional<element> vocabulary;
  for (const auto member : members) {
    if (member.key == "vocab") {
      if (vocabulary) fail(ErrorKind::input, "{}: the key \"vocab\" stands twice in one JSON object", where);
      vocabulary = member.value;
    } else if (member.key == "merges") {
      rest += rest.size() > 1 ? ",\"merges\":true" : "\"merges\":true";  // only whether it is there matters
    } else {
      rest += rest.size() > 1 ? "," : "";
      rest += Json(std::string(member.key)).dump() + ":" + std::string(simdjson::minify(member.value));
    }
  }
  const Json settings = parse_json(rest + "}", where);
  const JsonReader reader(settings, where);
  std::string type = reader.string("type").value_or("");
  if (type.empty())
    type = reader.find("merges") != nullptr ? "BPE" : vocabulary && vocabulary->is_array() ? "Unigram" : "WordPiece";
  if (type != "WordPiece") unsupported(where, type, "WordPiece");
  if (!vocabulary) fail(ErrorKind::input, "{}: \"vocab\" is missing", where);
  const int64_t max_chars = reader.integer("max_input_chars_per_word").value_or(100);
  if (max_chars < 0)
    fail(ErrorKind::input, "{}: max_input_chars_per_word must be at least 0, got {}", where, max_chars);
  return WordPiece(parse_vocabulary(*vocabulary, where + ": vocab"), reader.string("unk_token").value_or("[UNK]"),
                   reader.string("continuing_subword_prefix").value_or("##"), max_chars);
}

}  // namespace

AddedToken parse_added_token(const Json& json, AddedToken fallback, const std::string& where) {
  AddedToken token = std::move(fallback);
  if (json.is_string()) {
    token.content = json.get<std::string>();
    return token;
  }
  const JsonReader reader(json, where);
  const auto content = reader.string("content");
  if (!content) fail(ErrorKind::input, "{}: a token must be a string or an object with \"content\"", where);
  token.content = *content;
  token.single_word = flag(reader, "single_word", token.single_word);
  token.lstrip = flag(reader, "lstrip", token.lstrip);
  token.rstrip = flag(reader, "rstrip", token.rstrip);
  token.special = flag(reader, "special", token.special);
  token.normalized = flag(reader, "normalized", token.normalized);
  if (const auto id = reader.integer("id")) token.id = checked_id(*id, where);
  return token;
}

Pipeline parse_tokenizer_json(std::string_view text, const std::string& where) {
  const simdjson::padded_string padded(text);
  simdjson::dom::parser parser;
  object members;
  if (text.empty()) fail(ErrorKind::input, "{} is empty", where);
  if (parser.allocate(padded.size(), kDepthLimit) != simdjson::SUCCESS)
    fail(ErrorKind::input, "{}: {} bytes are too many", where, padded.size());
  element document;
  if (const auto error = parser.parse(padded).get(document); error != simdjson::SUCCESS)
    fail(ErrorKind::input, "{} is not valid JSON, or nested deeper than {} levels: {}", where, kDepthLimit,
         simdjson::error_message(error));
  if (document.get(members) != simdjson::SUCCESS) fail(ErrorKind::input, "{}: expected a JSON object", where);

  Pipeline pipeline;
  std::set<std::string_view> keys;
  for (const auto member : members) {
    const std::string_view key = member.key;
    if (!keys.insert(key).second)
      fail(ErrorKind::input, "{}: the key \"{}\" stands twice in one JSON object", where, printable(key));
    const std::string place = where + ": " + std::string(key);
    if (key == "model") {
      pipeline.model = parse_model(member.value, place);
      continue;
    }
    if (key != "added_tokens" && key != "normalizer" && key != "pre_tokenizer" && key != "post_processor" &&
        key != "decoder")
      continue;
    const Json json = parse_json(std::string(simdjson::minify(member.value)), place);
    if (json.is_null()) continue;
    if (key == "added_tokens") {
      if (!json.is_array()) fail(ErrorKind::input, "{} must be a list", place);
      for (const Json& token : json) {
        if (!token.is_object()) fail(ErrorKind::input, "{} must hold objects, got {}", place, printable(token.dump()));
        pipeline.added.push_back(parse_added_token(token, {}, place));
      }
    } else if (key == "normalizer") {
      std::vector<NormalizationStep> steps;
      parse_normalizer(json, place, steps);
      pipeline.normalizer = Normalizer(std::move(steps));
    } else if (key == "pre_tokenizer") {
      std::vector<PreTokenizerStep> steps;
      parse_pre_tokenizer(json, place, steps);
      pipeline.pre_tokenizer = PreTokenizer(std::move(steps));
      pipeline.has_pre_tokenizer = true;
    } else if (key == "post_processor") {
      pipeline.templates = parse_post_processor(json, place);
      pipeline.has_template = true;
    } else {
      pipeline.decoder = parse_decoder(json, place);
    }
  }
  if (!keys.contains("model")) fail(ErrorKind::input, "{}: \"model\" is missing", where);
  return pipeline;
}

}  // namespace tekio
