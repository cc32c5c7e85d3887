// The GPU as the back end uses it: a stream on which everything happens in order, after it was gathered in a queue, and
// one beside it; what the host hands over; scratch memory; and errors, each of which names the call that made it.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "compute/cuda/device_buffer.h"
#include "compute/cuda/queue.h"
#include "compute/cuda/streams.h"
#include "compute/cuda/uploads.h"
#include "compute/memory.h"

namespace tekio::cuda {

/// What the runtime says of a kernel of this build: an error where it was built for other GPUs.
cudaError_t find_a_kernel();

/// How many GPUs this process sees. Errors (device): none that is usable.
int device_count();

class Device final : public Memory {
 public:
  /// The GPU of this number, among those that the process sees. Errors (device): it is not there, or not usable.
  explicit Device(int number);
  ~Device() override;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Makes it the calling thread's: CUDA has one for each thread, the first unless told otherwise.
  void make_current() const { check(cudaSetDevice(number_), "cudaSetDevice"); }
  /// For who goes on behind what was submitted; see submit().
  cudaStream_t stream() const { return streams_->in_order(); }
  /// A name that no other GPU has.
  const std::string& uuid() const { return uuid_; }
  int multiprocessors() const { return multiprocessors_; }

  /// A copy of `values` on the device, for what one verb queues afterwards. `room`: how many there may be in another
  /// step; between the two, all bytes are 0xFF.
  template <typename T>
  const T* upload(std::span<const T> values, size_t room = 0) {
    const size_t most = std::max(room, values.size());
    return static_cast<const T*>(
        upload(values.data(), static_cast<int64_t>(values.size_bytes()), static_cast<int64_t>(most * sizeof(T))));
  }
  template <typename T>
  const T* upload_one(const T& value) {
    return upload(std::span<const T>(&value, 1));
  }
  /// At least so many bytes, on a 256-byte border, for what one verb queues afterwards, but for work beside.
  void* scratch(int64_t bytes);

  /// Queues work for the stream; see Queue::add().
  template <typename... Values>
  void queue(Queue::Work work, const Values&... identity) {
    queue_.add(std::move(work), identity...);
  }
  /// Memory that work reads, or writes.
  struct Use {
    const void* memory;
    int64_t bytes;
    bool writes;
  };
  /// Queues work that has time: it is done beside what is queued after it, until that is announced to need its memory.
  /// Its own uses are `uses`, all of them.
  template <typename... Values>
  void queue_beside(std::initializer_list<Use> uses, Queue::Work work, const Values&... identity) {
    if (!works_beside_) return queue(std::move(work), identity...);
    queue_.add_beside(std::move(work), identity...);
    beside_.insert(beside_.end(), uses);
  }
  /// What is queued next uses that memory.
  void announce(const Use& use);
  const Queue& queued() const { return queue_; }

  bool on_host() const override { return false; }
  void* allocate(int64_t bytes, const std::string& purpose) override;
  void free(void* memory) override;
  void write(void* to, const void* from_host, int64_t bytes) override;
  void read(void* to_host, const void* from, int64_t bytes) override;
  Results read_later(const double* from, int64_t count) override;
  std::unique_ptr<Snapshot> make_snapshot(int64_t bytes) override;
  /// Gives the stream all that was queued, launch by launch: what lies between two exchanges is not kept as a graph.
  /// The device is then the calling thread's.
  void submit() override { run_queue(Queue::Way::one_by_one); }
  void zero(void* memory, int64_t bytes);
  void wait();

 private:
  const void* upload(const void* data, int64_t bytes, int64_t room);
  void run_queue(Queue::Way way = Queue::Way::as_graphs);

  int number_;
  std::string uuid_;
  std::optional<Streams> streams_;
  int multiprocessors_ = 0;
  Uploads uploads_;
  Queue queue_;
  bool works_beside_;
  std::vector<Use> beside_;  // of work that nothing has waited for yet
  DeviceBuffer scratch_;
  std::vector<DeviceBuffer> outgrown_;  // scratch that queued work may still use
  /// What is being read lies in pinned memory until somebody waits.
  struct Read {
    std::shared_ptr<std::vector<double>> to;
    int64_t begin;
  };
  std::vector<Read> reads_;
  double* pinned_ = nullptr;
  int64_t pinned_used_ = 0;
};

}  // namespace tekio::cuda
