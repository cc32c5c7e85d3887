// Random numbers go by (seed, tensor, place), so that a tensor begins alike whatever else a file lacks.
#include "model/initialize.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random/counter.h"
#include "model/family.h"

namespace tekio {
namespace {

// Standard normal numbers by Box and Muller, four from each Philox block.
void fill_normal(std::span<float> out, double deviation, uint64_t seed, uint64_t stream) {
  constexpr double kTwoPi = 6.283185307179586;
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

// Whether the padding's row is 0: of the word embeddings, and of positions that are counted from it.
bool has_padding_row(const ModelConfig& config, const NamedTensor& tensor) {
  const TensorNames& names = table_of(config.family).names;
  const auto is = [&](const char* name) { return tensor.name == fmt::format("{}.weight", name); };
  return config.padding_id >= 0 &&
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
      fill_normal(values, config.initializer_range, seed, stream);
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
