// What the sums of one rank share: memory for pieces on their way, and how much may be on its way at once.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

namespace tekio {

/// Bytes on their way. One message always finds room.
class Window {
 public:
  explicit Window(size_t limit) : limit_(limit) {}
  bool enter(size_t bytes) {
    if (used_ > 0 && used_ + bytes > limit_) return false;
    used_ += bytes;
    return true;
  }
  void leave(size_t bytes) { used_ -= bytes; }

 private:
  const size_t limit_;
  size_t used_ = 0;
};

/// So little may be on its way that what tells of life is not long behind it on a slow wire.
struct Windows {
  static constexpr size_t kMiB = size_t{1} << 20, kCollected = 32 * kMiB, kAll = kCollected + 32 * kMiB;
  Window give{8 * kMiB}, collect{kCollected}, spread{8 * kMiB}, take{16 * kMiB};
};

class Workshop {
 public:
  static constexpr size_t kBlock = 2048;  ///< numbers that are unpacked at once

  /// `ranks`: the most that work on one level.
  explicit Workshop(int ranks) : piece_numbers_(numbers_for(static_cast<size_t>(ranks))) {}

  /// Numbers of a piece, the same on all ranks: so few that two pieces from everyone find room.
  size_t piece_numbers() const { return piece_numbers_; }

  using Buffer = std::unique_ptr<float[]>;  ///< [piece_numbers()]
  Buffer buffer() {
    if (free_.empty()) return Buffer(new float[piece_numbers_]);
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  void give_back(Buffer buffer) {
    if (buffer) free_.push_back(std::move(buffer));
  }
  /// For kBlock numbers of each of `parts`.
  float* blocks(size_t parts) {
    if (blocks_.size() < parts * kBlock) blocks_.resize(parts * kBlock);
    return blocks_.data();
  }

  Windows windows[2];  ///< of the lower and the higher level of sums

 private:
  static size_t numbers_for(size_t ranks) {
    const size_t most = Windows::kCollected / sizeof(float) / (2 * ranks);
    return std::clamp(most / 1024 * 1024, size_t{1024}, Windows::kMiB / sizeof(float));
  }

  const size_t piece_numbers_;
  std::vector<Buffer> free_;
  std::vector<float> blocks_;
};

}  // namespace tekio
