// The socket that clients connect to, and the bell that wakes who waits.
#pragma once

#include <string>

namespace tekio::http {

/// What threads that wait for their clients look at too: rung, it ends the waiting of those that are idle.
class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  void ring();
  void silence();
  /// Readable while it rings.
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

class Listener {
 public:
  Listener() = default;
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Takes the address and listens. False: `problem` says why not.
  bool bind(const std::string& host, int port, std::string& problem);
  int port() const { return port_; }
  /// Of 127.0.0.0/8, or ::1.
  bool is_loopback() const { return is_loopback_; }
  int socket() const { return socket_; }
  /// The next client's socket; -1: none is there, or it cannot be had just now, as errno says.
  int accept();
  /// Waits until `bell` rings or, with `for_clients`, a client is there; with `briefly` for 10 ms at most.
  void wait(const Bell& bell, bool for_clients, bool briefly) const;
  void close();

 private:
  int socket_ = -1, port_ = 0;
  bool is_loopback_ = false;
};

}  // namespace tekio::http
