// Blocks of read(2), cut at line ends; a line that spans blocks is gathered.
#include "lines.h"

#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "data/detect_charset.h"

namespace tekio::cli {

void read_lines(int descriptor, const char* where, const std::function<void(std::string_view, int64_t)>& use) {
  std::vector<char> block(size_t{1} << 16);
  std::string pending;
  int64_t number = 0;
  bool after_return = false;  // the last block ended in \r: a \n at the next one's start belongs to it
  for (;;) {
    const ssize_t got = ::read(descriptor, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int code = errno;
      fail(ErrorKind::io, "cannot read {}: {}", where, std::strerror(code));
    }
    if (got == 0) break;
    std::string_view rest(block.data(), static_cast<size_t>(got));
    if (after_return && rest.front() == '\n') rest.remove_prefix(1);
    after_return = false;
    for (size_t end; (end = rest.find_first_of("\r\n")) != std::string_view::npos;) {
      if (pending.empty()) {
        use(rest.substr(0, end), ++number);
      } else {
        pending += rest.substr(0, end);
        use(pending, ++number);
        pending.clear();
      }
      const bool was_return = rest[end] == '\r';
      rest.remove_prefix(end + 1);
      if (was_return && rest.empty())
        after_return = true;
      else if (was_return && rest.front() == '\n')
        rest.remove_prefix(1);
    }
    pending += rest;
  }
  if (!pending.empty()) use(pending, ++number);
}

void require_utf8(std::string_view text, const std::string& where, const std::string& advice) {
  if (!simdjson::validate_utf8(text.data(), text.size()))
    fail(ErrorKind::input, "{} is not UTF-8: '{}'; {}", where, printable(text, 60),
         advice.empty() ? charset_advice(text, Charset()) : advice);
}

void note_standard_input() {
  if (::isatty(0) == 1) note("reading lines from standard input; Ctrl-D ends them");
}

}  // namespace tekio::cli
