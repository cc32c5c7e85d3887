// What two evaluations say of words, frequencies, kinds, confidence and chunks, counted here once more.
#include "train/evaluation_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "tiny.h"
#include "train/chunk_losses.h"

namespace tekio::test {
namespace {

class EvaluationDetails : public TinyRun {
 protected:
  void SetUp() override {
    TinyRun::SetUp();
    chunks_ = split().test;
    evaluate(model(), tokenizer(), *chunks_, {}, &before_);
    after_ = before_;
  }
  OrderedJson details() const {
    return evaluation_details(before_, after_, *chunks_, tokenizer(),
                              count_ids(split().train, tokenizer().vocabulary_size()));
  }
  int32_t commonest() const {
    std::map<int32_t, int> counts;
    for (const MaskedToken& token : before_.tokens) ++counts[token.id];
    return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
  }

  std::optional<Chunks> chunks_;
  ChunkLosses before_, after_;
};

TEST_F(EvaluationDetails, AWordThatGainedIsListed) {
  const int32_t word = commonest();
  int64_t masked = 0;
  double before = 0;
  for (size_t i = 0; i < after_.tokens.size(); ++i) {
    if (after_.tokens[i].id != word) continue;
    after_.tokens[i].loss -= 2 + 0.1f * static_cast<float>(masked % 2);
    after_.tokens[i].hit = true;
    before -= before_.tokens[i].loss;
    ++masked;
  }
  ASSERT_GE(masked, 3);
  const OrderedJson json = details();
  ASSERT_EQ(json["words"]["gained"].size(), 1);
  EXPECT_TRUE(json["words"]["lost"].empty());
  const OrderedJson& first = json["words"]["gained"][0];
  EXPECT_EQ(first["token"], tokenizer().id_to_token(word));
  EXPECT_EQ(first["masked"], masked);
  EXPECT_EQ(first["in_training"], count_ids(split().train, tokenizer().vocabulary_size())[static_cast<size_t>(word)]);
  EXPECT_NEAR(first["log_probability"]["before"].get<double>(), before / static_cast<double>(masked), 1e-5);
  const double gain = first["gain"]["value"], low = first["gain"]["low"], high = first["gain"]["high"];
  EXPECT_TRUE(2 <= gain && gain <= 2.1) << gain;
  EXPECT_TRUE(1.5 < low && low < gain && gain < high && high < 2.6) << low << " " << high;
  std::swap(before_, after_);
  EXPECT_EQ(details()["words"]["lost"][0]["token"], tokenizer().id_to_token(word));
}

TEST_F(EvaluationDetails, GroupsHoldEveryMaskedTokenOnce) {
  const OrderedJson json = details();
  for (const char* group : {"frequencies", "kinds"}) {
    int64_t masked = 0;
    double hits = 0;
    for (const OrderedJson& part : json[group]) {
      masked += part["masked"].get<int64_t>();
      const OrderedJson& accuracy = part["accuracy"]["after"];
      hits += accuracy["value"].get<double>() * part["masked"].get<double>();
      EXPECT_LE(accuracy["low"].get<double>(), accuracy["value"].get<double>() + 1e-12);
      EXPECT_GE(accuracy["high"].get<double>(), accuracy["value"].get<double>() - 1e-12);
    }
    EXPECT_EQ(masked, static_cast<int64_t>(after_.tokens.size())) << group;
    EXPECT_NEAR(hits,
                static_cast<double>(std::ranges::count_if(after_.tokens, [](const MaskedToken& t) { return t.hit; })),
                1e-9);
  }
}

/// Two classes of made-up words, of which six and one gain, each by another amount: a class lists its own, at most
/// five, and those that gained most first.
TEST_F(EvaluationDetails, EachClassHasTheWordsOfItThatGained) {
  constexpr int32_t kFirst = 104, kRare = 7, kAll = 9;  // the last of the rare and of all lose
  ASSERT_GE(after_.tokens.size(), size_t{3} * kAll);
  std::vector<int64_t> in_training(static_cast<size_t>(tokenizer().vocabulary_size()), 0);
  for (int32_t word = 0; word < kAll; ++word) in_training[kFirst + word] = word < kRare ? 10 + word : 1'000 * word;
  for (size_t i = 0; i < after_.tokens.size(); ++i) {
    const int32_t word = static_cast<int32_t>(i) % kAll;
    const bool loses = word == kRare - 1 || word == kAll - 1;
    before_.tokens[i].id = after_.tokens[i].id = kFirst + word;
    const float gain = static_cast<float>(1 + word) + 0.01f * static_cast<float>(i / kAll % 2);
    after_.tokens[i].loss = before_.tokens[i].loss + (loses ? gain : -gain);
  }
  const OrderedJson json = evaluation_details(before_, after_, *chunks_, tokenizer(), in_training);
  std::map<std::string, std::vector<std::string>> gained;
  for (const OrderedJson& group : json["frequencies"])
    for (const OrderedJson& word : group["gained"]) gained[group["name"]].push_back(word["token"]);
  const auto name = [&](int32_t word) { return tokenizer().id_to_token(kFirst + word); };
  using Lists = std::map<std::string, std::vector<std::string>>;
  EXPECT_EQ(gained,
            (Lists{{"10 to 99", {name(5), name(4), name(3), name(2), name(1)}}, {"1,000 to 9,999", {name(7)}}}));
}

TEST_F(EvaluationDetails, TheDifferenceIsThatOfAPairedComparison) {
  for (size_t chunk = 0; chunk < after_.losses.size(); ++chunk) after_.losses[chunk] -= 1 + 0.25 * (chunk % 3);
  const LossDifference expected = loss_difference(after_, before_);
  const OrderedJson difference = details()["loss_difference"];
  EXPECT_LT(expected.high, 0);
  EXPECT_EQ(difference["value"], expected.loss);
  EXPECT_EQ(difference["low"], expected.low);
  EXPECT_EQ(difference["high"], expected.high);
}

TEST_F(EvaluationDetails, CalibrationIsConfidenceBesideAccuracy) {
  for (size_t i = 0; i < after_.tokens.size(); ++i)
    after_.tokens[i].confidence = 0.75f, after_.tokens[i].hit = i % 4 != 0;
  const OrderedJson after = details()["calibration"]["after"];
  ASSERT_EQ(after["bins"].size(), 1);
  EXPECT_EQ(after["bins"][0]["tokens"], after_.tokens.size());
  EXPECT_NEAR(after["bins"][0]["confidence"].get<double>(), 0.75, 1e-6);
  const double right = after["bins"][0]["accuracy"]["value"];
  EXPECT_NEAR(after["error"].get<double>(), std::abs(0.75 - right), 1e-6);
  for (MaskedToken& token : after_.tokens) token.confidence = 1, token.hit = true;
  EXPECT_NEAR(details()["calibration"]["after"]["error"].get<double>(), 0, 1e-9);
}

TEST_F(EvaluationDetails, TheChunkThatBecameWorseIsShown) {
  size_t chunk = 1, at = static_cast<size_t>(before_.masked[0]);
  for (int64_t k = 0; k < before_.masked[chunk]; ++k) after_.tokens[at + static_cast<size_t>(k)].loss += 1;
  const OrderedJson chunks = details()["chunks"];
  EXPECT_EQ(chunks["worse_count"], 1);
  ASSERT_EQ(chunks["worse"].size(), 1);
  EXPECT_TRUE(chunks["better"].empty());
  EXPECT_EQ(chunks["worse"][0]["chunk"], chunk);
  EXPECT_NEAR(chunks["worse"][0]["gain"]["value"].get<double>(), -1, 1e-5);
  EXPECT_EQ(chunks["worse"][0]["text"], tokenizer().decode(chunks_->ids(1), {.skip_special_tokens = true}));
}

TEST_F(EvaluationDetails, ANumberThatIsNoneIsNull) {
  after_.tokens[0].loss = INFINITY;
  EXPECT_TRUE(OrderedJson::parse(details().dump())["masked_tokens"].is_number());
}

using RunDetails = TinyRun;

TEST_F(RunDetails, AreLeftByARunAndByOneThatWasResumed) {
  const AdaptReport whole = adapt_fresh(options("whole"));
  const Json details = json(folder_ / "whole" / "evaluation.json");
  EXPECT_EQ(details["masked_tokens"], whole.after.masked_tokens);
  EXPECT_TRUE(fs::exists(folder_ / "whole" / "report.html"));
  EXPECT_FALSE(fs::exists(folder_ / "whole" / "evaluation-before.bin"));

  TrainingOptions stopped = options("stopped");
  int step = 0;
  stopped.on_update = [&](const UpdatePoint& update, RunControl&) { step = static_cast<int>(update.step); };
  stopped.should_stop = [&] { return step == 3 ? 1 : 0; };
  EXPECT_EQ(adapt_fresh(stopped).stopped, 1);
  EXPECT_TRUE(fs::exists(folder_ / "stopped" / "evaluation-before.bin"));
  EXPECT_FALSE(fs::exists(folder_ / "stopped" / "evaluation.json"));
  TrainingOptions resumed = options("stopped");
  resumed.resume_from_checkpoint = "auto";
  adapt_fresh(resumed);
  EXPECT_EQ(json(folder_ / "stopped" / "evaluation.json"), details);
  EXPECT_FALSE(fs::exists(folder_ / "stopped" / "evaluation-before.bin"));
}

TEST_F(RunDetails, AreLeftOutWhereARunWasResumedWithOtherMasks) {
  TrainingOptions o = options("other");
  int step = 0;
  o.on_update = [&](const UpdatePoint& update, RunControl&) { step = static_cast<int>(update.step); };
  o.should_stop = [&] { return step == 3 ? 1 : 0; };
  adapt_fresh(o);
  const fs::path kept = folder_ / "other" / "evaluation-before.bin";
  auto before = read_chunk_losses(kept);
  ASSERT_TRUE(before);
  before->tokens[0].id ^= 1;  // as many in each chunk, but others
  write_chunk_losses(kept, *before);
  TrainingOptions resumed = options("other");
  resumed.resume_from_checkpoint = "auto";
  adapt_fresh(resumed);
  EXPECT_FALSE(fs::exists(folder_ / "other" / "evaluation.json"));
  EXPECT_TRUE(fs::exists(folder_ / "other" / "report.html"));
}

TEST_F(RunDetails, OfTheBestModelAreThose) {
  TrainingOptions o = options();
  o.load_best_model_at_end = true;
  o.num_train_epochs = 3;
  const AdaptReport report = adapt_fresh(o);
  double loss = 0, masked = 0;
  const Json details = json(folder_ / "run" / "evaluation.json");
  for (const Json& group : details["kinds"]) {
    loss -= group["log_probability"]["after"].get<double>() * group["masked"].get<double>();
    masked += group["masked"].get<double>();
  }
  EXPECT_NEAR(loss / masked, report.after.loss, 1e-5);
}

TEST_F(RunDetails, AreNotThereWhereMasksDiffer) {
  TrainingOptions o = options();
  o.eval_masking = EvalMasking::fresh;
  adapt_fresh(o);
  EXPECT_FALSE(fs::exists(folder_ / "run" / "evaluation.json"));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "report.html"));
}

