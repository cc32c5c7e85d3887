// The Large Movie Review Dataset's files: each is a row, labelled by its folder.
#include "data/formats/byte_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

class ReviewParser final : public RowParser {
 public:
  using RowParser::RowParser;
  bool find_text(const Block& block, const Record& record, std::string_view& text, std::string&) override {
    if (!column_) column_ = files_.text_column(group_);
    text = utf8(block, record);
    return true;
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
  std::unique_ptr<Splitter> splitter(const DataFile& file) const override {
    return std::make_unique<WholeFileSplitter>(file);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return std::make_unique<ReviewParser>(files, group);
  }
  std::optional<Head> head(const DataFile&, bool) const override { return Head::of_names({"text", "label"}); }
};

}  // namespace

std::unique_ptr<const RowFormat> review_format(const ReadOptions&) { return std::make_unique<Reviews>(); }

}  // namespace tekio
