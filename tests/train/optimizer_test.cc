// Ten AdamW steps of the tiny models against the reference's: losses, norms and final weights; clipping; what is not
// finite.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>

#include "base/json.h"
#include "base/thread_pool.h"
#include "compute/cuda.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"
#include "model/safetensors.h"
#include "support/fenced_backend.h"
#include "support/local_ranks.h"
#include "support/passes.h"
#include "train/optimizer.h"

namespace tekio::test {
namespace {

/// Batch k of golden.safetensors: padded rows are cut to their real length.
Batch golden_batch(const SafetensorsFile& file, int k) {
  const std::string prefix = "batch" + std::to_string(k) + ".";
  const auto numbers = [&](const std::string& name) {
    const auto it = file.tensors().find(prefix + name);
    std::vector<int32_t> values;
    if (it == file.tensors().end()) return values;
    values.resize(it->second.bytes.size() / sizeof(int32_t));
    std::memcpy(values.data(), it->second.bytes.data(), it->second.bytes.size());
    return values;
  };
  const std::vector<int32_t> ids = numbers("input_ids"), labels = numbers("labels"),
                             visible = numbers("attention_mask"), types = numbers("token_type_ids");
  const std::vector<int64_t>& shape = file.tensors().at(prefix + "input_ids").shape;
  Batch batch;
  batch.offsets = {0};
  for (int64_t row = 0; row < shape[0]; ++row) {
    for (int64_t t = 0; t < shape[1]; ++t) {
      const auto at = static_cast<size_t>(row * shape[1] + t);
      if (!visible.empty() && visible[at] == 0) continue;
      if (labels[at] != -100) {
        batch.masked_rows.push_back(static_cast<int32_t>(batch.input_ids.size()));
        batch.labels.push_back(labels[at]);
      }
      batch.input_ids.push_back(ids[at]);
      if (!types.empty()) batch.type_ids.push_back(types[at]);
    }
    batch.offsets.push_back(static_cast<int32_t>(batch.input_ids.size()));
  }
  batch.padded_length = shape[1];
  return batch;
}

/// Of the last update's gradients, before clipping.
double norm_of(Backend& be, const Optimizer& optimizer) {
  const Results clipping = be.memory().read_later(optimizer.clipping().f64(), kClipping);
  be.wait();
  return clipping->front();
}

class TenSteps : public ::testing::TestWithParam<const char*> {};

TEST_P(TenSteps, EqualTheReferences) {
  const std::string folder = std::string(TEKIO_GOLDEN_DIR) + "/" + GetParam();
  const Json golden = read_json(folder + "/golden.json");
  const SafetensorsFile file(folder + "/golden.safetensors");
  const auto backend = make_ref_backend();
  MlmNetwork model(ModelConfig::from_folder(folder), *backend);
  load_weights(folder, model.config(), model.weights(), 0);
  model.prepare({.sequences = 8, .length = 24, .masked_rows = 100}, true);
  Optimizer optimizer(*backend, model.config(), {.weight_decay = 0.01, .max_grad_norm = 1});
  int64_t step = 0;
  for (const Json& expected : golden["adamw"]["steps"]) {
    const Batch batch = golden_batch(file, expected["batch"].get<int>());
    const auto masked = static_cast<double>(batch.masked_rows.size());
    model.clear_gradients();
    model.forward(batch, {});
    const double loss = backward(model, batch, static_cast<float>(1 / masked)) / masked;
    optimizer.update(model.weights(), model.gradients(), expected["learning_rate"].get<double>(), ++step);
    const double norm = norm_of(*backend, optimizer);
    EXPECT_NEAR(loss, expected["loss"].get<double>(), 1e-5) << "step " << step;
    EXPECT_NEAR(norm, expected["grad_norm"].get<double>(), 2e-5) << "step " << step;
  }
  EXPECT_EQ(step, 10);
  for (const NamedTensor& named : model.weights().named()) {
    if (named.name.find("k_lin.bias") != std::string::npos || named.name.find("key.bias") != std::string::npos)
      continue;  // pure rounding noise
    std::vector<float> expected(static_cast<size_t>(named.tensor.numel()));
    to_float32(file.tensors().at("final." + named.name), expected, named.name);
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(named.tensor.values()[i]) - expected[i]));
    EXPECT_LT(worst, 2e-6) << named.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, TenSteps, ::testing::Values("tiny-distilbert", "tiny-bert"),
                         [](const auto& given) { return std::string(given.param).substr(5); });

class Update : public ::testing::Test {
 protected:
  Update()
      : config_(ModelConfig::from_folder(TEKIO_GOLDEN_DIR "/tiny-distilbert")),
        weights_(config_, "w"),
        gradients_(config_, "g") {
    for (float& w : weights_.tensors_to_change().transform.bias.values()) w = 1;
  }
  float weight() { return weights_.tensors().transform.bias.values()[0]; }
  ModelConfig config_;
  ParameterSet weights_, gradients_;
  std::unique_ptr<Backend> backend_ = make_ref_backend();
};

TEST_F(Update, TheNormIsThatBeforeClipping) {
  gradients_.tensors_to_change().transform.bias.values()[0] = 3;
  gradients_.tensors_to_change().word.weight.values()[7] = 4;
  Optimizer optimizer(*backend_, config_, {});
  optimizer.update(weights_, gradients_, 0, 1);
  EXPECT_DOUBLE_EQ(norm_of(*backend_, optimizer), 5);
  // clipped to norm 1: 3 * 1/(5 + 1e-6)
  EXPECT_NEAR(optimizer.moment1().tensors().transform.bias.values()[0], 0.1 * 0.6, 1e-6);
}

TEST_F(Update, NoClippingWhereTheLimitIsZeroOrFar) {
  gradients_.tensors_to_change().transform.bias.values()[0] = 3;
  for (const double limit : {0.0, 10.0}) {
    Optimizer optimizer(*backend_, config_, {.max_grad_norm = limit});
    optimizer.update(weights_, gradients_, 0, 1);
    EXPECT_NEAR(optimizer.moment1().tensors().transform.bias.values()[0], 0.3, 1e-6);
  }
}

TEST_F(Update, NothingIsChangedByGradientsThatAreNotFinite) {
  gradients_.tensors_to_change().transform.bias.values()[0] = std::numeric_limits<float>::quiet_NaN();
  Optimizer optimizer(*backend_, config_, {});
  optimizer.update(weights_, gradients_, 1e-3, 1);
  EXPECT_TRUE(std::isnan(norm_of(*backend_, optimizer)));
  EXPECT_EQ(weight(), 1);
}

TEST_F(Update, BiasesDoNotDecay) {
  for (float& w : weights_.tensors_to_change().transform.weight.values()) w = 1;
  Optimizer optimizer(*backend_, config_, {.weight_decay = 0.5});
  optimizer.update(weights_, gradients_, 0.1, 1);
  EXPECT_EQ(weight(), 1);
  EXPECT_FLOAT_EQ(weights_.tensors().transform.weight.values()[5], 0.95f);
}

/// Several ranks that each have a share of the moments, beside one that has all.
class SharedWork : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  struct Sets {
    Sets(const ModelConfig& config, Memory& memory) : weights(config, "w", memory), gradients(config, "g", memory) {}
    ParameterSet weights, gradients;
  };
  static void draw(ParameterSet& set, uint32_t state) {
    for (const TensorToChange& named : set.named_to_change())
      for (float& value : named.tensor.values()) {
        state = state * 1664525u + 1013904223u;
        value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
      }
  }
  static std::vector<float> numbers(const ParameterSet& set) {
    std::vector<float> all;
    for (const NamedTensor& named : set.named())
      all.insert(all.end(), named.tensor.values().begin(), named.tensor.values().end());
    return all;
  }
  struct Result {
    std::vector<double> norms;
    std::vector<float> weights, first, second;
    bool operator==(const Result&) const = default;
  };

