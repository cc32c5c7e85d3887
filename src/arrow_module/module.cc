// The module's C functions: what Arrow C++ returns or throws becomes a number and a text.
#include "arrow_module/module.h"

#include <arrow/c/bridge.h>
#include <arrow/config.h>
#include <arrow/type.h>

#include <algorithm>
#include <exception>
#include <new>

#include "arrow_module/arrow_file.h"

struct TekioArrowFile {
  std::unique_ptr<tekio_arrow::File> file;
};

namespace tekio_arrow {
namespace {

/// Status of what a body returns or throws.
template <typename Body>
arrow::Status guarded(const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return arrow::Status::OutOfMemory("there is not enough memory");
  } catch (const std::exception& error) {
    return arrow::Status::Invalid(error.what());
  } catch (...) {
    return arrow::Status::Invalid("Arrow C++ threw something unknown");
  }
}

bool is_flat(const arrow::Schema& schema) {
  return std::ranges::all_of(schema.fields(), [](const auto& field) {
    return field->type()->num_fields() == 0 && field->type()->id() != arrow::Type::DICTIONARY;
  });
}

/// Batches whose insides were checked, from a reader that may throw. `whole`: to the last offset, which also finds
/// strings that are not UTF-8; else that is left to who reads them, who knows their rows.
class Guarded final : public arrow::RecordBatchReader {
 public:
  Guarded(std::shared_ptr<arrow::RecordBatchReader> reader, bool whole) : reader_(std::move(reader)), whole_(whole) {}
  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    return guarded([&] {
      ARROW_RETURN_NOT_OK(reader_->ReadNext(batch));
      if (!*batch) return arrow::Status::OK();
      return whole_ ? (*batch)->ValidateFull() : (*batch)->Validate();
    });
  }

 private:
  std::shared_ptr<arrow::RecordBatchReader> reader_;
  const bool whole_;
};

template <typename Body>
int32_t answer(TekioArrowError* error, const Body& body) {
  const arrow::Status status = guarded(body);
  if (status.ok()) return 0;
  const std::string text = status.message();
  error->text[text.copy(error->text, sizeof error->text - 1)] = '\0';
  return 1;
}

Keys keys_of(const TekioArrowColumn& column) { return {column.keys, column.keys + column.depth}; }

}  // namespace
}  // namespace tekio_arrow

extern "C" {

int32_t tekio_arrow_module_version(void) { return TEKIO_ARROW_MODULE_VERSION; }

const char* tekio_arrow_library_version(void) { return arrow::GetBuildInfo().version_string.c_str(); }

int32_t tekio_arrow_open(const char* path, int32_t kind, TekioArrowFile** file, TekioArrowFacts* facts,
                         TekioArrowError* error) {
  return tekio_arrow::answer(error, [&]() -> arrow::Status {
    auto made = std::make_unique<TekioArrowFile>();
    ARROW_ASSIGN_OR_RAISE(made->file,
                          kind == TEKIO_ARROW_PARQUET ? tekio_arrow::open_parquet(path) : tekio_arrow::open_ipc(path));
    *facts = made->file->facts();
    *file = made.release();
    return arrow::Status::OK();
  });
}

void tekio_arrow_close(TekioArrowFile* file) { delete file; }

int32_t tekio_arrow_schema(const TekioArrowFile* file, ArrowSchema* schema, TekioArrowError* error) {
  return tekio_arrow::answer(error, [&] { return arrow::ExportSchema(*file->file->schema(), schema); });
}

int32_t tekio_arrow_group(const TekioArrowFile* file, int64_t group, const TekioArrowColumn* column, int64_t* rows,
                          int64_t* bytes, TekioArrowError* error) {
  return tekio_arrow::answer(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto found, file->file->group(group, tekio_arrow::keys_of(*column)));
    *rows = found.rows;
    *bytes = found.bytes;
    return arrow::Status::OK();
  });
}

int32_t tekio_arrow_read(const TekioArrowFile* file, const TekioArrowRequest* request, ArrowArrayStream* stream,
                         TekioArrowError* error) {
  return tekio_arrow::answer(error, [&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(
        auto reader, file->file->read({request->first_group, request->last_group, tekio_arrow::keys_of(request->column),
                                       request->batch_rows, request->piecewise != 0}));
    const bool whole = file->file->has_foreign_offsets() || !tekio_arrow::is_flat(*reader->schema());
    return arrow::ExportRecordBatchReader(std::make_shared<tekio_arrow::Guarded>(std::move(reader), whole), stream);
  });
}

}  // extern "C"
