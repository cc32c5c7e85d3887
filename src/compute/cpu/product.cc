// Products by oneDNN, and the choice of who makes bf16's. float32: oneDNN's sgemm. It was measured against oneDNN's
// matmul primitives (plain and packed weights) on this job's shapes: as fast as packed weights without packing, far
// faster where an operand is transposed, and it keeps nothing per shape, so the number of masked rows may change with
// every step. bf16 has no such call; its equal is a matmul primitive whose sizes are given when it runs. For its panels
// oneDNN takes memory from the heap in each call, which gives back what the last call released.
#include "compute/cpu/product.h"

#include <dnnl.hpp>

#include "base/error.h"

namespace tekio {
namespace {

template <typename T>
void clear(T* c, int64_t c_stride, int64_t m, int64_t n) {
  for (int64_t row = 0; row < m; ++row) std::fill_n(c + row * c_stride, n, T());
}

dnnl::memory::desc describe(int64_t rows, int64_t columns, int64_t stride, bool transposed,
                            dnnl::memory::data_type type) {
  return {{rows, columns}, type, transposed ? dnnl::memory::dims{1, stride} : dnnl::memory::dims{stride, 1}};
}

constexpr auto kHalf = dnnl::memory::data_type::bf16;

// A product of bf16 matrices whose sizes and strides are not yet known; one a kind, made once by each thread.
struct AnySizeProduct {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul primitive;

  AnySizeProduct(bool a_transposed, bool b_transposed, dnnl::memory::data_type out, bool add) {
    constexpr int64_t kLater = DNNL_RUNTIME_DIM_VAL;
    dnnl::primitive_attr attributes;
    if (add) {
      dnnl::post_ops sum;
      sum.append_sum(1);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::desc what(describe(kLater, kLater, kLater, a_transposed, kHalf),
                                  describe(kLater, kLater, kLater, b_transposed, kHalf),
                                  describe(kLater, kLater, kLater, false, out));
    primitive = dnnl::matmul(dnnl::matmul::primitive_desc(what, attributes, engine));
  }
};

// Who multiplies bf16 on this processor.
void multiply(const own::Result& c, const MatrixView<bf16>& a, const MatrixView<bf16>& b, int64_t m, int64_t n,
              int64_t k) {
  static const bool own = own::supported();
  own ? own::product(c, a, b, m, n, k) : onednn::product(c, a, b, m, n, k);
}

}  // namespace

void onednn::product(const own::Result& c, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n, int64_t k) {
  const OneOpenMpThread guard;
  const auto out = c.type == DType::f32 ? dnnl::memory::data_type::f32 : kHalf;
  thread_local std::unique_ptr<AnySizeProduct> products[16];
  auto& made = products[(a.transposed ? 1 : 0) + (b.transposed ? 2 : 0) + (c.add ? 4 : 0) + (out == kHalf ? 8 : 0)];
  try {
    if (!made) made = std::make_unique<AnySizeProduct>(a.transposed, b.transposed, out, c.add);
    const dnnl::memory from(describe(m, k, a.stride, a.transposed, kHalf), made->engine, const_cast<bf16*>(a.data));
    const dnnl::memory by(describe(k, n, b.stride, b.transposed, kHalf), made->engine, const_cast<bf16*>(b.data));
    const dnnl::memory to(describe(m, n, c.stride, false, out), made->engine, c.data);
    made->primitive.execute(made->stream, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, by}, {DNNL_ARG_DST, to}});
  } catch (const dnnl::error& error) {
    fail(ErrorKind::bug, "oneDNN: {} for bf16 [{}, {}] x [{}, {}]", error.what(), m, k, k, n);
  }
}

void product(float* c, int64_t c_stride, MatrixView<float> a, MatrixView<float> b, int64_t m, int64_t n, int64_t k,
             bool add) {
  if (m == 0 || n == 0) return;
  if (k == 0) return add ? void() : clear(c, c_stride, m, n);
  const OneOpenMpThread guard;
  const dnnl_status_t status = dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, 1, a.data,
                                          a.stride, b.data, b.stride, add ? 1.0f : 0.0f, c, c_stride);
  TEKIO_CHECK(status == dnnl_success, "oneDNN's status {} for [{}, {}] x [{}, {}]", static_cast<int>(status), m, k, k,
              n);
}

void product(float* c, int64_t c_stride, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n, int64_t k,
             bool add) {
  if (m == 0 || n == 0) return;
  if (k == 0) return add ? void() : clear(c, c_stride, m, n);
  multiply({c, c_stride, DType::f32, nullptr, add}, a, b, m, n, k);
}

void product(bf16* c, int64_t c_stride, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n, int64_t k) {
  if (m == 0 || n == 0) return;
  if (k == 0) return clear(c, c_stride, m, n);
  multiply({c, c_stride, DType::bf16}, a, b, m, n, k);
}

}  // namespace tekio
