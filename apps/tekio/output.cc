// write(2) with the system's reason kept: stdio would tell only that something had failed.
#include "output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "terminal.h"

namespace tekio::cli {

void Output::write(std::string_view text) {
  constexpr size_t kBuffer = size_t{1} << 18;
  buffer_ += text;
  if (buffer_.size() >= kBuffer) flush();
}

std::optional<int64_t> Output::width() const {
  return is_terminal(descriptor_) ? std::optional(terminal_width(descriptor_)) : std::nullopt;
}

void Output::folded_line(std::string_view text, int64_t indent) {
  const auto columns = width();
  line(columns ? folded(text, *columns, indent) : std::string(text));
}

std::string json_key(std::string_view words) {
  std::string key(words);
  std::replace(key.begin(), key.end(), ' ', '_');
  return key;
}

void Output::json(const OrderedJson& document) {
  if (document_ != nullptr) {
    *document_ = document;
    return;
  }
  line(document.dump(2, ' ', false, OrderedJson::error_handler_t::replace));
}

void Output::flush() {
  if (text_ != nullptr) {
    *text_ += std::exchange(buffer_, {});
    return;
  }
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // somebody else made the pipe non-blocking
      pollfd ready{descriptor_, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      const int code = errno;
      buffer_.clear();
      fail(ErrorKind::io, "cannot write to standard output: {}", std::strerror(code));
    }
  }
  buffer_.clear();
}

}  // namespace tekio::cli
