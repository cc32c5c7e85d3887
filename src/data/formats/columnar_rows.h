// Rows of columns, wherever these lie, as a block's records: how they are written there, and what a parser reads out of
// them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/formats/arrow_data.h"
#include "data/formats/format.h"

namespace tekio {

/// What is wanted of a table's rows.
struct WantedColumns {
  std::optional<std::vector<std::string>> text;  ///< the text column's keys
  bool words = false;                            ///< it holds lists of words
  bool all_columns = false;

  std::vector<std::string> column() const { return all_columns ? std::vector<std::string>() : text.value(); }

  /// Of file `number`, which has this table. Errors: input (it has no such column, or one of another type).
  static WantedColumns of(const Files& files, size_t number, Columns columns, const ArrowType& table);
};

/// Puts rows of batches into blocks.
class RowWriter {
 public:
  RowWriter(const ArrowType& table, const WantedColumns& wanted, Block& block);
  void write(const ArrowArray& batch, int64_t row, Record& record);

 private:
  std::optional<std::string_view> text(const ArrowArray& batch, int64_t row);
  void write_text(const ArrowArray& batch, int64_t row);
  void append_columns(const ArrowArray& batch, int64_t row);

  const ArrowType& table_;
  const WantedColumns& wanted_;
  Block& block_;
  ArrowPath path_;
  std::string row_, value_, words_;
};

/// Writes a row; what is wrong with its values is told with its place, "PATH, row N".
void write_row(RowWriter& writer, const ArrowArray& batch, int64_t row, const std::string& path, Record& record);

/// Rows of a batch that is in memory, from `first` on; `owner` keeps `table`.
std::shared_ptr<const PendingRows> pending_rows(std::shared_ptr<const void> owner, const ArrowType& table,
                                                std::shared_ptr<const ArrowOwned<ArrowArray>> batch, int64_t first,
                                                std::string path, WantedColumns wanted);

/// Reads what RowWriter wrote.
std::unique_ptr<RowParser> columnar_parser(const Files& files, size_t group);

}  // namespace tekio
