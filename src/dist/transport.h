// Messages between ranks. Nothing here waits: messages are begun, and poll() says which of them are done. One thread
// makes, uses and destroys a transport.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tekio {

/// All functions may throw an Error of kind comms.
class Transport {
 public:
  static constexpr int kAnyRank = -1;

  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Ranks of equal machines reach each other without a network. Empty: the machine that this process runs on.
  virtual std::string machine() const { return ""; }

  /// Begins to send to another rank. `bytes` stay as they are until it is done. Messages to one rank under one tag (0
  /// to 32,767) are received in the order in which they were sent. Tickets are the caller's.
  virtual void send(int to, int tag, std::span<const std::byte> bytes, uint64_t ticket) = 0;
  /// Begins to receive a message of at most room.size() bytes.
  virtual void receive(int from, int tag, std::span<std::byte> room, uint64_t ticket) = 0;

  struct Done {
    uint64_t ticket;
    size_t bytes;  ///< that were received
  };
  /// Adds what was done since to `done`.
  virtual void poll(std::vector<Done>& done) = 0;

  /// An orderly end, which all ranks come to at once with nothing under way. A transport that is destroyed without it
  /// leaves the others alone with what they wait for.
  virtual void finish() = 0;
  /// Gives up what is under way: no memory is touched any more, and only abort() may follow.
  virtual void leave() {}
  /// Ends all processes of the launch at once with this exit code. May not return.
  virtual void abort(int code) = 0;
};

using OpenTransport = std::function<std::unique_ptr<Transport>()>;

}  // namespace tekio
