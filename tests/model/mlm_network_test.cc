// The model at work, on every back end: masked rows alone against all rows, packing, dropout from the counter and from
// the reference's stream, gradients against differences, memory plans, and batches that must be refused.
#include <algorithm>
#include <numeric>
#include <utility>

#include "ignoring_backend.h"
#include "support.h"

namespace tekio::test {
namespace {

// Sequences of 7, 1 and 12 tokens; masked rows in two of them.
Batch example(bool typed) {
  Batch batch;
  batch.offsets = {0, 7, 8, 20};
  for (int32_t i = 0; i < 20; ++i) batch.input_ids.push_back((i * 17 + 3) % 50);
  batch.input_ids[4] = 0;  // the padding id inside a text
  if (typed)
    for (int32_t i = 0; i < 20; ++i) batch.type_ids.push_back(i % 3 == 0 ? 1 : 0);
  batch.masked_rows = {1, 4, 8, 13, 19};
  batch.labels = {10, 0, 49, 7, 10};
  batch.padded_length = 14;
  return batch;
}

Batch all_rows(const Batch& batch) {
  Batch all = batch;
  all.masked_rows.resize(batch.input_ids.size());
  std::iota(all.masked_rows.begin(), all.masked_rows.end(), 0);
  all.labels.assign(all.masked_rows.size(), 0);
  for (size_t i = 0; i < batch.masked_rows.size(); ++i)
    all.labels[static_cast<size_t>(batch.masked_rows[i])] = batch.labels[i];
  return all;
}

// One sequence of a batch by itself.
Batch alone(const Batch& batch, size_t k) {
  Batch one;
  const int32_t begin = batch.offsets[k], end = batch.offsets[k + 1];
  one.offsets = {0, end - begin};
  one.input_ids.assign(batch.input_ids.begin() + begin, batch.input_ids.begin() + end);
  if (!batch.type_ids.empty()) one.type_ids.assign(batch.type_ids.begin() + begin, batch.type_ids.begin() + end);
  for (size_t i = 0; i < batch.masked_rows.size(); ++i) {
    if (batch.masked_rows[i] < begin || batch.masked_rows[i] >= end) continue;
    one.masked_rows.push_back(batch.masked_rows[i] - begin);
    one.labels.push_back(batch.labels[i]);
  }
  one.first_key = batch.first_key + k;
  one.padded_length = batch.padded_length;
  return one;
}

constexpr BatchLimits kLimits = {.sequences = 4, .length = 14, .masked_rows = 40};

class Model : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  Model()
      : device_(std::get<1>(GetParam())),
        bert_(std::get<0>(GetParam()) == "bert"),
        model_(config(0), *device_.backend) {
    randomize(model_, 3);
    model_.prepare(kLimits, true);
  }
  ModelConfig config(double dropout) const {
    ModelConfig c = ModelConfig::from_json(bert_ ? tiny_bert_json() : tiny_distilbert_json(), "config");
    c.set_dropout(dropout);
    return c;
  }
  std::string transform() const { return bert_ ? "cls.predictions.transform.dense.weight" : "vocab_transform.weight"; }
  double step(MlmNetwork& model, const Batch& batch, const StepRandom& random = {}, float scale = 0.25f) const {
    model.forward(batch, random);
    return backward(model, batch, scale);
  }

