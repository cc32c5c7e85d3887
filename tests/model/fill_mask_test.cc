// MaskedLM and FillMask as users call them: answers equal to the reference pipeline's
// (scripts/golden/make_fill_golden.py), targets, several masks, and every error.
#include <tekio/masked_lm.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "model/masked_lm.h"
#include "support.h"
#include "support/log_capture.h"

namespace tekio::test {
namespace {

using ::testing::HasSubstr;

fs::path fill_folder() { return golden("model/fill-mask"); }

class Fill : public ::testing::TestWithParam<std::string> {
 protected:
  MaskedLM model_ = open_model(fill_folder(), {.device = GetParam(), .threads = 2});
  Tokenizer tokenizer_ = Tokenizer::from_pretrained(fill_folder().string());
  FillMask fill_{model_, tokenizer_};
};

TEST_P(Fill, AnswersAsTheReference) {
  const LogCapture log;
  for (const Json& expected : read_json(fill_folder() / "fill.json")) {
    FillOptions options;
    const auto text = expected["text"].get<std::string>();
    if (expected["options"].contains("top_k")) options.top_k = expected["options"]["top_k"];
    if (expected["options"].contains("targets"))
      options.targets = expected["options"]["targets"].get<std::vector<std::string>>();
    const auto lists = fill_.all(text, options);
    ASSERT_EQ(lists.size(), expected["masks"].size()) << text;
    for (size_t i = 0; i < lists.size(); ++i) {
      ASSERT_EQ(lists[i].size(), expected["masks"][i].size()) << text;
      for (size_t j = 0; j < lists[i].size(); ++j) {
        const Json& want = expected["masks"][i][j];
        EXPECT_NEAR(lists[i][j].score, want["score"].get<double>(), 1e-6) << text;
        EXPECT_EQ(lists[i][j].token, want["token"].get<int32_t>()) << text;
        EXPECT_EQ(lists[i][j].token_str, want["token_str"].get<std::string>());
        EXPECT_EQ(lists[i][j].sequence, want["sequence"].get<std::string>());
      }
    }
  }
  EXPECT_THAT(log.text(), HasSubstr("\"watches\" is not in the model's vocabulary: \"[UNK]\" stands for it"));
}

TEST_P(Fill, OneMaskGivesOneList) {
  const auto best = fill_("this is a [MASK] film", {.top_k = 2});
  const auto lists = fill_.all("this is a [MASK] film", {.top_k = 2});
  ASSERT_EQ(best.size(), 2u);
  EXPECT_EQ(best[0].sequence, lists[0][0].sequence);
  EXPECT_GE(best[0].score, best[1].score);
}

TEST_P(Fill, TargetsByTheirFirstPieceAndOnce) {
  const LogCapture log;
  const auto some = fill_("a [MASK] film", {.targets = {"watching", "watch", "", "good"}});
  const std::string told = log.text();
  EXPECT_THAT(told, HasSubstr("\"watching\" is not in the model's vocabulary: \"watch\" stands for it"));
  EXPECT_THAT(told, HasSubstr("the target \"\" is not in the model's vocabulary and nothing can stand for it"));
  EXPECT_EQ(some.size(), 2u);
}

TEST_P(Fill, OfEqualScoresTheLowerIdComesFirst) {
  // Two words with the same embedding and bias are the same to the model.
  const ScratchFolder folder;
  fs::copy(fill_folder(), folder.path(), fs::copy_options::recursive);
  const SafetensorsFile file(fill_folder() / "model.safetensors");
  std::vector<TensorToSave> tensors;
  std::vector<std::vector<float>> memory;
  for (const auto& [name, tensor] : file.tensors()) {
    std::vector<float>& values = memory.emplace_back(numbers(tensor));
    const auto width = tensor.shape.size() == 2 ? static_cast<std::ptrdiff_t>(tensor.shape[1]) : 1;
    if (name.ends_with("word_embeddings.weight") || name == "cls.predictions.bias")
      for (const std::ptrdiff_t to : {20, 30})
        std::copy_n(values.begin() + 10 * width, width, values.begin() + to * width);
    tensors.push_back({name, "F32", tensor.shape, std::as_bytes(std::span(values))});
  }
  write_safetensors(folder.path() / "model.safetensors", std::move(tensors));
  const FillMask fill(open_model(folder.path(), {.device = GetParam()}), tokenizer_);
  const auto all = fill("a very [MASK] film", {.top_k = 100});
  ASSERT_EQ(all.size(), 42u);
  const auto at = std::ranges::find(all, 10, &Prediction::token);
  ASSERT_LT(at - all.begin(), 40);
  EXPECT_EQ(at[1].token, 20);
  EXPECT_EQ(at[2].token, 30);
  EXPECT_EQ(at[0].score, at[2].score);
}

TEST_P(Fill, DamagedWeightsAreToldAndNotRanked) {
  MaskedLM damaged = open_model(fill_folder(), {.device = GetParam()});
  named_values(MaskedLMImpl::of(damaged).model().weights(), "cls.predictions.transform.dense.weight")[0] =
      std::numeric_limits<float>::quiet_NaN();
  const FillMask fill(damaged, tokenizer_);
  expect_error(ErrorKind::input, {"\"a very [MASK] film\" are no numbers: the weights in", "fill-mask are damaged"},
               [&] { fill("a very [MASK] film"); });
}

TEST_P(Fill, Errors) {
  expect_error(ErrorKind::input, {"no [MASK] in \"this is [mask]\""}, [&] { fill_("this is [mask]"); });
  expect_error(ErrorKind::input, {"\"[MASK] [MASK]\" has 2 masks; all() gives a list for each"},
               [&] { fill_("[MASK] [MASK]"); });
  std::string text = "[MASK]";
  for (int i = 0; i < 21; ++i) text += " film";
  EXPECT_EQ(fill_(text).size(), 5u);  // 24 tokens with [CLS] and [SEP]
  expect_error(ErrorKind::input, {"has 25 tokens", "at most 24"}, [&] { fill_(text + " film"); });
  expect_error(ErrorKind::usage, {"top_k is -1"}, [&] { fill_("[MASK]", {.top_k = -1}); });
  const LogCapture log;
  expect_error(ErrorKind::input, {"none of the targets has a token in the model's vocabulary: \" \""},
               [&] { fill_("[MASK]", {.targets = {" "}}); });
}

TEST_P(Fill, MayBeAskedFromSeveralThreads) {
  const auto expected = fill_("this is a [MASK] film");
  std::vector<std::vector<Prediction>> answers(4);
  std::vector<std::thread> threads;
  for (auto& answer : answers) threads.emplace_back([&] { answer = fill_("this is a [MASK] film"); });
  for (auto& thread : threads) thread.join();
  for (const auto& answer : answers) {
    ASSERT_EQ(answer.size(), expected.size());
    for (size_t i = 0; i < answer.size(); ++i) EXPECT_EQ(answer[i].score, expected[i].score);
  }
}

TEST_P(Fill, ManyTextsGetWhatEachGetsAlone) {
  std::vector<std::string> texts = {"this is a [MASK] film", "[MASK] very [MASK] film", "a [MASK]"};
  for (int i = 0; i < 300; ++i) texts.push_back(texts[static_cast<size_t>(i % 3)]);  // more than one pass takes
  const auto all = fill_.all(texts, {.top_k = 3});
  ASSERT_EQ(all.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto alone = fill_.all(texts[i % 3], {.top_k = 3});
    ASSERT_EQ(all[i].size(), alone.size()) << texts[i];
    for (size_t mask = 0; mask < alone.size(); ++mask)
      for (size_t j = 0; j < 3; ++j) {
        EXPECT_NEAR(all[i][mask][j].score, alone[mask][j].score, 1e-6);
        EXPECT_EQ(all[i][mask][j].sequence, alone[mask][j].sequence);
      }
  }
  EXPECT_TRUE(fill_.all(std::span<const std::string>()).empty());
}

TEST_P(Fill, OfManyTextsTheOneAtFaultIsNumbered) {
  const std::vector<std::string> texts = {"a [MASK] film", "a film", ""};
  expect_error(ErrorKind::input, {"text 2 of 3: no [MASK] in \"a film\""}, [&] { fill_.all(texts); });
  const std::vector<std::string> empty = {"a [MASK] film", ""};
  expect_error(ErrorKind::input, {"text 2 of 2: no [MASK] in \"\""}, [&] { fill_.all(empty); });
  expect_error(ErrorKind::input, {"lines.txt:2: no [MASK] in"}, [&] { fill_.all(texts, {.source = "lines.txt"}); });
}

TEST_P(Fill, LogitsOfManySequencesAreThoseOfEach) {
  const std::vector<int32_t> one = tokenizer_.encode("this is a [MASK] film").ids, other = tokenizer_.encode("a").ids;
  std::vector<int32_t> ids, offsets = {0};
  for (int i = 0; i < 400; ++i) {  // more than one pass takes
    const auto& next = i % 2 == 0 ? one : other;
    ids.insert(ids.end(), next.begin(), next.end());
    offsets.push_back(static_cast<int32_t>(ids.size()));
  }
  const auto logits = model_.logits_of({.input_ids = ids, .offsets = offsets});
  ASSERT_EQ(logits.size(), ids.size() * 42);
  for (const size_t i : {0u, 1u, 398u, 399u}) {
    const auto alone = model_.logits(i % 2 == 0 ? one : other);
    const std::span<const float> own(logits.data() + offsets[i] * 42, alone.size());
    EXPECT_LT(largest_difference(own, alone), 1e-5) << i;
  }
  const std::vector<int32_t> back = {0, 3, 2}, open = {0, 2}, none = {0, 2, 2, 3};
  expect_error(ErrorKind::input, {"from 0 to 3"}, [&] { model_.logits_of({std::span(ids).first(3), back}); });
  expect_error(ErrorKind::input, {"from 0 to 3"}, [&] { model_.logits_of({std::span(ids).first(3), open}); });
  expect_error(ErrorKind::input, {"sequence 1 begins at token 2 and ends at 2"}, [&] {
    model_.logits_of({std::span(ids).first(3), none});
  });
}

TEST_P(Fill, WeightsAreSeenWhereTheyLie) {
  auto model = std::make_unique<MaskedLM>(open_model(fill_folder(), {.device = GetParam()}));
  auto views = model->state_dict();
  ASSERT_EQ(views.size(), std::as_const(MaskedLMImpl::of(*model).model()).weights().named().size());
  const SafetensorsFile file(fill_folder() / "model.safetensors");
  for (const WeightView& view : views) {
    const auto found = file.tensors().find(view.name);
    if (found == file.tensors().end()) continue;
    const std::vector<float> expected = numbers(found->second);
    ASSERT_EQ(view.shape, found->second.shape) << view.name;
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), view.values)) << view.name;
  }
  expect_error(ErrorKind::usage, {"state_dict()"}, [&] { model->resize_token_embeddings(50); });
  model->resize_token_embeddings(42);  // nothing moves
  MaskedLM copy = *model;
  model.reset();
  EXPECT_EQ(views.front().values[0], views.front().values[0]);  // still there
  views.clear();
  copy.resize_token_embeddings(50);
  EXPECT_EQ(copy.info().vocabulary, 50);
}

