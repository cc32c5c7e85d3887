// Plain text: a row is a line, a paragraph, or the file.
#include <algorithm>

#include "data/formats/byte_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

/// Python's universal line ends, "\n", "\r\n" and a lone "\r", found one after the other.
class LineEnds {
 public:
  explicit LineEnds(std::string_view bytes)
      : bytes_(bytes), newline_(find_char(bytes, 0, '\n')), carriage_(find_char(bytes, 0, '\r')) {}

  struct End {
    size_t begin = kNone, size = 0;  ///< kNone: there is none; size 0: it may be longer than what is there
  };
  /// The first one at `at` or behind; `at` must not be less than before. `last`: no more bytes will come.
  End next(size_t at, bool last) {
    if (newline_ != kNone && newline_ < at) newline_ = find_char(bytes_, at, '\n');
    if (carriage_ != kNone && carriage_ < at) carriage_ = find_char(bytes_, at, '\r');
    const size_t begin = std::min(newline_, carriage_);  // kNone is the largest number
    if (begin == kNone) return {};
    if (begin == newline_) return {begin, 1};
    if (begin + 1 == bytes_.size() && !last) return {begin, 0};  // its "\n" may be still to come
    return {begin, size_t{begin + 1 == newline_ ? 2u : 1u}};
  }

 private:
  const std::string_view bytes_;
  size_t newline_, carriage_;
};

/// Empty lines are rows; a final line end makes no further row.
class LineSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    LineEnds ends(bytes);
    size_t at = 0;
    while (at < bytes.size()) {
      const LineEnds::End end = ends.next(at, last);
      if (end.size == 0 && !last) break;
      const size_t stop = std::min(end.begin, bytes.size());
      records.push_back({at, stop - at, line_++, 0});
      at = stop + end.size;
    }
    return at;
  }
};

/// As Python's split("\n\n") of the text with "\n" for all line ends; empty paragraphs are no rows.
class ParagraphSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    LineEnds ends(bytes);
    size_t begin = 0, at = 0;
    int64_t lines = 0;
    while (begin < bytes.size()) {
      const LineEnds::End one = ends.next(at, last);
      if (one.size == 0 && !last) break;
      const LineEnds::End other = one.size == 0 ? one : ends.next(one.begin + one.size, last);
      const bool adjacent = one.size > 0 && other.begin == one.begin + one.size;
      if (!last && (adjacent ? other.size == 0 : one.begin + one.size == bytes.size())) break;  // another may follow
      const size_t stop = std::min(one.begin, bytes.size());
      if (one.size > 0 && !adjacent) {
        ++lines;
        at = one.begin + one.size;
        if (at < bytes.size() || !last) continue;
      }
      const size_t end = adjacent ? stop : bytes.size();
      if (end > begin) records.push_back({begin, end - begin, line_, 0});
      line_ += lines + (adjacent ? 2 : 0);
      lines = 0;
      begin = at = adjacent ? other.begin + other.size : bytes.size();
    }
    return begin;
  }
  std::string row_end() const override { return "empty lines"; }
};

class LineParser final : public RowParser {
 public:
  LineParser(const Files& files, size_t group, bool one_line) : RowParser(files, group), one_line_(one_line) {}

  bool find_text(const Block& block, const Record& record, std::string_view& text, std::string&) override {
    if (!column_) column_ = files_.text_column(group_);
    text = text_of(block, record);
    return true;
  }
  Row row(const Block& block, const Record& record) override {
    return {{{"text", json_quoted(text_of(block, record))}}};
  }
  void observe(const Block&, const Record&, Head&) override {}

 private:
  /// With "\n" for all line ends, as Python's text mode reads them.
  std::string_view text_of(const Block& block, const Record& record) {
    const std::string_view bytes = utf8(block, record);
    if (one_line_ || bytes.find('\r') == kNone) return bytes;
    scratch_.clear();
    for (size_t at = 0; at < bytes.size(); ++at) {
      scratch_ += bytes[at] == '\r' ? '\n' : bytes[at];
      if (bytes[at] == '\r' && at + 1 < bytes.size() && bytes[at + 1] == '\n') ++at;
    }
    return scratch_;
  }

  const bool one_line_;
  std::string scratch_;
  std::optional<Files::TextColumn> column_;  // asked for, as a name that is given must be "text"
};

class Lines final : public ByteRowFormat {
 public:
  explicit Lines(SampleBy sample_by) : sample_by_(sample_by) {}
  std::unique_ptr<Splitter> splitter(const DataFile& file) const override {
    if (sample_by_ == SampleBy::paragraph) return std::make_unique<ParagraphSplitter>(file);
    if (sample_by_ == SampleBy::document) return std::make_unique<WholeFileSplitter>(file);
    return std::make_unique<LineSplitter>(file);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<LineParser>(files, group, sample_by_ == SampleBy::line);
  }
  std::optional<Head> head(const DataFile&, bool) const override { return Head::of_names({"text"}); }

 private:
  const SampleBy sample_by_;
};

}  // namespace

std::unique_ptr<const RowFormat> lines_format(const ReadOptions& options) {
  return std::make_unique<Lines>(options.sample_by);
}

}  // namespace tekio
