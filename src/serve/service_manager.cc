#include "serve/service_manager.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "base/environment.h"
#include "base/error.h"
#include "base/log.h"
#include "base/system_error.h"

namespace tekio::serve {
namespace {

constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};  // with a manager that takes nothing

/// An absolute path, or the name of an abstract socket behind an @. What went wrong; empty: nothing.
std::string send(const std::string& place, std::string_view state) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool is_abstract = place.starts_with('@');
  if ((!is_abstract && !place.starts_with('/')) || place.size() > sizeof address.sun_path)
    return "expected a path or @NAME of at most 108 bytes";
  place.copy(address.sun_path, place.size());
  if (is_abstract) address.sun_path[0] = '\0';
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return last_error().message();
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  ssize_t sent = -1;
  do
    sent = ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                    static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + place.size()));
  while (sent < 0 && errno == EINTR);
  const std::string problem = sent < 0 ? last_error().message() : "";
  ::close(socket);
  return problem;
}

}  // namespace

void tell_service_manager(std::string_view state) {
  const std::string place = environment("NOTIFY_SOCKET");
  if (place.empty()) return;
  if (const std::string problem = send(place, state); !problem.empty())
    warn(fmt::format("the service manager at NOTIFY_SOCKET={} was not told {}: {}", printable(place, 200),
                     printable(std::string(state.substr(0, state.find('\n')))), problem));
}

}  // namespace tekio::serve
