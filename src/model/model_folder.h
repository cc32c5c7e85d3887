// Model folders: reading any of the reference's weight files into a ParameterSet, and writing model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/load_report.h"
#include "model/weight_files.h"
#include "model/weights.h"

namespace tekio {

/// A model folder as it was found.
struct OpenedFolder {
  ModelConfig config;  ///< with what the weights tell beyond config.json
  std::shared_ptr<const WeightFiles> files;
};

/// Reads config.json and opens model.safetensors, model.safetensors.index.json, pytorch_model.bin or
/// pytorch_model.bin.index.json (in this order). Where config.json names no family, the tensors' names tell it; where
/// it does not say that the head has a matrix of its own but the files hold one that differs from the word embeddings,
/// the head keeps it, as in transformers 5. Errors: input (no config.json, no weights, malformed), io.
OpenedFolder open_model_folder(const std::filesystem::path& folder);

/// Whether a file's numbers are copied, or borrowed where they can be read as they lie in the mapped file: whole
/// float32 tensors, aligned.
enum class Reading { copied, borrowed };

/// Fills `weights`. f32, f16, bf16 and f64 become f32. Missing tensors are initialised from `seed`. Errors (input):
/// mismatched shape (tensor, got, expected), none of the model's tensors.
LoadReport load_weights(std::shared_ptr<const WeightFiles> opened, const ModelConfig& config, ParameterSet& weights,
                        uint64_t seed, Reading reading = Reading::copied);
/// The same from a folder whose config is known.
LoadReport load_weights(const std::filesystem::path& folder, const ModelConfig& config, ParameterSet& weights,
                        uint64_t seed, Reading reading = Reading::copied);

/// config.json and model.safetensors into an existing folder, each atomically. Tied tensors once; an untied head's as
/// the reference names them.
std::vector<WrittenFile> save_model(const std::filesystem::path& folder, const ModelConfig& config,
                                    const ParameterSet& weights);

}  // namespace tekio
