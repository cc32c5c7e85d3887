#include "http_module/workers.h"

#include <csignal>
#include <system_error>
#include <utility>

namespace tekio::http {

Workers::Workers(size_t most, std::function<void(int)> serve, std::function<void()> on_free)
    : most_(most), serve_(std::move(serve)), on_free_(std::move(on_free)) {}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  given_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Workers::give(int socket) {
  {
    const std::lock_guard lock(mutex_);
    if (free_ > 0) {
      --free_;
    } else {
      if (threads_.size() >= most_) return false;
      try {
        threads_.emplace_back([this] { work(); });
      } catch (const std::system_error&) {  // the system has no more of them: those there are must do
        if (threads_.empty()) throw;
        return false;
      }
    }
    sockets_.push_back(socket);
  }
  given_.notify_one();
  return true;
}

void Workers::work() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the program's
  std::unique_lock lock(mutex_);
  for (;;) {
    given_.wait(lock, [&] { return ends_ || !sockets_.empty(); });
    if (sockets_.empty()) return;
    const int socket = sockets_.front();
    sockets_.pop_front();
    lock.unlock();
    serve_(socket);
    lock.lock();
    ++free_;
    on_free_();
  }
}

}  // namespace tekio::http
