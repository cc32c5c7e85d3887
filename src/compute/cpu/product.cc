// float32 products are oneDNN's sgemm's. It was measured against oneDNN's matmul primitives (plain and packed weights)
// on this job's shapes: as fast as packed weights without packing, far faster where an operand is transposed, and it
// keeps nothing per shape, so the number of masked rows may change with every step. For its panels it takes memory from
// the heap in each call, which gives back what the last call released.
#include "compute/cpu/product.h"

#include <dnnl.h>
#include <omp.h>

#include "base/error.h"

namespace tekio {
namespace {

// Debian's oneDNN starts OpenMP threads of its own unless told otherwise; ours are already at work. The setting is the
// calling thread's own, and is put back for whoever owns that thread.
class OneOpenMpThread {
 public:
  OneOpenMpThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneOpenMpThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int before_;
};

template <typename T>
void clear(T* c, int64_t c_stride, int64_t m, int64_t n) {
  for (int64_t row = 0; row < m; ++row) std::fill_n(c + row * c_stride, n, T());
}

}  // namespace

void Products::operator()(float* c, int64_t c_stride, MatrixView<float> a, MatrixView<float> b, int64_t m, int64_t n,
                          int64_t k, bool add) const {
  if (m == 0 || n == 0) return;
  if (k == 0) return add ? void() : clear(c, c_stride, m, n);
  const OneOpenMpThread guard;
  const dnnl_status_t status = dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, 1, a.data,
                                          a.stride, b.data, b.stride, add ? 1.0f : 0.0f, c, c_stride);
  TEKIO_CHECK(status == dnnl_success, "oneDNN's status {} for [{}, {}] x [{}, {}]", static_cast<int>(status), m, k, k,
              n);
}

void Products::operator()(float* c, int64_t c_stride, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n,
                          int64_t k, bool add) const {
  if (m == 0 || n == 0) return;
  if (k == 0) return add ? void() : clear(c, c_stride, m, n);
  kernels::product(bf16_, {c, c_stride, DType::f32, nullptr, add}, a, b, m, n, k);
}

void Products::operator()(bf16* c, int64_t c_stride, MatrixView<bf16> a, MatrixView<bf16> b, int64_t m, int64_t n,
                          int64_t k) const {
  if (m == 0 || n == 0) return;
  if (k == 0) return clear(c, c_stride, m, n);
  kernels::product(bf16_, {c, c_stride, DType::bf16}, a, b, m, n, k);
}

}  // namespace tekio
