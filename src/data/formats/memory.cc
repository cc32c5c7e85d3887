// Rows in memory, as the formats of files have them: handed out in pieces, which are parsed where they are used.
#include <algorithm>
#include <utility>

#include "data/formats/columnar_head.h"
#include "data/formats/columnar_rows.h"
#include "data/memory_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

constexpr int64_t kMemoryPieceBytes = int64_t{1} << 20, kMemoryPieceRows = 4096;

class MemoryStream final : public RowStream {
 public:
  MemoryStream(const Files& files, size_t number, Columns columns)
      : shown_(shown_name(files.list()[number])),
        rows_(files.list()[number].memory),
        wanted_(WantedColumns::of(files, number, columns, rows_->table)),
        piece_rows_(std::clamp<int64_t>(
            kMemoryPieceBytes / std::max<int64_t>(1, rows_->text_bytes / std::max<int64_t>(1, rows_->rows)), 1,
            kMemoryPieceRows)) {}

  bool append(Block& block) override {
    if (batch_ == rows_->batches.size()) return false;
    const MemoryRows::Batch& batch = rows_->batches[batch_];
    const int64_t length = (**batch).length, count = std::min(piece_rows_, length - in_batch_);
    for (int64_t i = 0; i < count; ++i) {
      Record record;
      record.begin = static_cast<size_t>(i);
      record.line = ++row_;
      block.records.push_back(record);
    }
    block.pending = pending_rows(rows_, rows_->table, batch, in_batch_, shown_, wanted_);
    in_batch_ += count;
    if (in_batch_ == length) ++batch_, in_batch_ = 0;
    return batch_ < rows_->batches.size();
  }

  uint64_t consumed() const override {
    return static_cast<uint64_t>(static_cast<double>(rows_->text_bytes) * static_cast<double>(row_) /
                                 static_cast<double>(std::max<int64_t>(1, rows_->rows)));
  }

 private:
  const std::string shown_;
  const std::shared_ptr<const MemoryRows> rows_;
  const WantedColumns wanted_;
  const int64_t piece_rows_;
  size_t batch_ = 0;      // the one at hand
  int64_t in_batch_ = 0;  // its next row
  int64_t row_ = 0;       // of all, the next one
};

class MemoryFormat final : public RowFormat {
 public:
  std::unique_ptr<RowStream> open(const Files& files, size_t file, Columns columns) const override {
    return std::make_unique<MemoryStream>(files, file, columns);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return columnar_parser(files, group);
  }
  std::optional<Head> head(const DataFile& file, bool whole) const override { return memory_head(*file.memory, whole); }
  std::optional<Count> count(const DataFile& file) const override {
    return Count{file.memory->rows, file.memory->text_bytes};
  }
  bool rows_are_lines() const override { return false; }
};

}  // namespace

std::unique_ptr<const RowFormat> memory_format(const ReadOptions&) { return std::make_unique<MemoryFormat>(); }

}  // namespace tekio
