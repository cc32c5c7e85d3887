// Where tensors live. The processor's own memory is one kind; a device's is another, which the processor must not
// touch: what it wants there, and from there, goes through write() and read().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tekio {

/// What verbs came to, on the host.
using Results = std::shared_ptr<const std::vector<double>>;

/// Room for a copy of numbers in the memory where they are, for whoever wants them as they were while back ends go on.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  /// Takes the numbers as they stand after all that back ends were asked for before; `from` may change at once. What
  /// was taken before must have been read.
  virtual void take(const void* from) = 0;
  /// Brings what was taken to the host's memory, from any thread, while back ends go on.
  virtual void read(void* to_host) = 0;
};

/// Where a back end's tensors live, and the ways in and out.
class Memory {
 public:
  virtual ~Memory() = default;
  /// Whether the processor may read and write it.
  virtual bool on_host() const = 0;
  /// `bytes` (above 0) of zeros on a 64-byte border, to be given back by free(). Errors (device): memory is not to be
  /// had; the message names `purpose`, the size asked for and what is free.
  virtual void* allocate(int64_t bytes, const std::string& purpose) = 0;
  virtual void free(void* memory) = 0;
  /// Copies from the host's memory into this one, after all that back ends were asked for before; done on return.
  virtual void write(void* to, const void* from_host, int64_t bytes) = 0;
  /// Copies from this memory into the host's, likewise.
  virtual void read(void* to_host, const void* from, int64_t bytes) = 0;
  /// Results as they stand after all that back ends were asked for before, but nobody waits for them: they are there
  /// when the back end's wait() has returned.
  virtual Results read_later(const double* from, int64_t count) {
    auto results = std::make_shared<std::vector<double>>(static_cast<size_t>(count));
    read(results->data(), from, count * static_cast<int64_t>(sizeof(double)));
    return results;
  }
  /// For so many bytes (above 0); nullptr where there is no room, or reading takes no longer than that.
  virtual std::unique_ptr<Snapshot> make_snapshot([[maybe_unused]] int64_t bytes) { return nullptr; }
  /// Has a device begin with all that back ends were asked for before, which else it may put off until somebody waits
  /// or reads: for who goes on beside it, in the midst of a step.
  virtual void submit() {}
};

/// The processor's own.
Memory& host_memory();

}  // namespace tekio
