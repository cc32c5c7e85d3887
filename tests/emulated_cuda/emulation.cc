// Fibers, memory and copies of the emulated device.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "cuda_runtime.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

// void tekio_switch_stack(void** from, void* to): leaves what a call must keep on this stack, remembers where in *from,
// and goes on where `to` was left. The C library's swapcontext() does that too, with two system calls each time.
extern "C" void tekio_switch_stack(void** from, void* to);
asm(R"(
.text
.globl tekio_switch_stack
.type tekio_switch_stack, @function
tekio_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size tekio_switch_stack, .-tekio_switch_stack
)");

// What a stream is to do; and, of each other stream of its device, how much of it this one comes after.
struct EmulatedStream {
  int device = 0;
  uint64_t queued = 0;
  std::deque<std::function<bool()>> work;
  std::map<EmulatedStream*, uint64_t> after;
};
struct EmulatedEvent {
  struct Record {
    EmulatedStream* stream;
    uint64_t queued;
    bool has_come = false;
  };
  std::shared_ptr<Record> record;  // the last; none: it has come
};

namespace {

constexpr size_t kStack = 256 << 10, kPage = 4096;
constexpr size_t kSharedMemory = 227 << 10, kSharedMemoryUnasked = 48 << 10;  // of Hopper
constexpr int kWarp = 32;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "emulated CUDA: %s (block %u %u %u, thread %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z,
               threadIdx.x);
  std::abort();
}

// ---- memory ----

struct Memory {
  struct Piece {
    size_t mapped;  // bytes
    int device;
  };
  std::map<char*, Piece> pieces;  // by where they begin
  int at_work = 0;
  void protect(int rights) const {
    for (const auto& [begin, piece] : pieces)
      if (mprotect(begin, piece.mapped, rights) != 0) die("mprotect failed");
  }
};
Memory memory;

// ---- threads of a block ----

/// Threads that wait for each other.
struct Meeting {
  int members = 0, arrived = 0;
  uint64_t round = 0;
};

struct Fiber {
  std::unique_ptr<char[]> stack{new char[kStack]};
  void* top = nullptr;  // of its stack, where it was left
  dim3 index;
  bool done = false;

  /// To begin at `entry` when it is next switched to.
  void begin(void (*entry)()) {
    auto* words = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(stack.get() + kStack) / 16 * 16);
    *--words = nullptr;  // where a caller's address would stand: entry() never returns
    *--words = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i) *--words = nullptr;  // the registers that the switch brings back
    top = words;
  }
};

struct Block {
  std::vector<std::unique_ptr<Fiber>> fibers;  // kept from block to block
  std::vector<Meeting> warps;
  std::vector<std::array<std::array<char, 16>, kWarp>> posts;  // what lanes exchange
  Meeting all;
  void* scheduler = nullptr;
  const std::function<void()>* thread = nullptr;
  size_t running = 0;
  bool moved = false;  // whether any thread came further in this turn of all
  std::vector<unsigned char> shared;
};
Block block;

Fiber& self() { return *block.fibers[block.running]; }
void give_way() { tekio_switch_stack(&self().top, block.scheduler); }

void meet(Meeting& meeting) {
  const uint64_t round = meeting.round;
  if (++meeting.arrived == meeting.members) {
    meeting.arrived = 0;
    ++meeting.round;
    block.moved = true;
    return;
  }
  while (meeting.round == round) give_way();
  block.moved = true;
}

void run_fiber() {
  (*block.thread)();
  self().done = true;
  block.moved = true;
  // A thread that ended no longer counts among those that the others wait for, as on the device.
  for (Meeting* meeting : {&block.all, &block.warps[block.running / kWarp]}) {
    --meeting->members;
    if (meeting->members > 0 && meeting->arrived == meeting->members) {
      meeting->arrived = 0;
      ++meeting->round;
    }
  }
  give_way();
}

