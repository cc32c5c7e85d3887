// Names as Python's codecs have them. Where glibc's tables and Python's differ in what texts hold, Python's (and the
// WHATWG's) win: "\" and "~" of Shift_JIS, "∆" of Mac OS Roman, "€" of Mac OS Cyrillic; bytes that Python refuses and
// glibc passes on as control characters are malformed.
#include "data/charset.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace tekio {
namespace {

struct Known {
  const char *name, *library, *aliases;  // aliases without separators
};
constexpr Known kKnown[] = {
    {"utf-8", "UTF-8", "utf8 u8 cp65001"},
    {"utf-8-sig", "UTF-8", "utf8sig utf8bom"},
    {"utf-16", "UTF-16LE", "utf16 u16 unicode"},  // without a mark, as Python has it on these processors
    {"utf-16le", "UTF-16LE", ""},
    {"utf-16be", "UTF-16BE", ""},
    {"utf-32", "UTF-32LE", "utf32 u32"},
    {"utf-32le", "UTF-32LE", ""},
    {"utf-32be", "UTF-32BE", ""},
    {"utf-7", "UTF-7", "u7"},
    {"ascii", "ASCII", "usascii 646 ansix3.41968 iso646us"},
    {"latin1", "ISO-8859-1", "l1 iso88591 88591 cp819 latin"},
    {"latin2", "ISO-8859-2", "l2 iso88592 88592"},
    {"latin3", "ISO-8859-3", "l3 iso88593 88593"},
    {"latin4", "ISO-8859-4", "l4 iso88594 88594"},
    {"iso-8859-5", "ISO-8859-5", "88595 cyrillic"},
    {"iso-8859-6", "ISO-8859-6", "88596 arabic"},
    {"iso-8859-7", "ISO-8859-7", "88597 greek"},
    {"iso-8859-8", "ISO-8859-8", "88598 hebrew"},
    {"latin5", "ISO-8859-9", "l5 iso88599 88599"},
    {"latin6", "ISO-8859-10", "l6 iso885910 885910"},
    {"latin7", "ISO-8859-13", "l7 iso885913 885913"},
    {"latin8", "ISO-8859-14", "l8 iso885914 885914"},
    {"latin9", "ISO-8859-15", "l9 iso885915 885915"},
    {"latin10", "ISO-8859-16", "l10 iso885916 885916"},
    {"cp1250", "CP1250", "windows1250 1250"},
    {"cp1251", "CP1251", "windows1251 1251"},
    {"cp1252", "CP1252", "windows1252 1252"},
    {"cp1253", "CP1253", "windows1253 1253"},
    {"cp1254", "CP1254", "windows1254 1254"},
    {"cp1255", "CP1255", "windows1255 1255"},
    {"cp1256", "CP1256", "windows1256 1256"},
    {"cp1257", "CP1257", "windows1257 1257"},
    {"cp1258", "CP1258", "windows1258 1258"},
    {"cp874", "CP874", "windows874 874"},
    {"tis-620", "TIS-620", "iso885911 885911 thai"},
    {"koi8-r", "KOI8-R", "koi8"},
    {"koi8-u", "KOI8-U", ""},
    {"cp437", "CP437", "437 ibm437"},
    {"cp850", "CP850", "850 ibm850"},
    {"cp852", "CP852", "852 ibm852"},
    {"cp866", "CP866", "866 ibm866"},
    {"mac-roman", "MACINTOSH", "macintosh mac"},
    {"mac-cyrillic", "MAC-CYRILLIC", "maccyrillic"},
    {"shift_jis", "SHIFT_JIS", "sjis csshiftjis"},
    {"cp932", "CP932", "932 ms932 mskanji windows31j"},
    {"euc-jp", "EUC-JP", "ujis"},
    {"iso-2022-jp", "ISO-2022-JP", "csiso2022jp"},
    {"gb2312", "GB2312", "euccn eucgb2312cn chinese gb231280"},
    {"gbk", "GBK", "936 cp936 ms936"},
    {"gb18030", "GB18030", "gb180302000"},
    {"big5", "BIG5", "big5tw csbig5"},
    {"cp950", "CP950", "950 ms950"},
    {"big5hkscs", "BIG5-HKSCS", "hkscs"},
    {"euc-kr", "EUC-KR", "korean ksc5601 ksx1001"},
    {"cp949", "CP949", "949 ms949 uhc"},
    {"johab", "JOHAB", "cp1361 ms1361"},
};

/// "ISO_8859-1" as "iso88591".
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name)
    if (c != '-' && c != '_' && c != ' ') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return plain;
}

bool is_word_of(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

/// What iconv is asked for must be a name and nothing else: "//IGNORE" behind it would drop bytes in silence.
bool is_library_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':' || c == '+';
  });
}

iconv_t open_converter(const std::string& library) { return ::iconv_open("UTF-8", library.c_str()); }
bool is_open(iconv_t converter) { return converter != reinterpret_cast<iconv_t>(-1); }

}  // namespace

std::optional<ByteOrderMark> byte_order_mark(std::string_view head) {
  using namespace std::string_view_literals;
  struct Mark {
    std::string_view bytes;
    const char *name, *library;
  };
  static constexpr Mark kMarks[] = {{"\xFF\xFE\0\0"sv, "utf-32le", "UTF-32LE"},  // the longer ones first
                                    {"\0\0\xFE\xFF"sv, "utf-32be", "UTF-32BE"},
                                    {"\xFF\xFE"sv, "utf-16le", "UTF-16LE"},
                                    {"\xFE\xFF"sv, "utf-16be", "UTF-16BE"}};
  for (const Mark& mark : kMarks)
    if (head.starts_with(mark.bytes)) return ByteOrderMark{{mark.name, mark.library}, mark.bytes.size()};
  return std::nullopt;
}

