// fork and exec by hand: posix_spawn cannot see to it that the child dies with its parent. Memory is the kernel's count
// for the child (wait4); it starts at what this process holds when it forks, which is little in a program that has
// not loaded a model.
#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"
#include "base/stopwatch.h"

namespace tekio::cli {
namespace {

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) fail(ErrorKind::io, "cannot make a pipe: {}", std::strerror(errno));
  }
  ~Pipe() { close_read(), close_write(); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { close_one(ends_[0]); }
  void close_write() { close_one(ends_[1]); }

 private:
  static void close_one(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }
  int ends_[2] = {-1, -1};
};

// In the child, between fork and exec: system calls only. Ends in the program, or tells through `failure` why not.
[[noreturn]] void become(char* const* arguments, int out, int err, int failure) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0 && ::dup2(nothing, 0) == 0 && ::dup2(out, 1) == 1 && ::dup2(err, 2) == 2)
    ::execvp(arguments[0], arguments);
  const int code = errno;
  if (::write(failure, &code, sizeof code) < 0) ::_exit(126);
  ::_exit(127);
}

// Everything that both pipes give until their writers are gone.
void read_both(Pipe& out, Pipe& err, ProcessResult& result) {
  char block[1 << 14];
  while (out.read_end() >= 0 || err.read_end() >= 0) {
    pollfd waits[2] = {{out.read_end(), POLLIN, 0}, {err.read_end(), POLLIN, 0}};  // negative ones are skipped
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) return;
    for (int i = 0; i < 2; ++i) {
      if (waits[i].revents == 0) continue;
      const ssize_t got = ::read(waits[i].fd, block, sizeof block);
      if (got > 0)
        (i == 0 ? result.out : result.err).append(block, static_cast<size_t>(got));
      else if (got == 0 || errno != EINTR)
        i == 0 ? out.close_read() : err.close_read();
    }
  }
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments) {
  TEKIO_CHECK(!arguments.empty(), "no program");
  std::vector<std::string> texts = arguments;
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);

  Pipe out, err, failure;
  const Stopwatch watch;
  const pid_t child = ::fork();
  if (child < 0) fail(ErrorKind::io, "cannot start {}: {}", printable(arguments[0], 300), std::strerror(errno));
  if (child == 0) become(pointers.data(), out.write_end(), err.write_end(), failure.write_end());
  out.close_write();
  err.close_write();
  failure.close_write();

  ProcessResult result;
  read_both(out, err, result);
  int status = 0;
  rusage usage{};
  while (::wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {}
  result.seconds = watch.seconds();
  result.peak_mib = usage.ru_maxrss / 1024;  // Linux counts in KiB
  result.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  int code = 0;
  if (::read(failure.read_end(), &code, sizeof code) == sizeof code)
    fail(ErrorKind::io, "cannot start {}: {}", printable(arguments[0], 300), std::strerror(code));
  return result;
}

}  // namespace tekio::cli