  /// As after a sum that goes to shares: what is not the rank's is undefined.
  void spoil_others(ParameterSet& gradients, Memory& memory, const Communicator& ranks) const {
    const ArenaShares shares(config_, ranks.size());
    const std::vector<float> spoilt(static_cast<size_t>(shares.count()), std::numeric_limits<float>::quiet_NaN());
    for (const ArenaShares::Run& run : shares.runs()) {
      const Tensor part = gradients.flat_to_change().rows(run.begin, run.end);
      if (run.rank != ranks.rank()) memory.write(part.data, spoilt.data(), part.bytes());
    }
  }
  /// Four updates, before the third of which the moments are handed on to another optimizer.
  Result run(Communicator* sharers) const {
    ThreadPool pool(1);
    const std::string device = std::get<1>(GetParam());
    const int rank = sharers != nullptr ? sharers->rank() : 0;
    const auto backend = device == "fenced" ? make_fenced_backend(make_cpu_backend(pool))
                         : device == "cuda" ? make_cuda_backend(rank % cuda_devices())
                                            : make_backend(device, pool);
    Sets sets(config_, backend->memory());
    draw(sets.weights, 3);
    const auto sums = sharers != nullptr ? make_rank_sums(*sharers, backend->memory()) : nullptr;
    auto optimizer = std::make_unique<Optimizer>(*backend, config_, OptimizerOptions{}, sums.get());
    ParameterSet first(config_, "collected"), second(config_, "collected");
    const auto collect = [&] {
      const bool wants = sharers == nullptr || sharers->rank() == 0;
      if (optimizer->is_shared()) {
        optimizer->collect(Moment::first, wants ? &first : nullptr);
        optimizer->collect(Moment::second, wants ? &second : nullptr);
      }
      return optimizer->is_shared() ? std::pair(numbers(first), numbers(second))
                                    : std::pair(numbers(optimizer->moment1()), numbers(optimizer->moment2()));
    };
    Result result;
    for (int64_t step = 1; step <= 4; ++step) {
      draw(sets.gradients, static_cast<uint32_t>(step));
      if (sharers != nullptr) spoil_others(sets.gradients, backend->memory(), *sharers);
      optimizer->update(sets.weights, sets.gradients, 1e-2, step);
      result.norms.push_back(norm_of(*backend, *optimizer));
      if (step != 2 || !optimizer->is_shared()) continue;
      collect();
      auto next = std::make_unique<Optimizer>(*backend, config_, OptimizerOptions{}, sums.get());
      for (const auto& [moment, set] : {std::pair(Moment::first, &first), {Moment::second, &second}}) {
        // As from a checkpoint, which every rank reads.
        const std::string all = sharers->broadcast(
            {reinterpret_cast<const char*>(set->flat().f32()), static_cast<size_t>(set->flat().bytes())});
        std::memcpy(set->flat_to_change().f32(), all.data(), all.size());
        next->take(moment, *set);
      }
      optimizer = std::move(next);
    }
    std::tie(result.first, result.second) = collect();
    result.weights = numbers(sets.weights);
    return result;
  }

