#include "http_module/workers.h"

#include <csignal>
#include <system_error>
#include <utility>

namespace tekio::http {

Workers::Workers(size_t most, std::function<void()> on_free) : most_(most), on_free_(std::move(on_free)) {}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  given_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Workers::give(std::function<void()> serve) {
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
    clients_.push_back(std::move(serve));
  }
  given_.notify_one();
  return true;
}

size_t Workers::busy() const {
  const std::lock_guard lock(mutex_);
  return threads_.size() - free_;
}

void Workers::work() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the program's
  std::unique_lock lock(mutex_);
  for (;;) {
    given_.wait(lock, [&] { return ends_ || !clients_.empty(); });
    if (clients_.empty()) return;
    const std::function<void()> serve = std::move(clients_.front());
    clients_.pop_front();
    lock.unlock();
    serve();
    lock.lock();
    ++free_;
    on_free_();
  }
}

}  // namespace tekio::http
