// Post-processors as JSON, in and out.
#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "text/json_parts.h"
#include "text/step_json.h"

namespace tekio {
namespace {

int32_t integer_of(const Json& json, const std::string& where) {
  if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{INT64_MAX}))
    fail(ErrorKind::input, "{}: an id must be a whole number, got {}", where, printable(json.dump()));
  return checked_id(json.get<int64_t>(), where);
}

// A template names a token as often as it likes, and each mention holds the token's ids: what a file of some MB asks
// for by that is bounded, far above any that is meant.
constexpr size_t kMostPieces = 4096, kMostIds = 4096, kMostUnrolled = 65'536, kMostBytes = size_t{1} << 24;

void check_count(size_t count, size_t most, std::string_view what, const std::string& where) {
  if (count > most)
    fail(ErrorKind::input, "{}: {} are {}; at most {} are supported", where, what,
         with_commas(static_cast<int64_t>(count)), with_commas(static_cast<int64_t>(most)));
}

std::vector<TemplatePiece> parse_template(const Json& json, const char* key, const Json& tokens,
                                          const std::string& where) {
  std::vector<TemplatePiece> pieces;
  bool first = false, second = false;
  size_t unrolled = 0, bytes = 0;
  const Json& entries = list_of(json, key, where);
  check_count(entries.size(), kMostPieces, fmt::format("the pieces of \"{}\"", key), where);
  for (const Json& entry : entries) {
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
      const Json &ids = list_of(*entry_of_token, "ids", token_where),
                 &texts = list_of(*entry_of_token, "tokens", token_where);
      for (const Json* list : {&ids, &texts})
        check_count(list->size(), kMostIds, fmt::format("the ids or texts of {}", printable(id)), token_where);
      unrolled += std::max(ids.size(), texts.size());
      check_count(unrolled, kMostUnrolled, fmt::format("the ids of all tokens that \"{}\" names", key), where);
      for (const Json& number : ids) piece.ids.push_back(integer_of(number, token_where));
      for (const Json& text : texts) {
        bytes += text.is_string() ? text.get_ref<const std::string&>().size() : 0;
        check_count(bytes, kMostBytes, fmt::format("the bytes of all tokens that \"{}\" names", key), where);
        piece.tokens.push_back(text.is_string() ? text.get<std::string>() : "");
      }
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

// Adds what one processor says to those before it.
class PostProcessors {
 public:
  void read(const Json& json, const std::string& where) {
    const JsonReader reader(json, where);
    const std::string type = reader.string("type").value_or("");
    if (type.empty()) fail(ErrorKind::input, "{}: \"type\" is missing", where);
    if (type == "Sequence") {
      for (const Json& part : list_of(json, "processors", where)) read(part, where);
    } else if (type == "ByteLevel") {
      if (reader.boolean("trim_offsets").value_or(true)) trim(reader.boolean("add_prefix_space").value_or(true), where);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      read_pair(json, type, where);
    } else if (type == "TemplateProcessing") {
      const Json none = Json::object();
      const Json* tokens = reader.find("special_tokens");
      if (tokens != nullptr && !tokens->is_object())
        fail(ErrorKind::input, "{}: \"special_tokens\" must be an object", where);
      Template made;
      made.single = parse_template(json, "single", tokens != nullptr ? *tokens : none, where);
      made.pair = parse_template(json, "pair", tokens != nullptr ? *tokens : none, where);
      put(std::move(made), where);
    } else {
      unsupported(where, type, "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and Sequence");
    }
  }

  Template take() && { return std::move(result_); }

 private:
  void read_pair(const Json& json, const std::string& type, const std::string& where) {
    const auto token = [&](const char* key) {
      const Json& pair = list_of(json, key, where);
      if (pair.size() != 2 || !pair[0].is_string())
        fail(ErrorKind::input, "{}: \"{}\" must be a token and its id", where, key);
      return std::pair(pair[0].get<std::string>(), integer_of(pair[1], where));
    };
    const auto cls = token("cls"), sep = token("sep");
    const JsonReader reader(json, where);
    const auto trims = reader.boolean("trim_offsets"), prefix = reader.boolean("add_prefix_space");
    // The library takes the one that lacks either for the other.
    const bool roberta = type == "RobertaProcessing" && trims && prefix;
    if (roberta && *trims) trim(*prefix, where);
    put((roberta ? Template::roberta : Template::bert)(cls.first, cls.second, sep.first, sep.second), where);
  }

  void trim(bool add_prefix_space, const std::string& where) {
    if (result_.trimming || made_)
      fail(ErrorKind::input, "{}: offsets may be trimmed once, before tokens are put around the text", where);
    result_.trimming = OffsetTrimming{add_prefix_space};
  }

  void put(Template made, const std::string& where) {
    if (std::exchange(made_, true))
      fail(ErrorKind::input, "{}: only one of several processors may put tokens around a text", where);
    made.trimming = result_.trimming;
    result_ = std::move(made);
  }

  Template result_;
  bool made_ = false;
};

OrderedJson template_json(const Template& templates) {
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

// RobertaProcessing where it says the same: its tokens and its trimming in one.
OrderedJson roberta_json(const Template& templates) {
  const auto one = [](const TemplatePiece& piece) { return piece.ids.size() == 1 && piece.tokens.size() == 1; };
  if (templates.single.size() != 3 || !one(templates.single[0]) || !one(templates.single[2])) return nullptr;
  const TemplatePiece &cls = templates.single[0], &sep = templates.single[2];
  const Template same = Template::roberta(cls.tokens[0], cls.ids[0], sep.tokens[0], sep.ids[0]);
  if (template_json(same) != template_json(templates)) return nullptr;
  return {{"type", "RobertaProcessing"},
          {"sep", {sep.tokens[0], sep.ids[0]}},
          {"cls", {cls.tokens[0], cls.ids[0]}},
          {"trim_offsets", true},
          {"add_prefix_space", templates.trimming->add_prefix_space}};
}

}  // namespace

Template parse_post_processor(const Json& json, const std::string& where) {
  PostProcessors processors;
  if (!json.is_null()) processors.read(json, where);
  return std::move(processors).take();
}

OrderedJson json_of(const Template& templates) {
  if (!templates.trimming) return templates.is_plain() ? OrderedJson(nullptr) : template_json(templates);
  if (OrderedJson roberta = roberta_json(templates); !roberta.is_null()) return roberta;
  OrderedJson trimming = {{"type", "ByteLevel"},
                          {"add_prefix_space", templates.trimming->add_prefix_space},
                          {"trim_offsets", true},
                          {"use_regex", true}};
  if (templates.is_plain()) return trimming;
  return {{"type", "Sequence"}, {"processors", {std::move(trimming), template_json(templates)}}};
}

}  // namespace tekio
