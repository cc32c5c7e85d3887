// Memory of the GPU's, and errors of its calls.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>
#include <utility>

namespace tekio::cuda {

/// Fails (kind device) unless `error` is success; `call` says what was done.
void check(cudaError_t error, const std::string& call);

/// Memory of the device's own, given back when it goes.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(int64_t bytes, const std::string& purpose);
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceBuffer() { cudaFree(memory_); }
  void* data() const { return memory_; }
  int64_t bytes() const { return bytes_; }
  /// Hands the memory over: whoever takes it gives it back by cudaFree().
  void* release() { return std::exchange(memory_, nullptr); }

 private:
  void* memory_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace tekio::cuda
