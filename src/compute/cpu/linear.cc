// y = act(x w^T + b) and its gradients: blocks of products, each with bias and activation applied while it is in cache;
// gated, y = act(a) b with the halves a and b of the product, in a pass of its own on the way forward.
// float32 weights are used as they lie; bf16 ones are packed (packed_matrices.h).
#include "compute/cpu/activation_rows.h"
#include "compute/cpu/cpu_backend.h"
#include "compute/cpu/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/linear.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// Rows of a block, `stride` apart: y += bias.
void add_bias(float* y, const float* bias, int64_t rows, int64_t columns, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, y += stride)
    for_vectors(columns,
                [&](int64_t c, auto io) HWY_ATTR { io.store(hn::Add(io.load(y + c), io.load(bias + c)), y + c); });
}

// sums[c] = the sum of `rows` rows, `stride` apart; four at a time, so that the sums are read and written a quarter as
// often.
void sum_rows(float* sums, const void* first, int64_t rows, int64_t columns, int64_t stride, DType type) {
  std::fill_n(sums, columns, 0.0f);
  with_numbers(type, [&](auto kind) HWY_ATTR {
    using T = decltype(kind);
    const T* x = static_cast<const T*>(first);
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * stride) {
      for_vectors(columns, [&](int64_t c, auto io) HWY_ATTR {
        const VF one = hn::Add(io.load(x + c), io.load(x + stride + c));
        const VF other = hn::Add(io.load(x + 2 * stride + c), io.load(x + 3 * stride + c));
        io.store(hn::Add(io.load(sums + c), hn::Add(one, other)), sums + c);
      });
    }
    for (; r < rows; ++r, x += stride)
      for_vectors(columns,
                  [&](int64_t c, auto io) HWY_ATTR { io.store(hn::Add(io.load(sums + c), io.load(x + c)), sums + c); });
  });
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(add_bias);
HWY_EXPORT(sum_rows);
namespace {

using Block = BlockGrid::Block;

// Where a block of a matrix begins.
template <typename T, typename Void>
auto* at(const BasicTensor<Void>& t, int64_t row, int64_t column = 0) {
  using Number = std::conditional_t<std::is_const_v<Void>, const T, T>;
  return static_cast<Number*>(t.data) + row * t.dim[1] + column;
}
void* address(const Tensor& t, const Block& b) {
  return t.dtype == DType::f32 ? static_cast<void*>(at<float>(t, b.row, b.column)) : at<bf16>(t, b.row, b.column);
}

// Rows of a block of a bf16 product: few, so that bias and activation find it in the second cache; where a row is as
// long as the vocabulary more, which uses the matrix better. A multiple of the rows that a kernel takes at once.
int64_t packed_rows(int64_t width) { return width <= 8192 ? 128 : 256; }

// A product cut into blocks that any thread may compute, [rows, columns]: all operands of one kind.
class Blocks {
 public:
  Blocks(int64_t rows, int64_t columns, int64_t depth, DType type, kernels::Instructions by)
      : type_(type),
        grid_(type == DType::f32 ? rows : 0, columns),
        down_(type == DType::bf16 ? rows : 0, packed_rows(std::max(columns, depth)), kRows),
        across_(columns, side(columns, by == kernels::Instructions::amx ? columns_in_cache(depth) : 768),
                kernels::kPanel),
        rows_first_(columns > rows || by == kernels::Instructions::amx) {}
  int64_t count() const { return type_ == DType::f32 ? grid_.count() : down_.count() * across_.count(); }
  Block operator[](int64_t i) const {
    if (type_ == DType::f32) return grid_.block(i);
    // Neighbours share the larger operand's part; with AMX the matrix's, of which the second cache holds just one.
    const auto [row, rows] = down_[rows_first_ ? i % down_.count() : i / across_.count()];
    const auto [column, columns] = across_[rows_first_ ? i / down_.count() : i % across_.count()];
    return {row, rows, column, columns};
  }

 private:
  static constexpr int64_t kRows = 32;

  // What of the packed matrix stays in the second cache while rows pass, since AMX takes it faster than memory gives;
  // two panels at least.
  static int64_t columns_in_cache(int64_t depth) {
    constexpr int64_t kNumbers = 600'000;
    return std::clamp(kNumbers / std::max<int64_t>(depth, 1) / kernels::kPanel, int64_t{2}, int64_t{12}) *
           kernels::kPanel;
  }
  // Enough blocks for threads to end together.
  int64_t side(int64_t columns, int64_t most) const {
    int64_t panels = most / kernels::kPanel;
    while (panels > 2 && down_.count() * EvenPieces(columns, panels * kernels::kPanel).count() < 16)
      panels = (panels + 1) / 2;
    return panels * kernels::kPanel;
  }

