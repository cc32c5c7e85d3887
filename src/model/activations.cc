// One function lays the memory out; it runs once to count and once to take, so that plan() cannot tell anything else
// than what prepare() does.
#include "model/activations.h"

#include <algorithm>

namespace tekio {
namespace {

// The arenas, in the order of their rows in the plan.
enum Purpose : size_t { kActivations, kLogits, kScratch, kPurposes };
constexpr const char* kNames[kPurposes] = {"activations", "logits", "scratch"};

template <typename Take>
void lay_out(const ModelConfig& c, const BatchLimits& limits, bool training, PassMemory& m,
             std::vector<LayerKept>& layers, Take&& take) {
  const int64_t n = limits.sequences * limits.length, r = limits.masked_rows;
  const auto norm = [&](int64_t rows) {
    return NormKept{take(kActivations, {rows, c.width}), take(kActivations, {rows})};
  };

  m.embedded = take(kActivations, {n, c.width});
  m.embedding_norm = norm(n);
  layers.resize(training ? static_cast<size_t>(c.layers) : 1);
  for (LayerKept& k : layers) {
    k.qkv = take(kActivations, {n, 3 * c.width});
    k.attention = take(kActivations, {limits.sequences * c.heads * limits.length * limits.length});
    k.mixed = take(kActivations, {n, c.width});
    k.norm1 = norm(n);
    k.middle = take(kActivations, {n, c.width});
    k.up = take(kActivations, {n, c.inner});
    k.inner = take(kActivations, {n, c.inner});
    k.norm2 = training ? norm(n) : k.norm1;
    k.y = training ? take(kActivations, {n, c.width}) : m.embedded;
  }
  m.head.x = take(kActivations, {r, c.width});
  m.head.transform = take(kActivations, {r, c.width});
  m.head.activated = take(kActivations, {r, c.width});
  m.head.norm = norm(r);
  m.head.y = take(kActivations, {r, c.width});
  m.head.logits = take(kLogits, {r, c.vocabulary});

  m.scratch.branch = take(kScratch, {n, c.width});
  if (!training) return;
  m.scratch.d_y = take(kScratch, {n, c.width});
  m.scratch.d_middle = take(kScratch, {n, c.width});
  m.scratch.d_inner = take(kScratch, {n, std::max(c.inner, 3 * c.width)});
  m.head.d_a = take(kScratch, {r, c.width});
  m.head.d_b = take(kScratch, {r, c.width});
}

std::array<int64_t, kPurposes> count_bytes(const ModelConfig& config, const BatchLimits& limits, bool training) {
  std::array<int64_t, kPurposes> bytes{};
  PassMemory memory;
  std::vector<LayerKept> layers;
  lay_out(config, limits, training, memory, layers, [&](Purpose purpose, std::initializer_list<int64_t> shape) {
    bytes[purpose] += Arena::size_of_tensor(DType::f32, shape);
    return Tensor();
  });
  return bytes;
}

// The first rows of a planned tensor; of one that was not planned, nothing.
Tensor first(const Tensor& tensor, int64_t rows) { return tensor ? tensor.rows(0, rows) : tensor; }
NormKept first(const NormKept& kept, int64_t rows) { return {first(kept.normalized, rows), first(kept.rstd, rows)}; }

Sequences sequences_of(const Batch& batch) { return {batch.offsets, batch.first_key}; }

}  // namespace

MlmModel::Activations::Activations(const ModelConfig& model, const BatchLimits& most, bool with_backward)
    : config(model), limits(most), training(with_backward) {
  const auto bytes = count_bytes(config, limits, training);
  for (size_t i = 0; i < kPurposes; ++i) arenas.emplace_back(bytes[i], kNames[i]);
  lay_out(config, limits, training, whole, layers, [&](Purpose purpose, std::initializer_list<int64_t> shape) {
    return arenas[purpose].take(DType::f32, shape);
  });
}

MemoryPlan MlmModel::Activations::plan(const ModelConfig& config, const BatchLimits& limits, bool training,
                                       bool explicit_dropout) {
  MemoryPlan plan;
  plan.add("weights", ParameterSet::bytes(config));
  if (training) plan.add("gradients", ParameterSet::bytes(config));
  const auto bytes = count_bytes(config, limits, training);
  for (size_t i = 0; i < kPurposes; ++i) plan.add(kNames[i], bytes[i]);
  if (training && explicit_dropout)
    plan.add("dropout decisions", DrawnDropout::bytes(config, limits.sequences, limits.length));
  return plan;
}

bool MlmModel::Activations::fits(const Batch& batch) const {
  return batch.tokens() <= limits.sequences * limits.length &&
         static_cast<int64_t>(batch.masked_rows.size()) <= limits.masked_rows &&
         Backend::attention_kept_size(sequences_of(batch), config.heads) <=
             limits.sequences * config.heads * limits.length * limits.length;
}

PassMemory MlmModel::Activations::cut(const Batch& batch) const {
  const int64_t n = batch.tokens(), r = static_cast<int64_t>(batch.masked_rows.size());
  PassMemory m{.embedded = first(whole.embedded, n), .embedding_norm = first(whole.embedding_norm, n)};
  m.scratch = {.branch = first(whole.scratch.branch, n),
               .d_y = first(whole.scratch.d_y, n),
               .d_middle = first(whole.scratch.d_middle, n)};
  if (training) {  // two shapes of one memory
    m.scratch.d_inner = Tensor(whole.scratch.d_inner.data, DType::f32, {n, config.inner});
    m.scratch.d_qkv = Tensor(whole.scratch.d_inner.data, DType::f32, {n, 3 * config.width});
  }
  const HeadKept& head = whole.head;
  m.head = {.x = first(head.x, r),
            .transform = first(head.transform, r),
            .activated = first(head.activated, r),
            .norm = first(head.norm, r),
            .y = first(head.y, r),
            .logits = first(head.logits, r),
            .d_a = first(head.d_a, r),
            .d_b = first(head.d_b, r)};
  return m;
}

LayerKept MlmModel::Activations::cut_layer(size_t layer, const Batch& batch) const {
  const int64_t n = batch.tokens();
  const LayerKept& k = layers[layer];
  return {.qkv = first(k.qkv, n),
          .attention = first(k.attention, Backend::attention_kept_size(sequences_of(batch), config.heads)),
          .mixed = first(k.mixed, n),
          .norm1 = first(k.norm1, n),
          .middle = first(k.middle, n),
          .up = first(k.up, n),
          .inner = first(k.inner, n),
          .norm2 = first(k.norm2, n),
          .y = first(k.y, n)};
}

}  // namespace tekio
