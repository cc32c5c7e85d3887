// Whole runs without a model: the batches of the reference's Trainer, of the walkthrough's run, and of resumed runs.
#include "data/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tekio/dataset.h>
#include <tekio/tokenizer.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "data/chunks_of.h"
#include "support/large_data.h"
#include "support/sha256.h"
#include "support/torch_draws.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

std::vector<int64_t> range(int64_t begin, int64_t end) {
  std::vector<int64_t> numbers(static_cast<size_t>(end - begin));
  std::iota(numbers.begin(), numbers.end(), begin);
  return numbers;
}

CollatorOptions with_rng(MaskingRng rng, CollatorOptions options = {}) {
  options.masking_rng = rng;
  return options;
}

CollatorOptions with_seed(uint64_t seed) {
  CollatorOptions options;
  options.seed = seed;
  return options;
}

/// Everything about a batch that a run can notice.
Json json_of(const CollatedBatch& b) {
  return {b.batch.input_ids, b.batch.offsets,   b.batch.masked_rows, b.batch.labels,
          b.batch.first_key, b.input_ids_crc32, b.labels_crc32};
}

std::vector<CollatedBatch> next_batches(TrainingBatches& training) { return training.next_update().batches; }

/// A pass over the evaluation set, every batch handed to `use`.
void evaluate(EvaluationBatches& evaluation, uint64_t number, const std::function<void(const CollatedBatch&)>& use) {
  evaluation.start(number);
  while (const auto batch = evaluation.next()) use(*batch);
}

// ---- the reference's Trainer ----

class TrainerRun : public testing::TestWithParam<size_t> {};

TEST_P(TrainerRun, GivesTheBatchesOfTheTrainer) {
  const Json golden = read_json(TEKIO_GOLDEN_DIR "/masks.json").at("trainer").at(GetParam());
  const int64_t n = golden.at("train"), evaluated = golden.at("eval");
  const Chunks all = chunks_of(golden_rows());
  RunMasking masking(with_rng(MaskingRng::torch_cpu, with_seed(golden.at("seed"))), uncased_vocabulary());
  const UpdatePlan plan(n, golden.at("batch"), golden.value("accumulate", 1));
  TrainingOrder order{.seed = golden.at("seed"), .data_seed = {}, .checksums = true};
  if (golden.contains("data_seed") && !golden.at("data_seed").is_null())
    order.data_seed = golden.at("data_seed").get<uint64_t>();
  TrainingBatches training(masking, all.select(range(0, n)), plan, order);
  EvaluationBatches evaluation(masking, all.select(range(n, n + evaluated)), golden.at("eval_batch"),
                               EvalMasking::fresh, true);

  std::vector<Json> got_training, got_evaluation, training_calls, evaluation_calls;
  const auto note = [](std::vector<Json>& list, const CollatedBatch& b) {
    list.push_back({b.input_ids_crc32, b.labels_crc32, b.batch.masked_rows.size()});
  };
  for (const Json& call : golden.at("calls"))
    (call.at("rows").at(0) < n ? training_calls : evaluation_calls)
        .push_back({call.at("input_ids_crc32"), call.at("labels_crc32"), call.at("masked")});
  const auto evaluate_all = [&] { evaluate(evaluation, 0, [&](const CollatedBatch& b) { note(got_evaluation, b); }); };

  const int64_t every = golden.value("eval_steps", 0);  // 0: once per epoch
  int64_t step = 0;
  if (golden.value("evaluate_first", false)) evaluate_all();
  for (int64_t epoch = 0; epoch < golden.at("epochs"); ++epoch) {
    for (int64_t update = 0; update < plan.updates_per_epoch(); ++update) {
      for (const CollatedBatch& b : next_batches(training)) note(got_training, b);
      if (++step; every > 0 && step % every == 0) evaluate_all();
    }
    if (every == 0) evaluate_all();
  }
  EXPECT_EQ(got_training, training_calls);
  EXPECT_EQ(got_evaluation, evaluation_calls);
  for (const Json& number : golden.at("rand_after"))
    EXPECT_EQ(torch_rand(*masking.dropout_stream()), number.get<float>());
}
INSTANTIATE_TEST_SUITE_P(Golden, TrainerRun, testing::Values(0, 1, 2));

