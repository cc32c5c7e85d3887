// Model folders that are broken in the ways that disks, downloads and people break them: bad input, one sentence, no
// crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>

#include "program.h"

namespace tekio::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Damage : public testing::Test {
 protected:
  Damage() { fs::copy(model_folder(), model_); }

  void change(const std::string& name, const std::function<void(std::string&)>& edit) {
    std::string bytes = read_file(model_ + "/" + name);
    edit(bytes);
    folder_.write("model/" + name, bytes);
  }
  void expect(int code, const char* message) {
    const Result result = run({"fill", "--model", model_, "the [MASK] of"});
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr("tekio: "));
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(result.out, "");
  }

  ScratchFolder folder_;
  const std::string model_ = folder_ / "model";
};

TEST_F(Damage, TruncatedWeights) {
  change("model.safetensors", [](std::string& bytes) { bytes.resize(bytes.size() / 2); });
  expect(3, "model.safetensors");
}

TEST_F(Damage, EmptyWeights) {
  change("model.safetensors", [](std::string& bytes) { bytes.clear(); });
  expect(3, "model.safetensors");
}

TEST_F(Damage, FlippedBitsOfTheHeader) {
  const std::string whole = read_file(model_ + "/model.safetensors");
  for (size_t byte = 0; byte < 200; byte += 7) {
    std::string bytes = whole;
    bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << (byte % 8)));
    folder_.write("model/model.safetensors", bytes);
    const Result result = run({"info", model_});
    EXPECT_TRUE(result.code == 3 || result.code == 0) << "byte " << byte << ": " << result.code << " " << result.err;
  }
}

TEST_F(Damage, WhatIsNoFileIsRefusedAndNotWaitedFor) {
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}) {
    const std::string path = model_ + "/" + name, kept = path + ".kept";
    if (fs::exists(path)) fs::rename(path, kept);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    expect(4, (path + ": it is a pipe, not a regular file").c_str());
    fs::remove(path);
    fs::create_symlink("/dev/zero", path);
    expect(4, (path + ": it is a device or a socket, not a regular file").c_str());
    fs::remove(path);
    fs::create_directory(path);
    expect(4, (path + ": it is a folder, not a regular file").c_str());
    fs::remove(path);
    if (fs::exists(kept)) fs::rename(kept, path);
  }
}

TEST_F(Damage, NoWeights) {
  fs::remove(model_ + "/model.safetensors");
  expect(3, "no weights in");
}

TEST_F(Damage, BrokenConfig) {
  change("config.json", [](std::string& text) { text = "{\"model_type\": \"distilbert\","; });
  expect(3, "config.json");
}

TEST_F(Damage, OtherFamily) {
  change("config.json", [](std::string& text) { text = "{\"model_type\": \"gpt2\"}"; });
  expect(3, "gpt2");
}

TEST_F(Damage, OtherSizes) {
  change("config.json", [](std::string& text) {
    auto config = nlohmann::json::parse(text);
    config["dim"] = 48;
    text = config.dump();
  });
  expect(3, "model.safetensors");
}

TEST_F(Damage, NoTokenizer) {
  for (const char* name : {"vocab.txt", "tokenizer.json"}) fs::remove(model_ + "/" + name);
  const Result result = run({"fill", "--model", model_, "the [MASK] of"});
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_EQ(run({"fill", "--model", model_, "--tokenizer", model_folder(), "the [MASK] of"}).code, 0)
      << "another folder's will do";
}

TEST_F(Damage, AVocabularyTooLargeForTheWeights) {
  change("vocab.txt", [](std::string& text) { text += "one\xc3\xa9more\n"; });
  fs::remove(model_ + "/tokenizer.json");
  expect(3, "tokenizer and weights are from different models");
  EXPECT_EQ(run({"eval", "--model", model_, "--data", folder_.write("t.txt", sentences(30)), "--no_cache"}).code, 3);
  EXPECT_EQ(
      run({"adapt", "--model", model_, "--data", folder_ / "t.txt", "--output_dir", folder_ / "run", "--no_cache"})
          .code,
      3);
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(Damage, AVocabularyFarTooSmallForTheWeightsIsWarnedOfOnce) {
  const std::string tokenizer = folder_ / "tokenizer", text = folder_.write("t.txt", sentences(200));
  fs::create_directory(tokenizer);
  fs::copy(model_ + "/tokenizer_config.json", tokenizer);
  const std::string whole = read_file(model_ + "/vocab.txt");
  folder_.write("tokenizer/vocab.txt", whole.substr(0, whole.find('\n', whole.size() / 3) + 1));
  const std::string warning = "rows can never be used: are tokenizer and weights from different models?";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"fill", "the [MASK] of"},
                                             {"eval", "--data", text, "--chunk_size", "16"},
                                             {"adapt", "--data", text, "--chunk_size", "16", "--max_steps", "1",
                                              "--output_dir", folder_ / "run", "--prompt", "a [MASK]"}}) {
    auto all = arguments;
    all.insert(all.end(), {"--model", model_, "--no_cache"});
    EXPECT_THAT(run(all).err, testing::Not(HasSubstr(warning)));
    std::filesystem::remove_all(folder_ / "run");
    all.insert(all.end(), {"--tokenizer", tokenizer});
    const Result result = run(all);
    EXPECT_EQ(result.code, 0) << result.err;
    const size_t at = result.err.find(warning);
    ASSERT_NE(at, std::string::npos) << result.err;
    EXPECT_EQ(result.err.find(warning, at + 1), std::string::npos) << result.err;
  }
}

}  // namespace
}  // namespace tekio::test
