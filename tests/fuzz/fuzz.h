// What the fuzz targets share. Hostile bytes may be refused (an Error of kind usage, input or io); anything else, an
// Error of kind bug included, ends the process, which libFuzzer reports with the bytes that did it.
#pragma once

#include <unistd.h>

#include <tekio/error.h>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "base/log.h"

namespace tekio::fuzz {

template <typename Body>
int refused_or_done(Body&& body) {
  static const bool quiet = (set_quiet(true), true);
  (void)quiet;
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bug) return 0;
    std::fprintf(stderr, "a bug was reported: %s\n", error.what());
    std::abort();
  }
  return 0;
}

/// A folder of this process in memory, for readers that only take paths; removed at the end.
class Folder {
 public:
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    path_ = (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
            ("tekio-fuzz-" + std::to_string(getpid()));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, std::string_view bytes) const {
    const auto file = path_ / name;
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file.string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
inline std::span<const std::byte> as_bytes(const uint8_t* data, size_t size) {
  return std::as_bytes(std::span(data, size));
}

}  // namespace tekio::fuzz
