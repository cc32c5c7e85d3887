// Rotary positions, specified: the numbers j and j + d/2 of a head, a and b, become a cos - b sin and b cos + a sin of
// their row's angle (rotary.h); the other way round, with the opposite sine.
#include "compute/rotary.h"

#include "compute/ref/ref_backend.h"
#include "compute/walk.h"

namespace tekio {

void RefBackend::run(const verb::Rotate& op) {
  const Numbers numbers(op.x);
  const int64_t width = op.x.dim[1], half = op.rotation.size / 2;
  for_rows(op.s, 0, op.x.dim[0], [&](int64_t row, const RowPlace& at) {
    for (int64_t j = 0; j < half; ++j) {
      const double angle = rotary_angle(op.rotation, at.position, j);
      const double cosine = std::cos(angle), sine = op.rotation.back ? -std::sin(angle) : std::sin(angle);
      for (int64_t head = row * width; head < row * width + op.columns; head += op.rotation.size) {
        const double a = numbers[head + j], b = numbers[head + half + j];
        numbers.set(head + j, a * cosine - b * sine);
        numbers.set(head + half + j, b * cosine + a * sine);
      }
    }
  });
}

}  // namespace tekio