TEST(TrainingBatches, GiveEveryTokenOfTheFirstTrainerRun) {
  const Json golden = read_json(TEKIO_GOLDEN_DIR "/masks.json").at("trainer").at(0);
  const Chunks all = chunks_of(golden_rows());
  RunMasking masking(with_rng(MaskingRng::torch, with_seed(42)), uncased_vocabulary());
  const UpdatePlan plan(37, 8, 1);
  TrainingBatches training(masking, all.select(range(0, 37)), plan, {});
  EvaluationBatches evaluation(masking, all.select(range(37, 48)), 4, EvalMasking::fresh);
  PaddedBatch got;
  const auto take = [&](const CollatedBatch& b) {
    const PaddedBatch p = padded(b.batch);
    got.input_ids.insert(got.input_ids.end(), p.input_ids.begin(), p.input_ids.end());
    got.labels.insert(got.labels.end(), p.labels.begin(), p.labels.end());
  };
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    for (int64_t update = 0; update < plan.updates_per_epoch(); ++update) take(next_batches(training)[0]);
    evaluate(evaluation, 0, take);
  }
  EXPECT_EQ(got.input_ids, golden_masks().at("trainer0.input_ids").values);
  EXPECT_EQ(got.labels, golden_masks().at("trainer0.labels").values);
}

// The walkthrough's run over 25,000 reviews: 61,291 chunks, three epochs of 157 updates, evaluations before, between
// and after.
TEST(TrainingBatches, GiveTheWalkthroughsRun) {
  const auto data = large_data();
  if (!data) GTEST_SKIP() << kNoLargeData;
  const std::string folder = data->string();
  const Json golden = read_json(TEKIO_GOLDEN_DIR "/walkthrough.json");
  const Tokenizer tokenizer = Tokenizer::from_pretrained(folder + "/tokenizers/distilbert-base-uncased");
  const Chunks chunks = chunk(load_dataset(folder + "/imdb")["train"], tokenizer, {.chunk_size = 128});
  ASSERT_EQ(chunks.size(), golden.at("chunks").get<int64_t>());
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < chunks.size(); ++i)
    for (const int32_t id : chunks.ids(i)) ids.push_back(id);
  EXPECT_EQ(sha256_int64(ids), golden.at("chunks_sha256").get<std::string>());

  const auto [train, test] = chunks.train_test_split({.train_size = 10'000, .test_size = 1'000, .seed = 42});
  RunMasking masking(with_rng(MaskingRng::torch, with_seed(golden.at("seed"))), MaskingVocabulary::of(tokenizer));
  const UpdatePlan plan(10'000, 64, 1);
  TrainingBatches training(masking, train, plan, {.seed = golden.at("seed"), .checksums = true});
  EvaluationBatches evaluation(masking, test, 64, EvalMasking::fresh, true);
  EvaluationBatches frozen(masking, test, 1000, EvalMasking::frozen, true);
  const auto line = [](const CollatedBatch& b) {
    return Json{b.input_ids_crc32, b.labels_crc32, b.batch.masked_rows.size()};
  };
  const auto lines = [&](EvaluationBatches& batches) {
    Json out = Json::array();
    evaluate(batches, 0, [&](const CollatedBatch& b) { out.push_back(line(b)); });
    return out;
  };
  EXPECT_EQ(lines(evaluation), golden.at("evaluate_before"));
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    Json got = Json::array();
    for (int64_t update = 0; update < plan.updates_per_epoch(); ++update)
      got.push_back(line(next_batches(training)[0]));
    EXPECT_EQ(got, golden.at(fmt::format("epoch{}", epoch)));
    EXPECT_EQ(lines(frozen).at(0), golden.at("frozen (manual_seed, one call over the 1,000 test chunks)"));
    EXPECT_EQ(lines(evaluation), golden.at(fmt::format("evaluate{}", epoch)));
  }
  EXPECT_EQ(lines(evaluation), golden.at("evaluate_after"));
}

