// A model's tensors: one struct, one visitor. Loading, saving, initialising, AdamW's groups and the tests all walk
// for_each. Weights lie in one flat arena, so the optimizer, norms and checkpoints see a few long pieces.
#pragma once

#include <functional>
#include <memory>
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

/// A set of tensors of a model's shape in one flat float32 arena: weights, or gradients, or a moment. Tensors that are
/// only read may be borrowed from elsewhere (a mapped file); the arena's pages for them are then never touched.
class ParameterSet {
 public:
  ParameterSet(const ModelConfig& config, const std::string& purpose);
  /// The sizes that this was made for.
  const ModelConfig& config() const { return config_; }
  EncoderWeights& tensors() { return tensors_; }
  const EncoderWeights& tensors() const { return tensors_; }
  /// Every tensor by its reference name, in the reference's named_parameters order; q, k, v are slices of qkv.
  const std::vector<NamedTensor>& named() const { return named_; }
  /// Lets the named tensor be `numbers` (as many as it has, aligned as floats), which `owner` keeps in memory. Until
  /// own() nobody may write to it. False, and nothing done, where it is a part of a larger tensor.
  bool borrow(size_t index, const float* numbers, std::shared_ptr<const void> owner);
  bool borrows() const { return !owners_.empty(); }
  /// Copies what is borrowed into the arena: tensors() and named() point elsewhere from then on.
  void own();
  /// The whole arena as one tensor, gaps (alignment, always 0) included. A bug while something is borrowed.
  Tensor flat() const {
    TEKIO_CHECK(!borrows(), "{} tensors are borrowed", owners_.size());
    return flat_;
  }
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
  void lay_out();
  ModelConfig config_;
  Arena arena_;
  EncoderWeights tensors_;
  std::vector<NamedTensor> named_;
  std::vector<Piece> pieces_;
  Tensor flat_;
  std::vector<std::shared_ptr<const void>> owners_;  // of what is borrowed
};

}  // namespace tekio
