// The order of draws follows the reference's forward: embeddings [B,T,E]; then per layer attention probabilities
// [B,H,T,T], BERT's attention output [B,T,C], feed-forward output [B,T,C], T being the padded length.
#include "model/dropouts.h"

#include <algorithm>

#include "base/error.h"

namespace tekio {

float dropout_rate(const ModelConfig& config, DropoutSite site) {
  switch (site) {
    case DropoutSite::attention:
      return config.attention_dropout;
    case DropoutSite::attention_output:
      return config.attention_output_dropout;
    case DropoutSite::output:
      return config.output_dropout;
    case DropoutSite::embedding:
      break;
  }
  return config.hidden_dropout;
}

Dropout Dropouts::at(int64_t layer, DropoutSite site) const {
  if (config == nullptr) return {};
  const float rate = dropout_rate(*config, site);
  if (rate == 0) return {};
  return {.rate = rate,
          .seed = seed,
          .step = step,
          .site = static_cast<uint32_t>(layer) * 4 + static_cast<uint32_t>(site),
          .kept = drawn != nullptr ? drawn->at(layer, site) : nullptr};
}

int64_t DrawnDropout::bytes(const ModelConfig& config, int64_t sequences, int64_t length) {
  const auto decisions = [&](DropoutSite site, int64_t columns) {
    return dropout_rate(config, site) > 0 ? sequences * length * columns : 0;
  };
  return decisions(DropoutSite::embedding, config.embedding_width) +
         config.layers *
             (decisions(DropoutSite::attention, config.heads * length) +
              decisions(DropoutSite::attention_output, config.width) + decisions(DropoutSite::output, config.width));
}

void DrawnDropout::draw(const ModelConfig& config, const Batch& batch, TorchStream& stream) {
  uint8_t* next = memory_.data();
  sites_.assign(static_cast<size_t>(config.layers) * 4, nullptr);
  const auto length_of = [&](int64_t k) {
    const auto i = static_cast<size_t>(k);
    return static_cast<int64_t>(batch.offsets[i + 1]) - batch.offsets[i];
  };
  const auto keep = [&](int64_t count, DropoutSite site) {
    TEKIO_CHECK(count <= memory_.data() + memory_.size() - next, "{} decisions, {} left", count,
                memory_.data() + memory_.size() - next);
    stream.dropout_kept({next, static_cast<size_t>(count)}, static_cast<double>(dropout_rate(config, site)));
    next += count;
  };
  const auto rows = [&](int64_t layer, DropoutSite site, int64_t width) {  // [B,T,width]
    if (dropout_rate(config, site) == 0) return;
    sites_[index(layer, site)] = next;
    for (int64_t k = 0; k < batch.sequences(); ++k) {
      keep(length_of(k) * width, site);
      stream.skip_dropout((batch.padded_length - length_of(k)) * width);
    }
  };
  const auto probabilities = [&](int64_t layer, DropoutSite site) {  // [B,H,T,T]
    if (dropout_rate(config, site) == 0) return;
    sites_[index(layer, site)] = next;
    for (int64_t k = 0; k < batch.sequences(); ++k) {
      const int64_t length = length_of(k), padding = batch.padded_length - length;
      for (int64_t head = 0; head < config.heads; ++head) {
        for (int64_t query = 0; query < length; ++query) {
          keep(length, site);
          stream.skip_dropout(padding);
        }
        stream.skip_dropout(padding * batch.padded_length);
      }
    }
  };
  for (int64_t k = 0; k < batch.sequences(); ++k)
    TEKIO_CHECK(length_of(k) <= batch.padded_length, "sequence {} has {} tokens, the padded length is {}", k,
                length_of(k), batch.padded_length);
  rows(0, DropoutSite::embedding, config.embedding_width);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    probabilities(layer, DropoutSite::attention);
    rows(layer, DropoutSite::attention_output, config.width);
    rows(layer, DropoutSite::output, config.width);
  }
}

}  // namespace tekio