  Device device_;
  bool bert_;
  MlmNetwork model_;
};

TEST_P(Model, HeadOnMaskedRowsEqualsHeadOnAllRows) {
  const Batch batch = example(bert_), whole = all_rows(batch);
  std::vector<bool> counted(whole.masked_rows.size(), false);
  for (const int32_t row : batch.masked_rows) counted[static_cast<size_t>(row)] = true;
  IgnoringBackend ignoring(*device_.backend, counted);
  MlmNetwork full(model_.config(), ignoring);
  set_numbers(full.weights(), numbers(model_.weights()));
  full.prepare(kLimits, true);

  const double loss = step(model_, batch), full_loss = step(full, whole);
  EXPECT_GT(loss, 1);
  EXPECT_NEAR(loss, full_loss, 1e-5);
  for (size_t i = 0; i < model_.gradients().named().size(); ++i) {
    const auto mine = model_.gradients().named()[i].tensor.values(),
               theirs = full.gradients().named()[i].tensor.values();
    EXPECT_LT(largest_difference(mine, theirs), 1e-6 + 2e-6 * largest(theirs)) << model_.gradients().named()[i].name;
    if (model_.gradients().named()[i].name.find("key.bias") == std::string::npos &&
        model_.gradients().named()[i].name.find("k_lin.bias") == std::string::npos) {
      EXPECT_GT(largest(theirs), 1e-4) << model_.gradients().named()[i].name;  // so that the comparison says something
    }
  }
}

TEST_P(Model, PackedSequencesDoNotSeeEachOther) {
  const Batch batch = example(bert_);
  std::vector<LabelLoss> own(batch.masked_rows.size());
  const double sum = evaluate(model_, batch, own).loss;
  double apart = 0;
  size_t row = 0;
  for (size_t k = 0; k < 3; ++k) {
    double in_batch = 0;
    for (; row < own.size() && batch.masked_rows[row] < batch.offsets[k + 1]; ++row) in_batch += own[row].loss;
    const double one = evaluate(model_, alone(batch, k)).loss;
    EXPECT_NEAR(one, in_batch, 1e-5);
    apart += one;
  }
  EXPECT_NEAR(sum, apart, 1e-5);
}

TEST_P(Model, GradientsAccumulateOverMicroBatches) {
  MlmNetwork parts(config(0.2), *device_.backend), whole(config(0.2), *device_.backend);
  for (MlmNetwork* m : {&parts, &whole}) {
    randomize(*m, 3);
    m->prepare(kLimits, true);
  }
  const Batch batch = example(bert_);
  const StepRandom random{.seed = 5, .step = 9};
  const double loss = step(whole, batch, random);
  double apart = 0;  // dropout's keys number the sequences of the update, so cutting it changes nothing
  for (size_t k = 0; k < 3; ++k) apart += step(parts, alone(batch, k), random);
  EXPECT_NEAR(loss, apart, 1e-5);
  EXPECT_LT(largest_difference(numbers(whole.gradients()), numbers(parts.gradients())), 1e-5);
  EXPECT_GT(largest(numbers(whole.gradients())), 0.01);
}

TEST_P(Model, DropoutIsAFunctionOfSeedAndStep) {
  MlmNetwork m(config(0.3), *device_.backend);
  randomize(m, 3);
  m.prepare(kLimits, true);
  const Batch batch = example(bert_);
  const auto loss = [&](uint64_t seed, uint64_t at) { return step(m, batch, {.seed = seed, .step = at}); };
  const double first = loss(1, 1);
  EXPECT_EQ(first, loss(1, 1));
  EXPECT_NE(first, loss(1, 2));
  EXPECT_NE(first, loss(2, 1));
  EXPECT_NE(first, evaluate(m, batch).loss);
  EXPECT_EQ(evaluate(m, batch).loss, evaluate(m, batch).loss);
  m.config().set_dropout(0);
  EXPECT_NEAR(loss(1, 1), evaluate(m, batch).loss, 1e-5);
}

TEST_P(Model, GradientsAreDerivativesAlsoUnderDropout) {
  MlmNetwork m(config(0.2), *device_.backend);
  randomize(m, 3);
  m.prepare(kLimits, true);
  const Batch batch = example(bert_);
  for (const bool from_stream : {false, true}) {
    const auto run = [&] {
      TorchStream stream(11);
      return step(m, batch, {.seed = 5, .step = 9, .stream = from_stream ? &stream : nullptr}, 1.0f);
    };
    m.clear_gradients();
    run();
    const std::vector<float> gradients = numbers(m.gradients());
    // Along a random direction, which moves every tensor: (loss(w + h d) - loss(w - h d)) / 2h = <gradient, d>.
    ParameterSet set(m.config(), "direction");
    initialize_weights(m.config(), set, 17);
    const std::vector<float> direction = numbers(set), start = numbers(m.weights());
    const auto moved = [&](double by) {
      std::vector<float> there(start.size());
      for (size_t i = 0; i < start.size(); ++i)
        there[i] = static_cast<float>(static_cast<double>(start[i]) + by * static_cast<double>(direction[i]));
      set_numbers(m.weights(), there);
      return run();
    };
    const double h = 1e-2, numeric = (moved(h) - moved(-h)) / (2 * h);
    moved(0);
    double analytic = 0;
    for (size_t i = 0; i < start.size(); ++i)
      analytic += static_cast<double>(gradients[i]) * static_cast<double>(direction[i]);
    EXPECT_NEAR(numeric, analytic, 5e-3 * std::max(1.0, std::abs(analytic))) << (from_stream ? "stream" : "counter");
  }
}

// The stream must stand where PyTorch's would: two words for each element of the padded rectangles, none where the rate
// is 0.
TEST_P(Model, DrawsFromTheStreamWhatTheReferenceDraws) {
  const Batch batch = example(bert_);
  for (const auto& [hidden, attention] : {std::pair(0.1, 0.2), {0.0, 0.2}, {0.1, 0.0}, {0.0, 0.0}}) {
    Json document = model_.config().document;
    document[bert_ ? "hidden_dropout_prob" : "dropout"] = hidden;
    document[bert_ ? "attention_probs_dropout_prob" : "attention_dropout"] = attention;
    MlmNetwork m(ModelConfig::from_json(document, "config"), *device_.backend);
    randomize(m, 3);
    m.prepare(kLimits, true);
    for (const bool masked : {true, false}) {
      Batch one = batch;
      if (!masked) one.masked_rows.clear(), one.labels.clear();
      TorchStream used(4), expected(4);
      step(m, one, {.stream = &used});
      const int64_t rectangle = 3 * 14 * 16, probabilities = 3 * 2 * 14 * 14;
      const int64_t rows = hidden > 0 ? rectangle * (1 + 2 * (bert_ ? 2 : 1)) : 0;
      expected.skip_dropout(rows + (attention > 0 ? 2 * probabilities : 0));
      EXPECT_EQ(used.word(), expected.word()) << hidden << " " << attention;
    }
  }
}

TEST_P(Model, PaddingOnlyMovesTheStream) {
  MlmNetwork m(config(0.3), *device_.backend);
  randomize(m, 3);
  m.prepare(kLimits, true);
  // Of the first sequence alone: the decisions depend on the padded length, since its rows are drawn in between.
  Batch batch = alone(example(bert_), 0);
  const auto loss = [&](int64_t padded) {
    batch.padded_length = padded;
    TorchStream stream(4);
    return step(m, batch, {.stream = &stream});
  };
  EXPECT_EQ(loss(7), loss(7));
  EXPECT_NE(loss(7), loss(9));
}

TEST_P(Model, NothingMaskedMeansNoLossAndNoGradient) {
  Batch batch = example(bert_);
  batch.masked_rows.clear();
  batch.labels.clear();
  model_.clear_gradients();
  EXPECT_EQ(step(model_, batch), 0);
  EXPECT_EQ(largest(numbers(model_.gradients())), 0);
  EXPECT_EQ(evaluate(model_, batch).loss, 0);
  EXPECT_EQ(model_.logits(batch).dim[0], 0);
}

TEST_P(Model, EvaluationNeedsNoTrainingMemory) {
  const Batch batch = example(bert_);
  const double trained = evaluate(model_, batch).loss;
  MlmNetwork lean(model_.config(), *device_.backend);
  set_numbers(lean.weights(), numbers(model_.weights()));
  lean.prepare(kLimits, false);
  EXPECT_EQ(evaluate(lean, batch).loss, trained);
  const int64_t all = MlmNetwork::plan(model_.config(), *device_.backend, kLimits, true, false).total(),
                less = MlmNetwork::plan(model_.config(), *device_.backend, kLimits, false, false).total();
  EXPECT_LT(less, all);
}

TEST_P(Model, PrepareAllocatesWhatPlanSays) {
  const auto line = [&](const MemoryPlan& plan, const std::string& purpose) {
    for (const MemoryPlan::Line& l : plan.lines)
      if (l.purpose == purpose) return l.bytes;
    return int64_t{-1};
  };
  const MemoryPlan plan = MlmNetwork::plan(config(0.1), *device_.backend, kLimits, true, true);
  EXPECT_EQ(line(plan, "weights"), ParameterSet::bytes(model_.config()));
  EXPECT_EQ(line(plan, "gradients"), ParameterSet::bytes(model_.config()));
  for (const char* purpose : {"activations", "logits", "scratch"}) EXPECT_GT(line(plan, purpose), 0) << purpose;
  const int64_t rectangle = 4 * 14 * 16;
  EXPECT_EQ(line(plan, "dropout decisions"), rectangle * (1 + 2 * (bert_ ? 2 : 1)) + 2 * 4 * 2 * 14 * 14);
  EXPECT_EQ(line(MlmNetwork::plan(config(0.1), *device_.backend, kLimits, false, true), "dropout decisions"), -1);
}

TEST_P(Model, RefusesBatchesOfAnotherModel) {
  const auto refused = [&](const Batch& batch, const std::vector<std::string>& parts) {
    expect_error(ErrorKind::input, parts, [&] { evaluate(model_, batch); });
    expect_error(ErrorKind::input, parts, [&] { model_.forward(batch, {}); });
  };
  Batch batch = example(bert_);
  batch.input_ids[3] = 50;
  refused(batch, {"token id 50 (number 3)", "vocabulary of 50"});
  batch.input_ids[3] = -1;
  refused(batch, {"token id -1"});
  batch = example(bert_);
  batch.labels[1] = 50;
  refused(batch, {"label 50"});
  batch.labels[1] = -100;
  refused(batch, {"label -100"});
  batch = Batch{.input_ids = std::vector<int32_t>(21, 1), .offsets = {0, 21}};
  refused(batch, {"sequence has 21 tokens", "only 20 positions"});
  batch = example(true);
  batch.type_ids[5] = 2;
  if (bert_) {
    refused(batch, {"token type 2 (number 5)", "token types of 2"});
  } else {
    EXPECT_EQ(evaluate(model_, batch).loss, evaluate(model_, example(false)).loss);  // no types: not looked at
  }
}

TEST_P(Model, HoldsCallersToTheirPlan) {
  const auto bug = [](const auto& body) { expect_error(ErrorKind::bug, {}, body); };
  Batch large = Batch{.input_ids = std::vector<int32_t>(60, 1), .offsets = {0, 15, 30, 45, 60}};
  bug([&] { evaluate(model_, large); });
  bug([&] { backward(model_, example(bert_), 1); });
  Batch batch = example(bert_);
  batch.offsets.back() = 19;
  bug([&] { evaluate(model_, batch); });
  batch = example(bert_);
  std::swap(batch.masked_rows[0], batch.masked_rows[1]);
  bug([&] { evaluate(model_, batch); });
  batch = example(bert_);
  batch.labels.pop_back();
  bug([&] { evaluate(model_, batch); });
  MlmNetwork fresh(config(0), *device_.backend);
  bug([&] { evaluate(fresh, example(bert_)); });
  bug([&] { fresh.clear_gradients(); });
  fresh.prepare(kLimits, false);
  bug([&] { fresh.forward(example(bert_), {}); });
  Batch short_padding = example(bert_);
  short_padding.padded_length = 11;
  TorchStream stream(1);
  bug([&] { model_.forward(short_padding, {.stream = &stream}); });
}

// How much two gradients point the same way: 1 if they differ by a factor only.
double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa == 0 && bb == 0 ? 1 : ab / std::sqrt(aa * bb);
}

