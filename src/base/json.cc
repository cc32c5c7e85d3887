// nlohmann::json's own parser reports depth and every key through its callback, which is where the limits are held.
#include "base/json.h"

#include <cmath>
#include <set>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace tekio {
namespace {

constexpr int kDepthLimit = 128;

template <typename Document>
Document parse_limited(std::string_view text, const std::string& where) {
  if (const size_t zero = text.find('\0'); zero != text.npos)  // the parser would take it for the end
    fail(ErrorKind::input, "{} is not valid JSON at byte {} of {}", where, zero + 1, text.size());
  std::vector<std::set<std::string>> keys;
  const auto guard = [&](int depth, typename Document::parse_event_t event, Document& parsed) {
    using Event = typename Document::parse_event_t;
    if (depth > kDepthLimit) fail(ErrorKind::input, "{}: JSON is nested deeper than {} levels", where, kDepthLimit);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.template get_ref<const std::string&>()).second)
      fail(ErrorKind::input, "{}: the key \"{}\" stands twice in one JSON object", where,
           printable(parsed.template get_ref<const std::string&>()));
    return true;
  };
  try {
    return Document::parse(text.begin(), text.end(), guard);
  } catch (const nlohmann::json::parse_error& error) {
    fail(ErrorKind::input, "{} is not valid JSON at byte {} of {}", where, error.byte, text.size());
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::input, "{} is not valid JSON: {}", where, printable(error.what()));
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) { return parse_limited<Json>(text, where); }
OrderedJson parse_ordered_json(std::string_view text, const std::string& where) {
  return parse_limited<OrderedJson>(text, where);
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_text(path), path.string()); }

JsonReader::JsonReader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) fail(ErrorKind::input, "{}: expected a JSON object, got {}", where_, object_.type_name());
}

const Json* JsonReader::find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

std::optional<int64_t> JsonReader::integer(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned() && value->get<uint64_t>() <= uint64_t{INT64_MAX}) return value->get<int64_t>();
  if (value->is_number_integer() && !value->is_number_unsigned()) return value->get<int64_t>();
  if (value->is_number_float()) {  // 1e30 stands for "no limit" in the reference's files
    const double number = value->get<double>();
    if (number >= 0x1p63) return INT64_MAX;
    if (number == std::floor(number) && number > -0x1p63) return static_cast<int64_t>(number);
  }
  if (value->is_number_unsigned()) return INT64_MAX;
  fail(ErrorKind::input, "{}: {} must be a whole number, got {}", where_, key,
       printable(value->dump(-1, ' ', false, Json::error_handler_t::replace)));
}

std::optional<double> JsonReader::number(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number())
    fail(ErrorKind::input, "{}: {} must be a number, got {}", where_, key,
         printable(value->dump(-1, ' ', false, Json::error_handler_t::replace)));
  return value->get<double>();
}

std::optional<bool> JsonReader::boolean(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean())
    fail(ErrorKind::input, "{}: {} must be true or false, got {}", where_, key,
         printable(value->dump(-1, ' ', false, Json::error_handler_t::replace)));
  return value->get<bool>();
}

std::optional<std::string> JsonReader::string(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string())
    fail(ErrorKind::input, "{}: {} must be a string, got {}", where_, key,
         printable(value->dump(-1, ' ', false, Json::error_handler_t::replace)));
  return value->get<std::string>();
}

std::string pretty_json(const Json& document, int indent) {
  return document.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tekio
