// Values of arrays: text, and anything as JSON.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "data/block.h"
#include "data/formats/arrow_data.h"
#include "data/formats/format.h"

namespace tekio {
namespace {

using Kind = ArrowType::Kind;

[[noreturn]] void fail_value(const ArrowType& type, const char* what) {
  fail(ErrorKind::input, "the column \"{}\" of type {} is damaged: {}", printable(type.name), printable(type.shown()),
       what);
}

/// Number `at` of a buffer of numbers.
template <typename Number>
Number number_at(const void* buffer, int64_t at) {
  Number value;
  std::memcpy(&value, static_cast<const char*>(buffer) + at * static_cast<int64_t>(sizeof value), sizeof value);
  return value;
}

bool bit_at(const void* bits, int64_t at) { return static_cast<const uint8_t*>(bits)[at / 8] >> (at % 8) & 1; }

int64_t integer_at(const ArrowType& type, const void* buffer, int64_t at) {
  const bool sign = type.kind != Kind::natural;
  switch (type.bytes) {
    case 1:
      return sign ? number_at<int8_t>(buffer, at) : number_at<uint8_t>(buffer, at);
    case 2:
      return sign ? number_at<int16_t>(buffer, at) : number_at<uint16_t>(buffer, at);
    case 4:
      return sign ? number_at<int32_t>(buffer, at) : int64_t{number_at<uint32_t>(buffer, at)};
    default:
      return number_at<int64_t>(buffer, at);
  }
}

struct Range {
  int64_t begin, end;
};

/// What a value of a type with offsets takes of the bytes or of the child.
Range range_at(const ArrowType& type, const ArrowArray& array, int64_t row) {
  const int64_t at = row + array.offset;
  if (type.kind == Kind::fixed_list) return {at * type.bytes, (at + 1) * type.bytes};  // it has no offsets
  const void* const offsets = array.buffers[1];
  Range range{};
  switch (type.kind) {
    case Kind::list_view:
      range.begin = number_at<int32_t>(offsets, at);
      range.end = range.begin + number_at<int32_t>(array.buffers[2], at);
      break;
    case Kind::large_list_view: {
      range.begin = number_at<int64_t>(offsets, at);
      const auto size = number_at<int64_t>(array.buffers[2], at);
      if (__builtin_add_overflow(range.begin, size, &range.end)) fail_value(type, "an offset is too large");
      break;
    }
    default:
      range = type.bytes == 4 ? Range{number_at<int32_t>(offsets, at), number_at<int32_t>(offsets, at + 1)}
                              : Range{number_at<int64_t>(offsets, at), number_at<int64_t>(offsets, at + 1)};
  }
  if (range.begin < 0 || range.end < range.begin) fail_value(type, "its offsets go backwards");
  if (!type.children.empty() && range.end > array.children[0]->length) fail_value(type, "an offset is too large");
  return range;
}

/// A view: its size; up to 12 bytes themselves, or 4 of them, the number of a buffer, and a place there.
std::string_view view_at(const ArrowType& type, const ArrowArray& array, int64_t row) {
  const char* const view = static_cast<const char*>(array.buffers[1]) + (row + array.offset) * 16;
  const auto size = number_at<int32_t>(view, 0);
  if (size < 0) fail_value(type, "a size is negative");
  if (size <= 12) return {view + 4, static_cast<size_t>(size)};
  const auto buffer = number_at<int32_t>(view, 2), at = number_at<int32_t>(view, 3);
  const int64_t buffers = array.n_buffers - 3;
  if (buffer < 0 || at < 0 || buffer >= buffers) fail_value(type, "a view points nowhere");
  if (number_at<int64_t>(array.buffers[array.n_buffers - 1], buffer) < int64_t{at} + size)
    fail_value(type, "a view points behind its buffer");
  return {static_cast<const char*>(array.buffers[2 + buffer]) + at, static_cast<size_t>(size)};
}

std::string_view bytes_at(const ArrowType& type, const ArrowArray& array, int64_t row) {
  if (type.kind == Kind::string_view || type.kind == Kind::binary_view) return view_at(type, array, row);
  const auto* const bytes = static_cast<const char*>(array.buffers[type.kind == Kind::fixed_binary ? 1 : 2]);
  if (type.kind == Kind::fixed_binary) {
    const int64_t begin = (row + array.offset) * type.bytes;
    return {bytes + begin, static_cast<size_t>(type.bytes)};
  }
  const Range range = range_at(type, array, row);
  if (range.end == range.begin) return {};
  if (bytes == nullptr) fail_value(type, "it lacks a buffer");
  return {bytes + range.begin, static_cast<size_t>(range.end - range.begin)};
}

/// Where a value of a dictionary stands in it.
int64_t index_at(const ArrowType& type, const ArrowArray& array, int64_t row) {
  const int64_t index = integer_at(type, array.buffers[1], row + array.offset);
  if (index < 0 || index >= array.dictionary->length) fail_value(type, "it numbers a value that its dictionary lacks");
  return index;
}

void append_quoted(std::string_view text, std::string& out) {
  constexpr std::string_view kNamed = "\b\t\n\f\r\"\\", kNames = "btnfr\"\\";
  out += '"';
  size_t done = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]]
      continue;
    out.append(text, done, at - done);
    done = at + 1;
    if (const size_t named = kNamed.find(text[at]); named != std::string_view::npos)
      (out += '\\') += kNames[named];
    else
      out += fmt::format("\\u{:04x}", c);
  }
  out.append(text, done, text.size() - done);
  out += '"';
}

