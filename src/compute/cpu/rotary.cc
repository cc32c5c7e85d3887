// Rotary positions, a row after another, in place. Formulas: ref/rotary.cc.
#include "compute/rotary.h"

#include "compute/cpu/cpu_backend.h"
#include "compute/walk.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/rotary.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// Every head in `columns` numbers from x on, `angles` the position's row of the table. Two products and their sum or
// difference, each rounded, as the reference has them.
void rotate_row(void* x, int64_t columns, const Rotation& rotation, const float* angles, DType type) {
  with_numbers(type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    const int64_t half = rotation.size / 2;
    const VF sign = set(rotation.back ? -1.0f : 1.0f);
    for (T* head = static_cast<T*>(x); head < static_cast<T*>(x) + columns; head += rotation.size)
      for_vectors(half, [&](int64_t j, auto io) HWY_ATTR {
        const VF cosine = io.load(angles + j), sine = hn::Mul(io.load(angles + half + j), sign);
        const VF a = io.load(head + j), b = io.load(head + half + j);
        io.store(hn::Sub(hn::Mul(a, cosine), hn::Mul(b, sine)), head + j);
        io.store(hn::Add(hn::Mul(b, cosine), hn::Mul(a, sine)), head + half + j);
      });
  });
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(rotate_row);

void CpuBackend::run(const verb::Rotate& op) {
  const float* const angles = rotary_table(rotary_tables_, op.rotation, longest(op.s)).rows().data();
  for_pieces(op.x.dim[0], 16, [&](int64_t begin, int64_t end, int) {
    for_rows(op.s, begin, end, [&](int64_t row, const RowPlace& at) {
      HWY_DYNAMIC_DISPATCH(rotate_row)
      (op.x.rows(row, row + 1).data, op.columns, op.rotation, angles + at.position * op.rotation.size, op.x.dtype);
    });
  });
}

}  // namespace tekio
#endif  // HWY_ONCE