  DType type_;
  BlockGrid grid_;
  EvenPieces down_, across_;
  bool rows_first_;
};

// d_x = d_y w, block by block. d_x may be wider than w: then its first columns are meant.
struct InputGradient {
  Tensor d_x;  // absent: not wanted
  ConstTensor d_y;
  Matrix w;
  Into into;
  const Products& product;
  const PackedMatrices& packed;
  Blocks blocks = Blocks(d_x ? d_y.dim[0] : 0, w.columns, w.rows, w.dtype, product.by());

  Block compute(int64_t i) {
    const Block b = blocks[i];
    if (w.dtype == DType::f32)
      product(at<float>(d_x, b.row, b.column), d_x.dim[1], {at<float>(d_y, b.row), d_y.dim[1]},
              MatrixView<float>{w.f32() + b.column, w.columns}, b.rows, b.columns, w.rows, into == Into::add);
    else
      packed.backward(at<bf16>(d_x, b.row), d_x.dim[1], at<bf16>(d_y, b.row), d_y.dim[1], b.rows, w,
                      {b.column, b.columns}, into == Into::add);
    return b;
  }
};

// d_w += d_y^T x and d_b += column sums of d_y, block by block. In bf16 the columns are summed as they are packed.
class WeightGradient {
 public:
  WeightGradient(const Products& products, const Tensor& d_w, const Tensor& d_b, const ConstTensor& d_y,
                 const ConstTensor& x, int64_t workers)
      : product_(products),
        d_w_(d_w),
        d_b_(d_b),
        d_y_(d_y),
        x_(x),
        f32_(d_y.dtype == DType::f32),
        grid_(f32_ ? d_w.dim[0] : 0, d_w.dim[1]),
        down_(d_w.dim[0], side(d_w, workers), kernels::kPanel),
        across_(d_w.dim[1], side(d_w, workers), kernels::kPanel),
        sums_(d_b && f32_ ? x.dim[0] : 0, std::max<int64_t>(64, (x.dim[0] + 31) / 32)) {}
  int64_t blocks() const { return f32_ ? grid_.count() : down_.count() * across_.count(); }
  int64_t count() const { return blocks() + sums_.count(); }
  int64_t scratch() const { return sums_.count() * d_w_.dim[0]; }

  void compute(int64_t i, float* scratch) const {
    const int64_t n = x_.dim[0], in = d_w_.dim[1], out = d_w_.dim[0], wide = d_y_.dim[1];
    if (i >= blocks()) {
      const auto [begin, size] = sums_[i - blocks()];
      HWY_DYNAMIC_DISPATCH(sum_rows)
      (scratch + (i - blocks()) * out, d_y_.rows(begin, begin + size).data, size, out, wide, d_y_.dtype);
    } else if (f32_) {
      const auto [row, rows, column, columns] = grid_.block(i);
      product_(at<float>(d_w_, row, column), in, MatrixView<float>{at<float>(d_y_, 0, row), wide, true},
               {at<float>(x_, 0, column), in}, rows, columns, n, true);
    } else {
      const auto [row, rows] = down_[i / across_.count()];
      const auto [column, columns] = across_[i % across_.count()];
      kernels::product(product_.by(), {at<float>(d_w_, row, column), in, DType::f32, nullptr, true},
                       {at<bf16>(d_y_, 0, row), wide, true}, {at<bf16>(x_, 0, column), in}, rows, columns, n,
                       d_b_ && column == 0 ? d_b_.f32() + row : nullptr);
    }
  }
  // After all blocks: the bias's partial sums.
  void finish(const float* scratch) const {
    if (sums_.count() == 0) return;
    const FlushDenormals flush;
    for (int64_t o = 0; o < d_w_.dim[0]; ++o) {
      float sum = 0;
      for (int64_t i = 0; i < sums_.count(); ++i) sum += scratch[i * d_w_.dim[0] + o];
      d_b_.f32()[o] += sum;
    }
  }

 private:
  // The larger a block, the less is packed twice; but each worker should have one. No sum depends on it.
  static int64_t side(const Tensor& d_w, int64_t workers) {
    int64_t side = 768;
    while (side > 3 * kernels::kPanel &&
           EvenPieces(d_w.dim[0], side).count() * EvenPieces(d_w.dim[1], side).count() < workers)
      side /= 2;
    return side;
  }

