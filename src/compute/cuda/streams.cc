#include "compute/cuda/streams.h"

#include "compute/cuda/device_buffer.h"

namespace tekio::cuda {
namespace {

void let_wait(cudaStream_t stream, cudaEvent_t event, cudaStream_t other) {
  check(cudaEventRecord(event, other), "cudaEventRecord");
  check(cudaStreamWaitEvent(stream, event, 0), "cudaStreamWaitEvent");
}

}  // namespace

Streams::Streams() {
  for (cudaStream_t* const stream : {&in_order_, &beside_})
    check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "cudaStreamCreate");
  for (cudaEvent_t* const event : {&forked_, &joined_})
    check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "cudaEventCreate");
}

Streams::~Streams() {
  for (const cudaStream_t stream : {in_order_, beside_}) cudaStreamSynchronize(stream);
  for (const cudaEvent_t event : {forked_, joined_}) cudaEventDestroy(event);
  for (const cudaStream_t stream : {in_order_, beside_}) cudaStreamDestroy(stream);
}

void Streams::fork() const { let_wait(beside_, forked_, in_order_); }
void Streams::join() const { let_wait(in_order_, joined_, beside_); }

}  // namespace tekio::cuda
