// Writing a message of protocol buffers (https://protobuf.dev/programming-guides/encoding).
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace tekio {

/// Fields one after the other, each a key (number, kind) and a value.
class Message {
 public:
  void integer(uint32_t field, int64_t value) {
    key(field, 0);
    varint(static_cast<uint64_t>(value));
  }
  void number(uint32_t field, float value) {
    key(field, 5);
    little_endian(std::bit_cast<uint32_t>(value));
  }
  void number(uint32_t field, double value) {
    key(field, 1);
    little_endian(std::bit_cast<uint64_t>(value));
  }
  void text(uint32_t field, std::string_view value) {
    begin(field, value.size());
    bytes_ += value;
  }
  void message(uint32_t field, const Message& value) { text(field, value.bytes_); }
  /// What follows the message are `size` bytes more, of this field.
  void begin(uint32_t field, uint64_t size) {
    key(field, 2);
    varint(size);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(uint32_t field, uint32_t kind) { varint(uint64_t{field} << 3 | kind); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  template <typename Bits>
  void little_endian(Bits bits) {
    for (size_t i = 0; i < sizeof bits; ++i) bytes_ += static_cast<char>(bits >> (8 * i) & 0xFF);
  }
  std::string bytes_;
};

}  // namespace tekio
