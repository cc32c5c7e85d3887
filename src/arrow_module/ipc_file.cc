// An Arrow IPC file or stream. It is mapped, so that columns which are not compressed are never copied, and what is not
// asked for is never read.
#include <arrow/buffer.h>
#include <arrow/io/file.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>
#include <arrow/type.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "arrow_module/arrow_file.h"

namespace tekio_arrow {
namespace {

constexpr std::string_view kFileMagic = "ARROW1";
constexpr int64_t kStreamInFile = 8;  // a file is the magic bytes, padded, a stream, and a footer

/// Files may have their dictionaries in any order, streams may not.
bool has_dictionary(const arrow::DataType& type) {
  return type.id() == arrow::Type::DICTIONARY ||
         std::ranges::any_of(type.fields(), [](const auto& field) { return has_dictionary(*field->type()); });
}

/// Rows of a record batch whose head this message is: the first field, a 64-bit number, of its flatbuffer's table,
/// which Arrow verified when it opened the message. A head may be said and not be there.
int64_t rows_of(const arrow::ipc::Message& message) {
  const auto* const table = static_cast<const uint8_t*>(message.header());
  if (table == nullptr) return -1;
  int32_t back = 0;
  uint16_t size = 0, at = 0;
  std::memcpy(&back, table, sizeof back);
  std::memcpy(&size, table - back, sizeof size);
  if (size >= 6) std::memcpy(&at, table - back + 4, sizeof at);
  int64_t rows = 0;
  if (at != 0) std::memcpy(&rows, table + at, sizeof rows);
  return rows;
}

/// Of a stream or a file, one batch after the other.
class Reader final : public arrow::RecordBatchReader {
 public:
  Reader(std::shared_ptr<LimitedPool> pool, std::shared_ptr<arrow::ipc::RecordBatchStreamReader> stream)
      : pool_(std::move(pool)), stream_(std::move(stream)), schema_(stream_->schema()) {}
  Reader(std::shared_ptr<LimitedPool> pool, std::shared_ptr<arrow::ipc::RecordBatchFileReader> file,
         std::shared_ptr<arrow::Schema> schema)
      : pool_(std::move(pool)), file_(std::move(file)), schema_(std::move(schema)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    if (stream_) {
      ARROW_RETURN_NOT_OK(stream_->ReadNext(batch));
    } else if (next_ < file_->num_record_batches()) {
      ARROW_ASSIGN_OR_RAISE(*batch, file_->ReadRecordBatch(next_++));
    }
    return arrow::Status::OK();
  }

 private:
  std::shared_ptr<LimitedPool> pool_;
  std::shared_ptr<arrow::ipc::RecordBatchStreamReader> stream_;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> file_;
  std::shared_ptr<arrow::Schema> schema_;
  int next_ = 0;
};

class IpcFile final : public File {
 public:
  static arrow::Result<std::unique_ptr<File>> open(const std::string& path);

  TekioArrowFacts facts() const override {
    TekioArrowFacts facts{};
    facts.rows = rows_;
    facts.groups = 1;
    facts.columns = schema_->num_fields();
    facts.text_bytes = bytes_->size();
    return facts;
  }
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  bool has_foreign_offsets() const override { return true; }
  arrow::Result<Group> group(int64_t, const Keys&) const override { return Group{rows_, bytes_->size()}; }
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> read(const Request& request) const override;

 private:
  arrow::Status count_stream();
  arrow::Status add_rows(int64_t more);

