// Tokenizers beside models: words that were added, vocabularies of other models, lengths.
#include "model/vocabulary.h"

#include <numeric>

#include "support.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using ::testing::HasSubstr;

// [PAD] [UNK] [CLS] [SEP] [MASK] and words up to `entries` in all.
std::string vocab_txt(int64_t entries, const std::string& stem = "w") {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int64_t i = 5; i < entries; ++i) text += stem + std::to_string(i) + "\n";
  return text;
}

class Vocabulary : public ::testing::Test {
 protected:
  // A folder with a tokenizer of so many words, and tokens added behind them.
  static Tokenizer tokenizer(const ScratchFolder& folder, int64_t entries, std::vector<std::string> added = {},
                             const std::string& stem = "w", int64_t length = 20) {
    folder.write("vocab.txt", vocab_txt(entries, stem));
    Json config = {{"tokenizer_class", "BertTokenizer"}, {"model_max_length", length}};
    for (size_t i = 0; i < added.size(); ++i)
      config["added_tokens_decoder"][std::to_string(entries + static_cast<int64_t>(i))] = {{"content", added[i]}};
    folder.write("tokenizer_config.json", config.dump());
    return Tokenizer::from_pretrained(folder.path().string());
  }
  bool enlarged(const Tokenizer& t) const { return is_enlarged(t, config_, own_.path().string()); }
  void refused(const Tokenizer& t, const std::vector<std::string>& parts) const {
    expect_error(ErrorKind::input, parts, [&] { check_vocabulary(t, config_, own_.path().string()); });
  }

  const ModelConfig config_ = ModelConfig::from_json(tiny_bert_json(), "config.json");  // 50 rows, 20 positions
  const ScratchFolder own_, other_;
};

TEST_F(Vocabulary, KnowsWordsThatWereAdded) {
  tokenizer(own_, 50);
  EXPECT_FALSE(enlarged(tokenizer(other_, 50)));
  EXPECT_FALSE(enlarged(tokenizer(other_, 48)));
  EXPECT_TRUE(enlarged(tokenizer(other_, 50, {"methotrexate", "[DRUG]"})));
  EXPECT_TRUE(enlarged(tokenizer(other_, 53)));                 // lines at the end of vocab.txt
  EXPECT_FALSE(enlarged(tokenizer(other_, 50, {"one"}, "x")));  // another vocabulary
  refused(tokenizer(other_, 50, {"one"}, "x"),
          {"vocabulary has 51 entries but bert.embeddings.word_embeddings.weight has 50 rows",
           "are from different models", "pass tokenizer"});
  refused(tokenizer(other_, 50, {"one"}), {"51 entries", "words were added", "'tekio adapt'"});
}

TEST_F(Vocabulary, TheModelsOwnTokenizerMayBeTheEnlargedOne) {
  EXPECT_TRUE(enlarged(tokenizer(own_, 50, {"methotrexate"})));
  EXPECT_TRUE(enlarged(tokenizer(own_, 48, {"a1", "a2", "a3"})));
  EXPECT_FALSE(enlarged(tokenizer(own_, 51)));  // could be any other model's
  refused(tokenizer(own_, 51), {"are from different models"});
}

TEST_F(Vocabulary, AModelFolderWithoutATokenizerSaysNothing) {
  EXPECT_TRUE(enlarged(tokenizer(other_, 50, {"one"})));
  EXPECT_FALSE(enlarged(tokenizer(other_, 51)));
  own_.write("vocab.txt", "");
  EXPECT_FALSE(enlarged(tokenizer(other_, 51)));
}

TEST_F(Vocabulary, WarnsOfRowsThatCanNeverBeUsed) {
  Json document = tiny_bert_json();
  document["vocab_size"] = 800;
  const ModelConfig large = ModelConfig::from_json(document, "config.json");
  const LogCapture log;
  check_vocabulary(tokenizer(other_, 673), large, "m");  // rows padded for speed
  EXPECT_EQ(log.text(), "");
  const LogCapture log2;
  check_vocabulary(tokenizer(other_, 672), large, "m");
  EXPECT_THAT(log2.text(), HasSubstr("128 rows can never be used"));
}

TEST_F(Vocabulary, OfANewModelIsAsItsConfigSays) {
  Json document = tiny_bert_json();
  document["vocab_size"] = 800;
  const ModelConfig large = ModelConfig::from_json(document, "config.json");
  const LogCapture log;
  check_new_vocabulary(tokenizer(other_, 673), large, "c.json");
  EXPECT_EQ(log.text(), "");
  const LogCapture log2;
  check_new_vocabulary(tokenizer(other_, 600), large, "c.json");
  EXPECT_THAT(log2.text(),
              HasSubstr("vocab_size is 800 in c.json but the tokenizer has 600 entries: 200 rows can never "
                        "be used; 600, or 640 as a multiple of 64, is enough"));
  expect_error(ErrorKind::input, {"the tokenizer has 801 entries but vocab_size is 800 in c.json: set it to 801"},
               [&] { check_new_vocabulary(tokenizer(other_, 801), large, "c.json"); });
}

