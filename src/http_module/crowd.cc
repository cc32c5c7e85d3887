#include "http_module/crowd.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "http_module/framing.h"

namespace tekio::http {
namespace {

constexpr std::chrono::milliseconds kLookAgain{10};

}  // namespace

Crowd::~Crowd() {
  for (const Line& line : lines_)
    for (const Client& client : line) ::close(client.socket);
}

void Crowd::add(int socket) {
  of(Kind::silent).push_back({.socket = socket, .since = Clock::now()});
  ++new_;
}

size_t Crowd::size() const {
  size_t size = 0;
  for (const Line& line : lines_) size += line.size();
  return size;
}

int Crowd::next(Whose whose, std::chrono::milliseconds patience) {
  const Line& unread = of(Kind::waiting);
  const bool is_long = !unread.empty() && Clock::now() - unread.front().since >= patience;
  for (const Kind kind :
       {is_long ? Kind::waiting : Kind::whole, Kind::whole, Kind::waiting, Kind::slow, Kind::silent}) {
    const bool may = kind == Kind::whole || whose == Whose::any || (kind != Kind::silent && whose == Whose::begun);
    if (!may || of(kind).empty()) continue;
    next_ = kind;
    return of(kind).front().socket;
  }
  return -1;
}

void Crowd::pop() {
  of(next_).pop_front();
  new_ = std::min(new_, of(Kind::silent).size());
}

void Crowd::close_first(Kind kind) {
  ::close(of(kind).front().socket);
  of(kind).pop_front();
  new_ = std::min(new_, of(Kind::silent).size());
}

void Crowd::close_silent(std::chrono::milliseconds time) {
  const Clock::time_point latest = Clock::now() - time;
  while (!of(Kind::silent).empty() && of(Kind::silent).front().since <= latest) close_first(Kind::silent);
}

int Crowd::next_urgent() const {
  const Line& line = of(Kind::whole);
  const auto found = std::ranges::find_if(line, &Client::is_urgent);
  return found == line.end() ? -1 : found->socket;
}

void Crowd::pop_urgent() {
  Line& line = of(Kind::whole);
  line.erase(std::ranges::find_if(line, &Client::is_urgent));
}

bool Crowd::is_urgent(std::string_view request) const {
  for (const std::string_view method : {"GET ", "HEAD "})
    if (request.starts_with(method)) {
      const std::string_view rest = request.substr(method.size());
      return std::ranges::find(urgent_, rest.substr(0, rest.find_first_of(" ?"))) != urgent_.end();
    }
  return false;
}

/// Only looks. Something has come, or it has left.
Crowd::Kind Crowd::kind_of(Client& client) const {
  int come = 0;
  if (::ioctl(client.socket, FIONREAD, &come) != 0) return Kind::whole;  // what is wrong is found by who reads
  if (come > client.come && client.request.size() == 0) {
    thread_local std::vector<char> bytes(Head::kMost);
    const ssize_t got = ::recv(client.socket, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    const std::string_view sent(bytes.data(), static_cast<size_t>(std::max<ssize_t>(0, got)));
    client.request.look(sent);
    client.is_urgent = client.request.size() != 0 && is_urgent(client.request.begin(sent));
  }
  client.come = come;
  const uint64_t size = client.request.size();
  if (size == 0) return come == 0 ? Kind::silent : Kind::slow;
  if (static_cast<uint64_t>(come) >= size) return Kind::whole;
  return size > ComingRequest::kUnread ? Kind::waiting : Kind::slow;
}

/// Sorts the clients of a line from `first` on into those of their kinds.
void Crowd::look(Line& line, size_t first) {
  std::vector<pollfd> asked;
  for (size_t i = first; i < line.size(); ++i)
    asked.push_back({.fd = line[i].socket, .events = POLLIN | POLLRDHUP, .revents = 0});
  ::poll(asked.data(), asked.size(), 0);
  size_t kept = first;
  for (size_t i = first; i < line.size(); ++i) {
    Client client = line[i];
    const short found = asked[i - first].revents;
    const Kind kind = (found & ~POLLIN) != 0 ? Kind::whole : found != 0 ? kind_of(client) : Kind::silent;
    if (&of(kind) == &line)
      line[kept++] = client;
    else
      of(kind).push_back(client);
  }
  line.resize(kept);
}

void Crowd::sort() {
  const auto now = Clock::now();
  const bool looks_at_all = now - looked_ >= kLookAgain;
  if (looks_at_all) {
    looked_ = now;
    look(of(Kind::waiting), 0);
    look(of(Kind::slow), 0);
  }
  look(of(Kind::silent), looks_at_all ? 0 : of(Kind::silent).size() - new_);
  new_ = 0;
}

size_t Crowd::drop(size_t most, std::chrono::milliseconds time) {
  const Clock::time_point latest = Clock::now() - time;
  size_t dropped = 0;
  for (const Kind kind : {Kind::silent, Kind::slow, Kind::waiting})
    for (; dropped < most && !of(kind).empty() && of(kind).front().since <= latest; ++dropped) close_first(kind);
  return dropped;
}

}  // namespace tekio::http
