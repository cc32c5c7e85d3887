// A normal distribution with given rows' mean m and covariance is had without a factorization: m plus the rows'
// deviations from m, each times a standard normal number, over the root of their count.
#include "model/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/random/counter.h"
#include "model/family.h"

namespace tekio {
namespace {

std::string word_matrix(const ModelConfig& config) {
  return std::string(table_of(config.family).names.word) + ".weight";
}

std::optional<Tokenizer> tokenizer_in(const std::string& folder) {
  try {
    return Tokenizer::from_pretrained(folder);
  } catch (const Error&) {
    return std::nullopt;  // none there, or none that can be read: it then says nothing
  }
}

// Embeddings are often padded to a multiple of up to 128 for speed; a larger difference is none of that.
constexpr int64_t kPadding = 128;

constexpr int64_t kRowsAtOnce = 8;  // so that the old rows are read once for as many new ones

// Rows [begin, end) of the table from rows [0, old) of it.
void draw_rows(const Tensor& table, int64_t old, std::span<const double> mean, int64_t begin, int64_t end,
               RandomKey key) {
  constexpr double kShareOfCovariance = 1e-9, kTwoPi = 6.283185307179586;
  const auto width = static_cast<size_t>(table.dim[1]), rows = static_cast<size_t>(end - begin);
  std::vector<float> sums(rows * width, 0.0f);
  std::vector<double> weights(rows, 0);
  for (int64_t i = 0; i < old; ++i) {
    const float* const row = table.f32() + i * table.dim[1];
    for (size_t k = 0; k < rows; ++k) {
      const RandomWords words =
          random_words(key, {static_cast<uint32_t>(i), static_cast<uint32_t>(begin) + static_cast<uint32_t>(k), 0,
                             static_cast<uint32_t>(RandomUse::new_rows) << 24});
      const double radius = std::sqrt(-2 * std::log((words[0] + 1.0) * 0x1p-32));
      const auto z = static_cast<float>(radius * std::cos(kTwoPi * words[1] * 0x1p-32));
      weights[k] += static_cast<double>(z);
      float* const sum = sums.data() + k * width;
      for (size_t j = 0; j < width; ++j) sum[j] += z * row[j];
    }
  }
  const double scale = std::sqrt(kShareOfCovariance / static_cast<double>(old));
  for (size_t k = 0; k < rows; ++k)
    for (size_t j = 0; j < width; ++j)
      table.f32()[(begin + static_cast<int64_t>(k)) * table.dim[1] + static_cast<int64_t>(j)] =
          static_cast<float>(mean[j] + scale * (static_cast<double>(sums[k * width + j]) - weights[k] * mean[j]));
}

void grow_matrix(const Tensor& table, int64_t old, RandomKey key, ThreadPool& pool) {
  std::vector<double> mean(static_cast<size_t>(table.dim[1]), 0);
  for (int64_t i = 0; i < old; ++i)
    for (size_t j = 0; j < mean.size(); ++j)
      mean[j] += static_cast<double>(table.f32()[i * table.dim[1] + static_cast<int64_t>(j)]);
  for (double& value : mean) value /= static_cast<double>(old);
  const int64_t added = table.dim[0] - old;
  pool.for_each((added + kRowsAtOnce - 1) / kRowsAtOnce, [&](int64_t block, int) {
    const int64_t begin = old + block * kRowsAtOnce;
    draw_rows(table, old, mean, begin, std::min(begin + kRowsAtOnce, table.dim[0]), key);
  });
}

}  // namespace

bool is_enlarged(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& folder) {
  if (tokenizer.vocabulary_size() <= config.vocabulary) return false;
  const std::optional<Tokenizer> own = tokenizer_in(folder);
  if (!own || own->vocabulary_size() > config.vocabulary) return tokenizer.base_vocabulary_size() <= config.vocabulary;
  for (int32_t id = 0; id < own->vocabulary_size(); ++id)
    if (own->id_to_token(id) != tokenizer.id_to_token(id)) return false;
  return true;
}

void check_vocabulary(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& folder) {
  const int64_t entries = tokenizer.vocabulary_size();
  const std::string difference = fmt::format("vocabulary has {} entries but {} has {} rows (model in {})", entries,
                                             word_matrix(config), config.vocabulary, printable(folder, 300));
  if (is_enlarged(tokenizer, config, folder))
    fail(ErrorKind::input,
         "{}: words were added to the tokenizer that this model has not seen; 'tekio adapt' makes its embeddings grow "
         "and trains them",
         difference);
  if (entries > config.vocabulary)
    fail(ErrorKind::input,
         "{}: tokenizer and weights are from different models; pass --tokenizer with the folder that the weights were "
         "trained with",
         difference);
  if (entries <= config.vocabulary - kPadding)
    warn(fmt::format("{}, so {} rows can never be used: are tokenizer and weights from different models?", difference,
                     config.vocabulary - entries));
}

void check_new_vocabulary(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& path) {
  const int64_t entries = tokenizer.vocabulary_size(), rows = config.vocabulary;
  if (entries > rows)
    fail(ErrorKind::input, "the tokenizer has {0} entries but vocab_size is {1} in {2}: set it to {0} or more", entries,
         rows, printable(path, 300));
  if (entries > rows - kPadding) return;
  const int64_t padded = (entries + 63) / 64 * 64;
  warn(fmt::format("vocab_size is {} in {} but the tokenizer has {} entries: {} rows can never be used; {}{} is enough",
                   rows, printable(path, 300), entries, rows - entries, entries,
                   padded == entries ? "" : fmt::format(", or {} as a multiple of 64,", padded)));
}

void grow_vocabulary(const ParameterSet& from, ParameterSet& to, uint64_t seed, ThreadPool& pool) {
  const int64_t old = from.config().vocabulary;
  const std::vector<NamedTensor>& before = from.named();
  const std::vector<TensorToChange>& after = to.named_to_change();
  TEKIO_CHECK(before.size() == after.size() && to.config().vocabulary > old, "{} rows from {}, {} tensors from {}",
              to.config().vocabulary, old, after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    const std::span<const float> numbers = before[i].tensor.values();
    const Tensor& table = after[i].tensor;
    std::ranges::copy(numbers, table.values().begin());
    if (numbers.size() == table.values().size()) continue;
    if (table.rank == 2) {
      grow_matrix(table, old, random_key(seed, i), pool);
    } else {
      const double sum = std::accumulate(numbers.begin(), numbers.end(), 0.0);
      const auto bias = to.config().tied ? 0.0f : static_cast<float>(sum / static_cast<double>(old));
      std::ranges::fill(table.values().subspan(numbers.size()), bias);
    }
  }
}

Tokenizer limited_to_positions(const Tokenizer& tokenizer, const ModelConfig& config) {
  const int64_t length = tokenizer.model_max_length();
  if (length <= config.longest_input()) return tokenizer;
  if (length != INT64_MAX)
    note(fmt::format("the tokenizer's model_max_length is {}, but the model has {} positions: taken, and saved, as {}",
                     length, config.longest_input(), config.longest_input()));
  return tokenizer.with_model_max_length(config.longest_input());
}

}  // namespace tekio
