// The emulated devices, their memory, and kernels: a block's threads are fibers.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "streams.h"

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

constexpr size_t kStack = 256 << 10, kPage = 4096;
constexpr size_t kSharedMemory = 227 << 10, kSharedMemoryUnasked = 48 << 10;  // of Hopper
constexpr int kWarp = 32;

void emulated_die(const char* what) {
  std::fprintf(stderr, "emulated CUDA: %s (block %u %u %u, thread %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z,
               threadIdx.x);
  std::abort();
}

namespace {

// ---- memory ----

// One range of addresses, so that it is opened and closed in one call.
class Memory {
 public:
  // nullptr: there is no room.
  char* take(size_t bytes, int device) {
    const size_t whole = (bytes + kPage - 1) / kPage * kPage + kPage;  // never empty
    if (begin_ == nullptr) {
      void* const range = mmap(nullptr, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (range == MAP_FAILED) emulated_die("no range of addresses");
      begin_ = static_cast<char*>(range);
      free_[begin_] = kRange;
    }
    for (const auto& [at, size] : free_)
      if (size >= whole) {
        char* const piece = at;
        if (size > whole) free_[piece + whole] = size - whole;
        free_.erase(piece);
        taken_[piece] = {whole, device};
        end_ = std::max(end_, piece + whole);
        return piece;
      }
    return nullptr;
  }
  bool give_back(char* piece) {
    const auto found = taken_.find(piece);
    if (found == taken_.end()) return false;
    const size_t whole = found->second.size;
    madvise(piece, whole, MADV_DONTNEED);
    auto here = free_.insert({piece, whole}).first;
    taken_.erase(found);
    if (const auto next = std::next(here); next != free_.end() && here->first + here->second == next->first) {
      here->second += next->second;
      free_.erase(next);
    }
    if (here != free_.begin())
      if (const auto before = std::prev(here); before->first + before->second == here->first) {
        before->second += here->second;
        free_.erase(here);
      }
    return true;
  }
  // Of which device it is; none: not there.
  std::optional<int> device_of(const void* address) const {
    const auto* const at = static_cast<const char*>(address);
    const auto next = taken_.upper_bound(const_cast<char*>(at));
    if (next == taken_.begin()) return std::nullopt;
    const auto& [begin, piece] = *std::prev(next);
    return at < begin + piece.size ? std::optional(piece.device) : std::nullopt;
  }
  void open() {
    if (at_work_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--at_work_ == 0) protect(PROT_NONE);
  }

 private:
  static constexpr size_t kRange = size_t{64} << 30;
  void protect(int rights) const {
    if (end_ > begin_ && mprotect(begin_, static_cast<size_t>(end_ - begin_), rights) != 0)
      emulated_die("mprotect failed");
  }
  struct Taken {
    size_t size;
    int device;
  };
  char *begin_ = nullptr, *end_ = nullptr;  // the range, and where what was ever taken of it ends
  std::map<char*, size_t> free_;            // from where, bytes
  std::map<char*, Taken> taken_;
  int at_work_ = 0;
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
    if (left > 0 && !block.moved) emulated_die("threads wait for others that never come");
  }
}

std::map<std::pair<int, const void*>, int> allowed_shared_memory;  // by device and kernel
struct {
  int count = 1, major = 9;  // below 0: the driver is too old
  size_t free = size_t{80} << 30;
} device;

}  // namespace

EmulatedDeviceAtWork::EmulatedDeviceAtWork() { memory.open(); }
EmulatedDeviceAtWork::~EmulatedDeviceAtWork() { memory.close(); }

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
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureUnjoined:
      return "cudaErrorStreamCaptureUnjoined";
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
  emulated_current_device = number;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaMallocHost(void** pinned, size_t bytes) {
  *pinned = std::malloc(bytes);
  return *pinned != nullptr ? emulated_state() : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* pinned) {
  std::free(pinned);
  return cudaSuccess;
}
void emulated_check_border(const void* address, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) emulated_die("an address that is on no border");
}

cudaError_t cudaMalloc(void** result, size_t bytes) {
  const EmulatedCall call;
  if (emulated_state() == cudaErrorStreamCaptureUnsupported) return cudaErrorStreamCaptureUnsupported;
  if (bytes > device.free) return cudaErrorMemoryAllocation;
  char* const piece = memory.take(bytes, emulated_current_device);
  if (piece == nullptr) return cudaErrorMemoryAllocation;
  const EmulatedDeviceAtWork at_work;
  constexpr size_t kMost = 4 << 20;                  // more than tests look at: pages of workspaces are never touched
  std::memset(piece, 0xFF, std::min(bytes, kMost));  // unset memory is NaN
  *result = piece;
  return cudaSuccess;
}
// Waits for all that its device was asked for, as CUDA does.
cudaError_t cudaFree(void* begin) {
  if (begin == nullptr) return cudaSuccess;
  const auto owner = [&] {
    const EmulatedCall call;
    return memory.device_of(begin);
  };
  emulated_finish(owner());  // what still names it
  const EmulatedCall call;
  return memory.give_back(static_cast<char*>(begin)) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = device.free;
  *total = size_t{80} << 30;
  return cudaSuccess;
}
namespace {
// A stream's copies are of its own device's memory.
void require_memory(const void* at, size_t bytes, cudaStream_t stream) {
  const EmulatedCall call;
  if (bytes > 0 && memory.device_of(at) != emulated_device_of(stream))
    emulated_die("a copy of another device's memory");
}
}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (kind != cudaMemcpyDeviceToHost) require_memory(to, bytes, stream);
  if (kind != cudaMemcpyHostToDevice) require_memory(from, bytes, stream);
  return emulated_work(stream, [=] {
    if (bytes > 0) std::memcpy(to, from, bytes);
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  require_memory(to, bytes, stream);
  return emulated_work(stream, [=] {
    if (bytes > 0) std::memset(to, value, bytes);
  });
}

cudaError_t emulated_allow_shared_memory(const void* kernel, int bytes) {
  const EmulatedCall call;
  if (bytes < 0 || static_cast<size_t>(bytes) > kSharedMemory) return cudaErrorInvalidValue;
  allowed_shared_memory[{emulated_current_device, kernel}] = bytes;
  return cudaSuccess;
}

namespace {
void run_blocks(const cudaLaunchConfig_t& config, const std::function<void()>& thread) {
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

cudaError_t emulated_launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> thread) {
  const EmulatedCall call;
  const dim3 grid = config.gridDim;
  const size_t threads = size_t{config.blockDim.x} * config.blockDim.y * config.blockDim.z;
  const auto allowed = allowed_shared_memory.find({emulated_current_device, kernel});
  const size_t most =
      allowed == allowed_shared_memory.end() ? kSharedMemoryUnasked : static_cast<size_t>(allowed->second);
  if (threads == 0 || threads > 1024 || config.blockDim.y != 1 || config.blockDim.z != 1 || grid.x == 0 ||
      grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 ||
      config.dynamicSmemBytes > std::max(most, kSharedMemoryUnasked))
    return cudaErrorInvalidValue;
  return emulated_work(config.stream, [config, thread = std::move(thread)] { run_blocks(config, thread); });
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
  if (bytes > 16) emulated_die("too much to exchange");
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
