// Random numbers go by (seed, tensor, place), so that a tensor begins alike whatever else a file lacks.
#include "model/initialize.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random/counter.h"
#include "model/family.h"

namespace tekio {
namespace {

constexpr double kTwoPi = 6.283185307179586;

// Standard normal numbers by Box and Muller, four from each Philox block.
void fill_normal(std::span<float> out, double deviation, uint64_t seed, uint64_t stream) {
  const RandomKey key = random_key(seed, stream);
  for (size_t block = 0; block * 4 < out.size(); ++block) {
    const RandomWords words =
        random_words(key, {static_cast<uint32_t>(block), static_cast<uint32_t>(uint64_t{block} >> 32), 0,
                           static_cast<uint32_t>(RandomUse::weights) << 24});
    for (size_t pair = 0; pair < 2; ++pair) {
      const double radius = std::sqrt(-2 * std::log((words[2 * pair] + 1.0) * 0x1p-32)),
                   angle = kTwoPi * words[2 * pair + 1] * 0x1p-32;
      const size_t i = block * 4 + pair * 2;
      if (i < out.size()) out[i] = static_cast<float>(deviation * radius * std::cos(angle));
      if (i + 1 < out.size()) out[i + 1] = static_cast<float>(deviation * radius * std::sin(angle));
    }
  }
}

// The same, but none beyond `cutoff` deviations: such a number is drawn anew, from (its place, which try it is).
void fill_truncated(std::span<float> out, double deviation, double cutoff, uint64_t seed, uint64_t stream) {
  const RandomKey key = random_key(seed, stream);
  for (size_t i = 0; i < out.size(); ++i)
    for (uint32_t attempt = 0;; ++attempt) {
      const RandomWords words = random_words(key, {static_cast<uint32_t>(i), static_cast<uint32_t>(uint64_t{i} >> 32),
                                                   attempt, static_cast<uint32_t>(RandomUse::weights) << 24});
      const double z = std::sqrt(-2 * std::log((words[0] + 1.0) * 0x1p-32)) * std::cos(kTwoPi * words[1] * 0x1p-32);
      if (std::abs(z) > cutoff) continue;
      out[i] = static_cast<float>(deviation * z);
      break;
    }
}

// Of a matrix: ModernBERT's, which write into the stream, begin smaller the more layers there are, and its head's do.
double deviation_of(const ModelConfig& config, const NamedTensor& tensor) {
  const TensorNames& names = table_of(config.family).names;
  const auto ends = [&](const char* name) { return tensor.name.ends_with(fmt::format("{}.weight", name)); };
  const bool is_smaller =
      config.pre_norm && (ends(names.out) || ends(names.down) || ends(names.transform) || tensor.name == names.decoder);
  return is_smaller ? config.initializer_range / std::sqrt(2.0 * static_cast<double>(config.layers))
                    : config.initializer_range;
}

// Row p's numbers 2i and 2i+1: sine and cosine of p / 10000^(2i / C).
void fill_sinusoidal(const Tensor& table) {
  const int64_t width = table.dim[1];
  for (int64_t p = 0; p < table.dim[0]; ++p)
    for (int64_t j = 0; j < width; ++j) {
      const double angle =
          static_cast<double>(p) / std::pow(10000.0, static_cast<double>(j / 2 * 2) / static_cast<double>(width));
      table.f32()[p * width + j] = static_cast<float>(j % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
}

// Whether the padding's row is 0: of the word embeddings, and of positions that are counted from it. (ModernBERT's are
// drawn like the others: the reference draws the whole table after torch has cleared that row.)
bool has_padding_row(const ModelConfig& config, const NamedTensor& tensor) {
  const TensorNames& names = table_of(config.family).names;
  const auto is = [&](const char* name) { return tensor.name == fmt::format("{}.weight", name); };
  return config.padding_id >= 0 && !config.pre_norm &&
         (is(names.word) || (config.position_rule == PositionRule::behind_padding && is(names.position)));
}

}  // namespace

Start start_of(const ModelConfig& config, const NamedTensor& tensor) {
  if (config.sinusoidal_positions && tensor.name == std::string(table_of(config.family).names.position) + ".weight")
    return Start::sinusoidal;
  switch (tensor.role) {
    case TensorRole::matrix:
      return Start::random;
    case TensorRole::norm_weight:
      return Start::ones;
    case TensorRole::bias:
      return Start::zeros;
  }
  TEKIO_CHECK(false, "role {}", static_cast<int>(tensor.role));
  return Start::zeros;
}

void initialize_tensor(const ModelConfig& config, const TensorToChange& tensor, uint64_t seed, uint64_t stream) {
  const std::span<float> values = tensor.tensor.values();
  switch (start_of(config, tensor)) {
    case Start::random:
      if (config.initializer_cutoff > 0)
        fill_truncated(values, deviation_of(config, tensor), config.initializer_cutoff, seed, stream);
      else
        fill_normal(values, deviation_of(config, tensor), seed, stream);
      if (has_padding_row(config, tensor))
        std::ranges::fill(tensor.tensor.rows(config.padding_id, config.padding_id + 1).values(), 0.0f);
      break;
    case Start::sinusoidal:
      fill_sinusoidal(tensor.tensor);
      break;
    case Start::ones:
      std::ranges::fill(values, 1.0f);
      break;
    case Start::zeros:
      std::ranges::fill(values, 0.0f);
      break;
  }
}

void initialize_weights(const ModelConfig& config, ParameterSet& weights, uint64_t seed) {
  uint64_t stream = 0;
  for (const TensorToChange& tensor : weights.named_to_change()) initialize_tensor(config, tensor, seed, stream++);
}

}  // namespace tekio