  /// Of a few blocks of the norm, which are what shares are made of.
  static ModelConfig larger(const std::string& name) {
    ModelConfig config = ModelConfig::from_folder(TEKIO_GOLDEN_DIR "/" + name);
    config.vocabulary = 9'000;
    return config;
  }
  const ModelConfig config_ = larger(std::get<0>(GetParam()));
};

TEST_P(SharedWork, EndsWithTheSameBits) {
  if (std::string(std::get<1>(GetParam())) == "cuda" && !cuda_problem().empty())
    GTEST_SKIP() << "there is no usable GPU";
  const Result alone = run(nullptr);
  EXPECT_EQ(alone.weights.size(), alone.first.size());
  for (const int size : {1, 2, 3, 8})
    run_ranks(size, [&](Communicator& ranks) {
      const Result shared = run(&ranks);
      EXPECT_EQ(shared.norms, alone.norms) << size;
      EXPECT_TRUE(shared.weights == alone.weights) << size << " ranks";
      if (ranks.rank() > 0) return;
      EXPECT_TRUE(shared.first == alone.first && shared.second == alone.second) << size << " ranks";
    });
}

TEST_P(SharedWork, TakesAShareOfTheMemory) {
  const int64_t all = Optimizer::moment_bytes(config_, 1, 0), block = 2 * kNormBlock * size_of(DType::f32);
  EXPECT_EQ(all, 2 * ParameterSet::bytes(config_));
  for (const int size : {2, 3, 8}) {
    int64_t sum = 0;
    for (int rank = 0; rank < size; ++rank) {
      sum += Optimizer::moment_bytes(config_, size, rank);
      EXPECT_LE(Optimizer::moment_bytes(config_, size, rank), all / size + block);
    }
    EXPECT_EQ(sum, all);
    EXPECT_GE(Optimizer::most_moment_bytes(config_, size), all / size);
    EXPECT_LE(Optimizer::most_moment_bytes(config_, size), all / size + block);
  }
}