TEST_P(Model, Bf16IsFloat32Rounded) {
  if (!device_.backend->has_bf16()) GTEST_SKIP() << "this processor does not multiply bf16";
  const Batch batch = example(bert_);
  const StepRandom random{.seed = 5, .step = 9};
  MlmNetwork single(config(0.2), *device_.backend), rounded(config(0.2), *device_.backend);
  randomize(single, 3);
  randomize(rounded, 3);
  single.prepare(kLimits, true);
  rounded.prepare(kLimits, true, DType::bf16);
  const double loss = step(single, batch, random);
  EXPECT_NEAR(step(rounded, batch, random), loss, 0.02 * loss);
  for (size_t i = 0; i < single.gradients().named().size(); ++i) {
    const NamedTensor& expected = single.gradients().named()[i];
    if (expected.name.find("key.bias") != std::string::npos || expected.name.find("k_lin.bias") != std::string::npos)
      continue;  // 0 but for rounding
    EXPECT_GT(cosine(rounded.gradients().named()[i].tensor.values(), expected.tensor.values()), 0.995) << expected.name;
  }
  EXPECT_NEAR(evaluate(rounded, batch).loss, evaluate(single, batch).loss, 0.02 * loss);
  // The rounded copies follow the weights.
  for (MlmNetwork* model : {&rounded, &single}) std::ranges::fill(named_values(model->weights(), transform()), 0.0f);
  EXPECT_GT(std::abs(evaluate(single, batch).loss - loss), 0.03 * loss);
  EXPECT_NEAR(evaluate(rounded, batch).loss, evaluate(single, batch).loss, 0.02 * loss);
}

