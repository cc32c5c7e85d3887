// The two streams of a device: one on which everything happens in order, and one beside it, for work that has time.
#pragma once

#include <cuda_runtime.h>

namespace tekio::cuda {

class Streams {
 public:
  /// On the calling thread's device. Errors: device.
  Streams();
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  cudaStream_t in_order() const { return in_order_; }
  cudaStream_t beside() const { return beside_; }
  /// What the one beside is given from here on comes after all that the other was given. Errors: device.
  void fork() const;
  /// And the other way round. A stream that is captured must be joined before its end. Errors: device.
  void join() const;

 private:
  cudaStream_t in_order_ = nullptr, beside_ = nullptr;
  cudaEvent_t forked_ = nullptr, joined_ = nullptr;
};

}  // namespace tekio::cuda
