// A model's weight matrices in the form that products take: in float32 the weights themselves, in bf16 copies that are
// made anew when the weights have changed.
#pragma once

#include <vector>

#include "compute/arena.h"
#include "compute/backend.h"
#include "model/weights.h"

namespace tekio {

/// The last layer needs queries of masked rows only, so there q stands apart from k and v.
struct LayerMatrices {
  Matrix qkv;            // [3C,C]; all layers but the last
  Matrix q, kv;          // [C,C], [2C,C]; the last
  Matrix out, up, down;  // [C,C], [inner,C], [C,inner]
};
struct ModelMatrices {
  std::vector<LayerMatrices> layers;
  Matrix transform, decoder;  // [C,C], [V,C]: the head's
};

class MatrixSet {
 public:
  /// `weights` and `backend` must outlive this. Nothing is to be had before the first refresh().
  MatrixSet(const ParameterSet& weights, Backend& backend, DType type);
  const ModelMatrices& get() const { return matrices_; }
  DType type() const { return type_; }
  /// Takes the weights where and as they are now: in bf16 their numbers, in float32 their places.
  void refresh();
  /// Bytes of the copies; 0 in float32.
  static int64_t bytes(const ModelConfig& config, const Backend& backend, DType type);

 private:
  const ParameterSet& weights_;
  Backend& backend_;
  DType type_;
  Arena arena_;
  ModelMatrices matrices_;
  std::vector<Backend::MatrixCopy> copies_;
};

}  // namespace tekio
