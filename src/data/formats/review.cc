// The Large Movie Review Dataset's files: each is a row, labelled by its folder.
#include "data/formats/byte_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

class ReviewSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    if (!last) return 0;
    records.push_back({0, bytes.size(), 1, 0});
    return bytes.size();
  }
  const char* row_end() const override { return "files"; }
};

class ReviewParser final : public RowParser {
 public:
  using RowParser::RowParser;
  std::string_view text(const Block& block, const Record& record) override {
    if (!column_) column_ = files_.text_column(group_);
    return utf8(block, record);
  }
  Row row(const Block& block, const Record& record) override {
    const DataFile& file = files_.list()[static_cast<size_t>(record.file)];
    return {{{"text", json_quoted(utf8(block, record))}, {"label", std::to_string(file.label)}}};
  }
  void observe(const Block&, const Record&, Head&) override {}

 private:
  std::optional<Files::TextColumn> column_;  // asked for, as a name that is given must be "text"
};

class Reviews final : public ByteRowFormat {
 public:
  std::unique_ptr<Splitter> splitter(std::string shown_path) const override {
    return std::make_unique<ReviewSplitter>(std::move(shown_path));
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<ReviewParser>(files, group);
  }
  std::optional<Head> fixed_head() const override {
    return Head{{"text", "label"}, {Head::Type::text, Head::Type::number}, true};
  }
};

}  // namespace

std::unique_ptr<const RowFormat> review_format(const ReadOptions&) { return std::make_unique<Reviews>(); }

}  // namespace tekio
