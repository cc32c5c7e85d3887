// A copy on the device, which goes to the host on a stream of its own.
#pragma once

#include <cuda_runtime.h>

#include "compute/cuda/device.h"
#include "compute/cuda/device_buffer.h"
#include "compute/memory.h"

namespace tekio::cuda {

class DeviceSnapshot final : public Snapshot {
 public:
  /// Errors (device): there is no room. The device must outlive it.
  DeviceSnapshot(Device& device, int64_t bytes);
  ~DeviceSnapshot() override;

  void take(const void* from) override;
  void read(void* to_host) override;

 private:
  Device& device_;
  DeviceBuffer copy_;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t taken_ = nullptr;
};

}  // namespace tekio::cuda