Charset find_charset(std::string_view name) {
  const std::string plain = plain_name(name);
  std::vector<std::string> names;
  for (const Known& known : kKnown) {
    if (plain == plain_name(known.name) || is_word_of(known.aliases, plain)) return {known.name, known.library};
    names.emplace_back(known.name);
  }
  if (is_library_name(name)) {
    const std::string given(name);
    if (const iconv_t converter = open_converter(given); is_open(converter)) {
      ::iconv_close(converter);
      return {plain, given};
    }
  }
  const std::string near = plain.empty() ? "" : nearest(plain, names);
  fail(ErrorKind::usage,
       "--encoding: there is no encoding \"{}\"{}; there are: auto, utf-8, utf-16le, latin1, cp1252, cp1251, koi8-r, "
       "shift_jis, "
       "cp932, euc-jp, gbk, gb18030, big5, euc-kr and the others that the C library knows (iconv -l)",
       printable(name), near.empty() ? "" : fmt::format(" (is {} meant?)", near));
}

struct CharsetDecoder::Exception {
  const char* library;
  bool (*refuses)(unsigned char) = nullptr;  ///< bytes that stand in no text of this encoding
  struct Change {
    const char *from = nullptr, *to = nullptr;  ///< UTF-8
  };
  Change changes[2] = {};
};

const CharsetDecoder::Exception* CharsetDecoder::exception_of(const std::string& library) {
  static constexpr Exception kExceptions[] = {
      {.library = "SHIFT_JIS", .changes = {{"\u00A5", "\\"}, {"\u203E", "~"}}},
      {.library = "MACINTOSH", .changes = {{"\u0394", "\u2206"}, {"\uE01E", "\uF8FF"}}},
      {.library = "MAC-CYRILLIC", .changes = {{"\u00A4", "\u20AC"}}},
      {.library = "EUC-JP", .refuses = [](unsigned char c) { return c >= 0x80 && c < 0xA0 && c != 0x8E && c != 0x8F; }},
      {.library = "EUC-KR", .refuses = [](unsigned char c) { return c >= 0x80 && c <= 0xA0; }},
      {.library = "BIG5", .refuses = [](unsigned char c) { return c == 0x80; }},
      {.library = "BIG5-HKSCS", .refuses = [](unsigned char c) { return c == 0x80; }},
      {.library = "CP950", .refuses = [](unsigned char c) { return c == 0x80; }},
  };
  for (const Exception& exception : kExceptions)
    if (library == exception.library) return &exception;
  return nullptr;
}

CharsetDecoder::CharsetDecoder(const Charset& charset)
    : converter_(open_converter(charset.library)), exception_(exception_of(charset.library)) {
  if (!is_open(converter_))
    fail(ErrorKind::usage, "--encoding {}: the C library of this machine lacks the conversion (gconv modules): {}",
         printable(charset.name), std::strerror(errno));
}

CharsetDecoder::~CharsetDecoder() { ::iconv_close(converter_); }

CharsetDecoder::Step CharsetDecoder::decode(std::string_view bytes, std::span<char> out) {
  TEKIO_CHECK(out.size() >= kLeastRoom, "{} bytes", out.size());
  size_t good = bytes.size();  // up to the first byte that no text has
  if (exception_ != nullptr && exception_->refuses != nullptr) {
    const auto bad = std::find_if(bytes.begin(), bytes.end(),
                                  [this](char c) { return exception_->refuses(static_cast<unsigned char>(c)); });
    good = static_cast<size_t>(bad - bytes.begin());
  }
  char* from = const_cast<char*>(bytes.data());  // iconv's type; it does not write there
  char* to = out.data();
  size_t left = good, room = exception_ == nullptr ? out.size() : out.size() / 2;  // half for what put_right() adds
  const size_t all = room;
  const size_t result = ::iconv(converter_, &from, &left, &to, &room);
  const int error = result == static_cast<size_t>(-1) ? errno : 0;
  Step step{.read = good - left, .written = put_right(out, all - room)};
  step.state = error == E2BIG                            ? State::full
               : error == EILSEQ                         ? State::malformed
               : error == EINVAL && good == bytes.size() ? State::incomplete
               : good < bytes.size()                     ? State::malformed
                                                         : State::done;
  return step;
}

size_t CharsetDecoder::finish(std::span<char> out) {
  char* to = out.data();
  size_t room = out.size();
  ::iconv(converter_, nullptr, nullptr, &to, &room);
  return out.size() - room;
}

/// Makes the exception's changes in the first `size` bytes of `out`; returns their new number.
size_t CharsetDecoder::put_right(std::span<char> out, size_t size) const {
  if (exception_ == nullptr || exception_->changes[0].from == nullptr) return size;
  std::string text(out.data(), size);
  for (const Exception::Change& change : exception_->changes) {
    if (change.from == nullptr) break;
    const std::string_view from = change.from, to = change.to;
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  }
  TEKIO_CHECK(text.size() <= out.size(), "{} bytes", text.size());
  return text.copy(out.data(), text.size());
}

std::optional<std::string> decoded(const Charset& charset, std::string_view bytes, bool cut) {
  CharsetDecoder decoder(charset);
  std::string text;
  std::vector<char> room(size_t{16} << 10);
  while (!bytes.empty()) {
    const CharsetDecoder::Step step = decoder.decode(bytes, room);
    text.append(room.data(), step.written);
    bytes.remove_prefix(step.read);
    if (step.state == CharsetDecoder::State::malformed) return std::nullopt;
    if (step.state == CharsetDecoder::State::incomplete) {
      if (!cut) return std::nullopt;
      break;
    }
  }
  text.append(room.data(), decoder.finish(room));
  return text;
}

}  // namespace tekio
