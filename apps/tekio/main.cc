// The process's own business: descriptors, signals, the last error sentence. Everything else is run_program's.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "bus_error.h"
#include "command.h"

namespace {

// A closed 0, 1 or 2 would be given to the next file opened, and results would end up in it. A closed standard output
// is held by a descriptor that refuses writes, so that losing a result is still an error.
void hold_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0)
      ::open("/dev/null", descriptor == 1 ? O_RDONLY : O_RDWR);  // the lowest free number: this one
}

// Outside a training run (which saves first) there is nothing to keep: the exit code is all.
void leave(int signal) { ::_exit(128 + signal); }

}  // namespace

int main(int count, char** texts) {
  hold_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a write error like any other
  ::signal(SIGXFSZ, SIG_IGN);  // so is a file that reached its size limit
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;  // nohup and background jobs of a shell
    action.sa_handler = leave;
    ::sigaction(signal, &action, nullptr);
  }
  tekio::cli::report_lost_mapped_files();
  tekio::cli::Output out;
  return tekio::cli::run_program({texts + (count > 0 ? 1 : 0), texts + count}, out);
}
