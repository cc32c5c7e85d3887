// Weights that no file gives: a new model's, and what a file lacks.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/weights.h"

namespace tekio {

/// How a tensor begins, as the reference initialises it.
enum class Start {
  random,      ///< matrices, embeddings: normal(0, initializer_range), the padding's row 0
  sinusoidal,  ///< position embeddings, where the config asks for it
  ones,        ///< a norm's weight
  zeros,       ///< biases
};
Start start_of(const ModelConfig& config, const NamedTensor& tensor);

/// Numbers drawn from (seed, stream), the tensor's place in ParameterSet::named().
void initialize_tensor(const ModelConfig& config, const TensorToChange& tensor, uint64_t seed, uint64_t stream);

/// Every tensor.
void initialize_weights(const ModelConfig& config, ParameterSet& weights, uint64_t seed);

}  // namespace tekio
