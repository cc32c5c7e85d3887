#include "compute/cuda/uploads.h"

#include <algorithm>
#include <cstring>

#include "compute/cuda/device.h"

namespace tekio::cuda {
namespace {

constexpr int64_t kSegment = 1 << 20, kBorder = 256;
constexpr int64_t rounded_up(int64_t bytes, int64_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

Uploads::Segment::Segment(int64_t size) : there(size, "what a step is told") {
  for (int i = 0; i < 2; ++i) {
    check(cudaMallocHost(reinterpret_cast<void**>(&pinned[i]), static_cast<size_t>(size)), "cudaMallocHost");
    check(cudaEventCreateWithFlags(&fetched[i], cudaEventDisableTiming), "cudaEventCreate");
  }
}

Uploads::Segment::~Segment() {
  for (int i = 0; i < 2; ++i) {
    if (fetched[i] != nullptr) cudaEventDestroy(fetched[i]);
    cudaFreeHost(pinned[i]);
  }
}

const void* Uploads::add(const void* data, int64_t bytes, int64_t room) {
  const auto size = static_cast<size_t>(bytes);
  for (const Sent& sent : sent_)
    if (sent.bytes == bytes && sent.room == room && (bytes == 0 || std::memcmp(sent.here, data, size) == 0))
      return sent.there;
  const int64_t needed = std::max(kBorder, rounded_up(room, kBorder));
  while (segment_ < segments_.size() && segments_[segment_].used + needed > segments_[segment_].there.bytes())
    ++segment_;
  if (segment_ == segments_.size()) segments_.emplace_back(rounded_up(needed, kSegment));
  Segment& segment = segments_[segment_];
  if (segment.used == 0) check(cudaEventSynchronize(segment.fetched[turn_]), "cudaEventSynchronize");
  char* const here = segment.pinned[turn_] + segment.used;
  if (bytes > 0) std::memcpy(here, data, size);
  std::memset(here + size, 0xFF, static_cast<size_t>(room) - size);  // -1 where there is no more
  const void* const there = static_cast<const char*>(segment.there.data()) + segment.used;
  segment.used += needed;
  sent_.push_back({here, there, bytes, room});
  return there;
}

void Uploads::send(cudaStream_t stream) {
  for (Segment& segment : segments_) {
    if (segment.used == 0) continue;
    check(cudaMemcpyAsync(segment.there.data(), segment.pinned[turn_], static_cast<size_t>(segment.used),
                          cudaMemcpyHostToDevice, stream),
          "the upload of a batch");
    check(cudaEventRecord(segment.fetched[turn_], stream), "cudaEventRecord");
  }
  turn_ = 1 - turn_;
  clear();
}

void Uploads::clear() {
  for (Segment& segment : segments_) segment.used = 0;
  sent_.clear();
  segment_ = 0;
}

}  // namespace tekio::cuda
