// The angles of rotary positions, rounded to float32 where the reference rounds them: theta^(2j/d), its inverse, and
// that times the position. Cosine and sine are the angle's, rounded once.
#pragma once

#include <cmath>

#include "compute/backend.h"

namespace tekio {

/// 1 / theta^(2j/d), j < d/2.
inline float rotary_frequency(const Rotation& rotation, int64_t j) {
  const float exponent = static_cast<float>(2 * j) / static_cast<float>(rotation.size);
  return 1 / static_cast<float>(std::pow(rotation.theta, static_cast<double>(exponent)));
}
/// At a position of at most 2^24.
inline double rotary_angle(const Rotation& rotation, int64_t position, int64_t j) {
  return double{static_cast<float>(position) * rotary_frequency(rotation, j)};
}

/// The cosines and sines of some angles for positions from 0 on: of each d/2 cosines, then d/2 sines.
class RotaryTable {
 public:
  explicit RotaryTable(const Rotation& rotation) : rotation_(rotation) {}
  bool is_for(const Rotation& rotation) const {
    return rotation.size == rotation_.size && rotation.theta == rotation_.theta;
  }
  /// Grows to so many positions.
  void extend(int64_t positions) {
    const int64_t half = rotation_.size / 2;
    for (auto position = static_cast<int64_t>(rows_.size()) / rotation_.size; position < positions; ++position) {
      const size_t row = rows_.size();
      rows_.resize(row + static_cast<size_t>(rotation_.size));
      for (int64_t j = 0; j < half; ++j) {
        const double angle = rotary_angle(rotation_, position, j);
        rows_[row + static_cast<size_t>(j)] = static_cast<float>(std::cos(angle));
        rows_[row + static_cast<size_t>(half + j)] = static_cast<float>(std::sin(angle));
      }
    }
  }
  std::span<const float> rows() const { return rows_; }

 private:
  Rotation rotation_;
  std::vector<float> rows_;
};

/// The table for a rotation among those that there are, or a new one; long enough.
inline RotaryTable& rotary_table(std::vector<RotaryTable>& tables, const Rotation& rotation, int64_t positions) {
  size_t i = 0;
  while (i < tables.size() && !tables[i].is_for(rotation)) ++i;
  if (i == tables.size()) tables.emplace_back(rotation);
  tables[i].extend(positions);
  return tables[i];
}

}  // namespace tekio
