// The file is unlinked as soon as it is open, so that nothing of what was piped stays behind, however the process ends.
#include "data/standard_input.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/system_error.h"

namespace tekio {
namespace {

std::unique_ptr<AtomicFile> spool() {
  if (::isatty(STDIN_FILENO) == 1) note("reading text from the terminal, a row a line; Ctrl-D ends it");
  const char* chosen = std::getenv("TMPDIR");
  auto file = std::make_unique<AtomicFile>(
      AtomicFile::Nameless{chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp"});  // /tmp may be memory
  std::vector<char> buffer(size_t{256} << 10);
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_system(last_error(), "cannot read standard input: {}");
    if (got == 0) break;
    file->write(std::string_view(buffer.data(), static_cast<size_t>(got)));
  }
  file->commit();
  return file;
}

}  // namespace

bool is_standard_input(const std::string& spec) { return spec == "-" || spec == "/dev/stdin"; }

fs::path spooled_standard_input() {
  static const std::unique_ptr<AtomicFile> file = spool();
  return file->path();
}

}  // namespace tekio
