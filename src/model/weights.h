// A model's tensors: one struct, one visitor. Loading, saving, initialising, AdamW's groups and the tests all walk
// for_each. Weights lie in one flat arena, so the optimizer, norms and checkpoints see a few long pieces.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compute/arena.h"
#include "compute/backend.h"
#include "model/config.h"

namespace tekio {

template <typename T>
struct NormOf {
  T weight, bias;
};  // [C], [C]
template <typename T>
struct LayerOf {
  T qkv, qkv_bias;  // [3C,C], [3C]: rows of q, then k, then v (three tensors in files)
  T out, out_bias;  // [C,C], [C]
  NormOf<T> norm1;
  T up, up_bias;      // [inner,C], [inner]
  T down, down_bias;  // [C,inner], [C]
  NormOf<T> norm2;
};
/// Letters: V vocabulary, C width.
template <typename T>
struct WeightsOf {
  T word, position, type;  // [V,C], [max_positions,C], [type_vocabulary,C] (absent in DistilBERT)
  NormOf<T> embedding_norm;
  std::vector<LayerOf<T>> layers;
  T transform, transform_bias;  // [C,C], [C]: the head's
  NormOf<T> head_norm;
  T head_bias;  // [V]; the head's matrix is `word` (tied)
};
using EncoderWeights = WeightsOf<Tensor>;

/// One tensor as files name it. `decays`: AdamW's weight decay applies (not to biases and norms).
struct NamedTensor {
  std::string name;
  Tensor tensor;
  bool decays;
};

/// A set of tensors of a model's shape in one flat float32 arena: weights, or gradients, or a moment.
class ParameterSet {
 public:
  ParameterSet(const ModelConfig& config, const std::string& purpose);
  /// The sizes that this was made for.
  const ModelConfig& config() const { return config_; }
  EncoderWeights& tensors() { return tensors_; }
  const EncoderWeights& tensors() const { return tensors_; }
  /// Every tensor by its reference name, in the reference's named_parameters order; q, k, v are slices of qkv.
  const std::vector<NamedTensor>& named() const { return named_; }
  /// The whole arena as one tensor, gaps (alignment, always 0) included.
  Tensor flat() const { return flat_; }
  /// The same arena cut where decay changes: for AdamW.
  struct Piece {
    int64_t begin, end;
    bool decays;
  };
  const std::vector<Piece>& pieces() const { return pieces_; }
  /// Numbers that files count: tied tensors once, no gaps.
  int64_t count() const;
  static int64_t bytes(const ModelConfig& config);

 private:
  ModelConfig config_;
  Arena arena_;
  EncoderWeights tensors_;
  std::vector<NamedTensor> named_;
  std::vector<Piece> pieces_;
  Tensor flat_;
};

}  // namespace tekio
