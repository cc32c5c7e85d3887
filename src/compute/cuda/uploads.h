// What the host hands over to work that waits in the queue: written into pinned memory now, fetched by the device in
// one go before the work is run. Where a step hands over as much as another, everything lies where it lay then.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "compute/cuda/device_buffer.h"

namespace tekio::cuda {

class Uploads {
 public:
  Uploads() = default;
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  /// A copy of `bytes` on the device, once the queue is run, with room for `room` bytes; what was handed over since the
  /// last send() and is the same is not sent twice: many verbs name a step's offsets and rows.
  const void* add(const void* data, int64_t bytes, int64_t room);
  /// Has the stream fetch all of it, before what is queued there next. The next add() begins anew.
  void send(cudaStream_t stream);
  /// Forgets what was not sent.
  void clear();

 private:
  struct Segment {
    explicit Segment(int64_t size);
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    DeviceBuffer there;
    char* pinned[2] = {nullptr, nullptr};  // in turns: the device may still fetch the one
    cudaEvent_t fetched[2] = {nullptr, nullptr};
    int64_t used = 0;
  };
  struct Sent {
    const char* here;
    const void* there;
    int64_t bytes, room;
  };
  std::deque<Segment> segments_;
  size_t segment_ = 0;  // the one that is being filled
  int turn_ = 0;
  std::vector<Sent> sent_;
};

}  // namespace tekio::cuda
