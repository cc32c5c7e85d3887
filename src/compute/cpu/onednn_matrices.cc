// oneDNN's matmul primitives with weights in the layout that they choose (4-6 % faster than plain ones). A primitive is
// code made for one shape (under a millisecond), so each worker keeps those that it has met; the layout depends on the
// matrix only, not on the rows.
#include <dnnl.hpp>
#include <map>
#include <tuple>
#include <vector>

#include "compute/arena.h"
#include "compute/cpu/packed_matrices.h"
#include "compute/cpu/product.h"

namespace tekio {
namespace {

using Memory = dnnl::memory;
constexpr auto kHalf = Memory::data_type::bf16;
constexpr int64_t kUsualRows = 128;  // the layout is asked for with these, and does for all
constexpr size_t kMostPrimitives = 512;

Memory::desc rows_of_halves(int64_t m, int64_t width) { return {{m, width}, kHalf, Memory::dims{width, 1}}; }

// Work by oneDNN, on this thread alone, its errors told as ours: shapes are checked before, so one is a bug.
template <typename Work>
auto by_onednn(int64_t k, int64_t n, const Work& work) {
  const OneOpenMpThread guard;
  try {
    return work();
  } catch (const dnnl::error& error) {
    fail(ErrorKind::bug, "oneDNN: {} for a packed bf16 matrix [{}, {}]", error.what(), k, n);
  }
}

// What is multiplied by a packed matrix b[k,n]: rows [m,k].
struct Shape {
  int64_t m, k, n;
  bool bias, add;
  auto operator<=>(const Shape&) const = default;
};

dnnl::matmul::primitive_desc describe(const dnnl::engine& engine, const Shape& shape, const Memory::desc& weights) {
  dnnl::primitive_attr attributes;
  if (shape.add) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
  const Memory::desc x = rows_of_halves(shape.m, shape.k), y = rows_of_halves(shape.m, shape.n);
  if (!shape.bias) return {dnnl::matmul::desc(x, weights, y), attributes, engine};
  const Memory::desc bias({1, shape.n}, Memory::data_type::f32, Memory::dims{shape.n, 1});
  return {dnnl::matmul::desc(x, weights, bias, y), attributes, engine};
}

Memory::desc packed_layout(const dnnl::engine& engine, int64_t k, int64_t n) {
  return describe(engine, {kUsualRows, k, n, false, false}, {{k, n}, kHalf, Memory::format_tag::any}).weights_desc();
}

int64_t way_bytes(const Memory::desc& layout) {
  return Arena::size_of_tensor(DType::bf16, {static_cast<int64_t>(layout.get_size() + 1) / 2});
}

struct Worker {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::pair<int64_t, int64_t>, Memory::desc> layouts;
  struct Product {
    dnnl::matmul primitive;
    Memory x, w, b, y;
  };
  std::map<Shape, Product> products;

  const Memory::desc& layout(int64_t k, int64_t n) {
    const auto [at, made] = layouts.try_emplace({k, n});
    if (made) at->second = packed_layout(engine, k, n);
    return at->second;
  }
  Product& product(const Shape& shape) {
    if (const auto at = products.find(shape); at != products.end()) return at->second;
    if (products.size() >= kMostPrimitives) products.clear();
    const auto what = describe(engine, shape, layout(shape.k, shape.n));
    const auto view = [&](const Memory::desc& d) { return Memory(d, engine, nullptr); };
    Product made{dnnl::matmul(what), view(what.src_desc()), view(what.weights_desc()), {}, view(what.dst_desc())};
    if (shape.bias) made.b = view(what.bias_desc());
    return products.emplace(shape, std::move(made)).first->second;
  }
  // y[m,n] = x[m,k] w + b
  void multiply(const Shape& shape, bf16* y, const bf16* x, const char* w, const float* b) {
    by_onednn(shape.k, shape.n, [&] {
      Product& p = product(shape);
      p.x.set_data_handle(const_cast<bf16*>(x));
      p.w.set_data_handle(const_cast<char*>(w));
      p.y.set_data_handle(y);
      std::unordered_map<int, Memory> arguments = {{DNNL_ARG_SRC, p.x}, {DNNL_ARG_WEIGHTS, p.w}, {DNNL_ARG_DST, p.y}};
      if (shape.bias) {
        p.b.set_data_handle(const_cast<float*>(b));
        arguments.emplace(DNNL_ARG_BIAS, p.b);
      }
      p.primitive.execute(stream, arguments);
    });
  }
};

class OneDnnMatrices final : public PackedMatrices {
 public:
  explicit OneDnnMatrices(int workers) {
    for (int i = 0; i < workers; ++i) workers_.push_back(std::make_unique<Worker>());
  }
  int64_t bytes(int64_t rows, int64_t columns) const override {
    return by_onednn(rows, columns, [&] {
      const dnnl::engine& engine = workers_.front()->engine;
      return way_bytes(packed_layout(engine, columns, rows)) + way_bytes(packed_layout(engine, rows, columns));
    });
  }

  void pack(int worker, const Matrix& to, ConstTensor from, int way) override {
    Worker& w = *workers_[static_cast<size_t>(worker)];
    const int64_t out = to.rows, in = to.columns;
    by_onednn(in, out, [&] {
      const Memory::desc& forward = w.layout(in, out);
      const Memory::desc plain = way == 0 ? Memory::desc({in, out}, Memory::data_type::f32, Memory::dims{1, in})
                                          : Memory::desc({out, in}, Memory::data_type::f32, Memory::dims{in, 1});
      char* const at = static_cast<char*>(to.data) + (way == 0 ? 0 : way_bytes(forward));
      Memory source(plain, w.engine, const_cast<float*>(from.f32()));
      Memory target(way == 0 ? forward : w.layout(out, in), w.engine, at);
      dnnl::reorder(source, target).execute(w.stream, source, target);
    });
  }

  bool cuts_columns() const override { return false; }

  void forward(int worker, bf16* y, const bf16* x, int64_t m, const Matrix& w, Columns, const float* b) override {
    if (m == 0 || w.rows == 0) return;
    workers_[static_cast<size_t>(worker)]->multiply({m, w.columns, w.rows, b != nullptr, false}, y, x,
                                                    static_cast<const char*>(w.data), b);
  }

  void backward(int worker, bf16* d_x, const bf16* d_y, int64_t m, const Matrix& w, Columns, bool add) override {
    if (m == 0 || w.columns == 0) return;
    Worker& own = *workers_[static_cast<size_t>(worker)];
    const int64_t skip = by_onednn(w.rows, w.columns, [&] { return way_bytes(own.layout(w.columns, w.rows)); });
    own.multiply({m, w.rows, w.columns, false, add}, d_x, d_y, static_cast<const char*>(w.data) + skip, nullptr);
  }

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

bool PackedMatrices::supported() {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  return isa == dnnl_cpu_isa_avx512_core_bf16 || isa == dnnl_cpu_isa_avx512_core_amx;
}

std::unique_ptr<PackedMatrices> make_onednn_matrices(int workers) { return std::make_unique<OneDnnMatrices>(workers); }

std::unique_ptr<PackedMatrices> make_packed_matrices(int workers) {
  return own::supported() ? make_own_matrices() : make_onednn_matrices(workers);
}

}  // namespace tekio