  const Products& product_;
  Tensor d_w_, d_b_;
  ConstTensor d_y_, x_;
  bool f32_;
  BlockGrid grid_;
  EvenPieces down_, across_, sums_;
};

}  // namespace

void CpuBackend::run(const verb::CopyMatrices& op) {
  for_each(static_cast<int64_t>(2 * op.copies.size()), [&](int64_t i, int) {
    const MatrixCopy& copy = op.copies[static_cast<size_t>(i / 2)];
    packed_.pack(copy.to, copy.from, static_cast<int>(i % 2));
  });
}

void CpuBackend::run(const verb::Linear& op) {
  const Tensor& sums = op.act ? op.kept : op.y;
  const bool gated = op.gated();
  const float* const bias = op.b ? op.b.f32() : nullptr;
  const Blocks blocks(op.x.dim[0], op.w.rows, op.w.columns, op.w.dtype, products_.by());
  for_each(blocks.count(), [&](int64_t i, int) {
    const Block block = blocks[i];
    if (op.w.dtype == DType::f32) {
      float* const to = at<float>(sums, block.row, block.column);
      products_(to, sums.dim[1], {at<float>(op.x, block.row), op.w.columns},
                MatrixView<float>{op.w.f32() + block.column * op.w.columns, op.w.columns, true}, block.rows,
                block.columns, op.w.columns);
      if (bias != nullptr)
        HWY_DYNAMIC_DISPATCH(add_bias)(to, bias + block.column, block.rows, block.columns, sums.dim[1]);
    } else {
      packed_.forward(at<bf16>(sums, block.row), sums.dim[1], at<bf16>(op.x, block.row), block.rows, op.w,
                      {block.column, block.columns}, bias);
    }
    if (op.act && !gated)
      activate({address(sums, block), address(op.y, block), nullptr, block.rows, block.columns, op.w.rows, *op.act,
                op.w.dtype});
  });
  if (!gated) return;
  const int64_t half = op.y.dim[1];
  for_pieces(op.y.dim[0], 16, [&](int64_t begin, int64_t end, int) {
    gate({op.kept.rows(begin, end).data, op.y.rows(begin, end).data, nullptr, end - begin, half, half, *op.act,
          op.y.dtype});
  });
}

void CpuBackend::run(const verb::LinearBackward& op) {
  if (op.x.dim[0] == 0) return;
  InputGradient input{op.d_x, op.d_y, op.w, op.into, products_, packed_};
  // While some compute its blocks, others compute d_x's.
  const WeightGradient weights(products_, op.d_w, op.d_b, op.d_y, op.x,
                               op.d_x ? (pool_.threads() + 1) / 2 : pool_.threads());
  reserve(0, weights.scratch());
  // One loop over all blocks of both, so that threads wait for each other once; the small ones last, so not for long.
  for_each(weights.count() + input.blocks.count(), [&](int64_t i, int) {
    if (i < weights.count())
      weights.compute(i, shared());
    else
      input.compute(i - weights.count());
  });
  weights.finish(shared());
}

void CpuBackend::run(const verb::ActivationBackward& op) {
  const int64_t columns = op.d_y.dim[1];
  for_pieces(op.d_y.dim[0], 16, [&](int64_t begin, int64_t end, int) {
    activate({op.kept.rows(begin, end).data, nullptr, op.d_y.rows(begin, end).data, end - begin, columns, columns,
              op.act, op.d_y.dtype});
  });
}

void CpuBackend::run(const verb::ActivationLinearBackward& op) {
  if (op.kept.dim[0] == 0) return;
  const bool gated = op.gated();
  InputGradient input{op.d_kept, op.d_y, op.w, Into::overwrite, products_, packed_};
  for_each(input.blocks.count(), [&](int64_t i, int) {
    const Block block = input.compute(i);
    const Tensor before(const_cast<void*>(op.kept.data), op.kept.dtype, {op.kept.dim[0], op.kept.dim[1]});
    if (gated)
      return gate({address(before, block), address(op.activated, block), address(op.d_kept, block), block.rows,
                   block.columns, op.w.columns, op.act, op.w.dtype});
    activate({address(before, block), address(op.activated, block), address(op.d_kept, block), block.rows,
              block.columns, op.w.columns, op.act, op.w.dtype});
  });
  const WeightGradient weights(products_, op.d_w, op.d_b, op.d_y, op.activated, pool_.threads());
  reserve(0, weights.scratch());
  for_each(weights.count(), [&](int64_t i, int) { weights.compute(i, shared()); });
  weights.finish(shared());
}

}  // namespace tekio
#endif  // HWY_ONCE
