// Records of any group's files to rows. One parser a thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "data/source.h"

namespace tekio {

class RecordParser {
 public:
  /// `files` must outlive the parser.
  explicit RecordParser(const Files& files) : files_(files) {
    for (size_t group = 0; group < files.groups(); ++group)
      parsers_.push_back(files.format(group).parser(files, group));
  }

  /// The row's text, valid UTF-8; a view that holds until the next call. Errors: input (malformed; a row without a
  /// text, as Files::fail_without_text() tells it).
  std::string_view text(const Block& block, const Record& record) {
    std::string_view text;
    if (!find_text(block, record, text, why_)) files_.fail_without_text(record, why_);
    return text;
  }
  /// As RowParser's.
  bool find_text(const Block& block, const Record& record, std::string_view& text, std::string& why) {
    return parser_of(record).find_text(block, record, text, why);
  }
  Row row(const Block& block, const Record& record) { return parser_of(record).row(block, record); }

 private:
  RowParser& parser_of(const Record& record) {
    return *parsers_[static_cast<size_t>(files_.list()[static_cast<size_t>(record.file)].group)];
  }

  const Files& files_;
  std::string why_;
  std::vector<std::unique_ptr<RowParser>> parsers_;  // by group
};

}  // namespace tekio
