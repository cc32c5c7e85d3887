#include "http_module/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>

namespace tekio::http {
namespace {

constexpr int kBacklog = 4096;  // connections that the kernel keeps until they are accepted

std::string message_of(int error) { return std::system_category().message(error); }

int port_of(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    const in6_addr& own = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&own);
  }
  return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

}  // namespace

Bell::Bell() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::system_category());
}

Bell::~Bell() { ::close(descriptor_); }

void Bell::ring() { ::eventfd_write(descriptor_, 1); }

void Bell::silence() {
  eventfd_t rung = 0;
  ::eventfd_read(descriptor_, &rung);
}

bool Listener::bind(const std::string& host, int port, std::string& problem) {
  addrinfo wanted{};
  wanted.ai_flags = AI_PASSIVE;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found); error != 0) {
    problem = error == EAI_SYSTEM ? message_of(errno) : ::gai_strerror(error);
    return false;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    socket_ = ::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, each->ai_protocol);
    if (socket_ < 0) {
      problem = message_of(errno);
      continue;
    }
    // So that a restart need not wait for the connections of the server before. Not SO_REUSEPORT, with which two
    // servers would share a port without knowing it.
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(socket_, each->ai_addr, each->ai_addrlen) == 0 && ::listen(socket_, kBacklog) == 0) {
      sockaddr_storage own{};
      socklen_t size = sizeof own;
      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size);
      port_ = port_of(own);
      is_loopback_ = http::is_loopback(own);
      return true;
    }
    problem = message_of(errno);
    close();
  }
  return false;
}

int Listener::accept() {
  int client = -1;
  do client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  while (client < 0 && (errno == EINTR || errno == ECONNABORTED));
  const int on = 1;  // a head and a body are two writes: the second must not wait for the first's receipt
  if (client >= 0) ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return client;
}

void Listener::wait(const Bell& bell, bool for_clients, bool briefly) const {
  pollfd both[] = {{.fd = bell.descriptor(), .events = POLLIN, .revents = 0},
                   {.fd = socket_, .events = POLLIN, .revents = 0}};
  ::poll(both, for_clients ? 2 : 1, briefly ? 10 : -1);
}

void Listener::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

}  // namespace tekio::http