  std::shared_ptr<arrow::io::MemoryMappedFile> file_;
  std::shared_ptr<arrow::Buffer> bytes_;
  bool is_stream_ = false;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t rows_ = 0;
};

arrow::ipc::IpcReadOptions read_options(arrow::MemoryPool* pool) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = pool;
  options.use_threads = false;
  options.max_recursion_depth = kMostDepth;
  return options;
}

arrow::Status IpcFile::add_rows(int64_t more) {
  if (more < 0 || more > std::numeric_limits<int64_t>::max() - rows_)
    return arrow::Status::Invalid("a record batch has ", more, " rows");
  rows_ += more;
  return arrow::Status::OK();
}

/// Walks over the messages; their bodies are not touched.
arrow::Status IpcFile::count_stream() {
  arrow::io::BufferReader input(bytes_);
  const auto messages = arrow::ipc::MessageReader::Open(&input);
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto message, messages->ReadNextMessage());
    if (!message) return arrow::Status::OK();
    if (message->type() != arrow::ipc::MessageType::RECORD_BATCH) continue;
    ARROW_RETURN_NOT_OK(add_rows(rows_of(*message)));
  }
}

arrow::Result<std::unique_ptr<File>> IpcFile::open(const std::string& path) {
  auto made = std::make_unique<IpcFile>();
  ARROW_ASSIGN_OR_RAISE(made->file_, arrow::io::MemoryMappedFile::Open(path, arrow::io::FileMode::READ));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, made->file_->GetSize());
  ARROW_ASSIGN_OR_RAISE(made->bytes_, made->file_->ReadAt(0, size));
  const std::string_view begin(reinterpret_cast<const char*>(made->bytes_->data()), static_cast<size_t>(size));
  made->is_stream_ = !begin.starts_with(kFileMagic);
  LimitedPool pool(stream_limit(size));
  if (made->is_stream_) {
    arrow::io::BufferReader input(made->bytes_);
    ARROW_ASSIGN_OR_RAISE(const auto stream, arrow::ipc::RecordBatchStreamReader::Open(&input, read_options(&pool)));
    made->schema_ = stream->schema();
    ARROW_RETURN_NOT_OK(made->count_stream());
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto file,
                          arrow::ipc::RecordBatchFileReader::Open(
                              std::make_shared<arrow::io::BufferReader>(made->bytes_), read_options(&pool)));
    made->schema_ = file->schema();
    ARROW_ASSIGN_OR_RAISE(const int64_t rows, file->CountRows());
    ARROW_RETURN_NOT_OK(made->add_rows(rows));
  }
  if (made->schema_->num_fields() > kMostColumns)
    return arrow::Status::Invalid("it has ", made->schema_->num_fields(), " columns; ", kMostColumns,
                                  " are read at most");
  return made;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> IpcFile::read(const Request& request) const {
  auto pool = std::make_shared<LimitedPool>(stream_limit(bytes_->size()));
  auto options = read_options(pool.get());
  std::shared_ptr<arrow::Schema> schema = schema_;
  if (!request.column.empty()) {
    const int field = schema_->GetFieldIndex(request.column.front());
    if (field < 0) return arrow::Status::KeyError("it has no column ", request.column.front(), ", or several");
    options.included_fields = {field};
    schema = arrow::schema({schema_->field(field)});
  }
  // The reader of files copies columns that are picked, however large a batch is; that of streams does not.
  const bool streamed = is_stream_ || std::ranges::none_of(schema_->fields(), [](const auto& field) {
                          return has_dictionary(*field->type());
                        });
  auto input = std::make_shared<arrow::io::BufferReader>(
      is_stream_ || !streamed ? bytes_ : arrow::SliceBuffer(bytes_, kStreamInFile));
  if (streamed) {
    ARROW_ASSIGN_OR_RAISE(auto stream, arrow::ipc::RecordBatchStreamReader::Open(input, options));
    if (!stream->schema()->Equals(*schema)) return arrow::Status::Invalid("its columns are not those of its footer");
    return std::make_shared<Reader>(std::move(pool), std::move(stream));
  }
  ARROW_ASSIGN_OR_RAISE(auto file, arrow::ipc::RecordBatchFileReader::Open(input, options));
  return std::make_shared<Reader>(std::move(pool), std::move(file), std::move(schema));
}

}  // namespace

arrow::Result<std::unique_ptr<File>> open_ipc(const std::string& path) { return IpcFile::open(path); }

}  // namespace tekio_arrow
