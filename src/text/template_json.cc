// Post-processors as JSON, in and out.
#include <map>
#include <utility>

#include "base/error.h"
#include "text/json_parts.h"
#include "text/step_json.h"

namespace tekio {
namespace {

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

OrderedJson pieces_json(const std::vector<TemplatePiece>& pieces) {
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

}  // namespace

Template parse_post_processor(const Json& json, const std::string& where) {
  if (json.is_null()) return {};
  const JsonReader reader(json, where);
  const std::string type = reader.string("type").value_or("");
  if (type.empty()) fail(ErrorKind::input, "{}: \"type\" is missing", where);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    const auto token = [&](const char* key) {
      const Json& pair = list_of(json, key, where);
      if (pair.size() != 2 || !pair[0].is_string())
        fail(ErrorKind::input, "{}: \"{}\" must be a token and its id", where, key);
      return std::pair(pair[0].get<std::string>(), integer_of(pair[1], where));
    };
    const auto cls = token("cls"), sep = token("sep");
    return (type == "BertProcessing" ? Template::bert : Template::roberta)(cls.first, cls.second, sep.first,
                                                                           sep.second);
  }
  if (type != "TemplateProcessing")
    unsupported(where, type, "TemplateProcessing, BertProcessing and RobertaProcessing");
  const Json none = Json::object();
  const Json* tokens = reader.find("special_tokens");
  if (tokens != nullptr && !tokens->is_object())
    fail(ErrorKind::input, "{}: \"special_tokens\" must be an object", where);
  Template result;
  result.single = parse_template(json, "single", tokens != nullptr ? *tokens : none, where);
  result.pair = parse_template(json, "pair", tokens != nullptr ? *tokens : none, where);
  return result;
}

OrderedJson json_of(const Template& templates) {
  if (templates.is_plain()) return nullptr;
  std::map<std::string, OrderedJson> tokens;
  for (const auto* pieces : {&templates.single, &templates.pair})
    for (const TemplatePiece& piece : *pieces)
      if (piece.kind == TemplatePiece::Kind::token)
        tokens[piece.name] = {{"id", piece.name}, {"ids", piece.ids}, {"tokens", piece.tokens}};
  OrderedJson json = {
      {"type", "TemplateProcessing"}, {"single", pieces_json(templates.single)}, {"pair", pieces_json(templates.pair)}};
  json["special_tokens"] = OrderedJson::object();
  for (auto& [name, token] : tokens) json["special_tokens"][name] = std::move(token);
  return json;
}

}  // namespace tekio
