#include "bind_options.h"

#include "base/error.h"

namespace tekio::cli {
namespace {

/// "auto", a character, "tab" or "\\t".
char character_of(const std::string& text, const char* name) {
  if (text == "auto") return '\0';
  if (text == "tab" || text == "\\t" || text == "\t") return '\t';
  const char c = text.empty() ? '\0' : text.front();
  const auto byte = static_cast<unsigned char>(c);
  if (text.size() != 1 || byte <= 0x20 || byte >= 0x7F || c == '"')
    fail(ErrorKind::usage,
         "{} is '{}', expected one character (not a letter's accent, a quote or a blank), tab, or auto",
         named_option(name), printable(text));
  return c;
}

std::string text_of(char character) {
  return character == '\0' ? "auto" : character == '\t' ? "tab" : std::string(1, character);
}

}  // namespace

void BindOptions::option(const OptionText& text, char& member) {
  if (is_bound_otherwise(text)) return;
  table_.add(
      text.name, Option::Kind::text,
      [&member, name = text.name](const std::string& given) { member = character_of(given, name); },
      [&member] { return OrderedJson(text_of(member)); }, text.help);
}

}  // namespace tekio::cli
