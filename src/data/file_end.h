// Files of which only the end is here: what is asked of a Parquet file's footer can be answered before the file is
// fetched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace tekio {

/// A file in memory, of another's size, that holds that one's last bytes and otherwise nothing; gone with this object.
class FileEnd {
 public:
  /// Errors: io (the system gives no room).
  FileEnd(uint64_t size, std::string_view end);
  ~FileEnd();
  FileEnd(const FileEnd&) = delete;
  FileEnd& operator=(const FileEnd&) = delete;
  std::filesystem::path path() const;

 private:
  int descriptor_;
};

/// How many of a Parquet file's last bytes hold its footer, by its last eight bytes; 0: it is no such file.
uint64_t footer_bytes(std::string_view end);

}  // namespace tekio