void run_block(size_t threads) {
  while (block.fibers.size() < threads) block.fibers.push_back(std::make_unique<Fiber>());
  block.all = {static_cast<int>(threads)};
  block.warps.assign((threads + kWarp - 1) / kWarp, {});
  block.posts.resize(block.warps.size());
  std::fill(block.shared.begin(), block.shared.end(), 0xFF);  // NaN, as float and as bf16
  for (size_t t = 0; t < threads; ++t) {
    Fiber& fiber = *block.fibers[t];
    ++block.warps[t / kWarp].members;
    fiber.index = dim3(static_cast<unsigned>(t));
    fiber.done = false;
    fiber.begin(run_fiber);
  }
  for (size_t left = threads; left > 0;) {
    block.moved = false;
    left = 0;
    for (block.running = 0; block.running < threads; ++block.running) {
      if (self().done) continue;
      threadIdx = self().index;
      tekio_switch_stack(&block.scheduler, self().top);
      left += self().done ? 0 : 1;
    }
    if (left > 0 && !block.moved) die("threads wait for others that never come");
  }
}

// ---- streams ----

std::recursive_mutex calls;
std::set<EmulatedStream*> streams;
thread_local int current_device = 0;

EmulatedStream& stream_of(cudaStream_t stream) {
  static EmulatedStream of_all;
  return stream != nullptr ? *stream : of_all;
}

void go_on(EmulatedStream& stream) {
  while (!stream.work.empty() && stream.work.front()()) stream.work.pop_front();
}

/// Looks at the stream until what `has_come` asks for is there.
template <typename HasCome>
void look_until(EmulatedStream& stream, const HasCome& has_come) {
  for (;; std::this_thread::sleep_for(std::chrono::microseconds(20))) {
    const EmulatedCall call;
    go_on(stream);
    if (has_come()) return;
  }
}

std::map<const void*, int> allowed_shared_memory;
cudaError_t failure = cudaSuccess;
struct {
  int count = 1, major = 9;  // below 0: the driver is too old
  size_t free = size_t{80} << 30;
} device;

}  // namespace

EmulatedCall::EmulatedCall() { calls.lock(); }
EmulatedCall::~EmulatedCall() { calls.unlock(); }

EmulatedDeviceAtWork::EmulatedDeviceAtWork() {
  if (memory.at_work++ == 0) memory.protect(PROT_READ | PROT_WRITE);
}
EmulatedDeviceAtWork::~EmulatedDeviceAtWork() {
  if (--memory.at_work == 0) memory.protect(PROT_NONE);
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
  }
  return "an unknown error";
}
const char* cudaGetErrorString(cudaError_t error) { return error == cudaSuccess ? "no error" : "an emulated error"; }
cudaError_t cudaGetDeviceCount(int* count) {
  *count = device.count;
  return device.count >= 0 ? cudaSuccess : cudaErrorInsufficientDriver;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 12040;
  return cudaSuccess;
}
void emulated_device(int count, int major, size_t free_bytes) { device = {count, major, free_bytes}; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  *properties = {};
  std::strcpy(properties->name, "emulated");
  properties->uuid.bytes[15] = static_cast<char>(number + 1);
  properties->major = device.major;
  properties->multiProcessorCount = 3;  // few, so that persistent blocks go round more than once
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int number) {
  if (number < 0 || number >= std::max(1, device.count)) return cudaErrorInvalidDevice;
  current_device = number;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const EmulatedCall call;
  *stream = new EmulatedStream{current_device, 0, {}, {}};
  streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const EmulatedCall call;
  if (stream == nullptr) return cudaErrorInvalidValue;
  if (!stream->work.empty()) die("a stream was destroyed that is at work");
  streams.erase(stream);
  for (EmulatedStream* other : streams) other->after.erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  look_until(stream_of(stream), [&] { return stream_of(stream).work.empty(); });
  return failure;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new EmulatedEvent;
  return failure;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const EmulatedCall call;
  EmulatedStream& of = stream_of(stream);
  event->record = std::make_shared<EmulatedEvent::Record>(EmulatedEvent::Record{&of, of.queued});
  emulated_queue(stream, [record = event->record] { return record->has_come = true; });
  return failure;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  // What has come may be of a stream that is gone.
  if (event->record && !event->record->has_come)
    look_until(*event->record->stream, [&] { return event->record->has_come; });
  return failure;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const EmulatedCall call;
  if (failure != cudaSuccess || !event->record) return failure;
  if (!event->record->has_come) go_on(*event->record->stream);
  return event->record->has_come ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const EmulatedCall call;
  if (failure != cudaSuccess || !event->record) return failure;
  const auto& record = event->record;
  if (record->has_come && !streams.contains(record->stream)) return cudaSuccess;
  uint64_t& after = stream_of(stream).after[record->stream];
  after = std::max(after, record->queued);
  emulated_queue(stream, [record] {
    if (!record->has_come) go_on(*record->stream);
    return record->has_come;
  });
  return cudaSuccess;
}
void emulated_work(cudaStream_t stream, std::function<void()> work) {
  const EmulatedCall call;
  ++stream_of(stream).queued;
  emulated_queue(stream, [work = std::move(work)] {
    work();
    return true;
  });
}
void emulated_queue(cudaStream_t stream, std::function<bool()> work) {
  const EmulatedCall call;
  EmulatedStream& in = stream_of(stream);
  go_on(in);
  if (!in.work.empty() || !work()) in.work.push_back(std::move(work));
}
void emulated_require_order(cudaStream_t stream) {
  const EmulatedCall call;
  for (EmulatedStream* other : streams)
    if (other != stream && other->device == stream->device && stream->after[other] < other->queued)
      die("a stream does not wait for what its numbers come from");
}
cudaError_t cudaMallocHost(void** pinned, size_t bytes) {
  *pinned = std::malloc(bytes);
  return *pinned != nullptr ? failure : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* pinned) {
  std::free(pinned);
  return cudaSuccess;
}
void emulated_fail(cudaError_t error) { failure = error; }
void emulated_check_border(const void* address, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) die("an address that is on no border");
}