// Weights read where they lie in a file give what copied ones give, before they are changed and after.
TEST_P(Model, BorrowedWeightsAreAsGoodAsCopies) {
  const Batch batch = example(bert_);
  const ScratchFolder folder;
  MlmNetwork copied(config(0), *device_.backend), borrowed(config(0), *device_.backend);
  randomize(copied, 3);
  save_model(folder.path(), copied.config(), copied.weights());
  load_weights(folder.path(), borrowed.config(), borrowed.weights(), 0, Reading::borrowed);
  ASSERT_TRUE(std::as_const(borrowed).weights().borrows());
  for (MlmNetwork* model : {&copied, &borrowed}) model->prepare(kLimits, true);
  EXPECT_EQ(evaluate(borrowed, batch).loss, evaluate(copied, batch).loss);
  EXPECT_TRUE(std::as_const(borrowed).weights().borrows());
  for (MlmNetwork* model : {&copied, &borrowed})
    for (const TensorToChange& changed : model->weights().named_to_change())
      if (changed.name.find("word_embeddings") != std::string::npos || changed.name == transform())
        for (float& value : changed.tensor.values()) value *= 0.5f;
  EXPECT_FALSE(std::as_const(borrowed).weights().borrows());
  EXPECT_EQ(evaluate(borrowed, batch).loss, evaluate(copied, batch).loss);
}

