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

/// A head as it comes, with the headers that are asked for as they were sent: httplib reads "%35" as 5, and passes over
/// headers without a value, over lines that end by LF alone, have a blank before their colon or go on with the one
/// before.
class Head {
 public:
  /// False: no head has such a byte there.
  bool take(char byte);
  /// The values of the header of that name, which is in lower case and one of kNames.
  std::vector<std::string> values(std::string_view name) const;
  /// The first of these; empty where there is none.
  std::string value(std::string_view name) const;

 private:
  static constexpr std::string_view kNames[] = {
      "host", "origin", "authorization", "content-length", "transfer-encoding", "expect"};
  bool take_of_line(char byte);
  void keep();

  enum class At { request_line, begin, name, value, line_end, head_end } at_ = At::request_line;
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