void append_base64(std::string_view bytes, std::string& out) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += '"';
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (size_t i = 0; i < 4; ++i) out += i <= count ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
  }
  out += '"';
}

double half(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = (bits & 1023) / 1024.0;
  const double size = exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
  const double value = exponent < 31 ? size : fraction != 0 ? std::nan("") : HUGE_VAL;
  return bits >> 15 ? -value : value;
}

/// The shortest text that reads back as the same number of its width.
template <typename Real>
void append_real(Real value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const std::string text = fmt::format("{}", value);
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

/// A number of `bytes` little-endian bytes in two's complement, over ten to the power of `scale`.
void append_decimal(const char* value, int64_t bytes, int32_t scale, std::string& out) {
  uint32_t limbs[8] = {};
  const bool negative = value[bytes - 1] & 0x80;
  std::memset(limbs, negative ? 0xFF : 0, sizeof limbs);
  std::memcpy(limbs, value, static_cast<size_t>(bytes));
  uint64_t carry = 1;
  for (uint32_t& limb : limbs) {
    if (!negative) break;
    carry += ~limb;
    limb = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  std::string digits;  // from the last one
  while (std::any_of(std::begin(limbs), std::end(limbs), [](uint32_t limb) { return limb != 0; })) {
    uint64_t rest = 0;
    for (size_t i = std::size(limbs); i-- > 0;) {
      rest = rest << 32 | limbs[i];
      limbs[i] = static_cast<uint32_t>(rest / 10);
      rest %= 10;
    }
    digits += static_cast<char>('0' + rest);
  }
  if (scale < 0 && !digits.empty()) digits.insert(0, static_cast<size_t>(-scale), '0');
  const auto behind = static_cast<size_t>(std::max(0, scale));
  if (digits.size() < behind + 1) digits.append(behind + 1 - digits.size(), '0');
  if (behind > 0) digits.insert(behind, 1, '.');
  if (negative) out += '-';
  out.append(digits.rbegin(), digits.rend());
}

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }
int64_t floor_rest(int64_t a, int64_t b) { return a % b < 0 ? a % b + b : a % b; }

/// Days since 1970-01-01 in the Gregorian calendar, by eras of 400 years that begin in March.
std::string date_text(int64_t days) {
  days += 719'468;
  const int64_t era = floor_divide(days, 146'097), day = days - era * 146'097;
  const int64_t year = (day - day / 1460 + day / 36'524 - day / 146'096) / 365;
  const int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
  return fmt::format("{:04}-{:02}-{:02}", year + era * 400 + (month >= 10), month < 10 ? month + 3 : month - 9,
                     of_year - (153 * month + 2) / 5 + 1);
}

/// Units since midnight: "23:59:59.5".
std::string time_text(int64_t units, int64_t per_second) {
  const int64_t seconds = floor_divide(units, per_second), fraction = floor_rest(units, per_second);
  std::string text = fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (fraction != 0) {
    const int digits = per_second == 1000 ? 3 : per_second == 1'000'000 ? 6 : 9;
    text += fmt::format(".{:0{}}", fraction, digits);
  }
  return text;
}

std::string timestamp_text(const ArrowType& type, int64_t units) {
  const int64_t a_day = 86'400 * type.per_second;
  return fmt::format("{}T{}{}", date_text(floor_divide(units, a_day)),
                     time_text(floor_rest(units, a_day), type.per_second), type.has_zone ? "Z" : "");
}

void append_interval(const ArrowType& type, const void* buffer, int64_t at, std::string& out) {
  if (type.bytes == 4)
    out += std::to_string(number_at<int32_t>(buffer, at));
  else if (type.bytes == 8)
    out += fmt::format("[{},{}]", number_at<int32_t>(buffer, at * 2), number_at<int32_t>(buffer, at * 2 + 1));
  else
    out += fmt::format("[{},{},{}]", number_at<int32_t>(buffer, at * 4), number_at<int32_t>(buffer, at * 4 + 1),
                       number_at<int64_t>(buffer, at * 2 + 1));
}

void append_struct(const ArrowType& type, const ArrowArray& array, int64_t row, std::string& out) {
  out += '{';
  for (size_t i = 0; i < type.children.size(); ++i) {
    if (i > 0) out += ',';
    append_quoted(type.children[i].name, out);
    out += ':';
    append_json(type.children[i], *array.children[i], row + array.offset, out);
  }
  out += '}';
}

void append_list(const ArrowType& type, const ArrowArray& array, int64_t row, std::string& out) {
  const Range range = range_at(type, array, row);
  const ArrowType& values = type.children[0];
  const ArrowArray& from = *array.children[0];
  out += '[';
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (out.size() > Block::kRecordLimit)  // views may name the same values again and again
      fail(ErrorKind::input, "a row of more than {} MiB", Block::kRecordLimit >> 20);
    if (i > range.begin) out += ',';
    if (type.kind != Kind::map) {
      append_json(values, from, i, out);
      continue;
    }
    out += '[';
    append_json(values.children[0], *from.children[0], i + from.offset, out);
    out += ',';
    append_json(values.children[1], *from.children[1], i + from.offset, out);
    out += ']';
  }
  out += ']';
}

}  // namespace

