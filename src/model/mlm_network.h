// The model at work: weights, a back end, and activations planned for the largest batch. Forward and backward written
// once, against Backend, by hand.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "base/random/torch_stream.h"
#include "base/thread_pool.h"
#include "compute/arena.h"
#include "compute/backend.h"
#include "data/batch.h"
#include "model/config.h"
#include "model/prepared_weights.h"

namespace tekio {

/// Where a training step's dropout comes from: the counter (seed, step), or the reference's stream, drawn in the order
/// of the forward as PyTorch draws on a CPU.
struct StepRandom {
  uint64_t seed = 0;
  uint64_t step = 0;
  TorchStream* stream = nullptr;
};

/// What the rows of an evaluated batch came to, in its order. There when the back end's wait() has returned.
class RowLosses {
 public:
  explicit RowLosses(Results numbers = std::make_shared<std::vector<double>>()) : numbers_(std::move(numbers)) {}
  size_t size() const { return numbers_->size() / kLabelLoss; }
  LabelLoss operator[](size_t row) const {
    const double* const at = numbers_->data() + row * kLabelLoss;
    return {.loss = at[0], .hits = at[1], .confidence = at[2]};
  }

 private:
  Results numbers_;
};

struct Pass;
struct PassMemory;

/// The largest batch that a plan must hold.
struct BatchLimits {
  int64_t sequences = 0;    ///< B
  int64_t length = 0;       ///< T
  int64_t masked_rows = 0;  ///< r
};

/// The rows of the word table that are looked up, whose gradient is wanted apart from that of the whole table: there
/// what the head gives, where it is tied, is final long before.
struct LookedUp {
  std::span<const int32_t> ids;  ///< [U], ascending; every token of the batch is among them
  Tensor gradients;              ///< [U,E], in the back end's memory
};

struct BackwardOptions {
  const LookedUp* looked_up = nullptr;  ///< nullptr: those gradients go to the table's
  /// Called as backward goes on, with each part of the gradients' flat() that is final: the head's, each layer's from
  /// the last, the tables', and in the end all biases and norms. The word table's is final in the end too; but where
  /// `looked_up` is given, with the head that is tied to it, or not told, as a table that no head shares gets nothing.
  /// Which ranges are told in which order depends on the model and on that, not on the batch. They may be changed.
  std::function<void(ArenaRange)> on_final = {};
};

class MlmNetwork {
 public:
  MlmNetwork(ModelConfig config, Backend& backend);
  ~MlmNetwork();  // where Activations is known
  MlmNetwork(const MlmNetwork&) = delete;
  MlmNetwork& operator=(const MlmNetwork&) = delete;
  const ModelConfig& config() const { return config_; }
  ModelConfig& config() { return config_; }
  /// Whoever asks for weights that can be changed is taken to change them, before the next pass: borrowed ones are
  /// copied first.
  ParameterSet& weights() {
    weights_->make_writable();
    prepared_stale_ = true;
    return *weights_;
  }
  const ParameterSet& weights() const { return *weights_; }
  Backend& backend() const { return backend_; }
  /// Gives the model a vocabulary of `rows`, more than it has, as grow_vocabulary() says. What was prepared is lost.
  /// Errors: usage (too many), device (no memory).
  void grow_vocabulary(int64_t rows, uint64_t seed, ThreadPool& pool);

  /// Memory for batches up to these limits, allocated once. Training also holds gradients and what backward needs.
  /// `type` is that of activations and of the matrices that they are multiplied by; weights stay float32. The
  /// back end must have it. Errors (device): no memory.
  void prepare(const BatchLimits& limits, bool training, DType type = DType::f32);
  /// How often prepare() was called: whether somebody else did meanwhile.
  int64_t preparations() const { return preparations_; }
  static MemoryPlan plan(const ModelConfig& config, const Backend& backend, const BatchLimits& limits, bool training,
                         bool explicit_dropout, DType type = DType::f32);
  /// Whether the batch is within the limits of the last prepare(), and that was for this dtype.
  bool fits(const Batch& batch, DType type) const;
  bool fits(const Batch& batch) const;
  /// Gradients since the last clear_gradients(). Only after prepare(…, true).
  ParameterSet& gradients() { return *gradients_; }
  void clear_gradients();
  /// Gives gradients away for others of the same model, which from then on are added to.
  void exchange_gradients(std::unique_ptr<ParameterSet>& others) { std::swap(gradients_, others); }

  /// Evaluation, no dropout: what the model makes of the masked rows, in nats.
  RowLosses evaluate(const Batch& batch);
  /// Training: activations are kept for backward(), which must follow before another pass.
  void forward(const Batch& batch, const StepRandom& random);
  /// Draws from random.stream what forward() would draw for a batch that another rank computes.
  void skip_dropout(const Batch& batch, const StepRandom& random);
  /// gradients += scale * d(sum of cross entropies). `loss` [kLabelLoss], float64, in the back end's memory, unless it
  /// is absent: the sum, unscaled.
  void backward(const Batch& batch, float scale, Tensor loss, const BackwardOptions& how = {});
  /// Calls on_final as a backward would.
  void for_each_final_range(const BackwardOptions& how) const;
  /// Logits [r,V] of the batch's masked rows (no dropout), of prepare()'s kind, in the back end's memory, in rows that
  /// may be wider: Backend::logits_width(). Valid until the next call.
  Tensor logits(const Batch& batch);

 private:
  struct Activations;
  const NetworkWeights& prepared();
  void draw_dropout(const Batch& batch, TorchStream& stream);
  void check_fits(const Batch& batch) const;
  Tensor logits_of(const Batch& batch, std::span<const int32_t> rows);
  void run_forward(const Pass& pass, PassMemory& memory);
  ModelConfig config_;
  Backend& backend_;
  std::unique_ptr<ParameterSet> weights_, gradients_;
  std::unique_ptr<Activations> activations_;
  int64_t preparations_ = 0;
  std::unique_ptr<PreparedWeights> prepared_;
  bool prepared_stale_ = true;
};

}  // namespace tekio
