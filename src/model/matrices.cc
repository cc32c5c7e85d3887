// One list says which matrices there are; it is walked to count and to make.
#include "model/matrices.h"

namespace tekio {
namespace {

// Calls visit(matrix, [rows, columns], which of the weights) for every matrix.
template <typename Visit>
void for_each_matrix(const ModelConfig& c, ModelMatrices& m, Visit&& visit) {
  using Weights = const EncoderWeights&;
  m.layers.resize(static_cast<size_t>(c.layers));
  // The largest first: they take longest to copy, and threads take what comes next.
  visit(m.decoder, c.vocabulary, c.width, [](Weights w) { return w.head(); });
  visit(m.transform, c.width, c.width, [](Weights w) { return w.transform; });
  for (size_t i = 0; i < m.layers.size(); ++i) {
    LayerMatrices& layer = m.layers[i];
    if (i + 1 < m.layers.size()) {
      visit(layer.qkv, 3 * c.width, c.width, [i](Weights w) { return w.layers[i].qkv; });
    } else {
      visit(layer.q, c.width, c.width, [i, &c](Weights w) { return w.layers[i].qkv.rows(0, c.width); });
      visit(layer.kv, 2 * c.width, c.width, [i, &c](Weights w) { return w.layers[i].qkv.rows(c.width, 3 * c.width); });
    }
    visit(layer.out, c.width, c.width, [i](Weights w) { return w.layers[i].out; });
    visit(layer.up, c.inner, c.width, [i](Weights w) { return w.layers[i].up; });
    visit(layer.down, c.width, c.inner, [i](Weights w) { return w.layers[i].down; });
  }
}

// Places in an arena of bf16 numbers for so many bytes.
int64_t halves(int64_t bytes) { return (bytes + 1) / size_of(DType::bf16); }

}  // namespace

int64_t MatrixSet::bytes(const ModelConfig& config, const Backend& backend, DType type) {
  int64_t total = 0;
  ModelMatrices shapes;
  if (type == DType::bf16)
    for_each_matrix(config, shapes, [&](Matrix&, int64_t rows, int64_t columns, auto&&) {
      total += Arena::size_of_tensor(DType::bf16, {halves(backend.matrix_bytes(rows, columns))});
    });
  return total;
}

MatrixSet::MatrixSet(const ParameterSet& weights, Backend& backend, DType type)
    : weights_(weights),
      backend_(backend),
      type_(type),
      arena_(bytes(weights.config(), backend, type), "bf16 weights", backend.memory()) {}

void MatrixSet::refresh() {
  arena_.reset();
  copies_.clear();
  for_each_matrix(weights_.config(), matrices_, [&](Matrix& matrix, int64_t rows, int64_t columns, auto&& part_of) {
    const ConstTensor from = part_of(weights_.tensors());
    if (type_ == DType::f32) {
      matrix = from;
      return;
    }
    const Tensor memory = arena_.take(DType::bf16, {halves(backend_.matrix_bytes(rows, columns))});
    matrix = Matrix(memory.data, DType::bf16, rows, columns);
    copies_.push_back({matrix, from});
  });
  if (!copies_.empty()) backend_.copy_matrices(copies_);
}

}  // namespace tekio
