#include "http_module/framing.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace tekio::http {
namespace {

constexpr size_t kDigits = 8;        // of a chunk's size: below 4 GiB
constexpr size_t kChunkLine = 1024;  // bytes, with its extension

bool is_of_a_name(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         (byte != '\0' && std::strchr("!#$%&'*+-.^_`|~", byte) != nullptr);
}

bool is_control(char byte) { return (byte >= '\0' && byte < ' ') || byte == '\x7f'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, std::max(begin, text.find_last_not_of(" \t") + 1) - begin);
}

}  // namespace

int hexadecimal(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return lower(digit) >= 'a' && lower(digit) <= 'f' ? lower(digit) - 'a' + 10 : -1;
}

bool is_word(std::string_view text, std::string_view word) { return std::ranges::equal(text, word, {}, lower); }

bool Head::take(char byte) {
  is_too_long_ = ++size_ > kMost;
  if (is_too_long_) return false;
  if (at_ == At::before && byte == '\r') {
    at_ = At::empty_line;
    return true;
  }
  if (at_ == At::empty_line) {
    at_ = byte == '\n' ? At::before : At::method;
    return byte == '\n';
  }
  if (at_ == At::before || at_ == At::begin) line_ = 0;
  is_too_long_ = ++line_ > kMostOfLine;
  if (is_too_long_) return false;
  if (at_ == At::before) at_ = At::method;
  return at_ < At::begin ? take_of_line(byte) : take_of_headers(byte);
}

bool Head::take_of_line(char byte) {
  switch (at_) {
    case At::method:
      if (byte == ' ')
        at_ = At::target;
      else
        method_ += byte;
      return byte == ' ' ? !method_.empty() : is_of_a_name(byte);
    case At::target:
      if (byte == ' ')
        at_ = At::version;
      else
        target_ += byte;
      return byte == ' ' ? !target_.empty() : !is_control(byte) && byte != '#';
    case At::version:
      if (byte == '\r')
        at_ = At::line_end;
      else
        version_ += byte;
      return byte == '\r' ? version_ == "HTTP/1.1" || version_ == "HTTP/1.0" : !is_control(byte);
    case At::line_end:
      at_ = At::begin;
      return byte == '\n';
    default:
      return false;
  }
}

bool Head::take_of_headers(char byte) {
  switch (at_) {
    case At::begin:
      at_ = byte == '\r' ? At::head_end : At::name;
      name_.assign(1, lower(byte));
      value_.clear();
      return byte == '\r' || is_of_a_name(byte);
    case At::name:
      if (byte == ':')
        at_ = At::value;
      else
        name_ += lower(byte);
      return byte == ':' || is_of_a_name(byte);
    case At::value:
      if (byte == '\r')
        at_ = At::value_end;
      else
        value_ += byte;
      return byte != '\n' && byte != '\0';
    case At::value_end:
      at_ = At::begin;
      keep();
      return byte == '\n';
    case At::head_end:
      at_ = At::end;
      return byte == '\n';
    default:
      return false;
  }
}

void Head::keep() {
  if (std::ranges::find(kNames, name_) == std::end(kNames)) return;
  headers_.emplace_back(name_, trimmed(value_));
}

std::vector<std::string> Head::values(std::string_view name) const {
  std::vector<std::string> found;
  for (const auto& [each, value] : headers_)
    if (each == name) found.push_back(value);
  return found;
}

std::string Head::value(std::string_view name) const {
  const std::vector<std::string> all = values(name);
  return all.empty() ? "" : all.front();
}

bool Head::has(std::string_view name, std::string_view word) const {
  for (const std::string& list : values(name))
    for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
      end = list.find(',', begin);
      if (is_word(trimmed(std::string_view(list).substr(begin, end - begin)), word)) return true;
    }
  return false;
}

bool Chunks::take(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t taken = 1;
    if (at_ == At::data) {
      taken = std::min<uint64_t>(size_, bytes.size());
      size_ -= taken;
      if (size_ == 0) at_ = At::data_end;
    } else if (!take_of_line(bytes.front())) {
      return false;
    }
    bytes.remove_prefix(taken);
  }
  return true;
}

bool Chunks::take_of_line(char byte) {
  switch (at_) {
    case At::size:
      if (const int digit = hexadecimal(byte); digit >= 0) {
        size_ = 16 * size_ + static_cast<uint64_t>(digit);
        return ++length_ <= kDigits;
      }
      at_ = byte == '\r' ? At::size_end : At::extension;
      return length_++ > 0 && (byte == '\r' || byte == ';');
    case At::extension:
      if (byte == '\r') at_ = At::size_end;
      return ++length_ <= kChunkLine && (byte == '\r' || byte == '\t' || !is_control(byte));
    case At::size_end:
      at_ = size_ == 0 ? At::last : At::data;
      length_ = 0;
      return byte == '\n';
    case At::data_end:
      at_ = At::data_line_end;
      return byte == '\r';
    case At::data_line_end:
      at_ = At::size;
      return byte == '\n';
    case At::last:
      at_ = At::last_end;
      return byte == '\r';
    case At::last_end:
      at_ = At::end;
      return byte == '\n';
    case At::data:
    case At::end:
      return false;
  }
  return false;
}

}  // namespace tekio::http
