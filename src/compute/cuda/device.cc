#include "compute/cuda/device.h"

#include <algorithm>
#include <cstring>

#include "base/environment.h"
#include "base/log.h"
#include "compute/cuda/snapshot.h"

namespace tekio::cuda {
namespace {

constexpr int64_t kMostPinned = 1 << 19;  // numbers that are read later, until somebody waits

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
         "smaller model, or --device cpu",
         purpose, bytes_text(static_cast<uint64_t>(bytes)), bytes_text(free), bytes_text(total));
  }
  check(error, "cudaMalloc for " + purpose);
}

namespace {

// Why the runtime sees no GPU.
std::string why_none(cudaError_t error) {
  if (error == cudaSuccess) return "none was found";
  int driver = 0;
  if (error != cudaErrorInsufficientDriver || cudaDriverGetVersion(&driver) != cudaSuccess)
    return cudaGetErrorString(error);
  if (driver == 0) return "no NVIDIA driver is installed";
  return fmt::format("the driver knows CUDA {}.{}, this build needs {}: update the driver", driver / 1000,
                     driver / 10 % 100, CUDART_VERSION / 1000);
}

}  // namespace

int device_count() {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess || count == 0)
    fail(ErrorKind::device, "there is no usable NVIDIA GPU ({}): use --device cpu", why_none(error));
  return count;
}

Device::Device(int number) : number_(number), works_beside_(environment("TEKIO_CUDA_ONE_STREAM").empty()) {
  const int count = device_count();
  if (number >= count)
    fail(ErrorKind::device, "there is no GPU {}: this process sees {}, numbered from 0; use --device cuda", number,
         counted(count, "GPU"));
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, number), "cudaGetDeviceProperties");
  const std::string name = printable(properties.name);
  if (properties.major < 9)
    fail(ErrorKind::device,
         "the GPU, {}, has compute capability {}.{}; this build is for 9.0 and later: use --device cpu", name,
         properties.major, properties.minor);
  for (const char byte : properties.uuid.bytes) uuid_ += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  make_current();
  if (const cudaError_t missing = find_a_kernel(); missing != cudaSuccess)
    fail(ErrorKind::device,
         "this build has no kernels for the GPU, {} of compute capability {}.{} ({}): use --device cpu", name,
         properties.major, properties.minor, cudaGetErrorString(missing));
  multiprocessors_ = properties.multiProcessorCount;
  streams_.emplace();
}

Device::~Device() {
  cudaStreamSynchronize(stream());
  cudaFreeHost(pinned_);
}

void Device::announce(const Use& use) {
  if (use.memory == nullptr) return;
  const auto* const begin = static_cast<const char*>(use.memory);
  const bool is_in_the_way = std::ranges::any_of(beside_, [&](const Use& other) {
    const auto* const its = static_cast<const char*>(other.memory);
    return (use.writes || other.writes) && begin < its + other.bytes && its < begin + use.bytes;
  });
  if (!is_in_the_way) return;
  queue_.join();
  beside_.clear();
}

void* Device::scratch(int64_t bytes) {
  if (scratch_.bytes() < bytes) {
    make_current();
    outgrown_.push_back(std::exchange(scratch_, DeviceBuffer(bytes + bytes / 4, "scratch")));
  }
  return scratch_.data();
}

const void* Device::upload(const void* data, int64_t bytes, int64_t room) {
  make_current();
  return uploads_.add(data, bytes, room);
}

/// The device is then the calling thread's.
void Device::run_queue(Queue::Way way) {
  make_current();
  beside_.clear();
  try {
    uploads_.send(stream());
    queue_.run(*streams_, way);
  } catch (...) {
    uploads_.clear();
    queue_.clear();
    throw;
  }
}

void* Device::allocate(int64_t bytes, const std::string& purpose) {
  make_current();
  DeviceBuffer buffer(bytes, purpose);
  zero(buffer.data(), bytes);
  return buffer.release();
}

void Device::free(void* memory) {
  try {
    run_queue();            // what is queued may name it
  } catch (const Error&) {  // a failed kernel is told of by whoever waits
  }
  cudaStreamSynchronize(stream());
  cudaFree(memory);
}

void Device::read(void* to_host, const void* from, int64_t bytes) {
  run_queue();
  check(cudaMemcpyAsync(to_host, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream()),
        "a copy to the host");
  wait();
}

Results Device::read_later(const double* from, int64_t count) {
  if (count > kMostPinned) return Memory::read_later(from, count);
  if (pinned_used_ + count > kMostPinned) wait();
  run_queue();
  const auto size = static_cast<size_t>(count);
  if (pinned_ == nullptr)
    check(cudaMallocHost(reinterpret_cast<void**>(&pinned_), kMostPinned * sizeof(double)), "cudaMallocHost");
  check(cudaMemcpyAsync(pinned_ + pinned_used_, from, size * sizeof(double), cudaMemcpyDeviceToHost, stream()),
        "a copy to the host");
  reads_.push_back({std::make_shared<std::vector<double>>(size), pinned_used_});
  pinned_used_ += count;
  return reads_.back().to;
}

std::unique_ptr<Snapshot> Device::make_snapshot(int64_t bytes) {
  make_current();
  try {
    return std::make_unique<DeviceSnapshot>(*this, bytes);
  } catch (const Error&) {  // what is worse than no room is told of by whoever needs the device
    return nullptr;
  }
}

void Device::write(void* to, const void* from_host, int64_t bytes) {
  run_queue();
  check(cudaMemcpyAsync(to, from_host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream()),
        "a copy from the host");
  wait();
}

void Device::zero(void* memory, int64_t bytes) {
  const auto set = [memory, bytes](cudaStream_t stream) {
    check(cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), stream), "cudaMemset");
  };
  queue(set, "zero", memory, bytes);
}

void Device::wait() {
  const std::vector<Read> reads = std::exchange(reads_, {});
  pinned_used_ = 0;
  run_queue();
  check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize: a kernel queued before it");
  outgrown_.clear();
  for (const auto& [to, begin] : reads) std::copy_n(pinned_ + begin, to->size(), to->begin());
}

}  // namespace tekio::cuda
