// All of this runs in a signal handler: it asks for no memory, takes no lock, and uses system calls alone. Which file
// it was is found in /proc/self/maps, by the address that could not be read.
#include "bus_error.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace tekio::cli {
namespace {

/// A text of fixed room; what does not fit is dropped.
class FixedText {
 public:
  void add(char c) {
    if (size_ < sizeof bytes_) bytes_[size_++] = c;
  }
  void add(std::string_view text) {
    for (const char c : text) add(c);
  }
  void clear() { size_ = 0; }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  char bytes_[4096];
  size_t size_ = 0;
};

/// One character after the other of a file, 0 at its end.
class Characters {
 public:
  explicit Characters(int descriptor) : descriptor_(descriptor) {}
  char next() {
    if (at_ == end_) {
      const ssize_t got = ::read(descriptor_, block_, sizeof block_);
      if (got <= 0) return 0;
      at_ = 0;
      end_ = static_cast<size_t>(got);
    }
    return block_[at_++];
  }

 private:
  int descriptor_;
  char block_[1024];
  size_t at_ = 0, end_ = 0;
};

/// A hexadecimal number and the character behind it.
uintptr_t number(Characters& from) {
  uintptr_t value = 0;
  for (char c = from.next();; c = from.next()) {
    if (c >= '0' && c <= '9')
      value = value * 16 + static_cast<uintptr_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value * 16 + static_cast<uintptr_t>(c - 'a' + 10);
    else
      return value;
  }
}

/// The file that is mapped at `address`; empty if none is. A line: BEGIN-END PERMISSIONS OFFSET DEVICE INODE PATH.
void find_mapped_file(uintptr_t address, FixedText& path) {
  Characters maps(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  for (;;) {
    const uintptr_t begin = number(maps), end = number(maps);
    path.clear();
    char c = maps.next();
    while (c != 0 && c != '\n' && c != '/') c = maps.next();
    for (; c != 0 && c != '\n'; c = maps.next()) path.add(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c);
    if (address >= begin && address < end) return;
    if (c == 0) return path.clear();
  }
}

void report_lost_file(int signal, siginfo_t* info, void*) {
  static std::atomic_flag reporting = ATOMIC_FLAG_INIT;
  FixedText path;
  if (info->si_code == BUS_ADRERR) find_mapped_file(reinterpret_cast<uintptr_t>(info->si_addr), path);
  if (path.view().empty()) {  // a bug: end as without this handler, where the signal is raised again
    ::signal(signal, SIG_DFL);
    return;
  }
  while (reporting.test_and_set()) ::pause();  // another thread met the same, and is about to end the program
  FixedText text;
  text.add("tekio: cannot read ");
  text.add(path.view().substr(0, 3000));
  text.add(": it was cut short, or its disk failed, while it was read; run again when nothing writes to it\n");
  [[maybe_unused]] const ssize_t written = ::write(2, text.view().data(), text.view().size());
  ::_exit(exit_code(ErrorKind::io));
}

}  // namespace

void report_lost_mapped_files() {
  struct sigaction action {};
  action.sa_sigaction = report_lost_file;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace tekio::cli
