// The GPU as the back end uses it: one stream, on which everything happens in order; what the host hands over; scratch
// memory; and errors, each of which names the call that made it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "compute/memory.h"

namespace tekio::cuda {

/// What the runtime says of a kernel of this build: an error where it was built for other GPUs.
cudaError_t find_a_kernel();

/// Fails (kind device) unless `error` is success; `call` says what was done.
void check(cudaError_t error, const std::string& call);

/// How many GPUs this process sees. Errors (device): none that is usable.
int device_count();

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

class Device final : public Memory {
 public:
  /// The GPU of this number, among those that the process sees. Errors (device): it is not there, or not usable.
  explicit Device(int number);
  ~Device() override;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Makes it the calling thread's: CUDA has one for each thread, the first unless told otherwise.
  void make_current() const { check(cudaSetDevice(number_), "cudaSetDevice"); }
  /// Of the device, which is then the calling thread's.
  cudaStream_t stream() const {
    make_current();
    return stream_;
  }
  /// A name that no other GPU has.
  const std::string& uuid() const { return uuid_; }
  int multiprocessors() const { return multiprocessors_; }

  /// A copy of `values` on the device, for the kernels of one verb. What was handed over before and is the same, number
  /// by number, is not sent again: a step's offsets and rows travel once, though many verbs name them.
  template <typename T>
  const T* upload(std::span<const T> values) {
    return static_cast<const T*>(upload(values.data(), static_cast<int64_t>(values.size_bytes())));
  }
  /// At least so many bytes, on a 256-byte border, for the kernels of one verb.
  void* scratch(int64_t bytes);

  bool on_host() const override { return false; }
  void* allocate(int64_t bytes, const std::string& purpose) override;
  void free(void* memory) override;
  void write(void* to, const void* from_host, int64_t bytes) override;
  void read(void* to_host, const void* from, int64_t bytes) override;
  void zero(void* memory, int64_t bytes);
  void wait();

 private:
  class Sent;
  const void* upload(const void* data, int64_t bytes);

  int number_;
  std::string uuid_;
  cudaStream_t stream_ = nullptr;
  int multiprocessors_ = 0;
  std::vector<std::unique_ptr<Sent>> small_, large_;
  uint64_t uploads_ = 0;
  DeviceBuffer scratch_;
};

}  // namespace tekio::cuda
