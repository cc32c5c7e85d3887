// What this room's tests share: scratch folders, tiny models, the golden batches, back ends by name.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "compute/backend.h"
#include "compute/cuda.h"
#include "data/batch.h"
#include "model/config.h"
#include "model/masked_lm.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"
#include "model/safetensors.h"
#include "support/fenced_backend.h"
#include "support/passes.h"
#include "support/scratch_folder.h"

namespace tekio::test {

inline fs::path golden(const std::string& name) { return fs::path(TEKIO_GOLDEN_DIR) / name; }

/// Expects an Error of that kind whose message holds every one of the given parts.
template <typename Body>
void expect_error(ErrorKind kind, const std::vector<std::string>& parts, Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error, expected one with: " << (parts.empty() ? "" : parts.front());
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    for (const std::string& part : parts) EXPECT_THAT(error.what(), ::testing::HasSubstr(part));
    EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("\n")));
  }
}

/// "fenced": cpu in memory that the processor may not touch. "cuda": where there is a GPU.
inline const std::vector<std::string>& back_ends() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"ref", "cpu", "fenced"};
    if (cuda_problem().empty()) all.emplace_back("cuda");
    return all;
  }();
  return names;
}
inline std::unique_ptr<Backend> back_end(const std::string& name, ThreadPool& pool) {
  return name == "fenced" ? make_fenced_backend(make_cpu_backend(pool)) : make_backend(name, pool);
}

/// A back end on two threads.
struct Device {
  explicit Device(const std::string& name) : pool(2), backend(back_end(name, pool)) {}
  ThreadPool pool;
  std::unique_ptr<Backend> backend;
};

/// MaskedLM::from_pretrained, where options.device may also be "fenced".
inline MaskedLM open_model(const fs::path& folder, const LoadOptions& options) {
  const auto make = [&](ThreadPool& pool) { return back_end(options.device, pool); };
  return MaskedLMImpl::wrap(std::make_shared<MaskedLMImpl>(folder.string(), options, make));
}

inline Json tiny_bert_json() {
  return Json::parse(
      R"({"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
                         "intermediate_size": 24, "max_position_embeddings": 20, "type_vocab_size": 2, "hidden_dropout_prob": 0.0,
                         "attention_probs_dropout_prob": 0.0})");
}
inline Json tiny_distilbert_json() {
  return Json::parse(
      R"({"model_type": "distilbert", "vocab_size": 50, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24,
                         "max_position_embeddings": 20, "dropout": 0.0, "attention_dropout": 0.0})");
}

/// A model with large random weights, so that no gradient is near zero.
inline void randomize(MlmNetwork& model, uint64_t seed) {
  ModelConfig wide = model.config();
  wide.initializer_range = 0.3;
  initialize_weights(wide, model.weights(), seed);
  for (const TensorToChange& tensor : model.weights().named_to_change())
    if (!decays(tensor.role))
      for (float& value : tensor.tensor.values())
        value +=
            0.1f * std::sin(static_cast<float>(&value - tensor.tensor.f32()) + static_cast<float>(tensor.name.size()));
}

inline bool complete(const LoadReport& report) { return report.missing.empty() && report.unexpected.empty(); }

inline std::vector<float> numbers(const StoredTensor& tensor) {
  int64_t count = 1;
  for (const int64_t d : tensor.shape) count *= d;
  std::vector<float> values(static_cast<size_t>(count));
  to_float32(tensor, values, "test");
  return values;
}

/// What a back end computed.
inline std::vector<float> numbers(Backend& backend, const ConstTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.numel()));
  backend.memory().read(values.data(), tensor.data, tensor.bytes());
  return values;
}
/// Likewise, in the first `columns` columns of a matrix.
inline std::vector<float> numbers(Backend& backend, const ConstTensor& tensor, int64_t columns) {
  const std::vector<float> all = numbers(backend, tensor);
  std::vector<float> values;
  for (auto row = all.begin(); row != all.end(); row += tensor.dim[1]) values.insert(values.end(), row, row + columns);
  return values;
}

/// All of a set's numbers, in the order of its names.
inline std::vector<float> numbers(const ParameterSet& set) {
  std::vector<float> all;
  for (const NamedTensor& tensor : set.named())
    all.insert(all.end(), tensor.tensor.values().begin(), tensor.tensor.values().end());
  return all;
}
inline void set_numbers(ParameterSet& set, std::span<const float> all) {
  for (const TensorToChange& tensor : set.named_to_change()) {
    const auto values = tensor.tensor.values();
    std::ranges::copy(all.first(values.size()), values.begin());
    all = all.subspan(values.size());
  }
}
/// The tensor of that name, to change.
inline std::span<float> named_values(ParameterSet& set, const std::string& name) {
  for (const TensorToChange& tensor : set.named_to_change())
    if (tensor.name == name) return tensor.tensor.values();
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

inline double largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= most)) most = difference;  // a NaN stays
  }
  return most;
}

inline double largest(std::span<const float> a) {
  double most = 0;
  for (const float value : a) most = std::max(most, std::abs(static_cast<double>(value)));
  return most;
}

}  // namespace tekio::test
