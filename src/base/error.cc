// Exit codes, and the two helpers that keep error sentences short and safe to print.
#include "base/error.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <new>

#include "base/error_kind.h"
#include "base/system_error.h"

namespace tekio {

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return 2;
    case ErrorKind::input:
      return 3;
    case ErrorKind::io:
      return 4;
    case ErrorKind::device:
      return 5;
    case ErrorKind::comms:
      return 6;
    case ErrorKind::bug:
      break;
  }
  return 70;
}

ErrorKind kind_of(const std::exception& error) noexcept {
  if (const auto* const known = dynamic_cast<const Error*>(&error)) return known->kind();
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return ErrorKind::device;
  return dynamic_cast<const std::filesystem::filesystem_error*>(&error) != nullptr ? ErrorKind::io : ErrorKind::bug;
}

namespace {

/// Options of the program whose fields are called otherwise.
constexpr std::pair<std::string_view, std::string_view> kFields[] = {{"dataset_config_name", "config_name"},
                                                                     {"no_cache", "use_cache = false"},
                                                                     {"no_header", "header = false"},
                                                                     {"prompt", "prompts"},
                                                                     {"text_column_name", "text_column"}};

std::atomic<OptionNaming> naming_of_options{field_of_option};

bool is_of_name(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

}  // namespace

void fail_as(const Error& error, const std::string& sentence) {
  if (const auto* const known = dynamic_cast<const SystemError*>(&error)) throw SystemError(known->answer(), sentence);
  throw Error(error.kind(), sentence);
}

std::error_code last_error() { return {errno, std::system_category()}; }

std::string field_of_option(std::string_view name) {
  for (const auto& [option, field] : kFields)
    if (option == name) return std::string(field);
  return std::string(name);
}

void name_options_by(OptionNaming naming) { naming_of_options = naming; }

std::string named_option(std::string_view name) { return naming_of_options.load()(name); }

std::string with_named_options(std::string_view text) {
  std::string named;
  for (size_t at = 0; at < text.size();) {
    const size_t dashes = std::min(text.find("--", at), text.size());
    named += text.substr(at, dashes - at);
    size_t end = std::min(dashes + 2, text.size());
    const bool begins = dashes == 0 || std::string_view(" ('\"/").find(text[dashes - 1]) != std::string_view::npos;
    while (begins && end < text.size() && is_of_name(text[end])) ++end;
    named +=
        end > dashes + 2 ? named_option(text.substr(dashes + 2, end - dashes - 2)) : text.substr(dashes, end - dashes);
    at = end;
  }
  return named;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  // A word of which no letter stays is another word.
  size_t best_distance = std::min(std::max<size_t>(2, word.size() / 3) + 1, word.size());
  std::vector<size_t> row;
  for (const std::string& candidate : candidates) {
    row.resize(candidate.size() + 1);
    for (size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= word.size(); ++i) {  // Levenshtein, one row at a time
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j < row.size(); ++j) {
        const size_t replaced = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

namespace {

// Length of the valid UTF-8 sequence at text[i], 0 if there is none.
size_t utf8_length(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
  if (length == 0 || i + length > text.size()) return 0;
  for (size_t k = 1; k < length; ++k)
    if ((byte(i + k) & 0xC0) != 0x80) return 0;
  if ((lead == 0xE0 && byte(i + 1) < 0xA0) || (lead == 0xED && byte(i + 1) > 0x9F) ||
      (lead == 0xF0 && byte(i + 1) < 0x90) || (lead == 0xF4 && byte(i + 1) > 0x8F))
    return 0;
  return length;
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (out.size() >= limit) return out + "…";
    const size_t length = utf8_length(text, i);
    const auto lead = static_cast<unsigned char>(text[i]);
    const bool c1_control = length == 2 && lead == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (length == 0 || lead < 0x20 || lead == 0x7F || c1_control) {
      out += fmt::format("\\x{:02x}", lead);
      i += 1;
    } else {
      out += text.substr(i, length);
      i += length;
    }
  }
  return out;
}

}  // namespace tekio
