// Parquet and Arrow files: tables of columns, in groups of rows. The reading thread hands groups out; who uses their
// rows decodes them, so that several are decoded at once and what is left out is never decoded. Groups that are too
// large to be held are decoded here, piece by piece, and their pieces handed out.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "data/formats/arrow_module.h"
#include "data/formats/columnar_head.h"
#include "data/formats/columnar_rows.h"
#include "data/source.h"

namespace tekio {
namespace {

constexpr int64_t kGroupBytes = int64_t{8} << 20, kGroupRows = 20'000;  // a group of more is read piece by piece
constexpr int64_t kPieceBytes = int64_t{1} << 20, kPieceRows = 4096;

/// Groups that are decoded where their rows are used.
class PendingGroups final : public PendingRows {
 public:
  PendingGroups(std::shared_ptr<const ArrowFile> file, std::string path, ArrowFile::Request request,
                WantedColumns wanted, int64_t rows)
      : file_(std::move(file)),
        path_(std::move(path)),
        request_(std::move(request)),
        wanted_(std::move(wanted)),
        rows_(rows) {}

  void load(Block& block) const override {
    const auto stream = file_->read(request_);
    RowWriter writer(stream->table(), wanted_, block);
    int64_t first = 0;
    size_t at = 0;
    while (const auto batch = stream->next()) {
      const int64_t end = first + (**batch).length;
      for (; at < block.records.size(); ++at) {
        Record& record = block.records[at];
        const auto row = static_cast<int64_t>(record.begin);
        if (row >= end) break;
        write_row(writer, **batch, row - first, path_, record);
      }
      first = end;
    }
    check_rows(path_, first, rows_);
  }

  static void check_rows(const std::string& path, int64_t there, int64_t promised) {
    if (there != promised)
      fail(ErrorKind::input, "{} is damaged: {} were to come, {} came", path, counted(promised, "row"), there);
  }

 private:
  const std::shared_ptr<const ArrowFile> file_;
  const std::string path_;
  const ArrowFile::Request request_;
  const WantedColumns wanted_;
  const int64_t rows_;
};

class ColumnarStream final : public RowStream {
 public:
  ColumnarStream(const Files& files, size_t number, Columns columns);
  bool append(Block& block) override;
  uint64_t consumed() const override {
    const int64_t rows = file_->facts().rows;
    if (rows == 0 || row_ >= rows) return file_->bytes();
    return static_cast<uint64_t>(static_cast<double>(file_->bytes()) * static_cast<double>(row_) /
                                 static_cast<double>(rows));
  }

 private:
  void begin_stream(const ArrowFile::Group& group);
  bool append_piece(Block& block);
  void add_records(int64_t count, Block& block);

  const std::string path_;
  const std::shared_ptr<const ArrowFile> file_;
  const WantedColumns wanted_;
  int64_t group_ = 0;  // the next one
  int64_t row_ = 0;    // of the file, the next one

  // A group that is read piece by piece.
  std::shared_ptr<ArrowStream> stream_;
  std::shared_ptr<const ArrowOwned<ArrowArray>> batch_;
  int64_t batch_row_ = 0, piece_rows_ = 0, streamed_ = 0, promised_ = 0;
};

ColumnarStream::ColumnarStream(const Files& files, size_t number, Columns columns)
    : path_(shown_name(files.list()[number])),
      file_(std::make_shared<const ArrowFile>(files.list()[number])),
      wanted_(WantedColumns::of(files, number, columns, file_->table())) {}

void ColumnarStream::add_records(int64_t count, Block& block) {
  for (int64_t i = 0; i < count; ++i) {
    Record record;
    record.begin = static_cast<size_t>(i);
    record.line = ++row_;
    block.records.push_back(record);
  }
}

bool ColumnarStream::append(Block& block) {
  if (stream_) return append_piece(block);
  const int64_t groups = file_->facts().groups, first = group_;
  int64_t rows = 0;
  for (int64_t bytes = 0; group_ < groups && bytes < static_cast<int64_t>(Block::kBytes); ++group_) {
    const ArrowFile::Group group = file_->group(group_, wanted_.column());
    const bool is_large = file_->facts().any_order == 0 || group.bytes > kGroupBytes || group.rows > kGroupRows;
    if (is_large && rows == 0) {
      begin_stream(group);
      return append_piece(block);
    }
    if (is_large || rows + group.rows > kGroupRows) break;
    rows += group.rows;
    bytes += group.bytes;
  }
  if (rows > 0) {
    add_records(rows, block);
    block.pending = std::make_shared<PendingGroups>(
        file_, path_,
        ArrowFile::Request{.first = first, .last = group_, .column = wanted_.column(), .batch_rows = kGroupRows},
        wanted_, rows);
  }
  return group_ < groups;
}

void ColumnarStream::begin_stream(const ArrowFile::Group& group) {
  const int64_t mean = std::max<int64_t>(1, group.bytes / std::max<int64_t>(1, group.rows));
  piece_rows_ = std::clamp<int64_t>(kPieceBytes / mean, 1, kPieceRows);
  stream_ = file_->read(
      {.first = group_, .last = group_ + 1, .column = wanted_.column(), .batch_rows = piece_rows_, .piecewise = true});
  ++group_;
  promised_ = group.rows;
  streamed_ = 0;
}

bool ColumnarStream::append_piece(Block& block) {
  while (!batch_ || batch_row_ == (**batch_).length) {
    batch_row_ = 0;
    batch_ = stream_->next();
    if (batch_) continue;
    stream_.reset();
    PendingGroups::check_rows(path_, streamed_, promised_);
    return group_ < file_->facts().groups;
  }
  const int64_t count = std::min(piece_rows_, (**batch_).length - batch_row_);
  add_records(count, block);
  block.pending = pending_rows(stream_, stream_->table(), batch_, batch_row_, path_, wanted_);
  batch_row_ += count;
  streamed_ += count;
  return true;
}

class ColumnarFormat final : public RowFormat {
 public:
  std::unique_ptr<RowStream> open(const Files& files, size_t file, Columns columns) const override {
    return std::make_unique<ColumnarStream>(files, file, columns);
  }
  std::unique_ptr<RowParser> parser(const Files& files, size_t group) const override {
    return columnar_parser(files, group);
  }
  std::optional<Head> head(const DataFile& file, bool whole) const override { return columnar_head(file, whole); }
  std::optional<Count> count(const DataFile& file) const override {
    const ArrowFile opened(file);
    return Count{opened.facts().rows, opened.facts().text_bytes};
  }
  bool rows_are_lines() const override { return false; }
};

}  // namespace

std::unique_ptr<const RowFormat> columnar_format(const ReadOptions&) { return std::make_unique<ColumnarFormat>(); }

}  // namespace tekio
