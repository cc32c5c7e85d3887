// What scanners find in a window of a text: where regions lie.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tekio {

/// Regions that end within a window; what lies between them belongs to none.
class SeparateRegions {
 public:
  static constexpr size_t kWindow = 2048;  ///< bytes looked at together; more regions never end there

  size_t count() const { return count_; }
  uint32_t begin(size_t i) const { return begins_[i]; }
  uint32_t end(size_t i) const { return ends_[i]; }

 protected:
  static constexpr size_t kSlack = 16;  // places that may be overwritten

  /// Keeps, in front, the region that goes on, if one does.
  void go_on() {
    if (begun_ > count_) begins_[0] = begins_[count_];
    begun_ -= count_;
  }

  size_t begun_ = 0;  // regions in `begins_`; one more than have ended, if one goes on
  size_t count_ = 0;
  std::array<uint32_t, kWindow + kSlack> begins_{}, ends_{};
};

/// Regions that end within a window; each begins where the one before ends.
class AdjoiningRegions {
 public:
  static constexpr size_t kWindow = 2048;  ///< bytes looked at together; more regions never end there

  size_t count() const { return count_; }
  uint32_t begin(size_t i) const { return begins_[i]; }
  uint32_t end(size_t i) const { return begins_[i + 1]; }

 protected:
  static constexpr size_t kSlack = 16;  // places that may be overwritten

  /// Keeps, in front, the region that goes on.
  void go_on() { begins_[0] = begins_[count_]; }

  size_t count_ = 0;
  std::array<uint32_t, kWindow + kSlack> begins_{};  // one more than have ended
};

}  // namespace tekio
