// y = act(x w^T + b) and its gradients: blocks of products, each with bias and activation applied while it is in cache.
#include "compute/cpu/cpu.h"
#include "compute/cpu/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/linear.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// Rows of a block, `stride` apart: y += bias; with an activation: kept = y + bias, y = act(kept).
void finish_block(float* y, float* kept, const float* bias, int64_t rows, int64_t columns, int64_t stride,
                  const Activation* act) {
  const auto add_bias = [bias](VF v, int64_t c, auto io)
                            HWY_ATTR { return bias != nullptr ? hn::Add(v, io.load(bias + c)) : v; };
  if (act == nullptr) {
    for (int64_t r = 0; r < rows; ++r, y += stride)
      for_vectors(columns, [&](int64_t c, auto io) HWY_ATTR { io.store(add_bias(io.load(y + c), c, io), y + c); });
    return;
  }
  with_activation(*act, [&](auto activation) HWY_ATTR {
    for (int64_t r = 0; r < rows; ++r, y += stride, kept += stride) {
      for_vectors(columns, [&](int64_t c, auto io) HWY_ATTR {
        const VF sum = add_bias(io.load(y + c), c, io);
        io.store(sum, kept + c);
        io.store(activation.value(sum), y + c);
      });
    }
  });
}

// d_y *= act'(kept)
void multiply_by_slope(float* d_y, const float* kept, int64_t count, Activation act) {
  with_activation(act, [&](auto activation) HWY_ATTR {
    for_vectors(count, [&](int64_t i, auto io) HWY_ATTR {
      io.store(hn::Mul(io.load(d_y + i), activation.slope(io.load(kept + i))), d_y + i);
    });
  });
}

// sums[c] = the sum of `rows` rows; four at a time, so that the sums are read and written a quarter as often.
void sum_rows(float* sums, const float* x, int64_t rows, int64_t columns) {
  std::fill_n(sums, columns, 0.0f);
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * columns) {
    for_vectors(columns, [&](int64_t c, auto io) HWY_ATTR {
      const VF first = hn::Add(io.load(x + c), io.load(x + columns + c));
      const VF second = hn::Add(io.load(x + 2 * columns + c), io.load(x + 3 * columns + c));
      io.store(hn::Add(io.load(sums + c), hn::Add(first, second)), sums + c);
    });
  }
  for (; r < rows; ++r, x += columns)
    for_vectors(columns,
                [&](int64_t c, auto io) HWY_ATTR { io.store(hn::Add(io.load(sums + c), io.load(x + c)), sums + c); });
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(finish_block);
HWY_EXPORT(multiply_by_slope);
HWY_EXPORT(sum_rows);

void CpuBackend::do_linear(Tensor y, Tensor kept, ConstTensor x, ConstTensor w, ConstTensor b, const Activation* act) {
  const int64_t in = x.dim[1], out = w.dim[0];
  const BlockGrid grid(x.dim[0], out);
  for_each(grid.count(), [&](int64_t i, int) {
    const auto [row, rows, column, columns] = grid.block(i);
    float* to = y.f32() + row * out + column;
    product(to, out, {x.f32() + row * in, in}, {w.f32() + column * in, in, true}, rows, columns, in);
    if (b || act != nullptr) {
      HWY_DYNAMIC_DISPATCH(finish_block)
      (to, kept ? kept.f32() + row * out + column : nullptr, b ? b.f32() + column : nullptr, rows, columns, out, act);
    }
  });
}

void CpuBackend::do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, ConstTensor w,
                                    Into into) {
  const int64_t n = x.dim[0], in = x.dim[1], out = w.dim[0];
  if (n == 0) return;
  // One loop over all blocks of d_x, d_w and the bias's partial sums, so that threads wait for each other once.
  const BlockGrid x_grid(d_x ? n : 0, in), w_grid(out, in);
  const int64_t piece = std::max<int64_t>(64, (n + 31) / 32), pieces = d_b ? (n + piece - 1) / piece : 0;
  reserve(0, pieces * out);
  for_each(x_grid.count() + w_grid.count() + pieces, [&](int64_t i, int) {
    if (i < x_grid.count()) {
      const auto [row, rows, column, columns] = x_grid.block(i);
      product(d_x.f32() + row * in + column, in, {d_y.f32() + row * out, out}, {w.f32() + column, in}, rows, columns,
              out, into == Into::add);
    } else if (i -= x_grid.count(); i < w_grid.count()) {
      const auto [row, rows, column, columns] = w_grid.block(i);
      product(d_w.f32() + row * in + column, in, {d_y.f32() + row, out, true}, {x.f32() + column, in}, rows, columns, n,
              true);
    } else {
      i -= w_grid.count();
      HWY_DYNAMIC_DISPATCH(sum_rows)
      (shared() + i * out, d_y.f32() + i * piece * out, std::min(piece, n - i * piece), out);
    }
  });
  if (!d_b) return;
  for (int64_t o = 0; o < out; ++o) {
    float sum = 0;
    for (int64_t i = 0; i < pieces; ++i) sum += shared()[i * out + o];
    d_b.f32()[o] += sum;
  }
}

void CpuBackend::do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) {
  for_pieces(d_y.numel(), 1 << 15, [&](int64_t begin, int64_t end, int) {
    HWY_DYNAMIC_DISPATCH(multiply_by_slope)(d_y.f32() + begin, kept.f32() + begin, end - begin, act);
  });
}

}  // namespace tekio
#endif  // HWY_ONCE
