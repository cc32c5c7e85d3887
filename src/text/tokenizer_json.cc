#include "text/tokenizer_json.h"

#include <simdjson.h>

#include <set>
#include <utility>

#include "base/error.h"
#include "text/json_parts.h"
#include "text/models/model_json.h"

namespace tekio {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kDepthLimit = 128;

bool flag_of(const JsonReader& reader, const char* key, bool fallback) {
  return reader.boolean(key).value_or(fallback);
}

}  // namespace

const Json& list_of(const Json& component, const char* key, const std::string& where) {
  const Json* list = JsonReader(component, where).find(key);
  if (list == nullptr || !list->is_array()) fail(ErrorKind::input, "{}: \"{}\" must be a list", where, key);
  return *list;
}

int32_t checked_id(int64_t id, const std::string& where) {
  if (id < 0 || id >= Vocabulary::kIdLimit)
    fail(ErrorKind::input, "{}: the id {} does not lie in [0, {})", where, id, Vocabulary::kIdLimit);
  return static_cast<int32_t>(id);
}

void unsupported(const std::string& where, const std::string& type, const char* supported) {
  fail(ErrorKind::input, "{}: the type {} is not supported; supported are {}", where, printable(type), supported);
}

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
  token.single_word = flag_of(reader, "single_word", token.single_word);
  token.lstrip = flag_of(reader, "lstrip", token.lstrip);
  token.rstrip = flag_of(reader, "rstrip", token.rstrip);
  token.special = flag_of(reader, "special", token.special);
  token.normalized = flag_of(reader, "normalized", token.normalized);
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
    if (key == "version") {
      if (std::string_view version; member.value.get(version) != simdjson::SUCCESS || version != "1.0")
        fail(ErrorKind::input, "{} must be \"1.0\", the only one there is, got {}", place,
             printable(simdjson::minify(member.value)));
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
      pipeline.normalizer = json;
    } else if (key == "pre_tokenizer") {
      pipeline.pre_tokenizer = json;
    } else if (key == "post_processor") {
      pipeline.post_processor = json;
    } else {
      pipeline.decoder = json;
    }
  }
  if (!keys.contains("model")) fail(ErrorKind::input, "{}: \"model\" is missing", where);
  return pipeline;
}

}  // namespace tekio
