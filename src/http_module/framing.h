// Where a request's head, lines of chunks and body end. httplib takes much for a size that another reader, a proxy
// before it, takes for none or for another one: what a client hides between the two would be answered as a request of
// somebody else's. So each byte passes here first, and what is not plain is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio::http {

/// Whether it is that word, which is in lower case.
bool is_word(std::string_view text, std::string_view word);

/// A head as it comes, with the headers that are asked for as they were sent: httplib reads "%35" as 5, and passes over
/// headers without a value, over lines that end by LF alone, have a blank before their colon or go on with the one
/// before.
class Head {
 public:
  static constexpr size_t kMost = 64 << 10;         // bytes
  static constexpr size_t kMostOfHeader = 8 << 10;  // as httplib reads them, with the line's end

  /// False: no head has such a byte there, or it is too long.
  bool take(char byte);
  /// Something has come beside empty lines, which may stand before a request.
  bool has_begun() const { return at_ != At::before && at_ != At::empty_line; }
  /// The request's line has come, and nothing behind it.
  bool has_only_line() const { return at_ == At::begin && is_first_; }
  /// All of it has come, and was plain.
  bool has_ended() const { return at_ == At::end; }
  /// It was refused for its length, or for that of a header.
  bool is_too_long() const { return is_too_long_; }
  /// The values of the header of that name, which is in lower case and one of kNames.
  std::vector<std::string> values(std::string_view name) const;
  /// The first of these; empty where there is none.
  std::string value(std::string_view name) const;
  /// Whether one of these is a list with that word, which is in lower case.
  bool has(std::string_view name, std::string_view word) const;

 private:
  static constexpr std::string_view kNames[] = {
      "host",   "origin",     "authorization",   "content-length", "transfer-encoding",
      "expect", "connection", "content-encoding"};
  bool take_of_line(char byte);
  bool take_of_headers(char byte);
  void keep();

  enum class At { before, empty_line, request_line, begin, name, value, line_end, head_end, end } at_ = At::before;
  size_t size_ = 0, header_ = 0;  // bytes that were taken, and those of the header that is being read
  bool is_first_ = true;          // no header has begun
  bool is_too_long_ = false;
  bool is_bad_line_ = false;                                  // the request's
  char last_ = ' ';                                           // byte of it
  std::string name_, value_;                                  // of the header that is being read
  std::vector<std::pair<std::string, std::string>> headers_;  // those of kNames
};

/// A body in chunks: each one's size is hexadecimal digits, at most with an extension of some length behind; lines end
/// by CR and LF, and nothing follows the last one.
class Chunks {
 public:
  /// False: no such body has these bytes there.
  bool take(std::string_view bytes);
  /// The last one has come.
  bool has_ended() const { return at_ == At::end; }

 private:
  bool take_of_line(char byte);

  enum class At { size, extension, size_end, data, data_end, data_line_end, last, last_end, end } at_ = At::size;
  uint64_t size_ = 0;  // of the chunk, what is left of it
  size_t length_ = 0;  // of the line with its size
};

}  // namespace tekio::http
