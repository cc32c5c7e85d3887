// A file's first bytes are looked at before anything else is done with it; they are the only ones that are copied once
// more where the text is UTF-8 already.
#include "data/text_stream.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/foreign_file.h"
#include "base/log.h"
#include "data/detect_charset.h"

namespace tekio {
namespace {

/// At most `count` bytes, fewer only at the end.
std::string read_up_to(ByteStream& stream, size_t count) {
  std::string bytes(count, '\0');
  size_t size = 0;
  for (size_t got = 1; got > 0 && size < count; size += got) got = stream.read(bytes.data() + size, count - size);
  bytes.resize(size);
  return bytes;
}

/// A stream whose first bytes were read already.
class HeadStream final : public ByteStream {
 public:
  HeadStream(std::unique_ptr<ByteStream> rest, std::string head) : rest_(std::move(rest)), head_(std::move(head)) {}

  size_t read(char* out, size_t capacity) override {
    if (given_ == head_.size()) return rest_->read(out, capacity);
    const size_t size = head_.copy(out, capacity, given_);
    given_ += size;
    return size;
  }
  uint64_t consumed() const override { return rest_->consumed(); }

 private:
  std::unique_ptr<ByteStream> rest_;
  std::string head_;
  size_t given_ = 0;
};

/// What the first bytes say that a file is instead of text, as foreign_content() has it.
std::string other_format(std::string_view head) {
  struct Format {
    std::string_view begin;
    const char* what;
  };
  constexpr Format kFormats[] = {
      {"PK\x03\x04", "is a ZIP archive, as .xlsx and .docx are: save a workbook as CSV, a document as plain text"},
      {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "is an old Office file (.xls, .doc): save it as CSV or as plain text"},
      {"%PDF-", "is a PDF: extract its text first (pdftotext FILE.pdf FILE.txt)"},
      {"{\\rtf", "is an RTF document: save it as plain text"},
      {"\x1F\x8B\x08", "is packed by gzip: give it a name that ends in .gz, or unpack it"},
      {"\x28\xB5\x2F\xFD", "is packed by Zstandard: give it a name that ends in .zst, or unpack it"},
      {"\xFD\x37zXZ", "is packed by xz: give it a name that ends in .xz, or unpack it"},
      {"BZh91AY&SY", "is packed by bzip2: give it a name that ends in .bz2, or unpack it"},
      {"7z\xBC\xAF\x27\x1C", "is a 7-Zip archive: unpack it first"},
      {"PAR1", "is a Parquet file: give it a name that ends in .parquet"},
      {"ARROW1", "is an Arrow file: give it a name that ends in .arrow"},
      {"SQLite format 3", "is an SQLite database: export its table as CSV"},
  };
  for (const Format& format : kFormats)
    if (head.starts_with(format.begin)) return format.what;
  return "";
}

void refuse_foreign(const DataFile& file, std::string_view head) {
  std::string what = foreign_content(head);
  if (what.empty()) what = other_format(head);
  if (!what.empty()) fail(ErrorKind::input, "{} {}", shown_name(file), what);
}

/// Opens a file and reads its first bytes, which are looked at before they are unpacked, too.
std::pair<std::unique_ptr<ByteStream>, std::string> open_head(const DataFile& file, size_t count) {
  auto stream = ByteStream::open(file.path, file.packing);
  std::string head;
  try {
    head = read_up_to(*stream, count);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::input && file.packing != Packing::none)
      if (const std::string what = foreign_content_of(file.path); !what.empty())
        fail(ErrorKind::input, "{} {}", shown_name(file), what);
    throw;
  }
  refuse_foreign(file, head);
  return {std::move(stream), std::move(head)};
}

/// Where its first bytes say so, UTF-16 or UTF-32 without a mark.
void refuse_zeros(const DataFile& file, std::string_view head) {
  const std::string likely = charset_of_zeros(head);
  if (likely.empty()) return;
  fail(ErrorKind::input, "{}:1: its NUL bytes say that it is likely UTF-{} without a byte order mark: --encoding {}",
       shown_name(file), likely.substr(4, 2), likely);
}

/// What a file is judged by, in errors and by --encoding auto alike: its lines that are not ASCII, of the whole file
/// where there are few (one of the last may be what tells), or its beginning.
std::string sample_of(const DataFile& file) {
  constexpr size_t kPiece = size_t{1} << 20, kEnough = size_t{64} << 10;
  auto [stream, sample] = open_head(file, kPiece);
  std::string piece = sample, lines, unusual;
  for (; !piece.empty() && unusual.size() < kEnough; piece = read_up_to(*stream, kPiece)) {
    lines += piece;
    const size_t whole = piece.size() < kPiece ? lines.size() : lines.rfind('\n') + 1;
    const size_t end = whole == 0 ? lines.size() : whole;
    for (size_t at = 0; at < end;) {
      const size_t stop = std::min(lines.find('\n', at), end - 1) + 1;
      const std::string_view line(lines.data() + at, stop - at);
      if (!is_ascii(line) || !charset_of_escapes(line).empty()) unusual += line;
      at = stop;
    }
    lines.erase(0, end);
  }
  return unusual.empty() || sample.find('\0') < sample.size() ? sample : unusual;
}

Charset detect_charset(const DataFile& file) {
  const std::string sample = sample_of(file);
  if (byte_order_mark(sample) || is_mostly_utf8(sample)) return {};  // what is not UTF-8 is told with its line
  const LikelyCharset likely = likely_charsets(sample);
  if (likely.name.empty())
    fail(ErrorKind::input, "{}: its encoding was not recognised; name it by --encoding NAME", shown_name(file));
  Charset charset = find_charset(likely.name);
  if (!likely.other.empty())
    warn(
        message("{} is read as {}, but {} is about as likely: look at it (tekio data head), and name the right one "
                "by --encoding",
                shown_name(file), charset.name, likely.other));
  else if (!charset.is_utf8())
    note(fmt::format("{} is read as {}", shown_name(file), charset.name));
  return charset;
}

/// What speaks against a name that was given, in the file's first bytes; empty if nothing does.
std::string doubt(const DataFile& file, const Charset& named) {
  auto [stream, sample] = open_head(file, size_t{64} << 10);
  if (byte_order_mark(sample)) return "";
  if (const std::string wide = charset_of_zeros(sample); !wide.empty() && find_charset(wide).library != named.library)
    return message("its NUL bytes lie as they do in {0}: --encoding {0}", wide);
  if (is_ascii(sample)) return "";
  if (likely_charset(sample) == "utf-8" && decoded(named, sample, true))
    return message("its text is valid UTF-8; leave --encoding out unless it looks right as it is read now");
  const bool controls = std::any_of(sample.begin(), sample.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 && static_cast<unsigned char>(c) < 0xA0;
  });
  if (named.name == "latin1" && controls)
    return "it holds bytes that are control characters there, but signs in cp1252";
  return "";
}