// ---- updates ----

TEST(TrainingBatches, CutAnEpochIntoUpdates) {
  const Chunks chunks = chunks_of(golden_rows());
  RunMasking masking(with_rng(MaskingRng::counter), uncased_vocabulary());
  TrainingBatches training(masking, chunks, UpdatePlan(48, 10, 3), {});
  const UpdateBatches first = training.next_update(), second = training.next_update(), third = training.next_update();
  ASSERT_EQ(first.batches.size(), 3u);
  ASSERT_EQ(second.batches.size(), 2u);
  EXPECT_EQ(first.batches[2].batch.first_key, 20u);
  EXPECT_EQ(second.batches[0].batch.first_key, 0u);
  EXPECT_EQ(second.batches[1].batch.sequences(), 8);
  EXPECT_EQ(third.update.epoch, 1);
  EXPECT_EQ(third.batches.size(), 3u);
  EXPECT_EQ(masking.dropout_stream(), nullptr);
}

TEST(TrainingBatches, CuttingAnUpdateDifferentlyMasksTheSame) {
  const Chunks chunks = chunks_of(golden_rows());
  const auto update = [&](int64_t batch_size, int64_t accumulation) {
    RunMasking masking(with_rng(MaskingRng::counter), uncased_vocabulary());
    TrainingBatches training(masking, chunks, UpdatePlan(48, batch_size, accumulation), {});
    training.resume(10, "", "x");  // the sixth epoch of two updates
    std::vector<int32_t> tokens, rows;
    for (const CollatedBatch& b : next_batches(training)) {
      const auto before = static_cast<int32_t>(tokens.size());
      EXPECT_EQ(b.batch.first_key, tokens.size() / 128);
      tokens.insert(tokens.end(), b.batch.input_ids.begin(), b.batch.input_ids.end());
      for (const int32_t row : b.batch.masked_rows) rows.push_back(before + row);
    }
    return std::pair(tokens, rows);
  };
  EXPECT_EQ(update(24, 1), update(8, 3));
  EXPECT_EQ(update(24, 1), update(3, 8));
}

TEST(TrainingBatches, RanksHaveTheBatchesThatOneProcessHas) {
  const Chunks chunks = chunks_of(golden_rows());
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch})
    for (const int ranks : {2, 3, 5}) {
      RunMasking masking(with_rng(rng), uncased_vocabulary());
      TrainingBatches whole(masking, chunks, UpdatePlan(48, 5, 2 * ranks), {.checksums = true});
      std::vector<std::unique_ptr<RunMasking>> own;
      std::vector<std::unique_ptr<TrainingBatches>> parts;
      for (int rank = 0; rank < ranks; ++rank) {
        own.push_back(std::make_unique<RunMasking>(with_rng(rng), uncased_vocabulary()));
        parts.push_back(std::make_unique<TrainingBatches>(*own.back(), chunks, UpdatePlan(48, 5, 2, ranks),
                                                          TrainingOrder{.rank = rank, .checksums = true}));
      }
      for (int64_t step = 0; step < 7; ++step) {
        const UpdateBatches all = whole.next_update();
        int64_t next = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          const UpdateBatches some = parts[static_cast<size_t>(rank)]->next_update();
          const NumberRange share = some.update.share(rank);
          EXPECT_EQ(share.begin, next);
          next = share.end;
          for (int64_t i = share.begin; i < share.end; ++i)
            EXPECT_EQ(json_of(some.batches.at(static_cast<size_t>(i - some.first))),
                      json_of(all.batches.at(static_cast<size_t>(i))))
                << ranks << " ranks, update " << step << ", micro-batch " << i;
        }
        EXPECT_EQ(next, all.update.batches);
      }
    }
}

