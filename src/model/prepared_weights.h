// What passes compute with: each weight matrix in the form that products take, beside its bias, and the norms. In
// float32 the matrices are the weights themselves, in bf16 copies that are made anew when the weights have changed.
#pragma once

#include <vector>

#include "compute/arena.h"
#include "compute/backend.h"
#include "model/weights.h"

namespace tekio {

struct Linear {
  Matrix weight;
  ConstTensor bias;
};
/// The last layer needs queries of masked rows only: there q stands apart from k and v. What no layer asks for is
/// absent.
struct LayerWeights : LayerOf<Linear, NormWeights> {
  Linear q, kv;  // [C,C], [2C,C]
};
/// An embedding is its table. The decoder is there, tied or not. Where layers share weights, `layers` holds the same
/// ones several times.
using NetworkWeights = ModelOf<ConstTensor, Linear, NormWeights, LayerWeights>;

class PreparedWeights {
 public:
  /// `weights` and `backend` must outlive this. Nothing is to be had before the first refresh().
  PreparedWeights(const ParameterSet& weights, Backend& backend, DType type);
  const NetworkWeights& get() const { return expanded_; }
  DType type() const { return type_; }
  /// Takes the weights where and as they are now: in bf16 the matrices' numbers, else their places.
  void refresh();
  /// Bytes of the copies; 0 in float32.
  static int64_t bytes(const ModelConfig& config, const Backend& backend, DType type);

 private:
  const ParameterSet& weights_;
  Backend& backend_;
  DType type_;
  Arena arena_;
  NetworkWeights network_;  // each layer that has weights of its own once
  NetworkWeights expanded_;
  std::vector<MatrixCopy> copies_;
};

}  // namespace tekio