cudaError_t cudaMalloc(void** result, size_t bytes) {
  const EmulatedCall call;
  if (bytes > device.free) return cudaErrorMemoryAllocation;
  const size_t mapped = (bytes + kPage - 1) / kPage * kPage + kPage;  // never empty
  void* begin = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) return cudaErrorMemoryAllocation;
  mprotect(begin, mapped, PROT_READ | PROT_WRITE);
  // Unset memory is NaN; of large pieces their beginning, since to protect pages that nobody touches costs nothing.
  std::memset(begin, 0xFF, std::min(bytes, size_t{1} << 20));
  if (memory.at_work == 0) mprotect(begin, mapped, PROT_NONE);
  memory.pieces[static_cast<char*>(begin)] = {mapped, current_device};
  *result = begin;
  return cudaSuccess;
}
// Waits for all that its device was asked for, as CUDA does.
cudaError_t cudaFree(void* begin) {
  if (begin == nullptr) return cudaSuccess;
  for (;; std::this_thread::sleep_for(std::chrono::microseconds(20))) {
    const EmulatedCall call;
    const auto piece = memory.pieces.find(static_cast<char*>(begin));
    if (piece == memory.pieces.end()) return cudaErrorInvalidValue;
    const auto is_at_work = [&](EmulatedStream* stream) {
      if (stream->device == piece->second.device) go_on(*stream);
      return stream->device == piece->second.device && !stream->work.empty();
    };
    if (std::ranges::none_of(streams, is_at_work)) break;
  }
  const EmulatedCall call;
  const auto piece = memory.pieces.find(static_cast<char*>(begin));
  munmap(begin, piece->second.mapped);
  memory.pieces.erase(piece);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = device.free;
  *total = size_t{80} << 30;
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  const EmulatedCall call;
  if (failure != cudaSuccess) return failure;
  emulated_work(stream, [=] {
    const EmulatedDeviceAtWork at_work;
    if (bytes > 0) std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const EmulatedCall call;
  emulated_work(stream, [=] {
    const EmulatedDeviceAtWork at_work;
    if (bytes > 0) std::memset(to, value, bytes);
  });
  return cudaSuccess;
}

cudaError_t emulated_allow_shared_memory(const void* kernel, int bytes) {
  const EmulatedCall call;
  if (bytes < 0 || static_cast<size_t>(bytes) > kSharedMemory) return cudaErrorInvalidValue;
  allowed_shared_memory[kernel] = bytes;
  return cudaSuccess;
}

namespace {

void run_grid(const cudaLaunchConfig_t& config, const std::function<void()>& thread) {
  const EmulatedDeviceAtWork at_work;
  block.thread = &thread;
  block.shared.resize(config.dynamicSmemBytes);
  blockDim = config.blockDim;
  gridDim = config.gridDim;
  for (unsigned z = 0; z < gridDim.z; ++z)
    for (unsigned y = 0; y < gridDim.y; ++y)
      for (unsigned x = 0; x < gridDim.x; ++x) {
        blockIdx = dim3(x, y, z);
        run_block(blockDim.x);
      }
}

}  // namespace

cudaError_t emulated_launch(const cudaLaunchConfig_t& config, const void* kernel, const std::function<void()>& thread) {
  const EmulatedCall call;
  const dim3 grid = config.gridDim;
  const size_t threads = size_t{config.blockDim.x} * config.blockDim.y * config.blockDim.z;
  const auto allowed = allowed_shared_memory.find(kernel);
  const size_t most =
      allowed == allowed_shared_memory.end() ? kSharedMemoryUnasked : static_cast<size_t>(allowed->second);
  if (threads == 0 || threads > 1024 || config.blockDim.y != 1 || config.blockDim.z != 1 || grid.x == 0 ||
      grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 ||
      config.dynamicSmemBytes > std::max(most, kSharedMemoryUnasked))
    return cudaErrorInvalidValue;
  if (config.stream != nullptr && config.stream->device != current_device) return cudaErrorInvalidDevice;
  if (failure != cudaSuccess) return failure;
  emulated_work(config.stream, [=] { run_grid(config, thread); });
  return cudaSuccess;
}

unsigned char* emulated_shared_memory() { return block.shared.data(); }
void __syncthreads() { meet(block.all); }
int __syncthreads_or(int own) {
  static int any;
  meet(block.all);
  any = 0;
  meet(block.all);
  any |= own;
  meet(block.all);
  return any != 0 ? 1 : 0;
}
int emulated_lane() { return static_cast<int>(threadIdx.x % kWarp); }
void __syncwarp(unsigned) { meet(block.warps[block.running / kWarp]); }
void emulated_exchange(void* to, const void* own, size_t bytes, int from) {
  const size_t warp = block.running / kWarp;
  const auto lane = static_cast<size_t>(emulated_lane());
  if (bytes > 16) die("too much to exchange");
  std::memcpy(block.posts[warp][lane].data(), own, bytes);
  __syncwarp();
  std::memcpy(to, block.posts[warp][static_cast<size_t>(from)].data(), bytes);
  __syncwarp();
}

namespace {
struct Operands {
  uint32_t a[4], b[2];
};
std::vector<std::array<Operands, kWarp>> operands;  // of each warp
float half_of(uint32_t pair, int upper) {
  return std::bit_cast<float>((upper != 0 ? pair >> 16 : pair & 0xFFFF) << 16);
}
}  // namespace

void emulated_mma_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const size_t warp = block.running / kWarp;
  if (operands.size() < block.warps.size()) operands.resize(block.warps.size());
  const int lane = emulated_lane();
  operands[warp][static_cast<size_t>(lane)] = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  __syncwarp();
  const auto& all = operands[warp];
  for (int i = 0; i < 4; ++i) {
    // c0, c1: row lane/4; c2, c3: eight rows below; columns 2 (lane%4) and the next.
    const int row = lane / 4 + (i >= 2 ? 8 : 0), column = 2 * (lane % 4) + i % 2;
    for (int k = 0; k < 16; ++k) {
      // a0: rows 0-7, k 0-7; a1: rows 8-15, k 0-7; a2, a3: the same of k 8-15. Lane 4 row + (k%8)/2 has each pair.
      const Operands& left = all[static_cast<size_t>(4 * (row % 8) + k % 8 / 2)];
      const Operands& right = all[static_cast<size_t>(4 * column + k % 8 / 2)];
      d[i] += half_of(left.a[row / 8 + 2 * (k / 8)], k % 2) * half_of(right.b[k / 8], k % 2);
    }
  }
  __syncwarp();
}