TEST(TrainingBatches, EveryUpdateMasksItsOwnShare) {
  const Chunks chunks = chunks_of(golden_rows());
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch}) {
    RunMasking masking(with_rng(rng), uncased_vocabulary());
    TrainingBatches training(masking, chunks, UpdatePlan(48, 5, 3), {.rate = [](int64_t update) {
                               return update % 2 == 0 ? 1.0 : 0.0;  // also of the batch that is collated ahead
                             }});
    EvaluationBatches evaluation(masking, chunks, 48, EvalMasking::fresh);
    for (int64_t update = 0; update < 12; ++update)  // three epochs
      for (const CollatedBatch& b : next_batches(training))
        EXPECT_EQ(b.batch.masked_rows.empty(), update % 2 == 1) << update;
    evaluate(evaluation, 0, [&](const CollatedBatch& b) {  // the options' own share
      EXPECT_NEAR(static_cast<double>(b.batch.masked_rows.size()), 0.15 * static_cast<double>(b.batch.tokens()), 250);
    });
  }
}

TEST(TrainingBatches, EveryEpochTakesEveryChunkOnceInItsOwnOrder) {
  std::vector<std::vector<int32_t>> rows;
  for (int32_t r = 0; r < 48; ++r) rows.push_back({1000 + r, 1000 + r});
  const Chunks chunks = chunks_of(rows);
  for (const MaskingRng rng : {MaskingRng::counter, MaskingRng::torch}) {
    CollatorOptions nothing;
    nothing.mlm_probability = 0;
    RunMasking masking(with_rng(rng, nothing), uncased_vocabulary());
    TrainingBatches training(masking, chunks, UpdatePlan(48, 7, 1), {.seed = 3, .data_seed = 11});
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
      std::vector<int64_t> got;
      for (int64_t update = 0; update < 7; ++update) {
        const Batch batch = next_batches(training)[0].batch;
        for (int64_t k = 0; k < batch.sequences(); ++k)
          got.push_back(batch.input_ids[static_cast<size_t>(2 * k)] - 1000);
      }
      EXPECT_EQ(got, TorchStream(11 + static_cast<uint64_t>(epoch)).randperm(48));
    }
  }
}

TEST(EvaluationBatches, NoChunksNoBatches) {
  const Chunks chunks = chunks_of(golden_rows()).select({});
  RunMasking masking(with_rng(MaskingRng::torch), uncased_vocabulary());
  EvaluationBatches evaluation(masking, chunks, 8, EvalMasking::frozen);
  evaluation.start(0);
  EXPECT_FALSE(evaluation.next().has_value());
  EXPECT_EQ(evaluation.batches(), 0);
}

// ---- evaluation ----

class Evaluation : public testing::TestWithParam<std::tuple<MaskingRng, bool>> {};

TEST_P(Evaluation, FrozenMasksStayAndDrawNothing) {
  const auto [rng, whole_word] = GetParam();
  const Chunks chunks = chunks_of(golden_rows());
  CollatorOptions options;
  options.whole_word_mask = whole_word;
  RunMasking masking(with_rng(rng, options), uncased_vocabulary());
  TrainingBatches training(masking, chunks, UpdatePlan(48, 8, 1), {});
  EvaluationBatches frozen(masking, chunks, 5, EvalMasking::frozen, true);
  EvaluationBatches wider(masking, chunks, 48, EvalMasking::frozen);
  EXPECT_EQ(frozen.batches(), 10);
  const std::string before = training.state();
  EXPECT_EQ(before.empty(), rng == MaskingRng::counter);
  std::set<std::string> passes;
  std::vector<int32_t> tokens;
  for (const uint64_t number : {0, 1, 17}) {
    std::string pass;
    tokens.clear();
    evaluate(frozen, number, [&](const CollatedBatch& b) {
      pass += json_of(b).dump();
      tokens.insert(tokens.end(), b.batch.input_ids.begin(), b.batch.input_ids.end());
    });
    passes.insert(pass);
    training.next_update();
  }
  EXPECT_EQ(passes.size(), 1u);
  evaluate(wider, 3, [&](const CollatedBatch& b) { EXPECT_EQ(b.batch.input_ids, tokens); });  // however it is cut
  RunMasking untouched(with_rng(rng, options), uncased_vocabulary());
  TrainingBatches fresh_run(untouched, chunks, UpdatePlan(48, 8, 1), {});
  EXPECT_EQ(fresh_run.state(), before);
}