// What backward tells to be final is so, and all of the arena is told, once.
class FinalRange : public ::testing::TestWithParam<const char*> {
 protected:
  FinalRange() : model_(ModelConfig::from_folder(golden(GetParam())), *device_.backend) {
    load_weights(golden(GetParam()), model_.config(), model_.weights(), 0);
    model_.prepare(kLimits, true);
    batch_ = example(model_.config().type_vocabulary > 1);
    ids_ = batch_.input_ids;
    std::ranges::sort(ids_);
    ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
    rows_.resize(ids_.size() * static_cast<size_t>(model_.config().embedding_width));
    looked_up_ = {ids_,
                  {rows_.data(), DType::f32, {static_cast<int64_t>(ids_.size()), model_.config().embedding_width}}};
  }
  std::vector<float> gradients() { return numbers(*device_.backend, model_.gradients().flat()); }
  /// The gradients, and what was told, of a backward.
  std::vector<float> backward(const Batch& batch, const LookedUp* looked_up) {
    told_.clear();
    std::vector<float> then(gradients().size());
    model_.clear_gradients();
    model_.forward(batch, {});
    const auto on_final = [&](ArenaRange range) {
      told_.push_back(range);
      const std::vector<float> now = gradients();
      std::copy(now.begin() + range.begin, now.begin() + range.end, then.begin() + range.begin);
    };
    model_.backward(batch, 0.25f, {}, {.looked_up = looked_up, .on_final = on_final});
    EXPECT_EQ(then, gradients());
    return then;
  }
  void expect_all_told(int64_t from) const {
    std::vector<ArenaRange> sorted = told_;
    std::ranges::sort(sorted, {}, &ArenaRange::begin);
    for (const ArenaRange& range : sorted) {
      EXPECT_EQ(range.begin, from);
      EXPECT_LT(range.begin, range.end);
      from = range.end;
    }
    EXPECT_EQ(from, std::as_const(model_).weights().flat().numel());
  }