bool is_null(const ArrowType& type, const ArrowArray& array, int64_t row) {
  if (type.kind == Kind::null) return true;
  if (type.kind == Kind::other) return false;
  const bool may_be = array.buffers[0] != nullptr && array.null_count != 0;
  if (may_be && !bit_at(array.buffers[0], row + array.offset)) return true;
  return type.dictionary && is_null(*type.dictionary, *array.dictionary, index_at(type, array, row));
}

std::string_view arrow_text(const ArrowType& type, const ArrowArray& array, int64_t row) {
  if (type.dictionary) return arrow_text(*type.dictionary, *array.dictionary, index_at(type, array, row));
  return bytes_at(type, array, row);
}

bool append_words(const ArrowType& type, const ArrowArray& array, int64_t row, std::string& out) {
  const Range range = range_at(type, array, row);
  const ArrowType& strings = type.children[0];
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (is_null(strings, *array.children[0], i)) return false;
    const std::string_view word = arrow_text(strings, *array.children[0], i);
    if (word.find(kWordMark) != std::string_view::npos) fail_value(type, "a string of it is not UTF-8");
    if (out.size() + word.size() > Block::kRecordLimit)  // views may name the same values again and again
      fail(ErrorKind::input, "a row of more than {} MiB", Block::kRecordLimit >> 20);
    if (i > range.begin) out += kWordMark;
    out += word;
  }
  return true;
}

void append_json(const ArrowType& type, const ArrowArray& array, int64_t row, std::string& out) {
  if (is_null(type, array, row)) {
    out += "null";
    return;
  }
  if (type.dictionary) return append_json(*type.dictionary, *array.dictionary, index_at(type, array, row), out);
  const int64_t at = row + array.offset;
  const void* const values = array.n_buffers > 1 ? array.buffers[1] : nullptr;
  switch (type.kind) {
    case Kind::boolean:
      out += bit_at(values, at) ? "true" : "false";
      break;
    case Kind::integer:
    case Kind::duration:
      out += std::to_string(integer_at(type, values, at));
      break;
    case Kind::natural:
      out += std::to_string(static_cast<uint64_t>(integer_at(type, values, at)));
      break;
    case Kind::real:
      if (type.bytes == 2) append_real(half(number_at<uint16_t>(values, at)), out);
      if (type.bytes == 4) append_real(number_at<float>(values, at), out);
      if (type.bytes == 8) append_real(number_at<double>(values, at), out);
      break;
    case Kind::decimal:
      append_decimal(static_cast<const char*>(values) + at * type.bytes, type.bytes, type.scale, out);
      break;
    case Kind::string:
    case Kind::large_string:
    case Kind::string_view:
      append_quoted(bytes_at(type, array, row), out);
      break;
    case Kind::binary:
    case Kind::large_binary:
    case Kind::binary_view:
    case Kind::fixed_binary:
      append_base64(bytes_at(type, array, row), out);
      break;
    case Kind::date: {
      const int64_t value = integer_at(type, values, at);
      append_quoted(date_text(type.bytes == 4 ? value : floor_divide(value, 86'400'000)), out);
      break;
    }
    case Kind::time:
      append_quoted(time_text(integer_at(type, values, at), type.per_second), out);
      break;
    case Kind::timestamp:
      append_quoted(timestamp_text(type, integer_at(type, values, at)), out);
      break;
    case Kind::interval:
      append_interval(type, values, at, out);
      break;
    case Kind::structure:
      append_struct(type, array, row, out);
      break;
    case Kind::other:
    case Kind::null:
      fail(ErrorKind::input, "the column \"{}\" has the type {}, which is not read", printable(type.name),
           printable(type.shown()));
    default:
      append_list(type, array, row, out);
  }
}

}  // namespace tekio