TEST_P(Fill, LogitsOfASequence) {
  const Encoding encoding = tokenizer_.encode("this is a [MASK] film");
  const auto logits = model_.logits(encoding.ids, encoding.type_ids);
  ASSERT_EQ(logits.size(), encoding.ids.size() * 42);
  EXPECT_LT(largest_difference(logits, model_.logits(encoding.ids)), 1e-9);  // types are 0 anyway
  const std::span<const float> row(logits.data() + 4 * 42, 42);
  double sum = 0;
  for (const float value : row) sum += std::exp(static_cast<double>(value));
  const auto best = fill_("this is a [MASK] film", {.top_k = 1});
  EXPECT_NEAR(best[0].score, std::exp(static_cast<double>(row[static_cast<size_t>(best[0].token)])) / sum, 1e-6);
  EXPECT_TRUE(model_.logits({}).empty());
  const std::vector<int32_t> outside = {1, 42}, longer(25, 1), types = {0};
  expect_error(ErrorKind::input, {"token id 42", "vocabulary of 42"}, [&] { model_.logits(outside); });
  expect_error(ErrorKind::input, {"25 tokens", "24 positions"}, [&] { model_.logits(longer); });
  expect_error(ErrorKind::input, {"1 token types for 2 tokens"}, [&] { model_.logits(outside, types); });
}

