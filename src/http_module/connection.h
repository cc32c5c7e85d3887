// A client's connection as cpp-httplib reads and writes it, with limits that it has not: a whole request must have come
// within a time and a size, and a whole answer been taken within a time, however slowly bytes drip.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "http_module/framing.h"
#include "http_module/listener.h"
#include "http_module/module.h"

namespace tekio::http {

class Connection final : public httplib::Stream {
 public:
  /// Closes the socket in the end. `bell`: rings where who is idle has to leave. `is_wanted`: whether others wait for
  /// what an answer that is not taken holds up.
  Connection(int socket, const Limits& limits, const Bell& bell, std::function<bool()> is_wanted);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Waits for a further request. False: none came, or the other side has closed. At the bell it gives way, where this
  /// is not yet the server's end: then a request may be on its way, and has a moment.
  bool wait_for_request(const std::atomic<bool>& is_end);
  /// It could wait for a request as well without a thread.
  bool gives_way() const { return gives_way_; }
  /// Hands the socket over.
  int release() { return std::exchange(socket_, -1); }
  /// Reads the request's head. False: it did not come wholly, or is not plain.
  bool read_head();
  /// As far as it was read.
  const Head& head() const { return head_; }
  /// What is read from now on: `head`, in place of the one that came, and then the request's body.
  void begin_body(std::string head);
  /// What is left of the request has its whole time from now on.
  void begin_time();
  /// The request did not come in time.
  bool is_late() const { return is_late_; }
  /// Ends the coming of a request. From any thread.
  void cut() const;
  /// What is written from now on is a stream: each piece has its own time.
  void begin_stream() { is_stream_ = true; }
  /// Something has come that was not read. From the thread that reads.
  bool has_unread() const { return at_ < buffer_.size() || waiting() > 0; }
  /// Something is left of what had come when this was first asked.
  bool owes_answers();

  /// The client has closed its end, or both. From any thread, while this one neither reads nor writes.
  bool has_left() const;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* bytes, size_t size) override;
  ssize_t write(const char* bytes, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  /// Only compared with the most that select() takes, which is not used here.
  socket_t socket() const override { return 0; }

 private:
  using Clock = std::chrono::steady_clock;
  /// Some of the request's bytes, as they come.
  ssize_t take(char* bytes, size_t size);
  /// Waits for bytes of the request, until its deadline, which comes nearer once the bell rings.
  bool has_more();
  /// Waits until the client takes more of its answer.
  bool takes_more() const;
  /// Bytes that have come, beside those that were read ahead.
  uint64_t waiting() const;
  /// Waits until the socket is ready for `events` or broken, at most until `deadline`.
  bool is_ready(short events, Clock::time_point deadline) const;

  int socket_;
  const Limits limits_;
  const Bell& bell_;
  const std::function<bool()> is_wanted_;
  Clock::time_point request_deadline_, answer_deadline_;
  uint64_t may_read_ = 0;         // bytes of this request's body
  uint64_t received_ = 0;         // of all
  std::optional<uint64_t> owed_;  // of all that had come when that was first asked
  bool gives_way_ = false, is_hurried_ = false, is_late_ = false, is_answering_ = false, is_stream_ = false;
  Head head_;
  std::string shown_;  // in place of the head, as far as it was not read
  std::optional<Chunks> chunks_;
  bool is_bad_ = false;  // these are not plain
  std::string buffer_;   // read ahead
  size_t at_ = 0;
};

}  // namespace tekio::http