int64_t line_ends(std::string_view text) {
  int64_t lines = std::count(text.begin(), text.end(), '\n');
  for (size_t at = text.find('\r'); at != std::string_view::npos; at = text.find('\r', at + 1))
    lines += at + 1 == text.size() || text[at + 1] != '\n';
  return lines;
}

class DecodingStream final : public ByteStream {
 public:
  DecodingStream(std::unique_ptr<ByteStream> packed, const DataFile& file, const Charset& charset)
      : packed_(std::move(packed)),
        file_(file),
        shown_(shown_name(file)),
        charset_(charset),
        decoder_(charset),
        text_(kBuffer) {}

  size_t read(char* out, size_t capacity) override {
    while (begin_ == end_)
      if (!convert()) return 0;
    const size_t size = std::min(capacity, end_ - begin_);
    std::memcpy(out, text_.data() + begin_, size);
    begin_ += size;
    return size;
  }
  uint64_t consumed() const override { return packed_->consumed(); }

 private:
  static constexpr size_t kBuffer = size_t{64} << 10;

  /// Makes more text of `bytes_`; false at the end.
  bool convert() {
    if (at_end_) return false;
    begin_ = 0;
    const CharsetDecoder::Step step = decoder_.decode(std::string_view(bytes_).substr(at_), text_);
    end_ = step.written;
    at_ += step.read;
    lines_ += line_ends({text_.data(), end_});
    if (step.state == CharsetDecoder::State::malformed) {
      if (end_ > 0) return true;  // what is good first
      fail_at_byte();
    }
    if (step.state == CharsetDecoder::State::full) return true;
    refill(step.state == CharsetDecoder::State::incomplete);
    return true;
  }

