// What ranks must have in common before they work on one run: each thing that changes what comes of it is told.
#include <gmock/gmock.h>

#include "support/local_ranks.h"
#include "tiny.h"
#include "train/on_ranks.h"
#include "train/rank_agreement.h"

namespace tekio::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Agreement : public TinyRun {
 protected:
  /// What one rank has; the other's is changed.
  struct Setting {
    fs::path model = TEKIO_GOLDEN_DIR "/tiny-distilbert", tokenizer;
    TrainingOptions training;
    EvaluationOptions evaluation;
    int words_in_chunk = 4;  ///< of two tokens; the last of what is left
  };
  Setting setting() const {
    Setting s;
    s.tokenizer = folder_ / "tokenizer";
    s.training = options();
    s.training.max_steps = 1;
    return s;
  }

  /// The golden model with a key of its configuration changed.
  fs::path model_with(const std::string& key, const Json& value) const {
    const fs::path changed = folder_ / ("model-" + key);
    fs::create_directories(changed);
    for (const auto& file : fs::directory_iterator(TEKIO_GOLDEN_DIR "/tiny-distilbert"))
      if (file.is_regular_file()) fs::copy_file(file.path(), changed / file.path().filename());
    Json config = json(changed / "config.json");
    config[key] = value;
    std::ofstream(changed / "config.json") << config.dump();
    return changed;
  }

  static Chunks chunks_of(int words) {
    std::vector<int32_t> ids, word_ids;
    std::vector<int64_t> ends;
    for (int chunk = 0; chunk < 12; ++chunk) {
      for (int i = 0; i < 8; ++i) {
        ids.push_back(104 + chunk * 8 + i);
        word_ids.push_back(std::min(i / 2, words - 1));
      }
      ends.push_back(static_cast<int64_t>(ids.size()));
    }
    return Chunks::from_sequences({.input_ids = ids, .ends = ends, .word_ids = word_ids});
  }

  using Change = std::function<void(Setting&)>;
  using Work = std::function<void(MaskedLM&, const Tokenizer&, const Setting&, Communicator&)>;
  std::string refusal(const Setting& all, const Change& change, const Work& work) const {
    return message_of(ErrorKind::usage, [&] {
      run_ranks(2, [&](Communicator& ranks) {
        Setting own = all;
        if (ranks.rank() == 1) change(own);
        MaskedLM model =
            MaskedLM::from_pretrained(own.model.string(), {.device = "cpu", .dtype = NumberFormat::f32, .threads = 1});
        work(model, Tokenizer::from_pretrained(own.tokenizer.string()), own, ranks);
      });
    });
  }
  std::string refused_training(const Setting& all, const Change& change) const {
    return refusal(all, change,
                   [](MaskedLM& model, const Tokenizer& tokenizer, const Setting& own, Communicator& ranks) {
                     const Chunks chunks = chunks_of(own.words_in_chunk);
                     adapt(model, tokenizer, {chunks, chunks}, own.training, ranks);
                   });
  }
  std::string refused_evaluation(const Setting& all, const Change& change) const {
    return refusal(all, change,
                   [](MaskedLM& model, const Tokenizer& tokenizer, const Setting& own, Communicator& ranks) {
                     evaluate(model, tokenizer, chunks_of(own.words_in_chunk), own.evaluation, nullptr, ranks);
                   });
  }
};

TEST_F(Agreement, OnTheModelsConfiguration) {
  Setting all = setting();
  all.training.dropout.reset();
  struct {
    const char* key;
    Json value;
  } const cases[] = {{"n_heads", 1}, {"dropout", 0.4}, {"attention_dropout", 0.4}, {"activation", "relu"}};
  for (const auto& c : cases) {
    const fs::path other = model_with(c.key, c.value);
    const auto named =
        AllOf(HasSubstr(std::string(c.key) + " of the model's config.json is "),
              HasSubstr(" and " + (c.value.is_string() ? c.value.get<std::string>() : c.value.dump()) + " on rank 1"));
    EXPECT_THAT(refused_training(all, [&](Setting& own) { own.model = other; }), named);
    EXPECT_THAT(refused_evaluation(all, [&](Setting& own) { own.model = other; }), named);
  }
}

TEST_F(Agreement, OnTheTokenizer) {
  const fs::path other = folder_ / "other-tokenizer";
  fs::copy(folder_ / "tokenizer", other);
  std::string words = vocabulary();
  words.replace(words.find("[MASK]\n"), 7, "[102]\n").replace(words.find("[unused1]\n"), 10, "[MASK]\n");
  std::ofstream(other / "vocab.txt") << words;
  const auto change = [&](Setting& own) { own.tokenizer = other; };
  const auto named = HasSubstr("the tokenizer is one with the digest ");
  EXPECT_THAT(refused_training(setting(), change), named);
  EXPECT_THAT(refused_evaluation(setting(), change), named);
}

