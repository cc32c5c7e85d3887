#include "data/file_end.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/system_error.h"

namespace tekio {

FileEnd::FileEnd(uint64_t size, std::string_view end) : descriptor_(::memfd_create("tekio-file-end", MFD_CLOEXEC)) {
  const auto begin = static_cast<off_t>(size - end.size());
  bool made = descriptor_ >= 0 && ::ftruncate(descriptor_, static_cast<off_t>(size)) == 0;
  for (size_t at = 0; made && at < end.size();) {
    const ssize_t put = ::pwrite(descriptor_, end.data() + at, end.size() - at, begin + static_cast<off_t>(at));
    if (put > 0) at += static_cast<size_t>(put);
    made = put > 0;
  }
  if (made) return;
  const std::error_code error = last_error();
  if (descriptor_ >= 0) ::close(descriptor_);
  fail_system(error, "a file's end cannot be kept in memory: {}");
}

FileEnd::~FileEnd() { ::close(descriptor_); }

std::filesystem::path FileEnd::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

uint64_t footer_bytes(std::string_view end) {
  if (end.size() < 8 || !end.ends_with("PAR1")) return 0;
  uint64_t length = 0;
  for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(end[end.size() - 5 - i]);
  return length + 8;
}

}  // namespace tekio