TEST_P(Evaluation, FreshMasksAreOthersEachTimeAndNoneIsATrainingMask) {
  const auto [rng, whole_word] = GetParam();
  const Chunks chunks = chunks_of(golden_rows());
  CollatorOptions options;
  options.whole_word_mask = whole_word;
  RunMasking masking(with_rng(rng, options), uncased_vocabulary());
  EvaluationBatches fresh(masking, chunks, 48, EvalMasking::fresh);
  EvaluationBatches frozen(masking, chunks, 48, EvalMasking::frozen);
  std::set<std::string> passes;
  const auto add = [&](const CollatedBatch& b) { passes.insert(json_of(b).dump()); };
  for (const uint64_t number : {0, 1, 2}) evaluate(fresh, number, add);
  if (rng == MaskingRng::counter) {
    evaluate(frozen, 0, add);
    const auto training = make_counter_collator(options, uncased_vocabulary());
    for (const uint64_t epoch : {0, 1, 2}) add(training->collate(chunks, range(0, 48), {.epoch = epoch}));
  }
  EXPECT_EQ(passes.size(), rng == MaskingRng::counter ? 7u : 3u);
}
INSTANTIATE_TEST_SUITE_P(AllKinds, Evaluation,
                         testing::Combine(testing::Values(MaskingRng::counter, MaskingRng::torch), testing::Bool()));

// ---- resuming ----

/// A run that may stop after any update and go on in a new process: what it was fed from there on.
class ResumableRun {
 public:
  ResumableRun(MaskingRng rng, bool whole_word, const Chunks& chunks)
      : masking_(with_rng(rng, options(whole_word)), uncased_vocabulary()),
        training_(masking_, chunks.select(range(0, 37)), UpdatePlan(37, 4, 3), {.checksums = true}),
        evaluation_(masking_, chunks.select(range(37, 48)), 4, EvalMasking::fresh, true) {}

  /// Goes on from `step` updates to the end, three epochs of four; `saved` gets the state after each update.
  std::vector<std::string> go(int64_t step, const std::string* state, std::vector<std::string>* saved) {
    std::vector<std::string> fed;
    const auto evaluate_all = [&] {
      evaluate(evaluation_, static_cast<uint64_t>(step),
               [&](const CollatedBatch& b) { fed.push_back(json_of(b).dump()); });
    };
    if (state == nullptr)
      evaluate_all();
    else
      training_.resume(step, *state, "x");
    while (step < 12) {
      for (const CollatedBatch& b : next_batches(training_)) {
        fed.push_back(json_of(b).dump());
        if (masking_.dropout_stream() != nullptr)
          masking_.dropout_stream()->skip_dropout(1000 + b.batch.tokens());  // a forward pass
      }
      if (++step % 3 == 0) evaluate_all();
      if (saved != nullptr) saved->push_back(training_.state());
    }
    return fed;
  }

 private:
  static CollatorOptions options(bool whole_word) {
    CollatorOptions o;
    o.whole_word_mask = whole_word;
    return o;
  }
  RunMasking masking_;
  TrainingBatches training_;
  EvaluationBatches evaluation_;
};

class Resuming : public testing::TestWithParam<std::tuple<MaskingRng, bool>> {};

