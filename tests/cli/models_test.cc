// Models as people bring them: a head with a matrix of its own, a tokenizer with words added, a length that is not the
// model's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;

constexpr int64_t kRows = 2048, kWidth = 96;
const std::string kWords = "distilbert.embeddings.word_embeddings.weight", kDecoder = "vocab_projector.weight";

struct Weights {
  Json header;
  std::string data;
  explicit Weights(const std::string& path) {
    const std::string file = read_file(path);
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof length);
    header = Json::parse(file.substr(8, length));
    data = file.substr(8 + length);
  }
  std::string bytes(const std::string& name) const {
    const auto [begin, end] = header[name]["data_offsets"].get<std::pair<size_t, size_t>>();
    return data.substr(begin, end - begin);
  }
  // Another tensor of the same kind and shape.
  void add(const std::string& name, const std::string& like, const std::string& bytes) {
    header[name] = header[like];
    header[name]["data_offsets"] = {data.size(), data.size() + bytes.size()};
    data += bytes;
  }
  std::string file() const {
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    const uint64_t length = text.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + text + data;
  }
};

class ModelKinds : public testing::Test {
 protected:
  ModelKinds() { fs::copy(model_folder(), model_); }
  // The head's matrix is the embeddings, backwards.
  void give_own_decoder() {
    Weights weights(model_ + "/model.safetensors");
    const std::string words = weights.bytes(kWords);
    const size_t item = words.size() / (kRows * kWidth);
    std::string decoder;
    for (size_t at = words.size(); at > 0; at -= item) decoder += words.substr(at - item, item);
    weights.add(kDecoder, kWords, decoder);
    folder_.write("model/model.safetensors", weights.file());
  }
  // The model's tokenizer with words behind its vocabulary.
  std::string enlarged(const std::string& last_word = "") {
    fs::create_directory(folder_ / "enlarged");
    std::string words = read_file(model_ + "/vocab.txt");
    if (!last_word.empty()) words.replace(words.rfind('\n', words.size() - 2) + 1, std::string::npos, last_word + "\n");
    folder_.write("enlarged/vocab.txt", words);
    Json config = Json::parse(read_file(model_ + "/tokenizer_config.json"));
    for (int i = 0; i < 3; ++i)
      config["added_tokens_decoder"][std::to_string(kRows + i)] = {{"content", "drug" + std::to_string(i)}};
    folder_.write("enlarged/tokenizer_config.json", config.dump());
    return folder_ / "enlarged";
  }
  Result adapt(const std::string& out, std::vector<std::string> more) const {
    std::vector<std::string> all = {"adapt",
                                    "--model",
                                    model_,
                                    "--data",
                                    text_,
                                    "--chunk_size",
                                    "16",
                                    "--json",
                                    "--max_steps",
                                    "4",
                                    "--output_dir",
                                    folder_ / out,
                                    "--no_cache",
                                    "--save_strategy",
                                    "steps",
                                    "--save_steps",
                                    "2",
                                    "--per_device_train_batch_size",
                                    "8"};
    all.insert(all.end(), more.begin(), more.end());
    Result result = run(all);
    EXPECT_EQ(result.code, 0) << result.err;
    return result;
  }
  Json json(const std::string& name) const { return Json::parse(read_file(folder_ / name)); }

  ScratchFolder folder_;
  const std::string model_ = folder_ / "model";
  const std::string text_ = folder_.write("text.txt", sentences(400) + "drug0 drug1 and drug2\n");
};

TEST_F(ModelKinds, AnOwnDecoderIsTrainedSavedAndResumed) {
  const auto tied = run({"info", model_, "--json"}).json()["parameters"].get<int64_t>();
  give_own_decoder();
  const Result told = run({"info", model_, "--json"});
  EXPECT_EQ(told.json()["parameters"].get<int64_t>(), tied + kRows * kWidth);
  EXPECT_THAT(told.err, HasSubstr("vocab_projector.weight differs from the word embeddings"));
  adapt("run", {});
  EXPECT_EQ(json("run/config.json")["tie_word_embeddings"], false);
  const Weights before(folder_ / "run/checkpoint-2/model.safetensors"), after(folder_ / "run/model.safetensors");
  EXPECT_EQ(after.header[kDecoder]["shape"], Json({kRows, kWidth}));
  EXPECT_NE(after.bytes(kDecoder), before.bytes(kDecoder));
  EXPECT_NE(after.bytes(kWords), before.bytes(kWords));
  const Result clean = run({"info", folder_ / "run", "--json"});
  EXPECT_EQ(clean.json()["parameters"].get<int64_t>(), tied + kRows * kWidth);
  EXPECT_THAT(clean.err, Not(HasSubstr("vocab_projector")));
  adapt("again", {"--resume_from_checkpoint", folder_ / "run/checkpoint-2"});
  EXPECT_EQ(read_file(folder_ / "again/model.safetensors"), read_file(folder_ / "run/model.safetensors"));
}

