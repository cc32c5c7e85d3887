// A Parquet file: the footer is read once; every stream has a reader of its own over the footer's facts and the file.
#include <arrow/buffer.h>
#include <arrow/io/file.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/size_statistics.h>

#include <algorithm>

#include "arrow_module/arrow_file.h"

namespace tekio_arrow {
namespace {

using Source = std::shared_ptr<arrow::io::RandomAccessFile>;
using parquet::arrow::SchemaField;

// Of column chunks that are read piece by piece: the most of one, the least, the most of all.
constexpr int64_t kPieceBytes = int64_t{1} << 20, kLeastPieceBytes = int64_t{16} << 10,
                  kPiecesBytes = int64_t{256} << 20;

/// The file's end: the footer's length and "PAR1".
arrow::Status check_footer(arrow::io::RandomAccessFile& file) {
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file.GetSize());
  if (size < 12) return arrow::Status::Invalid("it is cut off: ", size, " bytes are no Parquet file");
  ARROW_ASSIGN_OR_RAISE(const auto end, file.ReadAt(size - 8, 8));
  const std::string_view bytes(reinterpret_cast<const char*>(end->data()), static_cast<size_t>(end->size()));
  if (bytes.size() == 8 && bytes.substr(4) == "PARE")
    return arrow::Status::NotImplemented("it is encrypted; write it without encryption");
  if (bytes.size() != 8 || bytes.substr(4) != "PAR1")
    return arrow::Status::Invalid("it does not end as a Parquet file does: it is cut off, or none");
  uint32_t length = 0;
  for (size_t i = 4; i-- > 0;) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  if (length > size - 12)
    return arrow::Status::Invalid("its footer would have ", length, " bytes, the file has ", size, ": it is damaged");
  if (length > kMostFooterBytes)
    return arrow::Status::Invalid("its footer has ", length >> 20, " MiB; ", kMostFooterBytes >> 20,
                                  " are read at most");
  return arrow::Status::OK();
}

bool is_text(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY)
    return is_text(*static_cast<const arrow::DictionaryType&>(type).value_type());
  return arrow::is_string(type.id()) || type.id() == arrow::Type::STRING_VIEW;
}

void collect_leaves(const SchemaField& field, bool text_only, std::vector<int>& leaves) {
  if (field.is_leaf() && (!text_only || is_text(*field.field->type()))) leaves.push_back(field.column_index);
  for (const SchemaField& child : field.children) collect_leaves(child, text_only, leaves);
}

/// A reader that keeps what it reads from.
class Reader final : public arrow::RecordBatchReader {
 public:
  Reader(std::unique_ptr<LimitedPool> pool, std::unique_ptr<parquet::arrow::FileReader> file,
         std::unique_ptr<arrow::RecordBatchReader> batches)
      : pool_(std::move(pool)), file_(std::move(file)), batches_(std::move(batches)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return batches_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override { return batches_->ReadNext(batch); }

 private:
  std::shared_ptr<LimitedPool> pool_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
};

class ParquetFile final : public File {
 public:
  static arrow::Result<std::unique_ptr<File>> open(const std::string& path);

  TekioArrowFacts facts() const override;
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  bool has_foreign_offsets() const override { return false; }
  arrow::Result<Group> group(int64_t number, const Keys& column) const override;
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> read(const Request& request) const override;

 private:
  arrow::Result<std::vector<int>> leaves(const Keys& column) const;

  Source source_;
  std::shared_ptr<parquet::FileMetaData> metadata_;
  parquet::arrow::SchemaManifest manifest_;
  std::shared_ptr<arrow::Schema> schema_;
};

parquet::ReaderProperties reader_properties(arrow::MemoryPool* pool) {
  parquet::ReaderProperties properties(pool);
  properties.set_thrift_string_size_limit(static_cast<int32_t>(kMostFooterBytes));
  properties.set_thrift_container_size_limit(static_cast<int32_t>(kMostGroups));
  properties.set_schema_depth_limit(kMostDepth);
  properties.set_page_checksum_verification(true);
  return properties;
}

arrow::Result<std::unique_ptr<File>> ParquetFile::open(const std::string& path) {
  auto made = std::make_unique<ParquetFile>();
  ARROW_ASSIGN_OR_RAISE(made->source_, arrow::io::ReadableFile::Open(path));
  ARROW_RETURN_NOT_OK(check_footer(*made->source_));
  made->metadata_ =
      parquet::ParquetFileReader::Open(made->source_, reader_properties(arrow::system_memory_pool()))->metadata();
  const parquet::FileMetaData& metadata = *made->metadata_;
  if (metadata.num_columns() > kMostColumns)
    return arrow::Status::Invalid("it has ", metadata.num_columns(), " columns; ", kMostColumns, " are read at most");
  if (metadata.num_row_groups() > kMostGroups)
    return arrow::Status::Invalid("it has ", metadata.num_row_groups(), " row groups; ", kMostGroups,
                                  " are read at most");
  int64_t rows = 0;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    const int64_t more = metadata.RowGroup(i)->num_rows();
    if (more < 0 || more > metadata.num_rows() - rows)
      return arrow::Status::Invalid("its footer has ", metadata.num_rows(),
                                    " rows, but other numbers for its row groups");
    rows += more;
  }
  if (rows != metadata.num_rows())
    return arrow::Status::Invalid("its footer has ", metadata.num_rows(), " rows, but its row groups have ", rows);
  ARROW_RETURN_NOT_OK(parquet::arrow::SchemaManifest::Make(metadata.schema(), metadata.key_value_metadata(),
                                                           parquet::ArrowReaderProperties(false), &made->manifest_));
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const SchemaField& field : made->manifest_.schema_fields) fields.push_back(field.field);
  made->schema_ = arrow::schema(std::move(fields));
  return made;
}

