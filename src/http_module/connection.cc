#include "http_module/connection.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tekio::http {
namespace {

using std::chrono::milliseconds;

constexpr size_t kReadAhead = 16 << 10;
constexpr uint64_t kChunkOverhead = 8;  // a body in pieces of a byte has six bytes for each
constexpr uint64_t kChunkLines = 64 << 10;
constexpr milliseconds kOnItsWay{100};

}  // namespace

Connection::Connection(int socket, const Limits& limits, const Bell& bell, std::function<bool()> is_wanted)
    : socket_(socket), limits_(limits), bell_(bell), is_wanted_(std::move(is_wanted)) {}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

bool Connection::is_ready(short events, Clock::time_point deadline) const {
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    pollfd wanted{.fd = socket_, .events = events, .revents = 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<int64_t>(0, left)));
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    return false;
  }
}

bool Connection::wait_for_request(const std::atomic<bool>& is_end) {
  is_answering_ = false;
  if (at_ == buffer_.size()) {
    pollfd both[] = {{.fd = socket_, .events = POLLIN, .revents = 0},
                     {.fd = bell_.descriptor(), .events = POLLIN, .revents = 0}};
    int ready = -1;
    do ready = ::poll(both, 2, static_cast<int>(limits_.idle.count()));
    while (ready < 0 && errno == EINTR);
    if (both[0].revents == 0) {
      if (ready <= 0) return false;
      gives_way_ = !is_end;
      if (gives_way_ || !is_ready(POLLIN, Clock::now() + kOnItsWay)) return false;
    }
  }
  begin_time();
  head_ = {};
  return true;
}

void Connection::begin_time() {
  is_hurried_ = is_late_ = false;
  request_deadline_ = Clock::now() + limits_.request;
}

bool Connection::read_head() {
  for (char byte = 0; !head_.has_ended();)
    if (take(&byte, 1) != 1 || !head_.take(byte)) return false;
  return true;
}

bool Connection::has_more() {
  while (!is_hurried_) {
    const auto left = std::chrono::duration_cast<milliseconds>(request_deadline_ - Clock::now()).count();
    pollfd both[] = {{.fd = socket_, .events = POLLIN, .revents = 0},
                     {.fd = bell_.descriptor(), .events = POLLIN, .revents = 0}};
    const int ready = ::poll(both, 2, static_cast<int>(std::max<int64_t>(0, left)));
    if (ready > 0 && both[0].revents != 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (ready < 0) continue;
    if (ready == 0) break;
    is_hurried_ = true;
    request_deadline_ = std::min(request_deadline_, Clock::now() + limits_.hurry);
  }
  is_late_ = !is_ready(POLLIN, request_deadline_);
  return !is_late_;
}

void Connection::begin_body(std::string head) {
  shown_ = std::move(head);
  chunks_.reset();
  if (!head_.values("transfer-encoding").empty()) chunks_.emplace();
  is_bad_ = false;
  may_read_ = limits_.body * kChunkOverhead + kChunkLines;
}

void Connection::cut() const { ::shutdown(socket_, SHUT_RD); }

uint64_t Connection::waiting() const {
  int bytes = 0;
  return ::ioctl(socket_, FIONREAD, &bytes) == 0 ? static_cast<uint64_t>(bytes) : 0;
}

bool Connection::owes_answers() {
  if (!owed_) owed_ = received_ + waiting();
  return received_ - (buffer_.size() - at_) < *owed_;
}

bool Connection::takes_more() const {
  for (;;) {
    if (is_ready(POLLOUT, std::min(answer_deadline_, Clock::now() + limits_.hurry))) return true;
    if (Clock::now() >= answer_deadline_ || is_wanted_()) return false;
  }
}

bool Connection::has_left() const {
  pollfd asked{.fd = socket_, .events = POLLRDHUP, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

bool Connection::is_readable() const { return at_ < buffer_.size() || is_ready(POLLIN, request_deadline_); }

bool Connection::is_writable() const {
  return is_ready(POLLOUT, is_answering_ && !is_stream_ ? answer_deadline_ : Clock::now() + limits_.reply);
}

ssize_t Connection::read(char* bytes, size_t size) {
  is_answering_ = false;  // "100 Continue" was no answer
  if (!shown_.empty()) {
    const size_t taken = shown_.copy(bytes, size);
    shown_.erase(0, taken);
    return static_cast<ssize_t>(taken);
  }
  if (is_bad_) return -1;
  const ssize_t taken = take(bytes, std::min<uint64_t>(size, may_read_));
  if (taken <= 0) return taken;
  may_read_ -= static_cast<uint64_t>(taken);
  is_bad_ = may_read_ == 0 || (chunks_ && !chunks_->take({bytes, static_cast<size_t>(taken)}));
  return is_bad_ ? -1 : taken;  // httplib refuses by 400 what it cannot read to its end
}

ssize_t Connection::take(char* bytes, size_t size) {
  if (at_ == buffer_.size()) {
    if (!has_more()) return -1;
    buffer_.resize(kReadAhead);
    ssize_t got = -1;
    do got = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    buffer_.resize(static_cast<size_t>(std::max<ssize_t>(0, got)));
    at_ = 0;
    if (got <= 0) return got;
    received_ += static_cast<uint64_t>(got);
  }
  const size_t taken = buffer_.copy(bytes, size, at_);
  at_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t Connection::write(const char* bytes, size_t size) {
  if (!is_answering_ || is_stream_) answer_deadline_ = Clock::now() + limits_.reply;
  is_answering_ = true;
  size_t done = 0;
  while (done < size) {
    const ssize_t sent = ::send(socket_, bytes + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!takes_more()) return -1;
    } else if (!(sent < 0 && errno == EINTR)) {
      return -1;
    }
    if (Clock::now() > answer_deadline_) return -1;
  }
  return static_cast<ssize_t>(size);
}

// Who asks is nobody's business here: httplib only puts it into headers that are not read.
void Connection::get_remote_ip_and_port(std::string& ip, int& port) const { ip.clear(), port = 0; }
void Connection::get_local_ip_and_port(std::string& ip, int& port) const { ip.clear(), port = 0; }

}  // namespace tekio::http
