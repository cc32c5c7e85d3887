// Validation is simdjson's; the slow walk below only runs on text that failed it.
#include "text/utf8.h"

#include <simdjson.h>

namespace tekio {
namespace {

struct Sequence {
  int length;  // bytes of the character, or of the maximal part of one that stands here
  bool valid;
};

// Table 3-7 of the Unicode standard: which second bytes may follow a lead byte.
Sequence sequence_at(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (int i = 1; i < length; ++i, low = 0x80, high = 0xBF)
    if (static_cast<size_t>(i) >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
  return {length, true};
}

}  // namespace

std::string_view sanitize(std::string_view text, std::string& storage) {
  if (simdjson::validate_utf8(text.data(), text.size())) return text;
  storage.clear();
  storage.reserve(text.size());
  while (!text.empty()) {
    const Sequence sequence = sequence_at(text);
    if (sequence.valid)
      storage.append(text.substr(0, sequence.length));
    else
      append_utf8(storage, 0xFFFD);
    text.remove_prefix(static_cast<size_t>(sequence.length));
  }
  return storage;
}

}  // namespace tekio
