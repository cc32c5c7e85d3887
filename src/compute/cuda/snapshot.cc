#include "compute/cuda/snapshot.h"

namespace tekio::cuda {

DeviceSnapshot::DeviceSnapshot(Device& device, int64_t bytes) : device_(device), copy_(bytes, "a checkpoint's copy") {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  check(cudaEventCreateWithFlags(&taken_, cudaEventDisableTiming), "cudaEventCreate");
}

DeviceSnapshot::~DeviceSnapshot() {
  if (taken_ != nullptr) cudaEventDestroy(taken_);
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
}

void DeviceSnapshot::take(const void* from) {
  device_.submit();
  check(cudaMemcpyAsync(copy_.data(), from, static_cast<size_t>(copy_.bytes()), cudaMemcpyDeviceToDevice,
                        device_.stream()),
        "a copy on the device");
  check(cudaEventRecord(taken_, device_.stream()), "cudaEventRecord");
}

void DeviceSnapshot::read(void* to_host) {
  device_.make_current();
  check(cudaStreamWaitEvent(stream_, taken_, 0), "cudaStreamWaitEvent");
  check(cudaMemcpyAsync(to_host, copy_.data(), static_cast<size_t>(copy_.bytes()), cudaMemcpyDeviceToHost, stream_),
        "a copy to the host");
  check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize: a copy to the host");
}

}  // namespace tekio::cuda