INSTANTIATE_TEST_SUITE_P(Public, Fill, ::testing::ValuesIn(back_ends()), [](const auto& one) { return one.param; });

TEST(MaskedLM, TellsAboutItself) {
  const MaskedLM model = MaskedLM::from_pretrained(golden("tiny-bert").string(), {.device = "ref"});
  EXPECT_EQ(model.num_parameters(), 38904);
  const ModelInfo info = model.info();
  EXPECT_EQ(info.family, "BERT");
  EXPECT_EQ(info.path, golden("tiny-bert").string());
  EXPECT_EQ(info.layers, 2);
  EXPECT_EQ(info.hidden_size, 32);
  EXPECT_EQ(info.heads, 4);
  EXPECT_EQ(info.intermediate_size, 64);
  EXPECT_EQ(info.vocabulary, 600);
  EXPECT_EQ(info.max_length, 24);
  EXPECT_EQ(info.parameters, 38904);
  EXPECT_TRUE(info.missing.empty());
  EXPECT_TRUE(info.unexpected.empty());
}

// As transformers 5.23.0 counts them, whose untied BERT has its head's bias twice; ELECTRA's has one.
TEST(MaskedLM, CountsTheParametersOfUntiedHeads) {
  const auto count = [](Json document, bool tied) {
    document["tie_word_embeddings"] = tied;
    const ScratchFolder folder;
    folder.write("config.json", document.dump());
    return MaskedLM::from_config(folder.path().string(), {.device = "ref"}).num_parameters();
  };
  const int64_t matrix = 50 * 16;
  EXPECT_EQ(count(tiny_bert_json(), false), count(tiny_bert_json(), true) + matrix + 50);
  EXPECT_EQ(count(tiny_distilbert_json(), false), count(tiny_distilbert_json(), true) + matrix);
}

