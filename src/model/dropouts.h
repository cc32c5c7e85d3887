// A model's dropout sites: where they are, how they are numbered, and, where a run repeats the reference's own stream,
// their decisions as PyTorch draws them on a CPU.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random/torch_stream.h"
#include "compute/dropout.h"
#include "data/batch.h"
#include "model/config.h"

namespace tekio {

/// The number of a site is layer * 4 + this; the embeddings' has layer 0.
enum class DropoutSite : uint32_t { embedding, attention, attention_output, output };

/// The decisions that were drawn for one batch, packed: 1 = kept. Padding's are drawn and forgotten.
class DrawnDropout {
 public:
  /// Bytes for the largest batch.
  static int64_t bytes(const ModelConfig& config, int64_t sequences, int64_t length);
  explicit DrawnDropout(int64_t bytes) : memory_(static_cast<size_t>(bytes)) {}
  /// Draws for a batch, site after site in the order of the forward, each over the padded rectangle. A rate of 0 draws
  /// nothing.
  void draw(const ModelConfig& config, const Batch& batch, TorchStream& stream);
  const uint8_t* at(int64_t layer, DropoutSite site) const { return sites_[index(layer, site)]; }

 private:
  static size_t index(int64_t layer, DropoutSite site) {
    return static_cast<size_t>(layer) * 4 + static_cast<size_t>(site);
  }
  std::vector<uint8_t> memory_;
  std::vector<const uint8_t*> sites_;
};

/// One pass's dropout. Off (evaluation) unless made for a training step.
struct Dropouts {
  const ModelConfig* config = nullptr;  ///< nullptr: off
  uint64_t seed = 0, step = 0;
  const DrawnDropout* drawn = nullptr;  ///< nullptr: decided by the counter

  Dropout at(int64_t layer, DropoutSite site) const;
};

/// A site's rate in the config.
float dropout_rate(const ModelConfig& config, DropoutSite site);

}  // namespace tekio
