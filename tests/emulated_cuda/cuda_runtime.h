// CUDA's runtime as our back end uses it, carried out by the processor: kernels run block after block, a block's
// threads as fibers that take turns where they wait for each other. With this folder in front on the include path,
// src/compute/cuda/ compiles as plain C++, and its kernels' indexing, barriers and arithmetic are tested where there is
// no GPU. Device memory can be touched by kernels and copies only: anything else crashes. A barrier that not all
// threads reach, a shared array that is read before it is written (it holds NaN), a launch beyond a GPU's limits:
// errors here too. What it cannot show: races between threads that do not wait for each other, and speed.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define TEKIO_CUDA_EMULATED 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// Blocks run one after another, so one copy of a block's shared variables is enough.
#define __shared__ static

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorInvalidDevice = 101,
  cudaErrorNotReady = 600,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureUnjoined = 904
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount = 16, cudaDevAttrMaxSharedMemoryPerBlockOptin = 97 };
using cudaStream_t = struct EmulatedStream*;
using cudaEvent_t = struct EmulatedEvent*;
using cudaGraph_t = struct EmulatedGraph*;
using cudaGraphExec_t = struct EmulatedGraph*;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
constexpr unsigned cudaEventDisableTiming = 2;
struct cudaFuncAttributes {
  int numRegs;
};
constexpr unsigned cudaStreamNonBlocking = 1;

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}  // NOLINT: as CUDA's
};
struct cudaUUID_t {
  char bytes[16];
};
struct cudaDeviceProp {
  char name[256];
  cudaUUID_t uuid;
  int major, minor, multiProcessorCount;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  void* attrs = nullptr;
  unsigned numAttrs = 0;
};

const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDriverGetVersion(int* version);
constexpr int CUDART_VERSION = 13000;
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetLastError();
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaMalloc(void** memory, size_t bytes);
cudaError_t cudaMallocHost(void** memory, size_t bytes);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream);
cudaError_t emulated_allow_shared_memory(const void* kernel, int bytes);
template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel* kernel, cudaFuncAttribute, int bytes) {
  return emulated_allow_shared_memory(reinterpret_cast<const void*>(kernel), bytes);
}

/// What the stream is given is taken down, and what others are that wait for an event of its; each cudaGraphLaunch()
/// does it, in one order that events allow, and then in another. What waits for the device or allocates fails
/// meanwhile, and so does an end that does not wait for the others.
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);

template <typename Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes*, Kernel*) {
  return cudaSuccess;
}

/// From now on every call but those that give back fails so, as after a kernel that failed; cudaSuccess ends it.
void emulated_fail(cudaError_t error);
/// What there is from now on: how many devices, of which compute capability, with how much free memory.
void emulated_device(int count, int major, size_t free_bytes);
/// How many graphs were launched so far, and how much of their work was that of other streams than the one that
/// captured them; how many are there; whether capturing is refused from now on.
int emulated_graph_launches();
int emulated_pieces_beside();
int emulated_graphs();
void emulated_refuse_capture(bool refuse);
/// Ends the program where `address` is not a multiple of `bytes`.
void emulated_check_border(const void* address, size_t bytes);

/// Gives a stream of the calling thread's device what it is to do once somebody waits, or asks whether something is
/// done: a kernel's run, say, or a copy. All streams go on then, as devices do by themselves. A stream that is being
/// captured takes it down.
cudaError_t emulated_work(cudaStream_t stream, std::function<void()> work);
/// The same of what may have to wait itself: it is called until it is done. It cannot be captured.
cudaError_t emulated_queue(cudaStream_t stream, std::function<bool()> work);
/// Ends the program where a stream has not been told to wait for all that its device's others were given.
void emulated_require_order(cudaStream_t stream);

/// One thread at a time is in the emulated runtime.
class EmulatedCall {
 public:
  EmulatedCall();
  ~EmulatedCall();
  EmulatedCall(const EmulatedCall&) = delete;
  EmulatedCall& operator=(const EmulatedCall&) = delete;
};

/// Device memory can be read and written while one of these lives.
class EmulatedDeviceAtWork {
 public:
  EmulatedDeviceAtWork();
  ~EmulatedDeviceAtWork();
  EmulatedDeviceAtWork(const EmulatedDeviceAtWork&) = delete;
  EmulatedDeviceAtWork& operator=(const EmulatedDeviceAtWork&) = delete;
};

// Where the running fiber is.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

cudaError_t emulated_launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> thread);
template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  return emulated_launch(*config, reinterpret_cast<const void*>(kernel),
                         [=] { kernel(static_cast<Parameters>(arguments)...); });
}

/// The block's dynamic shared memory.
unsigned char* emulated_shared_memory();
void __syncthreads();
int __syncthreads_or(int own);
void __syncwarp(unsigned mask = 0xFFFFFFFFu);

/// Posts this lane's `bytes`, waits for the warp, and copies those of lane `from`.
void emulated_exchange(void* to, const void* own, size_t bytes, int from);
/// The warp's lane that this thread is.
int emulated_lane();
template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
  T other;
  emulated_exchange(&other, &value, sizeof(T), lane & 31);
  return other;
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  T other;
  emulated_exchange(&other, &value, sizeof(T), emulated_lane() ^ mask);
  return other;
}

/// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32: d += a b, fragments as the PTX manual lays them out.
void emulated_mma_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
inline float __expf(float x) { return std::exp(x); }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