TEST(MaskedLM, AModelThatHasNoRoomIsToldByWhatItsConfigSays) {
  const ScratchFolder folder;
  fs::copy_file(golden("tiny-bert") / "model.safetensors", folder.path() / "model.safetensors");
  Json config = read_json(golden("tiny-bert") / "config.json");
  config["hidden_size"] = 65'536;
  config["intermediate_size"] = 1 << 20;
  config["num_hidden_layers"] = 1'024;
  folder.write("config.json", config.dump());
  expect_error(ErrorKind::device,
               {folder.path().string() + ": the config asks for 1,024 layers of width 65,536 and 600 words",
                "TB of memory", "take a smaller model"},
               [&] { MaskedLM::from_pretrained(folder.path().string()); });
}

TEST(MaskedLM, SavesIntoANewFolder) {
  const ScratchFolder scratch;
  const fs::path folder = scratch.path() / "a" / "b";
  MaskedLM::from_pretrained(golden("tiny-bert").string(), {.device = "ref"}).save_pretrained(folder);
  EXPECT_EQ(read_text(folder / "model.safetensors"), read_text(golden("tiny-bert") / "model.safetensors"));
  EXPECT_EQ(read_text(folder / "config.json"), read_text(golden("tiny-bert") / "config.json"));
  const fs::path file = scratch.write("file", "x");
  expect_error(ErrorKind::io, {"file"}, [&] {
    MaskedLM::from_pretrained(golden("tiny-bert").string(), {.device = "ref"}).save_pretrained(file);
  });
}

TEST(MaskedLM, SaysLoudlyWhatIsMissing) {
  const ScratchFolder folder;
  fs::copy_file(golden("tiny-distilbert") / "config.json", folder.path() / "config.json");
  const SafetensorsFile file(golden("tiny-distilbert") / "model.safetensors");
  const auto save_without = [&](const std::string& part) {
    std::vector<TensorToSave> tensors = {{"classifier.weight", "F32", {0}, {}}};
    for (const auto& [name, tensor] : file.tensors())
      if (name.find(part) == std::string::npos) tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
    write_safetensors(folder.path() / "model.safetensors", std::move(tensors));
    const LogCapture log;
    const MaskedLM model = MaskedLM::from_pretrained(folder.path().string(), {.device = "ref", .seed = 7});
    EXPECT_FALSE(model.info().missing.empty());
    EXPECT_EQ(model.info().unexpected, (std::vector<std::string>{"classifier.weight"}));
    return log.text();
  };
  const std::string head = save_without("vocab_");
  EXPECT_THAT(head, HasSubstr("warning: " + folder.path().string() + " has no masked-LM head"));
  EXPECT_THAT(head, HasSubstr("seed 7"));
  EXPECT_THAT(head, HasSubstr("biases with 0"));
  EXPECT_THAT(head, HasSubstr("holds 1 tensor that the model does not use: classifier.weight"));
  const std::string layers = save_without("q_lin.weight");
  EXPECT_THAT(layers, HasSubstr("lacks 2 of the model's tensors"));
  EXPECT_THAT(layers, HasSubstr("(distilbert.transformer.layer.{0-1}.attention.q_lin.weight)"));
}

