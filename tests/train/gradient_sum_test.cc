// One result whatever the partition: an update's micro-batches cut among ranks in every way, on tiny models of all
// kinds, with dropout. Ranks are threads, each with a model and a back end of its own.
#include "train/gradient_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "compute/cuda.h"
#include "model/model_folder.h"
#include "support/fenced_backend.h"
#include "support/local_ranks.h"
#include "support/passes.h"
#include "train/optimizer.h"

namespace tekio::test {
namespace {

constexpr int64_t kLength = 16, kSequences = 3;

/// Micro-batch `number` of an update: three sequences of varied lengths. `masked`: whether any token is.
Batch micro_batch(const ModelConfig& config, uint32_t update, uint32_t number, bool masked = true) {
  uint32_t state = update * 7919u + number * 104729u + 17u;
  const auto draw = [&](int64_t end) {
    state = state * 1664525u + 1013904223u;
    return static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(end));
  };
  Batch batch;
  batch.offsets = {0};
  for (int64_t k = 0; k < kSequences; ++k) {
    const int32_t length = 4 + draw(kLength - 4);
    for (int32_t i = 0; i < length; ++i) {
      const auto row = static_cast<int32_t>(batch.input_ids.size());
      batch.input_ids.push_back(draw(10) == 0 ? config.padding_id : draw(config.vocabulary));
      if (config.type_vocabulary > 0) batch.type_ids.push_back(draw(config.type_vocabulary));
      if (!masked || draw(5) != 0) continue;
      batch.masked_rows.push_back(row);
      batch.labels.push_back(draw(config.vocabulary));
    }
    batch.offsets.push_back(static_cast<int32_t>(batch.input_ids.size()));
  }
  batch.first_key = static_cast<uint64_t>(number) * kSequences;
  batch.padded_length = kLength;
  return batch;
}

/// How a run of three updates is cut.
struct Partition {
  int ranks;
  int64_t accumulation;
};

struct Kind {
  std::string model;  // of tests/golden
  DType type = DType::f32;
  std::string device = "cpu";
};

/// Each rank has a GPU of its own, as far as there are some.
std::unique_ptr<Backend> back_end_of(const std::string& device, int rank, ThreadPool& pool) {
  if (device == "fenced") return make_fenced_backend(make_cpu_backend(pool));
  if (device == "cuda") return make_cuda_backend(rank % cuda_devices());
  return make_backend(device, pool);
}

/// A model with dropout, as one rank has it.
class Rank {
 public:
  explicit Rank(const Kind& kind, int rank = 0)
      : pool_(1), backend_(back_end_of(kind.device, rank, pool_)), network_(config_of(kind), *backend_) {
    load_weights(folder(kind), network_.config(), network_.weights(), 0);
    network_.config().set_dropout(0.1);
    network_.prepare({.sequences = kSequences, .length = kLength, .masked_rows = kSequences * kLength}, true,
                     kind.type);
  }
  static std::string folder(const Kind& kind) { return std::string(TEKIO_GOLDEN_DIR) + "/" + kind.model; }
  static ModelConfig config_of(const Kind& kind) { return ModelConfig::from_folder(folder(kind)); }
  MlmNetwork& network() { return network_; }
  Backend& backend() { return *backend_; }