  Device device_{"cpu"};
  MlmNetwork model_;
  Batch batch_;
  std::vector<int32_t> ids_;
  std::vector<float> rows_;
  LookedUp looked_up_;
  std::vector<ArenaRange> told_;
};

TEST_P(FinalRange, IsFinalAndAllAreTold) {
  const std::vector<float> plain = backward(batch_, nullptr);
  expect_all_told(0);
  EXPECT_EQ(told_.size(), static_cast<size_t>(model_.config().weight_layers()) + 3 +
                              (model_.gradients().parts().tables.begin < model_.gradients().parts().tables.end));
  const auto in_order = told_;
  Batch nothing = batch_;
  nothing.masked_rows.clear(), nothing.labels.clear();
  backward(nothing, nullptr);
  ASSERT_EQ(told_.size(), in_order.size());
  for (size_t i = 0; i < told_.size(); ++i) EXPECT_EQ(told_[i].begin, in_order[i].begin);

  // Apart: the word table is final with the head that it is tied to; its rows that are looked up, elsewhere.
  std::vector<float> apart = backward(batch_, &looked_up_);
  const ArenaRange word = model_.gradients().parts().word;
  const bool tied = model_.config().tied;
  expect_all_told(tied ? 0 : word.end);
  if (tied) {
    EXPECT_EQ(told_[1].begin, word.begin);
  } else {
    EXPECT_TRUE(std::all_of(apart.begin(), apart.begin() + word.end, [](float d) { return d == 0; }));
  }
  for (size_t i = 0; i < ids_.size(); ++i)
    for (int64_t c = 0; c < model_.config().embedding_width; ++c)
      apart[static_cast<size_t>(ids_[i] * model_.config().embedding_width + c)] +=
          rows_[i * static_cast<size_t>(model_.config().embedding_width) + static_cast<size_t>(c)];
  EXPECT_LT(largest_difference(apart, plain), 1e-6);
  EXPECT_GT(largest(rows_), 1e-4);
}

TEST_P(FinalRange, AWordThatIsNotAmongThoseIsRefused) {
  looked_up_.ids = looked_up_.ids.subspan(1);
  looked_up_.gradients = looked_up_.gradients.rows(1, looked_up_.gradients.dim[0]);
  model_.forward(batch_, {});
  expect_error(ErrorKind::bug, {"embed_backward", "id"},
               [&] { model_.backward(batch_, 1, {}, {.looked_up = &looked_up_}); });
}

INSTANTIATE_TEST_SUITE_P(Tiny, FinalRange,
                         ::testing::Values("tiny-bert", "tiny-bert-untied", "tiny-albert", "tiny-modernbert",
                                           "tiny-roberta", "tiny-electra", "tiny-distilbert"),
                         [](const auto& given) {
                           std::string name = std::string(given.param).substr(5);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

std::string name_of_case(const ::testing::TestParamInfo<Model::ParamType>& info) {
  return std::get<0>(info.param) + "_" + std::get<1>(info.param);
}
INSTANTIATE_TEST_SUITE_P(Tiny, Model,
                         ::testing::Combine(::testing::Values("distilbert", "bert"), ::testing::ValuesIn(back_ends())),
                         name_of_case);

}  // namespace
}  // namespace tekio::test
