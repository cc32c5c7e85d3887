// Only a model may lack its "type" (files of 2019 and 2020): then it is WordPiece unless it has merges or a list for a
// vocabulary.
#include "text/models/model_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "text/json_parts.h"
#include "text/unicode.h"

namespace tekio {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kVersion = "#version";  // begins a line of merges.txt that is no merge

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

Vocabulary parse_vocabulary(const element& json, const std::string& place) {
  object entries;
  if (json.get(entries) != simdjson::SUCCESS) fail(ErrorKind::input, "{} must be an object of tokens and ids", place);
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

Vocabulary parse_vocabulary(const Members& members, const std::string& where) {
  if (!members.vocabulary) fail(ErrorKind::input, "{}: \"vocab\" is missing", where);
  return parse_vocabulary(*members.vocabulary, where + ": vocab");
}

WordPiece parse_word_piece(const Members& members, const std::string& where) {
  const JsonReader reader(members.settings, where);
  const int64_t max_chars = reader.integer("max_input_chars_per_word").value_or(WordPiece::kMaxInputChars);
  if (max_chars < 0)
    fail(ErrorKind::input, "{}: max_input_chars_per_word must be at least 0, got {}", where, max_chars);
  return WordPiece(parse_vocabulary(members, where), reader.string("unk_token").value_or("[UNK]"),
                   reader.string("continuing_subword_prefix").value_or("##"), max_chars);
}

// "a b" as two parts with exactly one space.
Bpe::Merge split_merge(std::string_view text, const std::string& where) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
    fail(ErrorKind::input, "{}: expected two tokens with one space between them, got {}", where, printable(text));
  return {text.substr(0, space), text.substr(space + 1)};
}

// Pairs, or (in older files) texts like the lines of merges.txt.
std::vector<Bpe::Merge> parse_merges(const element& json, const std::string& where) {
  simdjson::dom::array list;
  if (json.get(list) != simdjson::SUCCESS) fail(ErrorKind::input, "{} must be a list", where);
  std::vector<Bpe::Merge> merges;
  merges.reserve(list.size());
  for (const element entry : list) {
    std::string_view text, left, right;
    simdjson::dom::array pair;
    if (entry.get(text) == simdjson::SUCCESS) {
      if (!text.starts_with(kVersion)) merges.push_back(split_merge(text, where));
    } else if (entry.get(pair) == simdjson::SUCCESS && pair.size() == 2 && pair.at(0).get(left) == simdjson::SUCCESS &&
               pair.at(1).get(right) == simdjson::SUCCESS) {
      merges.push_back({left, right});
    } else {
      fail(ErrorKind::input, "{}: a merge must be a pair of tokens, or a text of two with a space between them, got {}",
           where, printable(simdjson::minify(entry)));
    }
  }
  return merges;
}

Bpe parse_bpe(const Members& members, const std::string& where) {
  const JsonReader reader(members.settings, where);
  if (const auto dropout = reader.number("dropout"); dropout.value_or(0) != 0)
    fail(ErrorKind::input,
         "{}: \"dropout\" is {}: a tokenizer that leaves merges out at random is not supported; set it to null", where,
         *dropout);
  Bpe::Options options{.unknown_token = reader.string("unk_token"),
                       .prefix = reader.string("continuing_subword_prefix"),
                       .suffix = reader.string("end_of_word_suffix"),
                       .fuse_unknown = reader.boolean("fuse_unk").value_or(false),
                       .byte_fallback = reader.boolean("byte_fallback").value_or(false),
                       .ignore_merges = reader.boolean("ignore_merges").value_or(false)};
  if (options.byte_fallback && !(options.prefix.value_or("").empty() && options.suffix.value_or("").empty()))
    fail(ErrorKind::input,
         "{}: \"byte_fallback\" beside a continuing_subword_prefix or an end_of_word_suffix is not supported", where);
  if (!members.merges) fail(ErrorKind::input, "{}: \"merges\" is missing", where);
  Vocabulary vocabulary = parse_vocabulary(members, where);
  const std::string place = where + ": merges";
  return Bpe(std::move(vocabulary), parse_merges(*members.merges, place), std::move(options), place);
}

std::vector<Unigram::Piece> parse_pieces(const element& json, const std::string& place) {
  simdjson::dom::array list;
  if (json.get(list) != simdjson::SUCCESS) fail(ErrorKind::input, "{} must be a list of pieces and scores", place);
  std::vector<Unigram::Piece> pieces;
  pieces.reserve(list.size());
  for (const element entry : list) {
    simdjson::dom::array pair;
    Unigram::Piece piece{};
    if (entry.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(piece.token) != simdjson::SUCCESS ||
        pair.at(1).get(piece.score) != simdjson::SUCCESS)
      fail(ErrorKind::input, "{}: a piece must be a pair of its text and its score, got {}", place,
           printable(simdjson::minify(entry)));
    pieces.push_back(piece);
    if (static_cast<int64_t>(pieces.size()) > Vocabulary::kIdLimit)
      fail(ErrorKind::input, "{}: more than {} pieces", place, with_commas(Vocabulary::kIdLimit));
  }
  return pieces;
}

Unigram parse_unigram(const Members& members, const std::string& where) {
  const JsonReader reader(members.settings, where);
  if (!members.vocabulary) fail(ErrorKind::input, "{}: \"vocab\" is missing", where);
  const std::vector<Unigram::Piece> pieces = parse_pieces(*members.vocabulary, where + ": vocab");
  Unigram::Options options{.byte_fallback = reader.boolean("byte_fallback").value_or(false)};
  if (const auto id = reader.integer("unk_id")) {
    if (*id < 0 || *id >= static_cast<int64_t>(pieces.size()))
      fail(ErrorKind::input, "{}: \"unk_id\" is {}, but the vocabulary has {} pieces", where, *id, pieces.size());
    options.unknown_id = static_cast<int32_t>(*id);
  }
  return Unigram(pieces, options);
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

// A member at an indentation of 4.
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

void append_json(const Characters& model, std::string& text) {
  text += fmt::format("{{\n    \"type\": \"{}\",\n    \"unk_token\": {},\n", Characters::kType,
                      json_string(model.unknown_token()));
  append_vocabulary(model.vocabulary(), text);
  text += "\n  }";
}

std::string string_or_null(const std::optional<std::string>& text) { return text ? json_string(*text) : "null"; }

void append_json(const Bpe& model, std::string& text) {
  const Bpe::Options& options = model.options();
  text += fmt::format(
      "{{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": {},\n    "
      "\"continuing_subword_prefix\": {},\n    \"end_of_word_suffix\": {},\n    \"fuse_unk\": {},\n    "
      "\"byte_fallback\": {},\n    \"ignore_merges\": {},\n",
      string_or_null(options.unknown_token), string_or_null(options.prefix), string_or_null(options.suffix),
      options.fuse_unknown, options.byte_fallback, options.ignore_merges);
  append_vocabulary(model.vocabulary(), text);
  text += ",\n    \"merges\": [";
  const char* separator = "\n";
  for (const MergeTable::Pair& pair : model.merges().pairs()) {
    text += separator;
    text += "      [\n        ";
    append_json_string(*model.vocabulary().token(pair.left), text);
    text += ",\n        ";
    append_json_string(*model.vocabulary().token(pair.right), text);
    text += "\n      ]";
    separator = ",\n";
  }
  text += model.merges().pairs().empty() ? "]\n  }" : "\n    ]\n  }";
}

void append_json(const Unigram& model, std::string& text) {
  const auto& unknown = model.options().unknown_id;
  text += fmt::format("{{\n    \"type\": \"Unigram\",\n    \"unk_id\": {},\n    \"vocab\": [",
                      unknown ? fmt::to_string(*unknown) : "null");
  const char* separator = "\n";
  for (size_t id = 0; id < model.scores().size(); ++id) {
    text += separator;
    text += "      [\n        ";
    append_json_string(*model.vocabulary().token(static_cast<int64_t>(id)), text);
    text += ",\n        ";
    const size_t begin = text.size();
    fmt::format_to(std::back_inserter(text), "{}", model.scores()[id]);
    if (text.find_first_of(".e", begin) == std::string::npos) text += ".0";
    text += "\n      ]";
    separator = ",\n";
  }
  text += fmt::format("{},\n    \"byte_fallback\": {}\n  }}", model.scores().empty() ? "]" : "\n    ]",
                      model.options().byte_fallback);
}

// vocab.json and merges.txt; nothing where the lines of the second cannot say it, or the two cannot say the options.
std::vector<ModelFile> files_of(const Bpe& model) {
  const Bpe::Options& options = model.options();
  if (!options.prefix.value_or("").empty() || !options.suffix.value_or("").empty() || options.byte_fallback) return {};
  std::string merges = "#version: 0.2\n", vocabulary = "{";
  for (const MergeTable::Pair& pair : model.merges().pairs()) {
    const std::string_view left = *model.vocabulary().token(pair.left), right = *model.vocabulary().token(pair.right);
    const size_t begin = merges.size();
    merges.append(left).append(" ").append(right);
    const std::string_view line = std::string_view(merges).substr(begin);
    if (left.empty() || right.empty() || std::count(line.begin(), line.end(), ' ') != 1 ||
        line.find('\n') != std::string_view::npos || line.ends_with('\r') || line.starts_with(kVersion))
      return {};
    merges += '\n';
  }
  for (int64_t id = 0; id < model.vocabulary().id_end(); ++id) {
    const auto token = model.vocabulary().token(id);
    if (!token) continue;
    vocabulary += vocabulary.size() > 1 ? "," : "";
    append_json_string(*token, vocabulary);
    vocabulary += fmt::format(":{}", id);
  }
  vocabulary += "}";
  return {{"vocab.json", std::move(vocabulary)}, {"merges.txt", std::move(merges)}};
}

std::vector<ModelFile> files_of(const Characters& model) {
  return {{"vocab.txt", vocabulary_lines(model.vocabulary())}};
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

// SentencePiece's file is not written: what it holds beyond the pieces, nobody would read.
std::vector<ModelFile> files_of(const Unigram&) { return {}; }

}  // namespace

SubwordModel parse_model(const element& json, const std::string& where) {
  const Members members = read_members(json, where);
  std::string type = JsonReader(members.settings, where).string("type").value_or("");
  if (type.empty())
    type = members.merges ? "BPE" : members.vocabulary && members.vocabulary->is_array() ? "Unigram" : "WordPiece";
  if (type == WordPiece::kType) return {parse_word_piece(members, where)};
  if (type == Bpe::kType) return {parse_bpe(members, where)};
  if (type == Unigram::kType) return {parse_unigram(members, where)};
  unsupported(where, type, "WordPiece, BPE and Unigram");
}

Bpe parse_bpe_files(std::string_view vocabulary, const std::string& where, std::string_view merges,
                    const std::string& merges_where) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(vocabulary);
  element json;
  if (vocabulary.empty()) fail(ErrorKind::input, "{} is empty", where);
  if (const auto error = parser.parse(padded).get(json); error != simdjson::SUCCESS)
    fail(ErrorKind::input, "{} is not valid JSON: {}", where, simdjson::error_message(error));
  std::vector<Bpe::Merge> pairs;
  int64_t number = 0;
  for (size_t begin = 0; begin < merges.size();) {
    const size_t end = std::min(merges.find('\n', begin), merges.size());
    std::string_view line = merges.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number;
    begin = end + 1;
    if (!line.starts_with(kVersion)) pairs.push_back(split_merge(line, fmt::format("{}:{}", merges_where, number)));
  }
  return Bpe(parse_vocabulary(json, where), pairs, {}, merges_where);
}

std::string vocabulary_lines(const Vocabulary& vocabulary) {
  std::string text;
  for (int64_t id = 0; id < vocabulary.id_end(); ++id)
    text.append(vocabulary.token(id).value_or(*vocabulary.token(vocabulary.id_end() - 1))).push_back('\n');
  return text;
}

void append_model_json(const SubwordModel& model, std::string& text) {
  std::visit([&](const auto& kind) { append_json(kind, text); }, model.kind());
}

std::vector<ModelFile> model_files(const SubwordModel& model) {
  return std::visit([](const auto& kind) { return files_of(kind); }, model.kind());
}

}  // namespace tekio