TEST_P(Resuming, GoesOnAsIfTheRunHadNeverStopped) {
  const auto [rng, whole_word] = GetParam();
  const Chunks chunks = chunks_of(golden_rows());
  std::vector<std::string> states;
  const std::vector<std::string> whole = ResumableRun(rng, whole_word, chunks).go(0, nullptr, &states);
  ASSERT_EQ(states.size(), 12u);
  for (size_t done = 1; done < states.size(); ++done) {
    std::vector<std::string> later_states;
    const auto rest =
        ResumableRun(rng, whole_word, chunks).go(static_cast<int64_t>(done), &states[done - 1], &later_states);
    ASSERT_LT(rest.size(), whole.size());
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), whole.end() - static_cast<int64_t>(rest.size()))) << done;
    EXPECT_TRUE(std::equal(later_states.begin(), later_states.end(), states.begin() + static_cast<int64_t>(done)))
        << done;
  }
}
INSTANTIATE_TEST_SUITE_P(
    AllKinds, Resuming,
    testing::Combine(testing::Values(MaskingRng::counter, MaskingRng::torch, MaskingRng::torch_cpu), testing::Bool()));

TEST(TrainingBatches, ResumeOnlyWhatIsTheirs) {
  const Chunks chunks = chunks_of(golden_rows());
  RunMasking counter(with_rng(MaskingRng::counter), uncased_vocabulary()),
      torch(with_rng(MaskingRng::torch), uncased_vocabulary());
  const UpdatePlan plan(48, 8, 1);
  TrainingBatches with_counter(counter, chunks, plan, {}), with_torch(torch, chunks, plan, {});
  with_torch.next_update();
  const std::string state = with_torch.state();
  const auto message = [&](TrainingBatches& training, int64_t done, const std::string& text) -> std::string {
    try {
      training.resume(done, text, "folder/state.json");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_THAT(error.what(), HasSubstr("folder/state.json"));
      return error.what();
    }
    return "no error";
  };
  const auto changed = [&](const std::function<void(Json&)>& change) {
    Json document = Json::parse(state);
    change(document);
    return document.dump();
  };
  EXPECT_EQ(message(with_torch, 1, state), "no error");
  EXPECT_EQ(message(with_counter, 6, ""), "no error");
  EXPECT_THAT(message(with_counter, 1, state),
              HasSubstr("the checkpoint is of a run with masking_rng torch or torch-cpu; resume with that"));
  EXPECT_THAT(message(with_torch, 1, ""),
              HasSubstr("the checkpoint is of a run with masking_rng counter; resume with that"));
  EXPECT_THAT(message(with_torch, 1, "{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(message(with_torch, 1, "[]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(message(with_torch, 1, changed([](Json& j) { j.erase("before_look_ahead"); })),
              HasSubstr("the random state lacks before_look_ahead; resume from another checkpoint"));
  EXPECT_THAT(message(with_torch, 1, changed([](Json& j) { j.erase("torch"); })), HasSubstr("lacks torch"));
  EXPECT_THAT(message(with_torch, 1, changed([](Json& j) { j["before_look_ahead"].erase("numpy"); })),
              HasSubstr("lacks numpy"));
  EXPECT_THAT(
      message(with_torch, 1, changed([](Json& j) { j["torch"]["next"] = 625; })),
      HasSubstr("the random state is damaged: expected 624 words of 8 hexadecimal digits and a place among them; "
                "resume from another checkpoint"));
  EXPECT_THAT(message(with_torch, 1, changed([](Json& j) { j["torch"]["next"] = -1; })), HasSubstr("damaged"));
  EXPECT_THAT(message(with_torch, 1, changed([](Json& j) { j["torch"].erase("words"); })), HasSubstr("damaged"));
  EXPECT_THAT(message(with_torch, 1, changed([](Json& j) { j["torch"]["words"] = "00"; })), HasSubstr("damaged"));
  EXPECT_THAT(message(with_torch, 1, changed([](Json& j) { j["torch"]["words"] = std::string(624 * 8, 'g'); })),
              HasSubstr("damaged"));
  EXPECT_THAT(
      message(with_torch, 1, changed([](Json& j) { j["torch"]["words"] = std::string(624 * 8 - 1, '0') + "-"; })),
      HasSubstr("damaged"));
}

}  // namespace
}  // namespace tekio::test
