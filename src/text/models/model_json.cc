// Only a model may lack its "type" (files of 2019 and 2020): then it is WordPiece unless it has merges or a list for a
// vocabulary.
#include "text/models/model_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "text/json_parts.h"
#include "text/unicode.h"

namespace tekio {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// A model's members: the large ones as they are, the rest for the reader that names what is wrong.
struct Members {
  std::optional<element> vocabulary, merges;
  Json settings;
};

Members read_members(const element& json, const std::string& where) {
  object members;
  if (json.get(members) != simdjson::SUCCESS) fail(ErrorKind::input, "{} must be an object", where);
  Members read;
  std::string rest = "{";
  for (const auto member : members) {
    if (member.key == "vocab" || member.key == "merges") {
      std::optional<element>& large = member.key == "vocab" ? read.vocabulary : read.merges;
      if (large)
        fail(ErrorKind::input, "{}: the key \"{}\" stands twice in one JSON object", where,
             std::string_view(member.key));
      large = member.value;
      continue;
    }
    rest += rest.size() > 1 ? "," : "";
    rest += Json(std::string(member.key)).dump() + ":" + std::string(simdjson::minify(member.value));
  }
  read.settings = parse_json(rest + "}", where);
  return read;
}

Vocabulary parse_vocabulary(const std::optional<element>& json, const std::string& where) {
  if (!json) fail(ErrorKind::input, "{}: \"vocab\" is missing", where);
  const std::string place = where + ": vocab";
  object entries;
  if (json->get(entries) != simdjson::SUCCESS) fail(ErrorKind::input, "{} must be an object of tokens and ids", place);
  Vocabulary vocabulary;
  size_t bytes = 0, tokens = 0;
  for (const auto entry : entries) bytes += entry.key.size(), ++tokens;
  vocabulary.reserve(tokens, bytes);
  for (const auto entry : entries) {
    int64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS)
      fail(ErrorKind::input, "{}: the id of {} must be a whole number, got {}", place, printable(entry.key),
           printable(simdjson::minify(entry.value)));
    if (!vocabulary.add(entry.key, checked_id(id, place))) {
      const auto other = vocabulary.token(id);
      if (vocabulary.find(entry.key) >= 0)
        fail(ErrorKind::input, "{}: the token {} stands there twice", place, printable(entry.key));
      fail(ErrorKind::input, "{}: the tokens {} and {} have the same id {}", place, printable(*other),
           printable(entry.key), id);
    }
  }
  return vocabulary;
}

WordPiece parse_word_piece(const Members& members, const std::string& where) {
  const JsonReader reader(members.settings, where);
  const int64_t max_chars = reader.integer("max_input_chars_per_word").value_or(WordPiece::kMaxInputChars);
  if (max_chars < 0)
    fail(ErrorKind::input, "{}: max_input_chars_per_word must be at least 0, got {}", where, max_chars);
  return WordPiece(parse_vocabulary(members.vocabulary, where), reader.string("unk_token").value_or("[UNK]"),
                   reader.string("continuing_subword_prefix").value_or("##"), max_chars);
}

std::string json_string(std::string_view text) { return Json(std::string(text)).dump(); }

// A string without detours for what needs no escape: a vocabulary is tens of thousands of them.
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

// As the last member of an object at an indentation of 4.
void append_vocabulary(const Vocabulary& vocabulary, std::string& text) {
  text += "    \"vocab\": {";
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
  text += vocabulary.size() > 0 ? "\n    }" : "}";
}

void append_json(const WordPiece& model, std::string& text) {
  text += fmt::format(
      "{{\n    \"type\": \"WordPiece\",\n    \"unk_token\": {},\n    \"continuing_subword_prefix\": {},\n    "
      "\"max_input_chars_per_word\": {},\n",
      json_string(model.unknown_token()), json_string(model.prefix()), model.max_input_chars_per_word());
  append_vocabulary(model.vocabulary(), text);
  text += "\n  }";
}

// One token a line; nothing where lines cannot say it: ids with gaps, or a token that a reader of lines would change.
std::vector<ModelFile> files_of(const WordPiece& model) {
  const Vocabulary& vocabulary = model.vocabulary();
  std::string text;
  for (int64_t id = 0; id < vocabulary.id_end(); ++id) {
    const auto token = vocabulary.token(id);
    if (!token || token->find('\n') != std::string_view::npos || unicode::ends_with(*token, unicode::kWhiteSpace))
      return {};
    text.append(*token).push_back('\n');
  }
  return {{"vocab.txt", std::move(text)}};
}

}  // namespace

SubwordModel parse_model(const element& json, const std::string& where) {
  const Members members = read_members(json, where);
  std::string type = JsonReader(members.settings, where).string("type").value_or("");
  if (type.empty())
    type = members.merges ? "BPE" : members.vocabulary && members.vocabulary->is_array() ? "Unigram" : "WordPiece";
  if (type == "WordPiece") return {parse_word_piece(members, where)};
  unsupported(where, type, "WordPiece");
}

void append_model_json(const SubwordModel& model, std::string& text) {
  std::visit([&](const auto& kind) { append_json(kind, text); }, model.kind());
}

std::vector<ModelFile> model_files(const SubwordModel& model) {
  return std::visit([](const auto& kind) { return files_of(kind); }, model.kind());
}

}  // namespace tekio