 private:
  ThreadPool pool_;
  std::unique_ptr<Backend> backend_;
  MlmNetwork network_;
};

std::vector<float> numbers_of(const ParameterSet& set) {
  std::vector<float> all;
  for (const NamedTensor& tensor : set.named())
    all.insert(all.end(), tensor.tensor.values().begin(), tensor.tensor.values().end());
  return all;
}

/// What a run ends with.
struct Result {
  std::vector<float> weights, gradients;
  std::vector<std::pair<int64_t, double>> losses;  // each micro-batch's, with its place in the run
};

constexpr int64_t kUpdates = 3;
/// The last update is short, and one of its micro-batches has nothing masked.
int64_t micro_batches_of(int64_t update, int64_t all) { return update + 1 < kUpdates ? all : (all + 2) / 2; }
bool has_masked(int64_t update, int64_t number) { return update + 1 < kUpdates || number != 2; }

/// The next micro-batch's loss.
double add(GradientSum& sum, Backend& be, const Batch& batch, const StepRandom& random, float scale) {
  const ResultTensor loss(be, kLabelLoss);
  sum.add(batch, random, scale, loss.get());
  return loss.host().front();
}

/// `scale` is that of all gradients.
Result run_rank(const Kind& kind, const Partition& cut, Communicator& ranks, float scale) {
  Rank rank(kind, ranks.rank());
  MlmNetwork& network = rank.network();
  const int64_t all = cut.ranks * cut.accumulation;
  const auto sums = make_rank_sums(ranks, rank.backend().memory());
  GradientSum sum(network, *sums,
                  {.micro_batches = all, .own = cut.accumulation, .tokens = all * kSequences * kLength});
  Optimizer optimizer(rank.backend(), network.config(), {});
  Result result;
  for (int64_t update = 0; update < kUpdates; ++update) {
    const int64_t count = micro_batches_of(update, all);
    std::vector<Batch> batches;
    std::vector<const Batch*> pointers;
    double masked = 0;
    for (int64_t i = 0; i < count; ++i) {
      batches.push_back(micro_batch(network.config(), static_cast<uint32_t>(update), static_cast<uint32_t>(i),
                                    has_masked(update, i)));
      masked += static_cast<double>(batches.back().masked_rows.size());
    }
    for (const Batch& batch : batches) pointers.push_back(&batch);
    const int64_t begin = std::min(count, ranks.rank() * cut.accumulation),
                  end = std::min(count, begin + cut.accumulation);
    sum.begin({.micro_batches = count,
               .own = end - begin,
               .givers = static_cast<int>((count + cut.accumulation - 1) / cut.accumulation),
               .looked_up = GradientSum::distinct_ids(pointers)});
    for (int64_t i = begin; i < end; ++i)
      result.losses.emplace_back(update * all + i, add(sum, rank.backend(), batches[static_cast<size_t>(i)],
                                                       {.seed = 5, .step = static_cast<uint64_t>(update)},
                                                       scale / static_cast<float>(masked)));
    sum.end();
    result.gradients = numbers_of(network.gradients());
    optimizer.update(network.weights(), network.gradients(), 1e-3, update + 1);
  }
  result.weights = numbers_of(std::as_const(network).weights());
  return result;
}

/// The results of all ranks of a run.
std::vector<Result> run(const Kind& kind, const Partition& cut, float scale = 1) {
  std::vector<Result> results(static_cast<size_t>(cut.ranks));
  run_ranks(cut.ranks, [&](Communicator& ranks) {
    results[static_cast<size_t>(ranks.rank())] = run_rank(kind, cut, ranks, scale);
  });
  return results;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return a.size() == b.size() ? most : 1e9;
}

class Partitions : public ::testing::TestWithParam<Kind> {};

TEST_P(Partitions, OfPowersOfTwoEndWithTheSameBits) {
  if (GetParam().device == "cuda" && !cuda_problem().empty()) GTEST_SKIP() << "there is no usable GPU";
  const Result whole = run(GetParam(), {1, 8}).front();
  EXPECT_GT(difference(whole.weights, numbers_of(std::as_const(Rank(GetParam()).network()).weights())), 1e-4);
  for (const Partition& cut : {Partition{2, 4}, Partition{4, 2}, Partition{8, 1}}) {
    if (cut.ranks == 8 && GetParam().device == "cuda") continue;  // the emulation is slow
    decltype(whole.losses) losses;
    for (const Result& rank : run(GetParam(), cut)) {
      EXPECT_TRUE(same_bits(rank.weights, whole.weights))
          << cut.ranks << " ranks: " << difference(rank.weights, whole.weights);
      EXPECT_TRUE(same_bits(rank.gradients, whole.gradients)) << cut.ranks << " ranks";
      losses.insert(losses.end(), rank.losses.begin(), rank.losses.end());
    }
    std::ranges::sort(losses);
    EXPECT_EQ(losses, whole.losses) << cut.ranks << " ranks";
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, Partitions,
                         ::testing::Values(Kind{"tiny-bert"}, Kind{"tiny-bert-untied"}, Kind{"tiny-albert"},
                                           Kind{"tiny-modernbert"}, Kind{"tiny-roberta"}, Kind{"tiny-electra"},
                                           Kind{"tiny-bert", DType::f32, "ref"},
                                           Kind{"tiny-bert", DType::f32, "fenced"}, Kind{"tiny-bert", DType::bf16},
                                           Kind{"tiny-albert", DType::bf16}, Kind{"tiny-modernbert", DType::bf16},
                                           Kind{"tiny-bert", DType::f32, "cuda"},
                                           Kind{"tiny-bert", DType::bf16, "cuda"}),
                         [](const auto& given) {
                           std::string name = given.param.model.substr(5) + "_" + given.param.device +
                                              (given.param.type == DType::bf16 ? "_bf16" : "");
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(GradientSums, OtherPartitionsDifferByRounding) {
  const Kind kind{"tiny-bert"};
  const Result whole = run(kind, {1, 6}).front();
  for (const Partition& cut : {Partition{3, 2}, Partition{6, 1}})  // runs that are whole subtrees
    for (const Result& rank : run(kind, cut)) EXPECT_TRUE(same_bits(rank.weights, whole.weights)) << cut.ranks;
  const std::vector<Result> halves = run(kind, {2, 3});
  EXPECT_FALSE(same_bits(halves[0].gradients, whole.gradients));
  EXPECT_LT(difference(halves[0].gradients, whole.gradients), 1e-6);
  EXPECT_TRUE(same_bits(halves[0].weights, halves[1].weights));
}

// What the processor's back end takes for 0 is 0 in sums over ranks, too.
TEST(GradientSums, TinyNumbersDoNotTellPartitionsApart) {
  const Kind kind{"tiny-bert"};
  const Result whole = run(kind, {1, 8}, 1e-34f).front();
  const auto is_tiny = [](float g) { return g != 0 && std::abs(g) < 1e-36f; };
  EXPECT_GT(std::ranges::count_if(whole.gradients, is_tiny), 1000);
  for (const Partition& cut : {Partition{2, 4}, Partition{8, 1}})
    for (const Result& rank : run(kind, cut, 1e-34f))
      EXPECT_TRUE(same_bits(rank.gradients, whole.gradients)) << cut.ranks << " ranks";
}

TEST(GradientSums, OneMicroBatchIsAPlainBackward) {
  for (const char* model : {"tiny-bert", "tiny-bert-untied"}) {
    const Kind kind{model};
    Rank plain(kind), summed(kind);
    const Batch batch = micro_batch(plain.network().config(), 1, 0);
    plain.network().clear_gradients();
    plain.network().forward(batch, {.seed = 5, .step = 3});
    const double loss = backward(plain.network(), batch, 0.125f);
    for (const int ranks : {1, 2}) {
      run_ranks(ranks, [&](Communicator& all) {
        Rank own(kind);
        const auto sums = make_rank_sums(all, own.backend().memory());
        GradientSum sum(own.network(), *sums, {.micro_batches = ranks, .own = 1, .tokens = 200});
        sum.begin({.micro_batches = 1, .own = all.rank() == 0 ? 1 : 0, .givers = 1});
        if (all.rank() == 0) {
          EXPECT_EQ(add(sum, own.backend(), batch, {.seed = 5, .step = 3}, 0.125f), loss);
        }
        sum.end();
        EXPECT_TRUE(same_bits(numbers_of(own.network().gradients()), numbers_of(plain.network().gradients())))
            << model << " " << ranks;
      });
    }
  }
}

TEST(GradientSums, AreThoseOfAccumulation) {
  for (const char* model : {"tiny-bert", "tiny-bert-untied", "tiny-albert", "tiny-roberta", "tiny-modernbert"}) {
    const Kind kind{model};
    Rank accumulated(kind);
    MlmNetwork& network = accumulated.network();
    std::vector<Batch> batches;
    std::vector<const Batch*> pointers;
    for (uint32_t i = 0; i < 5; ++i) batches.push_back(micro_batch(network.config(), 2, i));
    for (const Batch& batch : batches) pointers.push_back(&batch);
    network.clear_gradients();
    for (const Batch& batch : batches) network.forward(batch, {.seed = 1}), backward(network, batch, 0.01f);
    Rank summed(kind);
    const auto ranks = alone();
    const auto sums = make_rank_sums(*ranks, summed.backend().memory());
    GradientSum sum(summed.network(), *sums, {.micro_batches = 5, .own = 5, .tokens = 5 * kSequences * kLength});
    sum.begin({.micro_batches = 5, .own = 5, .looked_up = GradientSum::distinct_ids(pointers)});
    for (const Batch& batch : batches) sum.add(batch, {.seed = 1}, 0.01f, {});
    sum.end();
    const std::vector<float> expected = numbers_of(network.gradients()), got = numbers_of(summed.network().gradients());
    EXPECT_LT(difference(expected, got), 1e-6) << model;
    EXPECT_GT(*std::ranges::max_element(expected), 1e-3) << model;
  }
}

TEST(GradientSums, AllocateWhatThePlanSays) {
  const ModelConfig config = Rank::config_of({"tiny-bert"});
  const auto lines = [&](const GradientSumLimits& limits) {
    MemoryPlan plan;
    GradientSum::add_to(plan, config, limits);
    return plan.lines;
  };
  EXPECT_TRUE(lines({.micro_batches = 1, .own = 1, .tokens = 50}).empty());
  const int64_t row = config.embedding_width * size_of(DType::f32);
  for (const auto& [own, levels] : {std::pair{2, 1}, {3, 2}, {4, 2}, {5, 3}, {8, 3}, {9, 4}}) {
    const auto planned = lines({.micro_batches = own, .own = own, .tokens = 48});
    ASSERT_EQ(planned.size(), 2u) << own;
    EXPECT_EQ(planned[0].bytes, levels * ParameterSet::bytes(config)) << own;
    EXPECT_EQ(planned[1].bytes, (levels + 1) * 48 * row) << own;
  }
  const auto one_each = lines({.micro_batches = 4, .own = 1, .tokens = 1 << 20});
  ASSERT_EQ(one_each.size(), 1u);
  EXPECT_EQ(one_each[0].bytes, config.vocabulary * row);
}

TEST(GradientSums, RefuseMoreThanWasPlanned) {
  Rank rank({"tiny-bert"});
  const auto ranks = alone();
  const auto sums = make_rank_sums(*ranks, rank.backend().memory());
  GradientSum sum(rank.network(), *sums, {.micro_batches = 2, .own = 2, .tokens = 10});
  EXPECT_THROW(sum.begin({.micro_batches = 3, .own = 3}), Error);
  EXPECT_THROW(sum.begin({.micro_batches = 2, .own = 2, .looked_up = std::vector<int32_t>(11)}), Error);
  sum.begin({.micro_batches = 2, .own = 2, .looked_up = {1, 2, 3}});
  EXPECT_THROW(sum.end(), Error);
}

}  // namespace
}  // namespace tekio::test