TEST(MaskedLM, Errors) {
  expect_error(ErrorKind::io, {"no model folder /absent/folder"}, [] { MaskedLM::from_pretrained("/absent/folder"); });
  expect_error(ErrorKind::usage, {"-1 threads"},
               [] { MaskedLM::from_pretrained(golden("tiny-bert").string(), {.threads = -1}); });
  expect_error(ErrorKind::usage, {"abacus"},
               [] { MaskedLM::from_pretrained(golden("tiny-bert").string(), {.device = "abacus"}); });
  expect_error(ErrorKind::input, {"config.json"}, [] { MaskedLM::from_pretrained(golden("model").string()); });
  const MaskedLM model = MaskedLM::from_pretrained(golden("tiny-bert").string(), {.device = "ref"});
  const ScratchFolder folder;
  const fs::path below_a_file = fs::path(folder.write("file", "x")) / "saved";
  expect_error(ErrorKind::io, {"cannot make the folder " + below_a_file.string(), "Not a directory"},
               [&] { model.save_pretrained(below_a_file); });
}

TEST(MaskedLM, StartsFreshFromAConfig) {
  const ScratchFolder folder;
  Json document = tiny_bert_json();
  document["team"] = "ours";
  document["torch_dtype"] = "bfloat16";
  const std::string file = folder.write("config.json", document.dump());
  const auto bits = [](const MaskedLM& model) { return numbers(MaskedLMImpl::of(model).model().weights()); };
  const MaskedLM model = MaskedLM::from_config(file, {.device = "ref", .seed = 3});
  EXPECT_EQ(model.info().path, file);
  EXPECT_EQ(model.info().vocabulary, 50);
  EXPECT_TRUE(model.info().missing.empty());
  EXPECT_EQ(bits(model), bits(MaskedLM::from_config(folder.path().string(), {.device = "ref", .seed = 3})));
  EXPECT_NE(bits(model), bits(MaskedLM::from_config(file, {.device = "ref", .seed = 4})));
  const fs::path saved = folder.path() / "saved";
  model.save_pretrained(saved);
  EXPECT_EQ(bits(model), bits(MaskedLM::from_pretrained(saved.string(), {.device = "ref"})));
  const Json config = read_json(saved / "config.json");
  EXPECT_EQ(config["team"], "ours");
  EXPECT_EQ(config["dtype"], "float32");
  EXPECT_FALSE(config.contains("torch_dtype"));
}

TEST(MaskedLM, RefusesAConfigInOneSentence) {
  const ScratchFolder folder;
  const auto refused = [&](ErrorKind kind, const std::string& config, const std::vector<std::string>& parts) {
    expect_error(kind, parts, [&] { MaskedLM::from_config(config, {.device = "ref"}); });
  };
  refused(ErrorKind::io, "/absent/config.json", {"no model config /absent/config.json"});
  refused(ErrorKind::input, folder.path().string(), {"has no config.json"});
  const std::string file = (folder.path() / "c.json").string();
  for (const auto& [text, part] : {std::pair{"{", "c.json"}, std::pair{"[]", "object"},
                                   std::pair{R"({"model_type": "gpt2"})", "\"gpt2\" is not supported"},
                                   std::pair{R"({"model_type": "bert"})", "vocab_size is missing"}}) {
    folder.write("c.json", text);
    refused(ErrorKind::input, file, {"c.json", part});
  }
  Json huge = tiny_bert_json();  // 4 TiB of word embeddings
  huge["vocab_size"] = 1 << 24;
  huge["hidden_size"] = 1 << 16;
  folder.write("c.json", huge.dump());
  refused(ErrorKind::device, file, {"weights", "take", "of memory"});
}

TEST(FillMask, TokenizerAndModelMustMeet) {
  const Tokenizer tokenizer = Tokenizer::from_pretrained(fill_folder().string());
  const ScratchFolder folder;
  Json document = tiny_bert_json();
  document["vocab_size"] = 40;
  folder.write("config.json", document.dump());
  const ModelConfig config = ModelConfig::from_folder(folder.path());
  save_model(folder.path(), config, ParameterSet(config, "weights"));
  expect_error(
      ErrorKind::input,
      {"vocabulary has 42 entries", "bert.embeddings.word_embeddings.weight has 40 rows", folder.path().string()},
      [&] { FillMask(MaskedLM::from_pretrained(folder.path().string(), {.device = "ref"}), tokenizer); });
}

TEST(FillMask, NeedsAMaskToken) {
  const ScratchFolder folder;  // a tokenizer without special tokens of its own, whose settings name no mask
  Json document = read_json(fill_folder() / "tokenizer.json");
  document["added_tokens"] = Json::array();
  folder.write("tokenizer.json", document.dump());
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"})");
  const Tokenizer tokenizer = Tokenizer::from_pretrained(folder.path().string());
  expect_error(ErrorKind::input, {"no mask token"},
               [&] { FillMask(MaskedLM::from_pretrained(fill_folder().string(), {.device = "ref"}), tokenizer); });
}

}  // namespace
}  // namespace tekio::test