TEST(SharedRecords, OfAnotherSizeAreErrors) {
  ModelConfig config = ModelConfig::from_folder(TEKIO_GOLDEN_DIR "/tiny-bert");
  config.vocabulary = 9'000;  // some blocks of the norm, so that both have a share
  const auto message = [&](const std::function<void(Optimizer&)>& call, std::string_view record) {
    std::string said;
    run_ranks(2, [&](Communicator& ranks) {
      const auto backend = make_ref_backend();
      const auto sums = make_rank_sums(ranks, backend->memory());
      if (ranks.rank() == 1) {
        ranks.gather(record);
        return;
      }
      Optimizer optimizer(*backend, config, {}, sums.get());
      try {
        call(optimizer);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::comms);
        said = error.what();
      }
    });
    return said;
  };
  const std::vector<ArenaShares::Run> runs = ArenaShares(config, 2).runs();
  const auto of_rank_1 = std::ranges::find(runs, 1, &ArenaShares::Run::rank);
  ASSERT_NE(of_rank_1, runs.end());
  const ParameterSet gradients(config, "g");
  EXPECT_EQ(message([&](Optimizer& o) { o.squared_norm(gradients); }, "short"),
            "rank 1 sent 5 bytes of sums of squares where 8 or more were due: the ranks do different things");
  ParameterSet moments(config, "m");
  EXPECT_EQ(message([&](Optimizer& o) { o.collect(Moment::first, &moments); }, ""),
            fmt::format("rank 1 sent 0 bytes of moments where {} or more were due: the ranks do different things",
                        of_rank_1->size() * 4));
}

TEST(ArenaShares, AreRunsOfWholeBlocksThatCoverTheArena) {
  ModelConfig config = ModelConfig::from_folder(TEKIO_GOLDEN_DIR "/tiny-bert");
  for (const int64_t vocabulary : {600, 40'000, 3'000'000}) {
    config.vocabulary = vocabulary;
    for (const int ranks : {1, 2, 3, 7, 64}) {
      const ArenaShares shares(config, ranks);
      std::vector<int64_t> counts(static_cast<size_t>(ranks), 0);
      int64_t begin = 0;
      for (const ArenaShares::Run& run : shares.runs()) {
        EXPECT_EQ(run.begin, begin);
        EXPECT_TRUE(run.end % kNormBlock == 0 || run.end == shares.count());
        int64_t& count = counts[static_cast<size_t>(run.rank)];
        EXPECT_EQ(shares.place_of(run.begin), count);
        EXPECT_EQ(shares.place_of(run.end - 1), count + run.size() - 1);
        count += run.size();
        begin = run.end;
      }
      EXPECT_EQ(begin, ParameterSet::flat_count(config));
      for (int rank = 0; rank < ranks; ++rank) {
        EXPECT_EQ(shares.count_of(rank), counts[static_cast<size_t>(rank)]);
        EXPECT_LE(shares.count_of(rank), shares.count() / ranks * 17 / 16 + kNormBlock);
      }
      const ArenaRange middle{begin / 3 + 5, begin - begin / 3};
      EXPECT_EQ(shares.parts(middle).back().end, static_cast<size_t>(middle.end - middle.begin));
      EXPECT_EQ(shares.runs(middle).front().begin, middle.begin);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, SharedWork,
                         ::testing::Combine(::testing::Values("tiny-bert", "tiny-albert"),
                                            ::testing::Values("ref", "cpu", "fenced", "cuda")),
                         [](const auto& given) {
                           return std::string(std::get<0>(given.param)).substr(5) + "_" + std::get<1>(given.param);
                         });

}  // namespace
}  // namespace tekio::test