TEST_F(Agreement, OnTheWordsOfEqualIds) {
  Setting all = setting();
  all.training.whole_word_mask = all.evaluation.whole_word_mask = true;
  const auto change = [](Setting& own) { own.words_in_chunk = 3; };
  EXPECT_THAT(refused_training(all, change), AllOf(HasSubstr("the training data's division into words is "),
                                                   HasSubstr("the evaluation data's division into words is ")));
  EXPECT_THAT(refused_evaluation(all, change), HasSubstr("the evaluation data's division into words is "));
  all.training.general = chunks_of(4);
  EXPECT_THAT(refused_training(all, [](Setting& own) { own.training.general = chunks_of(3); }),
              HasSubstr("the general text's division into words is "));
}

TEST_F(Agreement, OnWhatOnlyOneOfThemHas) {
  const auto change = [](Setting& own) { own.training.general = chunks_of(4); };
  EXPECT_THAT(refused_training(setting(), change),
              HasSubstr("the general text is not set on rank 0 and 12 chunks (digest "));
}

TEST_F(Agreement, OnEveryOptionOfMaskingInEvaluations) {
  struct {
    const char* name;
    std::function<void(EvaluationOptions&)> change;
  } const cases[] = {
      {"mlm_probability", [](EvaluationOptions& o) { o.mlm_probability = 0.3; }},
      {"whole_word_mask", [](EvaluationOptions& o) { o.whole_word_mask = true; }},
      {"wwm_probability", [](EvaluationOptions& o) { o.wwm_probability = 0.3; }},
      {"whole_word_rule", [](EvaluationOptions& o) { o.whole_word_rule = WholeWordRule::legacy; }},
      {"masking", [](EvaluationOptions& o) { o.masking = Masking::span; }},
      {"span_geometric_p", [](EvaluationOptions& o) { o.span_geometric_p = 0.4; }},
      {"max_span_length", [](EvaluationOptions& o) { o.max_span_length = 4; }},
      {"masking_rng", [](EvaluationOptions& o) { o.masking_rng = MaskingRng::torch; }},
      {"seed", [](EvaluationOptions& o) { o.seed = 7; }},
      {"per_device_eval_batch_size", [](EvaluationOptions& o) { o.batch_size = 3; }},
  };
  for (const auto& c : cases) {
    Setting all = setting();
    if (std::string(c.name) == "span_geometric_p" || std::string(c.name) == "max_span_length")
      all.evaluation.masking = Masking::span;
    if (std::string(c.name) == "wwm_probability" || std::string(c.name) == "whole_word_rule")
      all.evaluation.whole_word_mask = true;
    EXPECT_THAT(refused_evaluation(all, [&](Setting& own) { c.change(own.evaluation); }),
                HasSubstr(std::string(c.name) + " is "));
  }
}

TEST_F(Agreement, OnTheWork) {
  const auto message = message_of(ErrorKind::usage, [&] {
    run_ranks(2, [&](Communicator& ranks) {
      const Setting own = setting();
      MaskedLM m = MaskedLM::from_pretrained(own.model.string(), {.device = "cpu", .dtype = NumberFormat::f32});
      const Chunks chunks = chunks_of(4);
      if (ranks.rank() == 0)
        require_same_on_all(ranks, "training", {{"seed", 1}});
      else
        evaluate(m, tokenizer(), chunks, own.evaluation, nullptr, ranks);
    });
  });
  EXPECT_THAT(message, HasSubstr("told different things: the work is training on rank 0 and evaluation on rank 1;"));
}

TEST_F(Agreement, RefusesWhatIsNoRecord) {
  for (const std::string record : {"", "12", "{", "[1]", "{\"work\": 1}"})
    EXPECT_THAT(message_of(ErrorKind::comms,
                           [&] {
                             run_ranks(2, [&](Communicator& ranks) {
                               if (ranks.rank() == 0)
                                 require_same_on_all(ranks, "training", Json::object());
                               else
                                 ranks.gather(record);
                             });
                           }),
                HasSubstr("rank 1 sent something else than what it was told"));
}

TEST_F(Agreement, RefusesNumbersThatAreNone) {
  EXPECT_EQ(number_from_rank("-12"), -12);
  for (const std::string text : {"", "x", "1x", "99999999999999999999"})
    EXPECT_THAT(message_of(ErrorKind::comms, [&] { number_from_rank(text); }), HasSubstr("where a number was due"));
}

}  // namespace
}  // namespace tekio::test
