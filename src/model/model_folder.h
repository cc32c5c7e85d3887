// Model folders: reading any of the reference's weight files into a ParameterSet, and writing model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/weights.h"

namespace tekio {

/// How a folder's tensors met the model's: names as the reference reports them.
struct LoadReport {
  std::vector<std::string> missing;     ///< initialised afresh
  std::vector<std::string> unexpected;  ///< in the file, not in the model
  bool head_missing = false;            ///< the whole masked-LM head is among the missing
  std::vector<std::string> notes;       ///< sentences on what was decided where a file left a choice
  /// One table (tensor, status), layer numbers collapsed to ranges, no newline at its end; empty if all matched.
  std::string table() const;
};

/// Whether a file's numbers are copied, or borrowed where they can be read as they lie in the mapped file: whole
/// float32 tensors, aligned.
enum class Reading { copied, borrowed };

/// Fills `weights` from model.safetensors, model.safetensors.index.json, pytorch_model.bin or
/// pytorch_model.bin.index.json (in this order). f32, f16 and bf16 become f32. Missing tensors are initialised from
/// `seed`. Errors: io (no weights file), input (malformed file, mismatched shape: tensor, got, expected).
LoadReport load_weights(const std::filesystem::path& folder, const ModelConfig& config, ParameterSet& weights,
                        uint64_t seed, Reading reading = Reading::copied);

/// The reference's initialisation: normal(0, initializer_range) for matrices and embeddings (the padding row 0;
/// sinusoidal positions where the config asks for them), biases 0, norms 1 and 0.
void initialize_weights(const ModelConfig& config, ParameterSet& weights, uint64_t seed);

/// config.json and model.safetensors into an existing folder, each atomically. Tied tensors once.
void save_model(const std::filesystem::path& folder, const ModelConfig& config, const ParameterSet& weights);

/// Stops where a tokenizer has ids that the model has no row for, and warns where it has far fewer: then tokenizer and
/// weights belong to different models. `folder` is the model's. Errors: input.
void check_vocabulary(int64_t tokenizer_entries, const ModelConfig& config, const std::string& folder);

}  // namespace tekio
