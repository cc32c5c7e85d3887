// A client of HTTP that sends whatever bytes a test wants, and reads replies.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace tekio::test {

struct HttpReply {
  int status = 0;                              ///< 0: the connection was closed without a whole reply
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

class HttpClient {
 public:
  explicit HttpClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~HttpClient() { ::close(socket_); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool is_connected() const { return is_connected_; }

  /// False: the other side has closed.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  /// A request with its body's length.
  bool send(std::string_view method, std::string_view path, std::string_view body,
            std::string_view headers = "") const {
    return send(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" + std::string(body));
  }

  /// The next reply, whose body has a length; `has_body`: false for what answers HEAD.
  HttpReply read(bool has_body = true) {
    HttpReply reply;
    size_t end = std::string::npos;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos)
      if (!receive()) return reply;
    parse_head(received_.substr(0, end), reply);
    received_.erase(0, end + 4);
    const size_t size = has_body ? std::stoul("0" + reply.headers["content-length"]) : 0;
    while (received_.size() < size)
      if (!receive()) return {};
    reply.body = received_.substr(0, size);
    received_.erase(0, size);
    return reply;
  }
  /// Reads until `text` has come; false: the connection ended before.
  bool read_until(std::string_view text) {
    while (received_.find(text) == std::string::npos)
      if (!receive()) return false;
    return true;
  }
  /// What comes until the other side closes.
  std::string read_to_end() {
    while (receive()) {}
    return received_;
  }
  bool closes_without_reply() { return read_to_end().empty() && is_at_end_; }

 private:
  static constexpr int kMostMilliseconds = 20'000;  // what takes so long never ends

  bool receive() {
    pollfd wanted{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::poll(&wanted, 1, kMostMilliseconds) <= 0) return false;
    char bytes[65536];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    is_at_end_ = got <= 0;
    if (got > 0) received_.append(bytes, static_cast<size_t>(got));
    return got > 0;
  }

  static void parse_head(const std::string& head, HttpReply& reply) {
    if (head.starts_with("HTTP/1.1 ")) reply.status = std::stoi(head.substr(9));
    for (size_t at = head.find("\r\n"); at != std::string::npos;) {
      const size_t end = std::min(head.find("\r\n", at + 2), head.size());
      const std::string line = head.substr(at + 2, end - at - 2);
      const size_t colon = line.find(": ");
      std::string name = line.substr(0, colon);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      if (colon != std::string::npos) reply.headers[name] = line.substr(colon + 2);
      at = end == head.size() ? std::string::npos : end;
    }
  }

  const int socket_;
  bool is_connected_ = false, is_at_end_ = false;
  std::string received_;
};

/// One request on a connection of its own.
inline HttpReply http_request(int port, std::string_view method, std::string_view path, std::string_view body = "",
                              std::string_view headers = "") {
  HttpClient client(port);
  client.send(method, path, body, headers);
  return client.read(method != "HEAD");
}

}  // namespace tekio::test
