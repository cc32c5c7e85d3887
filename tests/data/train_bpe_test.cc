// A byte-level BPE from files: what the reference makes of the same rows; the same whatever the threads and the order
// of rows; what is refused.
#include <gmock/gmock.h>
#include <tekio/dataset.h>
#include <tekio/error.h>

#include "base/file.h"
#include "base/json.h"
#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

TEST(TrainBpe, EqualsTheReferences) {
  const Json cases = read_json(fs::path(TEKIO_GOLDEN_DIR) / "text" / "bpe_training.json");
  ASSERT_GE(cases.size(), 5u);
  const ScratchFolder folder;
  for (const Json& one : cases) {
    SCOPED_TRACE(one["options"].dump());
    std::string rows;
    for (const Json& row : one["rows"]) rows += Json{{"text", row}}.dump() + "\n";
    const Dataset data = load_dataset(folder.write("rows.jsonl", rows))["train"];
    BpeOptions options;
    options.vocab_size = one["options"]["vocab_size"];
    options.min_frequency = one["options"]["min_frequency"];
    options.lowercase = one["options"]["lowercase"];
    options.add_prefix_space = one["options"]["add_prefix_space"];
    for (const int threads : {1, 3}) {
      options.threads = threads;
      const TrainedTokenizer trained = train_byte_level_bpe(threads == 1 ? data : data.shuffle(1), options);
      const fs::path saved = folder.path() / "saved";
      trained.tokenizer.save_pretrained(saved);
      const Json json = read_json(saved / "tokenizer.json");
      EXPECT_EQ(json["model"]["vocab"], one["vocab"]);
      EXPECT_EQ(json["model"]["merges"], one["merges"]);
      EXPECT_EQ(read_json(saved / "tokenizer_config.json")["tokenizer_class"],
                options.lowercase ? "PreTrainedTokenizerFast" : "RobertaTokenizer");
      const Tokenizer opened = Tokenizer::from_pretrained(saved.string());
      EXPECT_EQ(opened.digest(), trained.tokenizer.digest());
      EXPECT_EQ(opened.mask_token(), "<mask>");
      EXPECT_EQ(opened.encode("The film").ids.front(), 0);
      EXPECT_EQ(trained.words, one["words"].get<int64_t>());
    }
  }
}

TEST(TrainBpe, WhatMakesNoSense) {
  const ScratchFolder folder;
  const Dataset data = load_dataset(folder.write("a.txt", "a b\n"))["train"];
  const auto message = [&](const BpeOptions& options) {
    try {
      train_byte_level_bpe(data, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(message({.vocab_size = 0}), HasSubstr("vocab_size is 0"));
  EXPECT_THAT(message({.min_frequency = -1}), HasSubstr("min_frequency is -1"));
  EXPECT_THAT(message({.special_tokens = {"<s>"}}), HasSubstr("a tokenizer of RoBERTa's kind needs <s>, <pad>"));
  EXPECT_THAT(message({.special_tokens = {"<s>", "a\n"}}), HasSubstr("is no token"));
}

}  // namespace
}  // namespace tekio::test