TEST_F(RunDetails, EventFilesHaveTheLogHistory) {
  TrainingOptions o = options();
  o.report_to = Tracker::tensorboard;
  o.logging_dir = (folder_ / "events").string();
  adapt_fresh(o);
  std::vector<fs::path> files(fs::directory_iterator(folder_ / "events"), {});
  ASSERT_EQ(files.size(), 1);
  const std::string events = bytes(files.front());
  for (const char* part : {"args/text_summary", "model_config/text_summary", "train/loss", "train/learning_rate",
                           "train/grad_norm", "train/epoch", "eval/loss", "train/train_runtime"})
    EXPECT_NE(events.find(part), std::string::npos) << part;
  o = options("again");
  o.report_to = Tracker::tensorboard;
  adapt_fresh(o);
  EXPECT_TRUE(fs::is_directory(folder_ / "again" / "runs"));
}

TEST(ChunkLosses, AreTheSameFromBytes) {
  const ChunkLosses losses{.losses = {1.5, 0, 2},
                           .masked = {2, 0, 1},
                           .tokens = {{7, 0, 0.5f, 0.25f, true}, {8, 3, 1, 0.5f, false}, {9, 1, 2, 1, true}}};
  const std::string bytes = to_bytes(losses);
  const auto read = chunk_losses_in(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->losses, losses.losses);
  EXPECT_EQ(read->masked, losses.masked);
  ASSERT_EQ(read->tokens.size(), 3);
  EXPECT_EQ(read->tokens[1].place, 3);
  EXPECT_TRUE(read->tokens[2].hit);
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(chunk_losses_in(bytes.substr(0, size))) << size;
  EXPECT_FALSE(chunk_losses_in(bytes + "x"));
  std::string hostile = bytes;
  std::fill_n(hostile.begin(), 8, '\xff');
  EXPECT_FALSE(chunk_losses_in(hostile));
  const ScratchFolder folder;
  write_chunk_losses(folder / "file", losses);
  ASSERT_TRUE(read_chunk_losses(folder / "file"));
  std::string damaged = read_text(folder / "file");
  damaged[20] ^= 1;
  folder.write("file", damaged);
  EXPECT_FALSE(read_chunk_losses(folder / "file"));
  EXPECT_FALSE(read_chunk_losses(folder / "absent"));
}

}  // namespace
}  // namespace tekio::test
