#include "base/no_signals.h"

#include <signal.h>

#include <initializer_list>

namespace tekio {

void take_no_signals() {
  sigset_t outside;
  sigfillset(&outside);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&outside, own);
  pthread_sigmask(SIG_BLOCK, &outside, nullptr);
}

}  // namespace tekio