TEST_F(Vocabulary, LengthsAreNoMoreThanThePositions) {
  const LogCapture log;
  EXPECT_EQ(limited_to_positions(tokenizer(other_, 50), config_).model_max_length(), 20);
  EXPECT_EQ(limited_to_positions(tokenizer(other_, 50, {}, "w", 7), config_).model_max_length(), 7);
  other_.write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  const Tokenizer silent = Tokenizer::from_pretrained(other_.path().string());
  EXPECT_EQ(limited_to_positions(silent, config_).model_max_length(), 20);
  EXPECT_EQ(log.text(), "");
  const LogCapture log2;
  const Tokenizer limited = limited_to_positions(tokenizer(other_, 50, {}, "w", 512), config_);
  EXPECT_THAT(log2.text(), HasSubstr("model_max_length is 512, but the model has 20"));
  limited.save_pretrained(own_.path());
  EXPECT_EQ(read_json(own_.path() / "tokenizer_config.json")["model_max_length"], 20);
}

// Old rows stay, new ones lie at the old ones' mean, a little apart in the directions that the old ones have.
class Growing : public ::testing::TestWithParam<std::string> {
 protected:
  Growing() : device_(GetParam()) {}
  std::unique_ptr<MlmNetwork> model(Json document, bool tied) {
    document["tie_word_embeddings"] = tied;
    auto made = std::make_unique<MlmNetwork>(ModelConfig::from_json(document, "config"), *device_.backend);
    randomize(*made, 5);
    return made;
  }
  Device device_;
};

double mean_of(std::span<const float> table, size_t width, size_t column, size_t rows) {
  double sum = 0;
  for (size_t i = 0; i < rows; ++i) sum += static_cast<double>(table[i * width + column]);
  return sum / static_cast<double>(rows);
}

TEST_P(Growing, NewRowsLieAtTheMean) {
  constexpr size_t kWidth = 16, kOld = 50, kNew = 450;
  for (const bool tied : {true, false}) {
    for (const Json& document : {tiny_bert_json(), tiny_distilbert_json()}) {
      const auto network = model(document, tied);
      std::map<std::string, std::vector<float>> before;
      for (const NamedTensor& t : std::as_const(*network).weights().named())
        before[t.name] = {t.tensor.values().begin(), t.tensor.values().end()};
      network->grow_vocabulary(kNew, 9, device_.pool);
      EXPECT_EQ(network->config().vocabulary, 450);
      EXPECT_EQ(Json::parse(network->config().to_json())["vocab_size"], 450);
      int grown = 0;
      for (const NamedTensor& t : std::as_const(*network).weights().named()) {
        SCOPED_TRACE(t.name);
        const auto values = t.tensor.values();
        const auto& old = before.at(t.name);
        ASSERT_TRUE(std::equal(old.begin(), old.end(), values.begin()));
        if (values.size() == old.size()) continue;
        ++grown;
        if (t.tensor.rank == 1) {
          for (size_t i = kOld; i < kNew; ++i)
            EXPECT_FLOAT_EQ(values[i], tied ? 0.0f : static_cast<float>(mean_of(old, 1, 0, kOld)));
          continue;
        }
        for (const auto& [a, b] : {std::pair<size_t, size_t>{0, 0}, {3, 3}, {0, 3}, {14, 15}}) {
          const double mean_a = mean_of(old, kWidth, a, kOld), mean_b = mean_of(old, kWidth, b, kOld);
          double expected = 0, drawn = 0, scale = 0;
          for (size_t i = 0; i < kNew; ++i) {
            const double x = static_cast<double>(values[i * kWidth + a]) - mean_a,
                         y = static_cast<double>(values[i * kWidth + b]) - mean_b;
            (i < kOld ? expected : drawn) += x * y;
            if (i < kOld) scale += std::abs(x * y);
          }
          EXPECT_NEAR(drawn / (kNew - kOld), 1e-9 * expected / kOld, 0.3e-9 * scale / kOld) << a << " " << b;
        }
      }
      EXPECT_EQ(grown, tied ? 2 : 3);
    }
  }
}

TEST_P(Growing, IsAFunctionOfTheSeedAndTrains) {
  const auto once = model(tiny_bert_json(), true), again = model(tiny_bert_json(), true),
             other = model(tiny_bert_json(), true);
  ThreadPool alone(1);
  once->grow_vocabulary(61, 9, device_.pool);
  again->grow_vocabulary(61, 9, alone);
  other->grow_vocabulary(61, 10, device_.pool);
  const auto numbers_of = [](const auto& m) { return numbers(std::as_const(*m).weights()); };
  EXPECT_EQ(numbers_of(once), numbers_of(again));
  EXPECT_NE(numbers_of(once), numbers_of(other));
  Batch batch{.input_ids = {2, 60, 4, 3}, .offsets = {0, 4}, .masked_rows = {2}, .labels = {60}};
  once->prepare({.sequences = 1, .length = 4, .masked_rows = 1}, true);
  once->clear_gradients();
  once->forward(batch, {});
  EXPECT_GT(backward(*once, batch, 1), 0);
  EXPECT_NE(largest(named_values(once->gradients(), "cls.predictions.bias").subspan(60)), 0);
}

INSTANTIATE_TEST_SUITE_P(All, Growing, ::testing::ValuesIn(back_ends()));

}  // namespace
}  // namespace tekio::test
