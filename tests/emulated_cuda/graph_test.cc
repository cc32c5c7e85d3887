// A step that comes again is run as one CUDA graph, and gives the bits that its launches give one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "compute/cuda.h"
#include "cuda_runtime.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"
#include "support/results.h"
#include "train/optimizer.h"

namespace tekio::test {
namespace {

constexpr size_t kMemory = size_t{80} << 30;

class CudaGraphs : public ::testing::Test {
 protected:
  CudaGraphs() { emulated_device(2, 9, kMemory); }
  ~CudaGraphs() override {
    emulated_refuse_capture(false);
    emulated_device(1, 9, kMemory);
  }

  /// `sequences` of 16 tokens, of which `masked` are; which, and with which ids and labels, the step says.
  static Batch batch_of(int64_t step, int64_t sequences, int64_t masked, int64_t vocabulary) {
    uint64_t random = static_cast<uint64_t>(step) * 77 + 5;
    const auto below = [&](int64_t end) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      return static_cast<int32_t>(static_cast<int64_t>(random >> 33) % end);
    };
    Batch batch{.offsets = {0}};
    for (int64_t k = 1; k <= sequences; ++k) batch.offsets.push_back(static_cast<int32_t>(16 * k));
    const auto tokens = static_cast<int32_t>(16 * sequences);
    for (int32_t i = 0; i < tokens; ++i) batch.input_ids.push_back(below(step % 2 == 0 ? vocabulary : 7));
    std::vector<int32_t> places(static_cast<size_t>(tokens));
    for (int32_t i = 0; i < tokens; ++i) places[static_cast<size_t>(i)] = i;
    for (size_t i = places.size(); i > 1; --i)
      std::swap(places[i - 1], places[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
    batch.masked_rows.assign(places.begin(), places.begin() + masked);
    std::ranges::sort(batch.masked_rows);
    for (int64_t i = 0; i < masked; ++i) batch.labels.push_back(below(vocabulary));
    return batch;
  }

  struct Outcome {
    std::vector<double> figures;  // each step's loss and norm
    std::vector<float> weights;
  };
  /// Updates on a GPU, which nobody waits for before all are there.
  class Training {
   public:
    explicit Training(DType type, int gpu = 0) : cuda_(make_cuda_backend(gpu)) {
      model_.prepare({.sequences = 9, .length = 16, .masked_rows = 144}, true, type);
      load_weights(kFolder, model_.config(), model_.weights(), 0);
    }
    /// On a batch of (sequences, masked tokens).
    void update(const std::pair<int64_t, int64_t>& shape) {
      const auto [sequences, masked] = shape;
      const Batch batch = batch_of(steps_, sequences, masked, model_.config().vocabulary);
      model_.clear_gradients();
      model_.forward(batch, {.seed = 3, .step = static_cast<uint64_t>(steps_)});
      model_.backward(batch, 1 / static_cast<float>(masked), loss_.get());
      ++steps_;
      optimizer_.update(model_.weights(), model_.gradients(), 1e-3 / static_cast<double>(steps_), steps_);
      later_.push_back(cuda_->memory().read_later(loss_.get().f64(), 1));
      later_.push_back(cuda_->memory().read_later(optimizer_.clipping().f64(), 1));
    }
    Outcome outcome() {
      cuda_->wait();
      Outcome outcome;
      for (const Results& result : later_) outcome.figures.push_back(result->front());
      for (const NamedTensor& named : std::as_const(model_).weights().named())
        outcome.weights.insert(outcome.weights.end(), named.tensor.values().begin(), named.tensor.values().end());
      return outcome;
    }

   private:
    static constexpr const char* kFolder = TEKIO_GOLDEN_DIR "/tiny-distilbert";
    static ModelConfig config() {
      ModelConfig config = ModelConfig::from_folder(kFolder);
      config.set_dropout(0.1);
      return config;
    }
    std::unique_ptr<Backend> cuda_;
    MlmNetwork model_{config(), *cuda_};
    Optimizer optimizer_{*cuda_, model_.config(), {}};
    ResultTensor loss_{*cuda_, kLabelLoss};
    std::vector<Results> later_;
    int64_t steps_ = 0;
  };
};

TEST_F(CudaGraphs, GiveTheBitsOfLaunchesOneByOne) {
  // Rows, labels, ids, dropout, the learning rate and the loss' scale change from step to step; in some steps the
  // shape does, too: fewer sequences, and more masked rows than one tile of them.
  const std::vector<std::pair<int64_t, int64_t>> shapes = {{9, 20}, {9, 31}, {9, 17}, {9, 128}, {5, 10}, {9, 130},
                                                           {9, 19}, {5, 33}, {9, 90}, {9, 144}, {5, 80}, {9, 1}};
  for (const DType type : {DType::f32, DType::bf16}) {
    const int before = emulated_graph_launches();
    const auto train = [&](bool graphs) {
      emulated_refuse_capture(!graphs);
      Training training(type);
      for (const auto& shape : shapes) training.update(shape);
      return training.outcome();
    };
    const Outcome one_by_one = train(false);
    EXPECT_EQ(emulated_graph_launches(), before);
    const Outcome as_graphs = train(true);
    EXPECT_GE(emulated_graph_launches() - before, 7) << "of three shapes, each captured when it comes again";
    EXPECT_EQ(as_graphs.figures, one_by_one.figures) << name_of(type);
    EXPECT_TRUE(as_graphs.weights == one_by_one.weights) << name_of(type);
    for (const double figure : as_graphs.figures) EXPECT_GT(figure, 0) << name_of(type);
  }
}

// What has time is done as late as it can be, and as early: in another order, or on one stream, bits are the same.
TEST_F(CudaGraphs, DoGradientsOfMatricesBesideWhatFollows) {
  const auto train = [&](bool graphs, bool one_stream) {
    emulated_refuse_capture(!graphs);
    if (one_stream) ::setenv("TEKIO_CUDA_ONE_STREAM", "1", 1);
    Training training(DType::bf16);
    ::unsetenv("TEKIO_CUDA_ONE_STREAM");
    for (const int64_t masked : {20, 31, 17, 9}) training.update({5, masked});
    return training.outcome();
  };
  int before = emulated_pieces_beside();
  const Outcome in_order = train(true, true);
  EXPECT_EQ(emulated_pieces_beside(), before);
  for (const bool graphs : {false, true}) {
    before = emulated_pieces_beside();
    const int launched = emulated_graph_launches();
    const Outcome outcome = train(graphs, false);
    EXPECT_EQ(outcome.figures, in_order.figures);
    EXPECT_TRUE(outcome.weights == in_order.weights);
    constexpr int kProducts = 11;  // four a layer, five in the last, where few tokens ask; two in the head
    EXPECT_EQ(emulated_pieces_beside() - before, kProducts * (emulated_graph_launches() - launched));
  }
}

TEST_F(CudaGraphs, OfTwoGpusAreApartThoughOneThreadUsesThemInTurns) {
  const std::vector<std::pair<int64_t, int64_t>> shapes = {{9, 20}, {9, 31}, {5, 10}, {9, 17}, {5, 33}, {9, 90}};
  Training alone(DType::f32);
  for (const auto& shape : shapes) alone.update(shape);
  const Outcome expected = alone.outcome();
  Training first(DType::f32, 0), second(DType::f32, 1);
  const int before = emulated_graph_launches();
  for (const auto& shape : shapes) first.update(shape), second.update(shape);
  // Each GPU's: of nine sequences all but two (at the first, room is made for what a step hands over), of five one.
  EXPECT_GE(emulated_graph_launches() - before, 2 * (2 + 1));
  for (Training* const one : {&first, &second}) {
    const Outcome outcome = one->outcome();
    EXPECT_EQ(outcome.figures, expected.figures);
    EXPECT_TRUE(outcome.weights == expected.weights);
  }
}

TEST_F(CudaGraphs, OfFewShapesAreKept) {
  const std::unique_ptr<Backend> cuda = make_cuda_backend();
  Arena arena(2 * Arena::size_of_tensor(DType::f32, {100}), "numbers", cuda->memory());
  const Tensor y = arena.take(DType::f32, {100}), x = arena.take(DType::f32, {100});
  const std::vector<float> ones(100, 1);
  cuda->memory().write(x.data, ones.data(), x.bytes());
  const int before = emulated_graph_launches();
  constexpr int64_t kShapes = 40, kTimes = 3;
  for (int64_t shape = 1; shape <= kShapes; ++shape)
    for (int64_t time = 0; time < kTimes; ++time) {
      for (int i = 0; i < 8; ++i) cuda->add(y.rows(0, shape), x.rows(0, shape));
      cuda->wait();
      EXPECT_LE(emulated_graphs(), 16);
    }
  EXPECT_EQ(emulated_graph_launches() - before, 2 * kShapes);
  std::vector<float> sums(100);
  cuda->memory().read(sums.data(), y.data, y.bytes());
  for (int64_t i = 0; i < 100; ++i)
    EXPECT_EQ(sums[static_cast<size_t>(i)], 8 * kTimes * std::max<int64_t>(0, kShapes - i));
}

TEST_F(CudaGraphs, AreNotThereWhenTheirBackEndIsGone) { EXPECT_EQ(emulated_graphs(), 0); }

}  // namespace
}  // namespace tekio::test
