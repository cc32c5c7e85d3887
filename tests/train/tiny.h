// A model, a tokenizer and a corpus so small that a whole run takes milliseconds: the golden tiny DistilBERT (2 layers,
// 32 wide, vocabulary 600) and sentences of two-letter words that follow one another by a simple rule, so that there is
// something to learn.
#pragma once

#include <gtest/gtest.h>

#include <tekio/tekio.h>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "support/scratch_folder.h"

namespace tekio::test {

/// A fresh folder per test, removed afterwards.
class TinyRun : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "tokenizer");
    std::ofstream(folder_ / "tokenizer" / "vocab.txt") << vocabulary();
    std::ofstream(folder_ / "tokenizer" / "tokenizer_config.json")
        << R"({"do_lower_case": true, "tokenizer_class": "DistilBertTokenizer"})";
    std::ofstream(folder_ / "text.txt") << text(220);
  }

  static std::string word(unsigned i) {
    return {static_cast<char>('a' + i / 26 % 26), static_cast<char>('a' + i % 26)};
  }
  static constexpr unsigned kWords = 496;  // ids 104 to 599

  static std::string vocabulary() {
    std::string lines;
    for (int i = 0; i < 600; ++i) {
      if (i == 0)
        lines += "[PAD]";
      else if (i == 100)
        lines += "[UNK]";
      else if (i == 101)
        lines += "[CLS]";
      else if (i == 102)
        lines += "[SEP]";
      else if (i == 103)
        lines += "[MASK]";
      else if (i < 104)
        lines += "[unused" + std::to_string(i) + "]";
      else
        lines += word(static_cast<unsigned>(i) - 104);
      lines += '\n';
    }
    return lines;
  }

  /// Each word is followed by the one seven further on, mostly.
  static std::string text(int rows) {
    std::string all;
    uint32_t state = 1;
    const auto draw = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
    for (int row = 0; row < rows; ++row) {
      unsigned at = draw() % 40;
      for (int i = 0; i < 14; ++i) {
        all += word(at) + " ";
        at = draw() % 10 == 0 ? draw() % 40 : (at + 7) % 40;
      }
      all += '\n';
    }
    return all;
  }

  Tokenizer tokenizer() const { return Tokenizer::from_pretrained((folder_ / "tokenizer").string()); }
  static MaskedLM model() {
    return MaskedLM::from_pretrained(TEKIO_GOLDEN_DIR "/tiny-distilbert", {.device = "ref", .threads = 1});
  }

  Chunks::Split split(int64_t train = 40, int64_t test = 12) const {
    const Chunks chunks = chunk(load_dataset((folder_ / "text.txt").string())["train"], tokenizer(),
                                {.chunk_size = 16, .use_cache = false});
    return chunks.train_test_split({.train_size = train, .test_size = test, .seed = 42});
  }

  /// 5 updates an epoch over split()'s 40 chunks.
  TrainingOptions options(const std::string& run = "run") const {
    TrainingOptions o;
    o.output_dir = (folder_ / run).string();
    o.per_device_train_batch_size = 8;
    o.per_device_eval_batch_size = 8;
    o.learning_rate = 1e-3;
    o.num_train_epochs = 2;
    o.dropout = 0.1;
    return o;
  }

  AdaptReport adapt_fresh(const TrainingOptions& o) const {
    MaskedLM m = model();
    return adapt(m, tokenizer(), split(), o);
  }

  static std::string bytes(const fs::path& path) { return read_text(path); }
  static Json json(const fs::path& path) { return read_json(path); }
  static std::vector<Json> lines(const fs::path& path) {
    std::vector<Json> all;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
    return all;
  }

  const ScratchFolder scratch_{ScratchFolder::Place::memory};  ///< hundreds of checkpoints are synced here
  const fs::path folder_ = scratch_.path();
};

/// The message of the Error that `act` throws, which must be of `kind`.
inline std::string message_of(ErrorKind kind, const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace tekio::test
