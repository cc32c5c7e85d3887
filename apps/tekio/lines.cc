// Blocks of read(2), cut at line ends; a line that spans blocks is gathered.
#include "lines.h"

#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/system_error.h"
#include "data/charset.h"
#include "data/detect_charset.h"

namespace tekio::cli {

namespace {

/// A descriptor's bytes as they come; as UTF-8, where a byte order mark says that they are UTF-16 or UTF-32.
class Input {
 public:
  Input(int descriptor, const char* where) : descriptor_(descriptor), where_(where) {}

  /// Some of them; none at the end.
  std::string_view next() {
    for (;;) {
      const bool more = read_more();
      if (!begun_ && more && may_be_cut_mark()) continue;
      if (!begun_) begin();
      text_.clear();
      if (!decoder_)
        text_.swap(bytes_);
      else
        decode(!more);
      if (!text_.empty() || !more) return text_;
    }
  }

 private:
  bool read_more() {
    char block[size_t{1} << 16];
    ssize_t got = 0;
    do got = ::read(descriptor_, block, sizeof block);
    while (got < 0 && errno == EINTR);
    if (got < 0) fail_system(last_error(), "cannot read {}: {}", where_);
    bytes_.append(block, static_cast<size_t>(got));
    return got > 0;
  }

  bool may_be_cut_mark() const {
    constexpr size_t kLongest = 4;
    return bytes_.size() < kLongest && std::string_view("\xFF\xFE\0", 3).find(bytes_.front()) < 3;
  }

  void begin() {
    begun_ = true;
    const auto mark = byte_order_mark(bytes_);
    if (!mark) return;
    charset_ = mark->charset;
    decoder_.emplace(charset_);
    bytes_.erase(0, mark->size);
  }

  void decode(bool at_end) {
    char room[size_t{1} << 14];
    size_t at = 0;
    for (auto state = CharsetDecoder::State::full; state == CharsetDecoder::State::full;) {
      const CharsetDecoder::Step step = decoder_->decode(std::string_view(bytes_).substr(at), room);
      at += step.read;
      text_.append(room, step.written);
      state = step.state;
      if (state == CharsetDecoder::State::malformed || (state == CharsetDecoder::State::incomplete && at_end))
        fail(ErrorKind::input, "{} begins with the byte order mark of {}, but {} that encoding", where_, charset_.name,
             state == CharsetDecoder::State::malformed ? "holds bytes that are no character of"
                                                       : "ends within a character of");
    }
    bytes_.erase(0, at);
    if (at_end) text_.append(room, decoder_->finish(room));
  }

  const int descriptor_;
  const char* const where_;
  bool begun_ = false;
  std::string bytes_, text_;
  Charset charset_;
  std::optional<CharsetDecoder> decoder_;
};

}  // namespace

void read_lines(int descriptor, const char* where, const std::function<void(std::string_view, int64_t)>& use) {
  Input input(descriptor, where);
  std::string pending;
  int64_t number = 0;
  bool after_return = false;  // the last block ended in \r: a \n at the next one's start belongs to it
  for (std::string_view rest = input.next(); !rest.empty(); rest = input.next()) {
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