TEST_F(ModelKinds, PretrainingStartsAnUntiedHeadWithItsOwnNumbers) {
  Json config = json("model/config.json");
  config["tie_word_embeddings"] = false;
  const Result result = run({"pretrain", "--config", folder_.write("untied.json", config.dump()), "--tokenizer", model_,
                             "--data", text_, "--output_dir", folder_ / "run", "--max_steps", "2", "--chunk_size", "16",
                             "--no_cache", "--per_device_train_batch_size", "8"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Weights made(folder_ / "run/model.safetensors");
  EXPECT_NE(made.bytes(kDecoder), made.bytes(kWords));
  EXPECT_EQ(json("run/config.json")["tie_word_embeddings"], false);
}

TEST_F(ModelKinds, EmbeddingsGrowForWordsThatWereAdded) {
  for (const bool own_decoder : {false, true}) {
    const std::string out = own_decoder ? "untied" : "tied";
    if (own_decoder) give_own_decoder();
    const Result result = adapt(out, {"--tokenizer", enlarged()});
    EXPECT_THAT(result.err, HasSubstr("the tokenizer has 3 entries more than the model: the embeddings grow from 2,048 "
                                      "to 2,051 rows"));
    EXPECT_EQ(json(out + "/config.json")["vocab_size"], kRows + 3);
    const Weights saved(folder_ / out + "/model.safetensors");
    EXPECT_EQ(saved.header[kWords]["shape"], Json({kRows + 3, kWidth}));
    EXPECT_EQ(saved.header["vocab_projector.bias"]["shape"], Json({kRows + 3}));
    EXPECT_EQ(saved.header.contains(kDecoder), own_decoder);
    const Result ids = run({"tokenize", "--ids", "--no_special_tokens", "--model", folder_ / out, text_});
    EXPECT_THAT(ids.out, HasSubstr("2048 2049 "));
    const Result filled = run({"fill", "--model", folder_ / out, "--targets", "drug1", "take [MASK]"});
    EXPECT_EQ(filled.code, 0) << filled.err;
    EXPECT_THAT(filled.out, HasSubstr("drug1"));
  }
  adapt("again", {"--tokenizer", enlarged(), "--resume_from_checkpoint", folder_ / "untied/checkpoint-2"});
  EXPECT_EQ(read_file(folder_ / "again/model.safetensors"), read_file(folder_ / "untied/model.safetensors"));
}

TEST_F(ModelKinds, OtherCommandsSayWhoMakesThemGrow) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"fill", "the [MASK]"}, {"eval", "--data", text_, "--chunk_size", "16"}}) {
    std::vector<std::string> all = command;
    all.insert(all.end(), {"--model", model_, "--tokenizer", enlarged()});
    const Result result = run(all);
    EXPECT_EQ(result.code, 3) << result.err;
    EXPECT_THAT(result.err, HasSubstr("words were added to the tokenizer"));
    EXPECT_THAT(result.err, HasSubstr("'tekio adapt'"));
  }
  const Result other = run({"adapt", "--model", model_, "--tokenizer", enlarged("unheardof"), "--data", text_});
  EXPECT_EQ(other.code, 3);
  EXPECT_THAT(other.err, HasSubstr("from different models"));
}

TEST_F(ModelKinds, SavedLengthsAreNoMoreThanThePositions) {
  Json config = json("model/tokenizer_config.json");
  config["model_max_length"] = 512;
  folder_.write("model/tokenizer_config.json", config.dump());
  const Result result = adapt("run", {});
  EXPECT_THAT(result.err, HasSubstr("model_max_length is 512, but the model has 128 positions"));
  EXPECT_EQ(json("run/tokenizer_config.json")["model_max_length"], 128);
  EXPECT_EQ(json("run/checkpoint-2/tokenizer_config.json")["model_max_length"], 128);
}

}  // namespace
}  // namespace tekio::test
