// nlohmann::json's parser reports what it meets; the limits are held where a document is built of it.
#include "base/json.h"

#include <cmath>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace tekio {
namespace {

constexpr size_t kDepthLimit = 128;

/// Builds a document as nlohmann::json's own parser does, within our limits. (Its parser with a callback goes through
/// all of an array whenever an object in it ends: minutes for a list of a hundred thousand files.)
template <typename Document>
class Builder final : public nlohmann::json_sax<Document> {
 public:
  explicit Builder(const std::string& where) : where_(where) {}
  Document take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(typename Document::number_integer_t value) override { return add(value); }
  bool number_unsigned(typename Document::number_unsigned_t value) override { return add(value); }
  bool number_float(typename Document::number_float_t value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(typename Document::binary_t&) override { return false; }  // JSON has none
  bool start_object(size_t) override { return open(Document::object()); }
  bool start_array(size_t) override { return open(Document::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    check_depth();
    const auto [place, is_new] = open_.back()->template get_ref<typename Document::object_t&>().emplace(name, nullptr);
    if (!is_new) fail(ErrorKind::input, "{}: the key \"{}\" stands twice in one JSON object", where_, printable(name));
    member_ = &place->second;
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) override {
    if (const auto* syntax = dynamic_cast<const nlohmann::json::parse_error*>(&error)) error_byte_ = syntax->byte;
    error_ = error.what();
    return false;
  }
  const std::string& error() const { return error_; }
  std::optional<size_t> error_byte() const { return error_byte_; }

 private:
  void check_depth() const {
    if (open_.size() > kDepthLimit)
      fail(ErrorKind::input, "{}: JSON is nested deeper than {} levels", where_, kDepthLimit);
  }
  Document* place(Document value) {
    check_depth();
    if (open_.empty()) return &(root_ = std::move(value));
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    return &(*member_ = std::move(value));
  }
  bool add(Document value) {
    place(std::move(value));
    return true;
  }
  bool open(Document value) {
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& where_;
  Document root_;
  std::vector<Document*> open_;  // objects and arrays, from the outside inwards
  Document* member_ = nullptr;   // of the innermost object: what its last key stands for
  std::string error_;
  std::optional<size_t> error_byte_;
};

template <typename Document>
Document parse_limited(std::string_view text, const std::string& where) {
  if (const size_t zero = text.find('\0'); zero != text.npos)  // the parser would take it for the end
    fail(ErrorKind::input, "{} is not valid JSON at byte {} of {}", where, zero + 1, text.size());
  Builder<Document> builder(where);
  if (Document::sax_parse(text.begin(), text.end(), &builder)) return builder.take();
  if (const auto byte = builder.error_byte())
    fail(ErrorKind::input, "{} is not valid JSON at byte {} of {}", where, *byte, text.size());
  fail(ErrorKind::input, "{} is not valid JSON: {}", where, printable(builder.error()));
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
