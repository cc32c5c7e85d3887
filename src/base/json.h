// JSON that came from outside: parsed with limits, and read with messages that name the file and the key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace tekio {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

/// Parses one JSON document. `where` stands in messages (a path, mostly). Errors (kind input): not JSON, nested deeper
/// than 128, a key twice in one object, invalid UTF-8.
Json parse_json(std::string_view text, const std::string& where);
OrderedJson parse_ordered_json(std::string_view text, const std::string& where);

/// read_text and parse_json.
Json read_json(const std::filesystem::path& path);

/// Reads an object's members with the right kind, or says what stands there instead. A member that is null counts as
/// absent.
class JsonReader {
 public:
  JsonReader(const Json& object, std::string where);
  std::optional<int64_t> integer(const char* key) const;
  std::optional<double> number(const char* key) const;
  std::optional<bool> boolean(const char* key) const;
  std::optional<std::string> string(const char* key) const;
  /// The member itself; nullptr if absent or null.
  const Json* find(const char* key) const;

 private:
  const Json& object_;
  std::string where_;
};

/// The text of a document as the reference stack's files are written: indented, keys sorted, non-ASCII kept, newline at
/// end.
std::string pretty_json(const Json& document, int indent = 2);

}  // namespace tekio
