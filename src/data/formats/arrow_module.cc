// The module is looked for where it was built or installed with this program; a program of somebody else's names it by
// TEKIO_ARROW_MODULE, or the loader finds it.
#include "data/formats/arrow_module.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/foreign_file.h"
#include "base/library.h"
#include "base/system_error.h"

namespace tekio {
namespace {

constexpr const char* kName = "libtekio_arrow.so";
constexpr const char* kLoss = "Parquet and Arrow files cannot be read";
constexpr const char* kPackage =
    "a Tekio that was built with Arrow C++ (scripts/setup.sh brings it), or write the data as JSON Lines";

struct Functions {
  decltype(&tekio_arrow_module_version) version;
  decltype(&tekio_arrow_library_version) library_version;
  decltype(&tekio_arrow_open) open;
  decltype(&tekio_arrow_close) close;
  decltype(&tekio_arrow_schema) schema;
  decltype(&tekio_arrow_group) group;
  decltype(&tekio_arrow_read) read;
};

struct Module : Functions {
  explicit Module(std::string place)
      : Functions(Library(place.c_str(), kPackage, kLoss)
                      .table<Functions>(std::pair("tekio_arrow_module_version", &Functions::version),
                                        std::pair("tekio_arrow_library_version", &Functions::library_version),
                                        std::pair("tekio_arrow_open", &Functions::open),
                                        std::pair("tekio_arrow_close", &Functions::close),
                                        std::pair("tekio_arrow_schema", &Functions::schema),
                                        std::pair("tekio_arrow_group", &Functions::group),
                                        std::pair("tekio_arrow_read", &Functions::read))),
        path(std::move(place)) {}

  const std::string path;
};

const Module& module() {
  static const Module loaded(find_own_module(kName, "TEKIO_ARROW_MODULE"));
  if (loaded.version() != TEKIO_ARROW_MODULE_VERSION)
    fail(ErrorKind::io,
         "{} is of another version of Tekio: set TEKIO_ARROW_MODULE to the one that belongs to this program",
         printable(loaded.path, 300));
  return loaded;
}

/// For a file, which errors name.
const Module& module_for(const std::string& path) {
  try {
    return module();
  } catch (const Error& error) {
    fail(error.kind(), "{}: {}", path, error.what());
  }
}

/// Keys as the module takes them; they hold as long as `keys` does.
class ColumnKeys {
 public:
  explicit ColumnKeys(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) pointers_.push_back(key.c_str());
  }
  TekioArrowColumn column() const { return {pointers_.data(), static_cast<int32_t>(pointers_.size())}; }

 private:
  std::vector<const char*> pointers_;
};

uint64_t size_of_regular(const DataFile& file) {
  struct stat state {};
  if (::stat(file.path.c_str(), &state) != 0)
    fail_system({last_error(), file.path}, "cannot open {}: {}", shown_name(file));
  if (!S_ISREG(state.st_mode)) fail(ErrorKind::io, "{} is not a regular file", shown_name(file));
  return static_cast<uint64_t>(state.st_size);
}

}  // namespace

ArrowFile::ArrowFile(const DataFile& file) : path_(shown_name(file)), kind_(file.kind), bytes_(size_of_regular(file)) {
  if (const std::string what = foreign_content_of(file.path); !what.empty())
    fail(ErrorKind::input, "{} {}", path_, what);
  if (::access(file.path.c_str(), R_OK) != 0) fail_system({last_error(), file.path}, "cannot open {}: {}", path_);
  TekioArrowError error{};
  const int32_t kind = kind_ == FileKind::parquet ? TEKIO_ARROW_PARQUET : TEKIO_ARROW_IPC;
  if (module_for(path_).open(file.path.c_str(), kind, &file_, &facts_, &error) != 0) fail_file(error);
}

ArrowFile::~ArrowFile() {
  if (file_ != nullptr) module().close(file_);
}

void ArrowFile::fail_file(const TekioArrowError& error) const {
  fail(ErrorKind::input, "{} cannot be read as {}: {}", path_,
       kind_ == FileKind::parquet ? "a Parquet file" : "an Arrow file or stream", printable(error.text, 500));
}

ArrowType ArrowFile::table() const {
  ArrowOwned<ArrowSchema> schema;
  TekioArrowError error{};
  if (module().schema(file_, schema.fill(), &error) != 0) fail_file(error);
  return ArrowType::of(*schema);
}

ArrowFile::Group ArrowFile::group(int64_t number, const std::vector<std::string>& column) const {
  const ColumnKeys keys(column);
  const TekioArrowColumn wanted = keys.column();
  Group found;
  TekioArrowError error{};
  if (module().group(file_, number, &wanted, &found.rows, &found.bytes, &error) != 0) fail_file(error);
  return found;
}

std::unique_ptr<ArrowStream> ArrowFile::read(const Request& request) const {
  const ColumnKeys keys(request.column);
  const TekioArrowRequest wanted = {request.first, request.last, keys.column(), request.batch_rows, request.piecewise};
  auto stream = std::make_unique<ArrowStream>(path_);
  TekioArrowError error{};
  if (module().read(file_, &wanted, stream->fill(), &error) != 0) fail_file(error);
  return stream;
}

void ArrowStream::fail_stream() {
  const char* const text = stream_.get()->get_last_error(stream_.get());
  fail(ErrorKind::input, "{} cannot be read: {}", path_, printable(text == nullptr ? "no reason is known" : text, 500));
}

const ArrowType& ArrowStream::table() {
  if (table_) return *table_;
  ArrowOwned<ArrowSchema> schema;
  if (stream_.get()->get_schema(stream_.get(), schema.fill()) != 0) fail_stream();
  table_ = std::make_unique<const ArrowType>(ArrowType::of(*schema));
  return *table_;
}

std::shared_ptr<const ArrowOwned<ArrowArray>> ArrowStream::next() {
  const ArrowType& type = table();
  auto batch = std::make_shared<ArrowOwned<ArrowArray>>();
  if (stream_.get()->get_next(stream_.get(), batch->fill()) != 0) fail_stream();
  if (!*batch) return nullptr;
  check_array(type, **batch, 0);
  return batch;
}

std::string arrow_version(std::string& why) {
  try {
    return module().library_version();
  } catch (const Error& error) {
    why = error.what();
    return "";
  }
}

}  // namespace tekio
