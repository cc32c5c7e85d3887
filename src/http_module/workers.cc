#include "http_module/workers.h"

#include <csignal>
#include <system_error>
#include <utility>

namespace tekio::http {

Workers::Workers(size_t most, std::function<void(int)> serve, std::function<void(bool)> on_crowd)
    : most_(most), serve_(std::move(serve)), on_crowd_(std::move(on_crowd)) {}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  given_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::give(int socket) {
  std::unique_lock lock(mutex_);
  if (free_ == 0 && threads_.size() < most_) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {  // the system has no more of them: those there are must do
      if (threads_.empty()) throw;
    }
  }
  const bool is_crowded = free_ == 0 && threads_.size() >= most_;
  sockets_.push_back(socket);
  given_.notify_one();
  if (is_crowded) on_crowd_(true);
  freed_.wait(lock, [&] { return sockets_.empty(); });
  if (is_crowded) on_crowd_(false);
}

void Workers::work() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the program's
  std::unique_lock lock(mutex_);
  for (;;) {
    ++free_;
    given_.wait(lock, [&] { return ends_ || !sockets_.empty(); });
    --free_;
    if (sockets_.empty()) return;
    const int socket = sockets_.front();
    sockets_.pop_front();
    freed_.notify_all();
    lock.unlock();
    serve_(socket);
    lock.lock();
  }
}

}  // namespace tekio::http
