// Plain text: a row a line.
#include <algorithm>

#include "data/formats/byte_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

/// Python's universal line ends: "\n", "\r\n" and a lone "\r". Empty lines are rows; a final line end makes no further
/// row.
class LineSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    size_t at = 0, newline = find_char(bytes, 0, '\n'), carriage = find_char(bytes, 0, '\r');
    while (at < bytes.size()) {
      if (newline != kNone && newline < at) newline = find_char(bytes, at, '\n');
      if (carriage != kNone && carriage < at) carriage = find_char(bytes, at, '\r');
      const size_t end = std::min(newline, carriage);  // kNone is the largest number
      if (end == kNone && !last) break;
      if (end != kNone && bytes[end] == '\r' && end + 1 == bytes.size() && !last)
        break;  // its "\n" may be still to come
      const size_t stop = std::min(end, bytes.size());
      records.push_back({at, stop - at, line_++, 0});
      at = stop + (end != kNone && end + 1 == newline ? 2 : 1);
    }
    return std::min(at, bytes.size());
  }
};

class LineParser final : public RowParser {
 public:
  using RowParser::RowParser;
  std::string_view text(const Block& block, const Record& record) override {
    if (!column_) column_ = files_.text_column(group_);
    return utf8(block, record);
  }
  Row row(const Block& block, const Record& record) override { return {{{"text", json_quoted(utf8(block, record))}}}; }
  void observe(const Block&, const Record&, Head&) override {}

 private:
  std::optional<Files::TextColumn> column_;  // asked for, as a name that is given must be "text"
};

class Lines final : public ByteRowFormat {
 public:
  std::unique_ptr<Splitter> splitter(std::string shown_path) const override {
    return std::make_unique<LineSplitter>(std::move(shown_path));
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<LineParser>(files, group);
  }
  std::optional<Head> fixed_head() const override { return Head{{"text"}, {Head::Type::text}, true}; }
};

}  // namespace

std::unique_ptr<const RowFormat> lines_format(const ReadOptions&) { return std::make_unique<Lines>(); }

}  // namespace tekio
