#include "compute/cuda/device.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"

namespace tekio::cuda {
namespace {

// Some fifty small arrays are handed over in a step: offsets, rows, ids, lists of tokens. Large ones (long batches,
// drawn dropout decisions) are sent each time; a verb has at most four.
constexpr size_t kSmall = 96, kLarge = 4;
constexpr int64_t kMostSmall = 1 << 20;

}  // namespace

/// What was handed over: a copy in pinned memory, from which the device fetches it on its own, and one on the device.
class Device::Sent {
 public:
  uint64_t used = 0;  // when, counted in uploads

  Sent() { check(cudaEventCreateWithFlags(&fetched_, cudaEventDisableTiming), "cudaEventCreate"); }
  ~Sent() {
    cudaEventSynchronize(fetched_);
    cudaEventDestroy(fetched_);
    cudaFreeHost(pinned_);
  }
  Sent(const Sent&) = delete;
  Sent& operator=(const Sent&) = delete;

  bool holds(const void* data, int64_t bytes) const {
    return bytes == bytes_ && (bytes == 0 || std::memcmp(pinned_, data, static_cast<size_t>(bytes)) == 0);
  }
  void send(Device& device, const void* data, int64_t bytes) {
    bytes_ = -1;  // nothing, if this fails midway
    check(cudaEventSynchronize(fetched_), "cudaEventSynchronize");
    if (buffer_.bytes() < bytes || buffer_.data() == nullptr) {
      device.make_current();
      device.wait();  // kernels may still read what is given back
      const int64_t room = std::max<int64_t>(bytes + bytes / 4, 256);
      buffer_ = {};
      cudaFreeHost(std::exchange(pinned_, nullptr));
      check(cudaMallocHost(&pinned_, static_cast<size_t>(room)), "cudaMallocHost");
      buffer_ = DeviceBuffer(room, "what a step is told");
    }
    if (bytes > 0) std::memcpy(pinned_, data, static_cast<size_t>(bytes));
    check(cudaMemcpyAsync(buffer_.data(), pinned_, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, device.stream()),
          "the upload of a batch");
    check(cudaEventRecord(fetched_, device.stream()), "cudaEventRecord");
    bytes_ = bytes;
  }
  const void* data() const { return buffer_.data(); }

 private:
  cudaEvent_t fetched_ = nullptr;
  void* pinned_ = nullptr;
  DeviceBuffer buffer_;
  int64_t bytes_ = -1;
};

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

Device::Device(int number) : number_(number) {
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
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
}

Device::~Device() {
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

const void* Device::upload(const void* data, int64_t bytes) {
  ++uploads_;
  const bool small = bytes <= kMostSmall;
  auto& sent = small ? small_ : large_;
  Sent* slot = nullptr;
  if (small)
    for (const auto& candidate : sent)
      if (candidate->holds(data, bytes)) slot = candidate.get();
  if (slot == nullptr) {
    if (sent.size() < (small ? kSmall : kLarge)) sent.push_back(std::make_unique<Sent>());
    slot = std::ranges::min_element(sent, {}, [](const auto& one) { return one->used; })->get();
    slot->send(*this, data, bytes);
  }
  slot->used = uploads_;
  return slot->data();
}

void* Device::scratch(int64_t bytes) {
  if (scratch_.bytes() < bytes) {
    make_current();
    wait();
    scratch_ = {};
    scratch_ = DeviceBuffer(bytes + bytes / 4, "scratch");
  }
  return scratch_.data();
}

void* Device::allocate(int64_t bytes, const std::string& purpose) {
  make_current();
  DeviceBuffer buffer(bytes, purpose);
  zero(buffer.data(), bytes);
  return buffer.release();
}

void Device::free(void* memory) {
  cudaStreamSynchronize(stream_);  // kernels may still work on it; a failed one was told of by whoever waited
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
