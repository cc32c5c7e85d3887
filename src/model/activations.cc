// One function lays the memory out; it runs once to count and once to take, so that plan() cannot tell anything else
// than what prepare() does.
#include "model/activations.h"

#include <algorithm>

namespace tekio {
namespace {

// The arenas, in the order of their rows in the plan.
enum Purpose : size_t { kActivations, kLogits, kScratch, kPurposes };
constexpr const char* kNames[kPurposes] = {"activations", "logits", "scratch"};

// take(purpose, kind, shape); logits_width: of rows of logits
template <typename Take>
void lay_out(const ModelConfig& c, const BatchLimits& limits, int64_t logits_width, bool training, DType type,
             PassMemory& m, std::vector<LayerKept>& layers, Take&& take) {
  const int64_t n = limits.sequences * limits.length, r = limits.masked_rows;
  const auto keep = [&](std::initializer_list<int64_t> shape) { return take(kActivations, type, shape); };
  const auto scratch = [&](std::initializer_list<int64_t> shape) { return take(kScratch, type, shape); };
  const auto norm = [&](int64_t rows, int64_t width) {
    return NormKept{keep({rows, width}), take(kActivations, DType::f32, {rows})};
  };
  const int64_t up = extent_of(c, Extent::up);
  const int64_t widest = std::max(c.width, c.embedding_width);
  // What all layers have, for so many rows of output.
  const auto common = [&](LayerKept& k, int64_t rows) {
    k.attention = take(kActivations, DType::f32, {rows, c.heads, 2});
    k.mixed = keep({rows, c.width});
    k.norm1 = norm(rows, c.width);
    k.middle = keep({rows, c.width});
    k.up = keep({rows, up});
    k.norm2 = training ? norm(rows, c.width) : k.norm1;
  };

  m.embedded = keep({n, c.width});
  m.embedding.norm = norm(n, c.embedding_width);
  if (c.projects) m.embedding.y = keep({n, c.embedding_width});
  layers.resize(training ? static_cast<size_t>(c.layers) : 2);
  for (LayerKept& k : layers) {
    if (&k == &layers.back()) continue;
    k.qkv = keep({n, 3 * c.width});
    common(k, n);
    k.y = training ? keep({n, c.width}) : m.embedded;
  }
  LayerKept& last = layers.back();
  last.x = keep({r, c.width});
  last.q = keep({r, c.width});
  last.kv = keep({n, 2 * c.width});
  common(last, r);
  last.y = keep({r, c.width});
  m.head.transform = keep({r, c.embedding_width});
  m.head.activated = keep({r, c.embedding_width});
  m.head.norm = norm(r, c.embedding_width);
  m.head.y = keep({r, c.embedding_width});
  m.head.logits = take(kLogits, type, {r, logits_width});
  m.head.each = take(kActivations, DType::f64, {r, kLabelLoss});

  m.scratch.branch = scratch({n, widest});
  m.scratch.inner = scratch({n, c.inner});
  if (c.pre_norm) {
    m.scratch.stream = scratch({n, c.width});
    m.last_scratch.stream_rows = scratch({r, c.width});
  }
  if (!training) return;
  if (c.pre_norm) {
    m.scratch.d_stream = scratch({n, c.width});
    m.last_scratch.d_stream_rows = scratch({r, c.width});
  }
  m.scratch.d_x = scratch({n, c.width});
  m.scratch.d_middle = scratch({n, widest});
  m.scratch.d_inner = scratch({n, std::max(up, 3 * c.width)});
  m.last_scratch.d_y = scratch({r, c.width});
  m.head.d_a = scratch({r, c.embedding_width});
  m.head.d_b = scratch({r, c.embedding_width});
}

std::array<int64_t, kPurposes> count_bytes(const ModelConfig& config, const BatchLimits& limits, int64_t logits_width,
                                           bool training, DType type) {
  std::array<int64_t, kPurposes> bytes{};
  PassMemory memory;
  std::vector<LayerKept> layers;
  lay_out(config, limits, logits_width, training, type, memory, layers,
          [&](Purpose purpose, DType kind, std::initializer_list<int64_t> shape) {
            bytes[purpose] += Arena::size_of_tensor(kind, shape);
            return Tensor();
          });
  return bytes;
}

// The first rows of a planned tensor; of one that was not planned, nothing.
Tensor first(const Tensor& tensor, int64_t rows) { return tensor ? tensor.rows(0, rows) : tensor; }
NormKept first(const NormKept& kept, int64_t rows) { return {first(kept.normalized, rows), first(kept.rstd, rows)}; }

int64_t masked_rows_of(const Batch& batch) { return static_cast<int64_t>(batch.masked_rows.size()); }

// With the rows that the back end computes where so many are masked.
BatchLimits computed(const BatchLimits& most, const Backend& backend) {
  BatchLimits limits = most;
  limits.masked_rows = backend.rows_to_compute(most.masked_rows, most.sequences * most.length);
  return limits;
}

}  // namespace

MlmNetwork::Activations::Activations(const ModelConfig& model, const BatchLimits& most, bool with_backward, DType kind,
                                     Backend& backend)
    : config(model), limits(computed(most, backend)), training(with_backward), type(kind) {
  const int64_t logits_width = backend.logits_width(config.vocabulary);
  const auto bytes = count_bytes(config, limits, logits_width, training, type);
  for (size_t i = 0; i < kPurposes; ++i) arenas.emplace_back(bytes[i], kNames[i], backend.memory());
  lay_out(
      config, limits, logits_width, training, type, whole, layers,
      [&](Purpose purpose, DType of, std::initializer_list<int64_t> shape) { return arenas[purpose].take(of, shape); });
}

void MlmNetwork::Activations::add_to(MemoryPlan& plan, const ModelConfig& config, const Backend& backend,
                                     const BatchLimits& limits, bool training, DType type) {
  const auto bytes =
      count_bytes(config, computed(limits, backend), backend.logits_width(config.vocabulary), training, type);
  for (size_t i = 0; i < kPurposes; ++i) plan.add(kNames[i], bytes[i]);
}

bool MlmNetwork::Activations::fits(const Batch& batch) const {
  return batch.tokens() <= limits.sequences * limits.length && masked_rows_of(batch) <= limits.masked_rows;
}

void MlmNetwork::Activations::choose_rows(const Batch& batch, const Backend& backend) {
  const int64_t n = batch.tokens(), masked = masked_rows_of(batch);
  int64_t others = backend.rows_to_compute(masked, n) - masked;
  rows.clear();
  labels.clear();
  size_t next = 0;
  for (int32_t token = 0; token < n && (others > 0 || next < batch.masked_rows.size()); ++token) {
    const bool is_masked = next < batch.masked_rows.size() && batch.masked_rows[next] == token;
    if (!is_masked && others-- <= 0) continue;
    rows.push_back(token);
    labels.push_back(is_masked ? batch.labels[next++] : -1);
  }
}

PassMemory MlmNetwork::Activations::cut(int64_t n, int64_t r) const {
  const int64_t c = config.width;
  const EncoderScratch& all = whole.scratch;
  const HeadKept& head = whole.head;
  PassMemory m{.embedded = first(whole.embedded, n),
               .embedding = {first(whole.embedding.norm, n), first(whole.embedding.y, n)}};
  m.head = {.transform = first(head.transform, r),
            .activated = first(head.activated, r),
            .norm = first(head.norm, r),
            .y = first(head.y, r),
            .logits = first(head.logits, r),
            .d_a = first(head.d_a, r),
            .d_b = first(head.d_b, r)};
  // Several shapes of one memory, which are never in use together.
  const auto shape = [&](const Tensor& memory, int64_t skip, std::initializer_list<int64_t> dims) {
    return Tensor(static_cast<char*>(memory.data) + skip * size_of(type), type, dims);
  };
  m.scratch.branch = shape(all.branch, 0, {n, c});
  m.scratch.tables = shape(all.branch, 0, {n, config.embedding_width});
  m.scratch.inner = first(all.inner, n);
  m.scratch.stream = first(all.stream, n);
  m.last_scratch.branch = shape(all.branch, 0, {r, c});
  m.last_scratch.inner = first(all.inner, r);
  m.last_scratch.stream = m.scratch.stream;
  m.last_scratch.stream_rows = first(whole.last_scratch.stream_rows, r);
  if (!training) return m;
  const int64_t up = extent_of(config, Extent::up);
  m.scratch.d_y = m.scratch.d_x = first(all.d_x, n);
  m.scratch.d_stream = m.last_scratch.d_stream = first(all.d_stream, n);
  m.last_scratch.d_stream_rows = first(whole.last_scratch.d_stream_rows, r);
  m.scratch.d_projected = m.scratch.tables;
  m.scratch.d_middle = shape(all.d_middle, 0, {n, c});
  m.scratch.d_tables = shape(all.d_middle, 0, {n, config.embedding_width});
  m.scratch.d_inner = shape(all.d_inner, 0, {n, up});
  m.scratch.d_qkv = shape(all.d_inner, 0, {n, 3 * c});
  m.last_scratch.d_y = first(whole.last_scratch.d_y, r);
  m.last_scratch.d_x = m.scratch.d_x;
  m.last_scratch.d_middle = shape(all.d_middle, 0, {r, c});
  m.last_scratch.d_inner = shape(all.d_inner, 0, {r, up});
  m.last_scratch.d_kv = shape(all.d_inner, 0, {n, 2 * c});
  m.last_scratch.d_q = shape(all.d_inner, n * 2 * c, {r, c});
  return m;
}

LayerKept MlmNetwork::Activations::cut_layer(size_t layer, int64_t n, int64_t r) const {
  const bool last = static_cast<int64_t>(layer) + 1 == config.layers;
  const int64_t m = last ? r : n;
  const LayerKept& k = last ? layers.back() : layers[training ? layer : 0];
  return {.qkv = first(k.qkv, n),
          .x = first(k.x, m),
          .q = first(k.q, m),
          .kv = first(k.kv, n),
          .attention = first(k.attention, m),
          .mixed = first(k.mixed, m),
          .norm1 = first(k.norm1, m),
          .middle = first(k.middle, m),
          .up = first(k.up, m),
          .norm2 = first(k.norm2, m),
          .y = first(k.y, m)};
}

}  // namespace tekio
