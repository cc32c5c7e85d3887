#include "http_module/farewells.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace tekio::http {
namespace {

constexpr std::chrono::milliseconds kTime{2'000};
constexpr uint64_t kBytes = 32 << 20;
constexpr size_t kAtOnce = 256 << 10;  // of one, before the next is looked at

}  // namespace

Farewells::~Farewells() {
  for (const Leaving& leaving : all_) ::close(leaving.socket);
}

void Farewells::add(int socket) {
  ::shutdown(socket, SHUT_WR);
  const std::lock_guard lock(mutex_);
  if (all_.size() >= most_) {
    ::close(all_.front().socket);
    all_.pop_front();
  }
  all_.push_back({.socket = socket, .until = Clock::now() + kTime, .bytes = kBytes});
}

bool Farewells::is_empty() const {
  const std::lock_guard lock(mutex_);
  return all_.empty();
}

bool Farewells::is_done(Leaving& leaving, Clock::time_point now) {
  thread_local std::vector<char> bytes(kAtOnce);
  const ssize_t got = ::recv(leaving.socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return now >= leaving.until;
  if (got <= 0 || static_cast<uint64_t>(got) >= leaving.bytes) return true;
  leaving.bytes -= static_cast<uint64_t>(got);
  return now >= leaving.until;
}

void Farewells::go_on() {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  std::erase_if(all_, [&](Leaving& leaving) {
    const bool ends = is_done(leaving, now);
    if (ends) ::close(leaving.socket);
    return ends;
  });
}

}  // namespace tekio::http