TekioArrowFacts ParquetFile::facts() const {
  TekioArrowFacts facts{};
  facts.rows = metadata_->num_rows();
  facts.groups = metadata_->num_row_groups();
  facts.columns = metadata_->num_columns();
  facts.any_order = 1;
  std::vector<int> text;
  for (const SchemaField& field : manifest_.schema_fields) collect_leaves(field, true, text);
  for (int i = 0; i < metadata_->num_row_groups(); ++i) {
    const auto group = metadata_->RowGroup(i);
    for (const int leaf : text)
      facts.text_bytes += std::max<int64_t>(0, group->ColumnChunk(leaf)->total_uncompressed_size());
  }
  return facts;
}

/// Errors: KeyError (no such column).
arrow::Result<std::vector<int>> ParquetFile::leaves(const Keys& column) const {
  std::vector<int> found;
  if (column.empty()) {
    for (const SchemaField& field : manifest_.schema_fields) collect_leaves(field, false, found);
    return found;
  }
  const std::vector<SchemaField>* fields = &manifest_.schema_fields;
  const SchemaField* at = nullptr;
  for (const std::string& key : column) {
    at = nullptr;
    for (const SchemaField& field : *fields) {
      if (field.field->name() != key) continue;
      if (at != nullptr) return arrow::Status::Invalid("the column ", key, " stands twice");
      at = &field;
    }
    if (at == nullptr) return arrow::Status::KeyError("it has no column ", key);
    fields = &at->children;
  }
  collect_leaves(*at, false, found);
  return found;
}

arrow::Result<File::Group> ParquetFile::group(int64_t number, const Keys& column) const {
  if (number < 0 || number >= metadata_->num_row_groups()) return arrow::Status::IndexError("row group ", number);
  const auto group = metadata_->RowGroup(static_cast<int>(number));
  Group found{group->num_rows(), 0};
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> wanted, leaves(column));
  for (const int leaf : wanted) {
    const auto chunk = group->ColumnChunk(leaf);
    if (chunk->total_uncompressed_size() < 0 || chunk->total_compressed_size() < 0)
      return arrow::Status::Invalid("row group ", number, " has a column of negative size");
    int64_t bytes = chunk->total_uncompressed_size();
    // A dictionary's values count as often as they stand there.
    if (const auto sizes = chunk->size_statistics())
      bytes = std::max(bytes, sizes->unencoded_byte_array_data_bytes.value_or(0));
    found.bytes += std::min(bytes, int64_t{1} << 40);
  }
  return found;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ParquetFile::read(const Request& request) const {
  if (request.first < 0 || request.last < request.first || request.last > metadata_->num_row_groups())
    return arrow::Status::IndexError("row groups ", request.first, " to ", request.last);
  std::vector<int> groups;
  for (int64_t i = request.first; i < request.last; ++i) groups.push_back(static_cast<int>(i));
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> wanted, leaves(request.column));
  ARROW_ASSIGN_OR_RAISE(const int64_t file_bytes, source_->GetSize());
  auto pool = std::make_unique<LimitedPool>(stream_limit(file_bytes));
  parquet::ReaderProperties properties = reader_properties(pool.get());
  if (request.piecewise) {
    properties.enable_buffered_stream();
    const auto many = std::max<int64_t>(1, static_cast<int64_t>(wanted.size()));
    properties.set_buffer_size(std::clamp(kPiecesBytes / many, kLeastPieceBytes, kPieceBytes));
  }
  parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
  arrow_properties.set_pre_buffer(false);  // it would read whole column chunks, by threads of its own
  arrow_properties.set_batch_size(std::max<int64_t>(1, request.batch_rows));
  ARROW_ASSIGN_OR_RAISE(
      auto file, parquet::arrow::FileReader::Make(
                     pool.get(), parquet::ParquetFileReader::Open(source_, properties, metadata_), arrow_properties));
  ARROW_ASSIGN_OR_RAISE(auto batches, file->GetRecordBatchReader(groups, wanted));
  return std::make_shared<Reader>(std::move(pool), std::move(file), std::move(batches));
}

}  // namespace

arrow::Result<std::unique_ptr<File>> open_parquet(const std::string& path) { return ParquetFile::open(path); }

}  // namespace tekio_arrow
