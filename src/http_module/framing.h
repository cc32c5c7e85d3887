// What a request's head says, and where its lines of chunks and its body end. httplib takes much for a size that
// another reader, a proxy before it, takes for none or for another one, and passes over what it does not know: what a
// client hides between the two would be answered as a request of somebody else's. So each byte passes here first, what
// is not plain is refused, and httplib reads a head that is made of what was understood.
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

/// What a hexadecimal digit says; -1: it is none.
int hexadecimal(char digit);

/// A head as it comes: its line, and the headers that are asked for as they were sent.
class Head {
 public:
  static constexpr size_t kMost = 64 << 10;       // bytes
  static constexpr size_t kMostOfLine = 8 << 10;  // the request's or a header's, with its end

  /// False: no head has such a byte there, or it is too long.
  bool take(char byte);
  /// Something has come beside empty lines, which may stand before a request.
  bool has_begun() const { return at_ != At::before && at_ != At::empty_line; }
  /// All of it has come, and was plain.
  bool has_ended() const { return at_ == At::end; }
  /// It was refused for its length, or for that of a line.
  bool is_too_long() const { return is_too_long_; }
  /// The request's line has come.
  bool has_line() const { return has_begun() && at_ > At::line_end; }
  const std::string& method() const { return method_; }
  const std::string& target() const { return target_; }
  bool is_http_1_0() const { return version_ == "HTTP/1.0"; }
  /// The values of the header of that name, which is in lower case and one of kNames.
  std::vector<std::string> values(std::string_view name) const;
  /// The first of these; empty where there is none.
  std::string value(std::string_view name) const;
  /// Whether one of these is a list with that word, which is in lower case.
  bool has(std::string_view name, std::string_view word) const;

 private:
  static constexpr std::string_view kNames[] = {
      "host",   "origin",     "authorization",    "content-length", "transfer-encoding",
      "expect", "connection", "content-encoding", "content-type"};
  bool take_of_line(char byte);
  bool take_of_headers(char byte);
  void keep();

  enum class At {
    before,
    empty_line,
    method,
    target,
    version,
    line_end,
    begin,
    name,
    value,
    value_end,
    head_end,
    end
  } at_ = At::before;
  size_t size_ = 0, line_ = 0;  // bytes that were taken, and those of the line that is being read
  bool is_too_long_ = false;
  std::string method_, target_, version_;
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
