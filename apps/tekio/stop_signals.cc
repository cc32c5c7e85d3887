// The handlers touch lock-free atomics and write(2) only.
#include "stop_signals.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "terminal.h"
#include "terminal_log.h"

namespace tekio::cli {
namespace {

std::atomic<int> signal_received{0};
std::atomic<RunPhase> phase_now{RunPhase::starting};
std::atomic<int64_t> updates_done{0};
std::atomic<bool> on_terminal{false};
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<RunPhase>::is_always_lock_free);

/// A text that grows within a handler: no memory is asked for.
class Text {
 public:
  Text& operator<<(const char* more) {
    while (*more != 0 && size_ < sizeof bytes_) bytes_[size_++] = *more++;
    return *this;
  }
  Text& operator<<(int64_t number) {
    char digits[26];
    size_t count = 0;
    for (int place = 1; place == 1 || number > 0; ++place, number /= 10) {
      digits[count++] = static_cast<char>('0' + number % 10);
      if (place % 3 == 0 && number >= 10) digits[count++] = ',';
    }
    while (count > 0 && size_ < sizeof bytes_) bytes_[size_++] = digits[--count];
    return *this;
  }
  void write_out() const {
    if (::write(2, bytes_, size_) < 0) return;  // nobody is there to read it
  }

 private:
  char bytes_[256];
  size_t size_ = 0;
};

/// Two lines that fit 40 columns: they are not broken here.
void answer(int number) {
  if (is_quiet()) return;
  const int64_t step = updates_done;
  Text text;
  if (on_terminal) text << "\r\033[K";  // a bar, or the ^C that the terminal shows
  switch (phase_now.load()) {
    case RunPhase::starting:
      text << " stopping: there is nothing to save yet\n";
      break;
    case RunPhase::updating:
      text << " stopping once update " << step + 1 << " is saved\n";
      break;
    case RunPhase::evaluating:
      if (step > 0)
        text << " stopping: saved as of update " << step << "\n";
      else
        text << " stopping: there is nothing to save yet\n";
      break;
    case RunPhase::finishing:
      text << " finishing: the model is being saved\n";
      break;
  }
  if (number == SIGINT) text << " Ctrl-C again quits without saving\n";
  if (number == SIGTERM) text << " SIGTERM again quits without saving\n";
  text.write_out();
}

void remember(int number) {
  const int error = errno;
  int none = 0;
  const bool first = signal_received.compare_exchange_strong(none, number);
  if (first || number != SIGHUP) answer(number);
  errno = error;
}

void handle(int number, void (*handler)(int), int flags, struct sigaction& before) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, &before);
}

}  // namespace

StopSignals::StopSignals() {
  signal_received = 0;
  on_terminal = is_terminal(2);
  updates_done = 0;
  phase_now = RunPhase::starting;
  // SA_RESETHAND: the second of a kind finds the default again. SA_RESTART: system calls under way go on.
  constexpr int kKept = SA_ONSTACK | SA_RESTART, kOnce = kKept | static_cast<int>(SA_RESETHAND);
  handle(SIGINT, remember, kOnce, interrupt_);
  handle(SIGTERM, remember, kOnce, terminate_);
  sigaction(SIGHUP, nullptr, &hang_up_);
  if (hang_up_.sa_handler != SIG_IGN) handle(SIGHUP, remember, kKept, hang_up_);  // nohup
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
  sigaction(SIGHUP, &hang_up_, nullptr);
}

int StopSignals::received() { return signal_received; }

void StopSignals::stop(TrainingOptions& options) {
  options.should_stop = received;
  options.on_phase = [](RunPhase phase, int64_t step) {
    phase_now = phase;
    updates_done = step;
  };
}

}  // namespace tekio::cli