  void refill(bool incomplete) {
    bytes_.erase(0, at_);
    at_ = 0;
    const size_t left = bytes_.size();
    bytes_.resize(kBuffer);
    const size_t got = packed_->read(bytes_.data() + left, kBuffer - left);
    bytes_.resize(left + got);
    if (got > 0) return;
    if (incomplete)
      fail(ErrorKind::input, "{}:{}: the file ends within a character of {}: it is cut off, or in another encoding",
           shown_, lines_ + 1, charset_.name);
    at_end_ = true;
    end_ += decoder_.finish(std::span(text_).subspan(end_));
  }

  [[noreturn]] void fail_at_byte() {
    fail(ErrorKind::input, "{}:{}: byte 0x{:02X} is no character of {} there; {}", shown_, lines_ + 1,
         static_cast<unsigned char>(bytes_[at_]), charset_.name, charset_advice(sample_of(file_), charset_));
  }

  std::unique_ptr<ByteStream> packed_;
  const DataFile file_;
  std::string shown_;
  Charset charset_;
  CharsetDecoder decoder_;
  std::string bytes_;  // from at_: not yet converted
  std::vector<char> text_;
  size_t at_ = 0, begin_ = 0, end_ = 0;
  int64_t lines_ = 0;  // ends of lines in the text so far
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> open_text(const DataFile& file) {
  auto [stream, head] = open_head(file, kForeignBytes);
  const auto mark = byte_order_mark(head);
  if (!mark && file.charset.is_utf8()) {
    refuse_zeros(file, head);
    if (file.charset.name == "utf-8-sig" && head.starts_with("\xEF\xBB\xBF")) head.erase(0, 3);
    return std::make_unique<HeadStream>(std::move(stream), std::move(head));
  }
  if (!mark && head.starts_with("\xEF\xBB\xBF"))  // UTF-8, whatever was named
    return std::make_unique<HeadStream>(std::move(stream), std::move(head));
  Charset charset = file.charset;
  if (mark) {
    charset = mark->charset;
    head.erase(0, mark->size);
  }
  auto packed = std::make_unique<HeadStream>(std::move(stream), std::move(head));
  return std::make_unique<DecodingStream>(std::move(packed), file, charset);
}

void set_charsets(std::vector<DataFile>& files, const std::string& encoding) {
  const bool detected = encoding == "auto";
  const Charset named = detected ? Charset() : find_charset(encoding);
  if (!detected && named.is_utf8()) {
    for (DataFile& file : files) file.charset = named;
    return;
  }
  int64_t doubts = 0;
  std::string first;
  for (DataFile& file : files) {
    if (!is_text_kind(file.kind)) continue;
    file.charset = detected ? detect_charset(file) : named;
    if (const std::string why = detected ? "" : doubt(file, named); !why.empty() && ++doubts == 1)
      first = fmt::format("{} is read as {}, but {}", shown_name(file), named.name, why);
  }
  if (doubts > 0) warn(doubts == 1 ? first : fmt::format("{} (and {} more files)", first, doubts - 1));
}

bool is_text(std::string_view bytes) {
  return bytes.find('\0') == std::string_view::npos && charset_of_escapes(bytes).empty() &&
         simdjson::validate_utf8(bytes.data(), bytes.size());
}

void check_text(std::string_view bytes, const DataFile& file, const std::string& where) {
  if (const size_t zero = bytes.find('\0'); zero != std::string_view::npos) {
    const std::string likely = charset_of_zeros(sample_of(file));
    fail(ErrorKind::input, "{}: a NUL byte at column {}, which text does not hold; {}", where, zero + 1,
         likely.empty() || likely == file.charset.name
             ? "remove it"
             : message("the file is likely UTF-{}: --encoding {}", likely.substr(4, 2), likely));
  }
  if (const std::string escapes = charset_of_escapes(bytes); !escapes.empty())
    fail(ErrorKind::input, "{}: an escape sequence at column {}, which is not UTF-8 text but {}: --encoding {}", where,
         bytes.find('\x1B') + 1, escapes, escapes);
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return;
  size_t good = 0;  // bytes before the first that is wrong: the longest valid beginning
  while (good < bytes.size()) {
    size_t length = 1;
    while (length <= 4 && good + length <= bytes.size() && !simdjson::validate_utf8(bytes.data() + good, length))
      ++length;
    if (length > 4 || good + length > bytes.size()) break;
    good += length;
  }
  fail(ErrorKind::input, "{}: byte 0x{:02X} at column {} is not UTF-8; {}", where,
       static_cast<unsigned char>(bytes[std::min(good, bytes.size() - 1)]), good + 1,
       charset_advice(sample_of(file), Charset()));
}

}  // namespace tekio
