// Records to rows: what a record's bytes say. One parser a thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/source.h"

namespace tekio {

class RecordParser {
 public:
  /// `text_column`: what text() gives, as Files::text_column() resolves it. `files` must outlive the parser.
  explicit RecordParser(const Files& files, std::string text_column = "text");
  ~RecordParser();

  /// The row's text, valid UTF-8; a view that holds until the next call. Errors: input (malformed, no string there;
  /// FILE:LINE).
  std::string_view text(const Block& block, const Record& record);
  /// All columns: the group's, null where the row lacks one, then those that only this row has. Errors: as text().
  Row row(const Block& block, const Record& record);
  /// Adds a record's columns and their types to a head.
  void observe(const Block& block, const Record& record, Head& head);

 private:
  struct Json;
  [[noreturn]] void fail_at(const Record& record, const std::string& what) const;
  const Files::TextColumn& text_column(int32_t group);
  std::string_view csv_text(const Block& block, const Record& record, const DataFile& file);
  std::string_view json_text(const Block& block, const Record& record, const DataFile& file);
  void csv_fields(const Block& block, const Record& record, const DataFile& file, size_t columns);
  void check_utf8(const Block& block, const Record& record) const;

  const Files& files_;
  std::string wanted_;
  std::vector<std::optional<Files::TextColumn>> text_columns_;  // by group
  std::unique_ptr<Json> json_;
  std::vector<std::string_view> fields_;
  std::string scratch_;
};

/// Names in a CSV header, as the reference makes them: an empty one is "Unnamed: I", one that was there before gets
/// ".1", ".2", ….
std::vector<std::string> header_names(const std::string& header, FileKind kind);

}  // namespace tekio
