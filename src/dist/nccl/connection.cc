#include "dist/nccl/connection.h"

#include <sched.h>

#include <utility>

#include "base/error.h"
#include "base/no_signals.h"

namespace tekio::nccl {

void Patience::pause() {
  if (++looks_ < 1000)
    ::sched_yield();
  else
    std::this_thread::sleep_for(std::chrono::microseconds(50));
}

void Connection::open(const UniqueId& id) {
  watch_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  {
    const std::lock_guard lock(mutex_);
    Config config;
    check(functions().init(&comm_, ranks_.size(), id, ranks_.rank(), &config), "ncclCommInitRankConfig");
  }
  settle("ncclCommInitRankConfig");
}

void Connection::close() {
  {
    const std::lock_guard lock(mutex_);
    check(functions().finalize(opened()), "ncclCommFinalize");
  }
  settle("ncclCommFinalize");
  const std::lock_guard lock(mutex_);
  functions().destroy(std::exchange(comm_, nullptr));
}

void Connection::abort() noexcept {
  const std::lock_guard lock(mutex_);
  if (comm_ != nullptr) functions().abort(std::exchange(comm_, nullptr));
}

bool Connection::is_open() const {
  const std::lock_guard lock(mutex_);
  return comm_ != nullptr;
}

void Connection::check(Result result, const char* call) const {
  if (result == Result::success || result == Result::in_progress) return;
  const char* const more = functions().last_error(comm_);
  std::string text = fmt::format("{} at {}", printable(functions().error_text(result)), call);
  if (more != nullptr && *more != '\0') text += fmt::format(" ({})", printable(more, 200));
  throw Failure{result, std::move(text)};
}

bool Connection::is_in_progress(const char* call) const {
  const std::lock_guard lock(mutex_);
  Result result = Result::success;
  check(functions().async_error(opened(), &result), call);
  check(result, call);
  return result == Result::in_progress;
}

void Connection::be_patient(const char* what, const Patience& patience) const {
  ranks_.check();
  if (limit_ > 0 && patience.seconds() > limit_)
    throw Failure{Result::system_error, fmt::format("no answer to {} for {:.0f} s", what, limit_), true};
}

void Connection::watch(const std::stop_token& stop) {
  take_no_signals();
  while (!stop.stop_requested()) {
    try {
      ranks_.check();
    } catch (const Error&) {  // told by whoever computes, once it is let go
      return abort();
    }
    std::unique_lock lock(mutex_);
    pause_.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
  }
}

}  // namespace tekio::nccl
