// The width is asked for each time: a window that is made smaller is then right with the next line, without a handler
// of SIGWINCH.
#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/environment.h"

namespace tekio::cli {
namespace {

struct Range {
  char32_t first, last;
};

// Unicode's wide and full-width ranges, and emoji; what is rare among them is left out.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
                           {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                           {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
// Marks that stand on the character before them, and characters without a width.
constexpr Range kCombining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F},
                                {0x093C, 0x093C}, {0x094D, 0x094D}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},
                                {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x20D0, 0x20FF},
                                {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}};

template <size_t N>
bool is_in(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

// The character at `at`, and past it; bytes that are no UTF-8 count one by one.
char32_t next_character(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  char32_t c = more == 0 ? lead : lead & (0x3F >> more);
  for (int i = 0; i < more && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80; ++i)
    c = c << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
  return c;
}

// "12.90 ± 0.31 ·" and "45.82 %" stay together.
bool hold_together(std::string_view word, std::string_view next) {
  return word == "±" || next.starts_with("·") || next.starts_with("±") || next.starts_with('%');
}

// The end of the word that begins at or after `at`, and of those that hold to it.
size_t end_of_word(std::string_view text, size_t at) {
  const size_t begin = std::min(text.find_first_not_of(' ', at), text.size());
  const size_t end = std::min(text.find(' ', begin), text.size());
  const size_t next = std::min(text.find_first_not_of(' ', end), text.size());
  return next < text.size() && hold_together(text.substr(begin, end - begin), text.substr(next))
             ? end_of_word(text, next)
             : end;
}

}  // namespace

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1 && environment("TERM") != "dumb"; }

bool is_coloured(int descriptor) {
  if (!environment("NO_COLOR").empty()) return false;
  const std::string forced = environment("FORCE_COLOR");
  return forced.empty() ? is_terminal(descriptor) : forced != "0";
}

int64_t terminal_width(int descriptor) {
  const std::string told = environment("COLUMNS");
  int64_t width = 0;
  const auto [end, error] = std::from_chars(told.data(), told.data() + told.size(), width);
  if (!told.empty() && error == std::errc() && end == told.data() + told.size() && width > 0) return width;
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

int64_t columns_of(std::string_view text) {
  int64_t columns = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    columns += is_in(kCombining, c) ? 0 : is_in(kWide, c) ? 2 : 1;
  }
  return columns;
}

std::string folded(std::string_view text, int64_t width, int64_t indent) {
  if (columns_of(text) <= width) return std::string(text);
  std::string out;
  int64_t used = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = end_of_word(text, at);
    std::string_view piece = text.substr(at, end - at);  // with the blanks before it
    if (at > 0 && used + columns_of(piece) > width) {
      piece.remove_prefix(std::min(piece.find_first_not_of(' '), piece.size()));
      out += '\n' + std::string(static_cast<size_t>(indent), ' ');
      used = indent;
    }
    out += piece;
    used += columns_of(piece);
    at = end;
  }
  return out;
}

}  // namespace tekio::cli
