#include "compute/cuda/device.h"

#include <algorithm>
#include <cstring>

namespace tekio::cuda {
namespace {

// A step hands over some ten arrays; twice that many are remembered, so that evaluation between steps drives none out.
constexpr size_t kRemembered = 24;

}  // namespace

void check(cudaError_t error, const std::string& call) {
  if (error == cudaSuccess) return;
  fail(ErrorKind::device, "the GPU failed at {}: {} ({})", call, cudaGetErrorString(error), cudaGetErrorName(error));
}

DeviceBuffer::DeviceBuffer(int64_t bytes, const std::string& purpose) : bytes_(bytes) {
  const cudaError_t error = cudaMalloc(&memory_, static_cast<size_t>(bytes));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // else the next launch would report it again
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail(ErrorKind::device,
         "{} needs {} of the GPU's memory, but only {} of {} are free: use a smaller batch, shorter sequences or a "
         "smaller model",
         purpose, size_text(bytes), size_text(static_cast<int64_t>(free)), size_text(static_cast<int64_t>(total)));
  }
  check(error, "cudaMalloc for " + purpose);
}

Device::Device() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0)
    fail(ErrorKind::device, "there is no usable NVIDIA GPU ({}): use --device cpu",
         error == cudaSuccess ? "none was found" : cudaGetErrorString(error));
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  name_ = properties.name;
  if (properties.major < 9)
    fail(ErrorKind::device,
         "the GPU, {}, has compute capability {}.{}; this build is for 9.0 and later: use --device cpu",
         printable(name_), properties.major, properties.minor);
  multiprocessors_ = properties.multiProcessorCount;
  most_shared_memory_ = static_cast<int64_t>(properties.sharedMemPerBlockOptin);
  check(cudaSetDevice(0), "cudaSetDevice");
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  sent_.reserve(kRemembered);
}

Device::~Device() {
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

const void* Device::upload(const void* data, int64_t bytes) {
  ++uploads_;
  for (Sent& sent : sent_) {
    if (static_cast<int64_t>(sent.bytes.size()) != bytes ||
        (bytes > 0 && std::memcmp(sent.bytes.data(), data, static_cast<size_t>(bytes)) != 0))
      continue;
    sent.used = uploads_;
    return sent.buffer.data();
  }
  if (sent_.size() < kRemembered) sent_.emplace_back();
  Sent& oldest = *std::ranges::min_element(sent_, {}, &Sent::used);
  oldest.used = uploads_;
  const auto* begin = static_cast<const char*>(data);
  oldest.bytes.assign(begin, begin + bytes);
  if (oldest.buffer.bytes() < bytes || oldest.buffer.data() == nullptr) {
    wait();  // kernels may still read what is given back
    oldest.buffer = DeviceBuffer(std::max<int64_t>(bytes + bytes / 4, 256), "what a step is told");
  }
  // From pageable memory: the call returns when the bytes have been taken.
  check(cudaMemcpyAsync(oldest.buffer.data(), data, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_),
        "the upload of a batch");
  return oldest.buffer.data();
}

void* Device::scratch(int64_t bytes) {
  if (scratch_.bytes() < bytes) {
    wait();
    scratch_ = {};
    scratch_ = DeviceBuffer(bytes + bytes / 4, "scratch");
  }
  return scratch_.data();
}

void* Device::allocate(int64_t bytes, const std::string& purpose) {
  DeviceBuffer buffer(bytes, purpose);
  zero(buffer.data(), bytes);
  return buffer.release();
}

void Device::free(void* memory) {
  wait();  // kernels may still work on it
  cudaFree(memory);
}

void Device::read(void* to_host, const void* from, int64_t bytes) {
  check(cudaMemcpyAsync(to_host, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_),
        "a copy to the host");
  wait();
}

void Device::write(void* to, const void* from_host, int64_t bytes) {
  check(cudaMemcpyAsync(to, from_host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_),
        "a copy from the host");
  wait();
}

void Device::zero(void* memory, int64_t bytes) {
  check(cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), stream_), "cudaMemset");
}

void Device::wait() { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize: a kernel queued before it"); }

}  // namespace tekio::cuda
