#include "http_module/crowd.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace tekio::http {
namespace {

constexpr size_t kLook = 16 << 10;  // who has sent so much of a request is not slow

/// Of a head in lower case; empty: there is no such header.
std::string_view header(std::string_view head, std::string_view name) {
  const size_t begin = head.find(name);
  if (begin == std::string_view::npos) return "";
  const std::string_view rest = head.substr(begin + name.size());
  const std::string_view value = rest.substr(0, rest.find('\r'));
  return value.substr(std::min(value.find_first_not_of(' '), value.size()));
}

/// Only looks. What is no HTTP counts as whole where it ends as a head does: it is refused quickly.
bool has_whole_request(int socket) {
  char bytes[kLook];
  const ssize_t got = ::recv(socket, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  if (got == 0 || got == static_cast<ssize_t>(kLook)) return true;  // has left; or much has come
  if (got < 0) return false;
  const std::string_view sent(bytes, static_cast<size_t>(got));
  const size_t end = sent.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  std::string head(sent.substr(0, end));
  std::ranges::transform(head, head.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  if (!header(head, "\r\nexpect:").empty()) return true;  // waits to be told to go on
  if (!header(head, "\r\ntransfer-encoding:").empty()) return sent.ends_with("\r\n0\r\n\r\n");
  const std::string_view length = header(head, "\r\ncontent-length:");
  uint64_t body = 0;
  std::from_chars(length.data(), length.data() + length.size(), body);
  return sent.size() - (end + 4) >= body;
}

}  // namespace

Crowd::~Crowd() {
  for (const Client& client : clients_) ::close(client.socket);
}

void Crowd::sort() {
  if (clients_.size() < 2) return;
  const auto first = clients_.begin() + static_cast<std::ptrdiff_t>(whole_);  // those in front stay so
  const auto last = std::stable_partition(first, clients_.end(),
                                          [](const Client& client) { return has_whole_request(client.socket); });
  whole_ = static_cast<size_t>(last - clients_.begin());
}

void Crowd::pop() {
  clients_.pop_front();
  whole_ -= whole_ > 0;
}

size_t Crowd::drop(size_t most, std::chrono::milliseconds time) {
  const Clock::time_point latest = Clock::now() - time;
  size_t dropped = 0;
  while (dropped < most && whole_ + dropped < clients_.size() && clients_[whole_ + dropped].since <= latest)
    ::close(clients_[whole_ + dropped++].socket);
  const auto first = clients_.begin() + static_cast<std::ptrdiff_t>(whole_);
  clients_.erase(first, first + static_cast<std::ptrdiff_t>(dropped));
  return dropped;
}

}  // namespace tekio::http
