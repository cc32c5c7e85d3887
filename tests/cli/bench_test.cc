// The benchmarks on tiny models: what they report, that they do the work they say, and the comparison with a stand-in
// for the reference stack's Python.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "program.h"
#include "support/sanitizer.h"

namespace tekio::test {
namespace {

using Json = nlohmann::ordered_json;
using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

const std::string M = model_folder();        // with a tokenizer
const std::string kTiny = TEKIO_TINY_MODEL;  // without: 2 layers, 32 wide, vocabulary 600, 24 positions

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

std::vector<std::string> step(const std::vector<std::string>& more) {
  std::vector<std::string> all = {
      "bench",       "step", "--model",   kTiny, "--per_device_train_batch_size", "2", "--max_seq_length", "16",
      "--max_steps", "2",    "--threads", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// Multiply-adds that a token of the tiny model needs forward, at 16 tokens, `share` of them masked.
double multiply_adds(double share) {
  const double c = 32, inner = 64, t = 16, v = 600, keys_and_values = 2 * c * c,
               others = 2 * c * c + 2 * c * inner + 2 * t * c;
  return 2 * keys_and_values + (1 + share) * others + share * (c * c + c * v);
}

TEST(BenchStep, TellsSpeedLimitMemoryAndPhases) {
  const Json r = run(step({"--json"})).json();
  EXPECT_THAT(keys(r),
              IsSupersetOf({"tokens_per_second", "share_of_limit", "limit_gflops", "peak_mib", "phases", "seconds"}));
  EXPECT_EQ(r["what"], "step");
  EXPECT_EQ(r["family"], "DistilBERT");
  EXPECT_EQ(r["parameters"], 38840);
  EXPECT_EQ(r["steps"], 2);
  EXPECT_EQ(r["threads"], 1);
  EXPECT_EQ(r["masked_tokens"], 5) << "15 % of 32, rounded";
  EXPECT_NEAR(r["tokens_per_second"].get<double>() * r["seconds"].get<double>(), 32, 1e-6);
  EXPECT_LE(r["worst"], r["tokens_per_second"]);
  EXPECT_LE(r["tokens_per_second"], r["best"]);
  EXPECT_NEAR(r["mflop_per_token"].get<double>(), 6e-6 * multiply_adds(5.0 / 32), 1e-9);
  EXPECT_NEAR(r["gflops"].get<double>(),
              1e-3 * r["mflop_per_token"].get<double>() * r["tokens_per_second"].get<double>(), 1e-6);
  EXPECT_NEAR(r["share_of_limit"].get<double>(), r["gflops"].get<double>() / r["limit_gflops"].get<double>(), 1e-9);
  EXPECT_GT(r["share_of_limit"], 0);
  EXPECT_LT(r["share_of_limit"], 1);
  EXPECT_GT(r["memory_gb_per_second"], 0);
  EXPECT_GT(r["peak_mib"], 5);
  // The address sanitizer keeps up to 256 MiB of what was freed.
  if (!kAddressSanitizer) {
    EXPECT_LT(r["peak_mib"], 256) << "measuring the memory's rate does not count";
  }
  EXPECT_NEAR(r["loss"].get<double>(), 6.4, 1) << "ln 600, more or less";
  EXPECT_THAT(keys(r["memory_plan"]),
              IsSupersetOf({"weights", "gradients", "moments", "activations", "logits", "scratch", "total"}));

  for (const std::string& key : keys(r["memory_plan"])) EXPECT_EQ(key.find(' '), std::string::npos) << key;
  EXPECT_THAT(keys(r["phases"]),
              IsSupersetOf({"embedding", "products_forward", "products_backward", "attention_forward",
                            "attention_backward", "norms", "loss", "optimizer", "other"}));
  double share = 0;
  for (const auto& [name, phase] : r["phases"].items()) {
    EXPECT_GE(phase["seconds"], 0) << name;
    share += phase["share"].get<double>();
  }
  EXPECT_NEAR(share, 1, 1e-9);
  const Json& products = r["phases"]["products_forward"];
  EXPECT_GT(products["gflop"], 0);
  EXPECT_GT(products["bytes"], 0);
  EXPECT_NEAR(r["phases"]["products_backward"]["gflop"].get<double>(), 2 * products["gflop"].get<double>(), 1e-12);
}

TEST(BenchStep, EvaluationIsAThirdOfTheWork) {
  const Json r = run(step({"--json", "--eval"})).json();
  EXPECT_EQ(r["what"], "eval");
  EXPECT_NEAR(r["mflop_per_token"].get<double>(), 2e-6 * multiply_adds(5.0 / 32), 1e-9);
  EXPECT_THAT(keys(r["phases"]), Not(Contains("optimizer")));
  EXPECT_THAT(keys(r["phases"]), Not(Contains("products_backward")));
  EXPECT_THAT(keys(r["memory_plan"]), Not(Contains("moments")));
}

TEST(BenchStep, IsTheSameWorkEachTime) {
  const Json one = run(step({"--json"})).json(), two = run(step({"--json"})).json();
  EXPECT_EQ(one["loss"], two["loss"]);
  EXPECT_NE(one["loss"], run(step({"--json", "--seed", "7"})).json()["loss"]);
}

TEST(BenchStep, MeasuresEveryKernelInOneRun) {
  TEKIO_NEEDS_TRUE_SPEED();
  const Json all = run(step({"--json", "--kernel", "all"})).json()["kernels"];
  std::vector<std::string> kernels;
  for (const Json& r : all) {
    kernels.push_back(r["kernel"]);
    EXPECT_EQ(r["dtype"], r["kernel"] == "" ? "f32" : "bf16");
    EXPECT_GT(r["tokens_per_second"], 0);
    EXPECT_GT(r["share_of_limit"], 0);
    EXPECT_NEAR(r["loss"].get<double>(), all[0]["loss"].get<double>(), 0.05);
  }
  const Json doctor = run({"doctor", "--json"}).json();
  std::vector<std::string> expected = {""};
  for (const Json& rate : doctor["arithmetic"]["rates"])
    if (rate["kernel"] != "") expected.push_back(rate["kernel"]);
  EXPECT_EQ(kernels, expected);
  const Result text = run(step({"--kernel", "all"}));
  EXPECT_THAT(text.out, HasSubstr("share of limit"));
  EXPECT_EQ(std::count(text.out.begin(), text.out.end(), '\n'), static_cast<long>(1 + kernels.size())) << text.out;
  EXPECT_EQ(run(step({"--json", "--kernel", kernels.back().empty() ? "f32" : kernels.back()})).json()["kernel"],
            kernels.back());
}

TEST(BenchStep, RefusesKernelsThatAreNotThere) {
  const Result both = run(step({"--kernel", "fma", "--dtype", "f32"}));
  EXPECT_EQ(both.code, 2);
  EXPECT_THAT(both.err, HasSubstr("--kernel and --dtype both say what multiplies; give one of them"));
  const Result none = run(step({"--kernel", "avx512"}), {.environment = {{"TEKIO_CPU_FEATURES", "plain"}}});
  EXPECT_EQ(none.code, 5);
  EXPECT_THAT(none.err, HasSubstr("--kernel avx512: cpu has f32 here"));
  EXPECT_EQ(run(step({"--kernel", "sse"})).code, 2);
}

// Random weights do not show what small gradients cost.
TEST(BenchStep, MeasuresATrainedModelToo) {
  TEKIO_NEEDS_TRUE_SPEED();
  const std::vector<std::string> small = {
      "bench",    "step", "--per_device_train_batch_size", "1", "--max_seq_length", "8", "--max_steps", "1",
      "--kernel", "f32"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = small;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Json r = run(with({"--json"})).json();
  EXPECT_EQ(r["model"], "DistilBERT-base's size, random weights");
  EXPECT_THAT(r["trained"]["model"].get<std::string>(), HasSubstr("tekio-small-uncased"));
  EXPECT_EQ(r["trained"]["length"], 8) << "with the same options";
  EXPECT_EQ(r["trained"]["dtype"], "f32");
  EXPECT_GT(r["trained"]["tokens_per_second"], 0);
  EXPECT_FALSE(run(with({"--json", "--trained", "false"})).json().contains("trained"));
  EXPECT_FALSE(run(step({"--json"})).json().contains("trained")) << "a model is named";
  EXPECT_THAT(run(with({})).out, HasSubstr("trained  "));
}

TEST(BenchStep, IsWhatBenchMeansAlone) {
  const Result result = run({"bench", "--model", kTiny, "--max_steps", "1", "--chunk_size", "16", "--json"});
  EXPECT_EQ(result.json()["what"], "step") << result.err;
  EXPECT_EQ(result.json()["batch"], 64);
  const Result help = run({"bench", "--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* name : {"bench step", "bench tokenize", "bench data", "bench fill"})
    EXPECT_THAT(help.out, HasSubstr(name));
}

TEST(BenchStep, TakesNoLongerChunksThanTheModel) {
  const Result result = run({"bench", "step", "--model", kTiny, "--max_steps", "1", "--json"});
  EXPECT_EQ(result.json()["length"], 24);
  EXPECT_THAT(result.err, HasSubstr("--chunk_size 128 is more than the 24 tokens that the model takes"));
}

TEST(BenchStep, ReadsWellToo) {
  const Result result = run(step({"--quiet"}));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "");
  for (const char* part : {"training step of 2 × 16 tokens, 5 of them masked", "tokens/s, median of 2", " GFLOP/s",
                           "products_backward", "planned memory"})
    EXPECT_THAT(result.out, HasSubstr(part));
}

TEST(BenchStep, RefusesBatchesThatNoNumberCounts) {
  const Result result =
      run({"bench", "step", "--per_device_train_batch_size", "65536", "--max_seq_length", "512", "--dump_config"});
  EXPECT_EQ(result.code, 0) << "not too many yet: " << result.err;
  ScratchFolder folder;
  for (const char* file : {"/config.json", "/model.safetensors"})
    std::filesystem::copy(kTiny + file, folder.path().string() + file);
  std::string config = read_file(folder / "config.json");
  const std::string positions = "\"max_position_embeddings\": 24";
  config.replace(config.find(positions), positions.size(), "\"max_position_embeddings\": 65536");
  folder.write("config.json", config);
  const Result many = run({"bench", "step", "--model", folder.path(), "--per_device_train_batch_size", "65536",
                           "--max_seq_length", "65536"});
  EXPECT_EQ(many.code, 2);
  EXPECT_THAT(many.err, HasSubstr("--per_device_train_batch_size 65536 of 65536 tokens each"));
}

TEST(BenchTokenize, CountsWhatTokenizeGives) {
  const ScratchFolder folder;
  const std::string file = folder.write("a.txt", sentences(300));
  const Json r = run({"bench", "tokenize", file, "--model", M, "--json"}).json();
  EXPECT_THAT(keys(r), IsSupersetOf({"mb_per_second", "tokens_per_second", "seconds"}));
  const std::string ids = run({"tokenize", "--model", M, "--ids", file}).out;
  EXPECT_EQ(r["tokens"], std::count_if(ids.begin(), ids.end(), [](char c) { return c == ' ' || c == '\n'; }));
  EXPECT_EQ(r["texts"], 300);
  EXPECT_EQ(r["threads"], 1);
  EXPECT_NEAR(r["mb"].get<double>(), 1e-6 * static_cast<double>(sentences(300).size() - 300), 1e-12) << "no line ends";
  EXPECT_NEAR(r["mb_per_second"].get<double>() * r["seconds"].get<double>(), r["mb"].get<double>(), 1e-9);
  const Json two = run({"bench", "tokenize", file, "--model", M, "--json", "--threads", "2", "--repeats", "1"}).json();
  EXPECT_EQ(two["tokens"], r["tokens"]);
  EXPECT_EQ(two["threads"], 2);
  EXPECT_THAT(run({"bench", "tokenize", file, "--model", M}).out, HasSubstr(" MB/s · "));
}

TEST(BenchTokenize, WantsText) {
  const ScratchFolder folder;
  const Result empty = run({"bench", "tokenize", folder.write("e.txt", "\n\n"), "--model", M});
  EXPECT_EQ(empty.code, 3);
  EXPECT_THAT(empty.err, HasSubstr("there is no text in "));
  EXPECT_EQ(run({"bench", "tokenize", folder / "none.txt", "--model", M}).code, 4);
}

TEST(BenchData, CountsWhatDataChunksGives) {
  const ScratchFolder folder;
  folder.write("d/train.txt", sentences(200));
  folder.write("d/test.jsonl", "{\"text\": \"The work\"}\n{\"text\": \"of this license\"}\n");
  const Json r = run({"bench", "data", folder / "d", "--model", M, "--chunk_size", "32", "--json", "--repeats", "2"},
                     {.environment = {{"TEKIO_CACHE", folder / "cache"}}})
                     .json();
  EXPECT_THAT(keys(r), IsSupersetOf({"mb_per_second", "tokens_per_second", "seconds", "chunks"}));
  const Json chunks = run({"data", "chunks", folder / "d", "--model", M, "--chunk_size", "32", "--json", "--no_cache"})
                          .json()["splits"];
  for (const char* key : {"rows", "tokens", "chunks"})
    EXPECT_EQ(r[key], chunks["train"][key].get<int64_t>() + chunks["test"][key].get<int64_t>()) << key;
  EXPECT_FALSE(std::filesystem::exists(folder / "cache")) << "nothing is kept";
  EXPECT_THAT(run({"bench", "data", folder / "d", "--model", M, "--repeats", "1"}).out, HasSubstr("202 rows"));
}

TEST(BenchFill, TimesTheProgramAndTellsItsAnswer) {
  const Json r = run({"bench", "fill", "--model", M, "--json", "--repeats", "2", "the [MASK] of this license"}).json();
  EXPECT_THAT(keys(r), IsSupersetOf({"seconds", "peak_mib"}));
  EXPECT_GT(r["seconds"], 0);
  EXPECT_LE(r["fastest"], r["slowest"]);
  EXPECT_GT(r["peak_mib"], 1);
  const Json best = run({"fill", "--model", M, "--json", "the [MASK] of this license"}).json()[0];
  EXPECT_EQ(r["token"], best["token"]);
  EXPECT_EQ(r["sequence"], best["sequence"]);
  const Result text = run({"bench", "fill", "--model", M, "--repeats", "1"});
  EXPECT_THAT(text.out, HasSubstr("median of 1")) << text.err;
}

TEST(BenchFill, FailsAsFillDoes) {
  const Result result = run({"bench", "fill", "--model", M, "no mask here"});
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.err, run({"fill", "--model", M, "no mask here"}).err);
}

TEST(BenchFill, MeasuresAnOpenModelAgainstTheMemory) {
  TEKIO_NEEDS_TRUE_SPEED();
  const Json r =
      run({"bench", "fill", "--model", M, "--warm", "--chunk_size", "16", "--json", "the [MASK] of this license"})
          .json();
  ASSERT_EQ(r["lengths"].size(), 1u);
  EXPECT_EQ(r["lengths"][0]["tokens"], 16);
  EXPECT_LE(r["lengths"][0]["fastest"], r["lengths"][0]["milliseconds"]);
  EXPECT_NEAR(r["lengths"][0]["share_of_memory_limit"].get<double>(),
              r["weight_mib"].get<double>() * 1048576e-9 / r["read_gb_per_second"].get<double>() /
                  (r["lengths"][0]["milliseconds"].get<double>() * 1e-3),
              1e-6);
  EXPECT_EQ(r["token"], run({"fill", "--model", M, "--json", "the [MASK] of this license"}).json()[0]["token"]);
  EXPECT_EQ(run({"bench", "fill", "--model", M, "--warm", "--chunk_size", "100000"}).code, 3);
  EXPECT_THAT(run({"bench", "fill", "--model", M, "--chunk_size", "16"}).err, HasSubstr("--chunk_size needs --warm"));
  EXPECT_EQ(run({"bench", "fill", "--model", M, "--warm", "--compare_reference", "x"}).code, 2);
}

class BenchCompare : public testing::Test {
 protected:
  // A program that takes Python's place: ignores what it is told and prints this.
  std::string python(const std::string& script) const {
    const std::string file = folder_.write("python", "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }
  ScratchFolder folder_;
};

TEST_F(BenchCompare, GivesMediansAndRatiosOfPairs) {
  const std::string stand_in = python("echo \"$@\" >> " + folder_ / "calls" +
                                      "; echo chatter; echo '{\"tokens_per_second\": 10, \"mode\": \"x\"}'");
  const Json r =
      run(step({"--json", "--compare_reference", stand_in, "--pairs", "2", "--reference_mode", "bf16"})).json();
  ASSERT_EQ(r["pairs"].size(), 2u);
  const double first = r["pairs"][0]["tekio"]["tokens_per_second"].get<double>(),
               second = r["pairs"][1]["tekio"]["tokens_per_second"].get<double>();
  EXPECT_DOUBLE_EQ(r["tokens_per_second"].get<double>(), (first + second) / 2);
  EXPECT_EQ(r["reference"]["tokens_per_second"], 10);
  EXPECT_EQ(r["reference"]["mode"], "x");
  EXPECT_DOUBLE_EQ(r["ratios"]["tokens_per_second"]["median"].get<double>(), (first + second) / 20);
  EXPECT_DOUBLE_EQ(r["ratios"]["tokens_per_second"]["lowest"].get<double>(), std::min(first, second) / 10);
  EXPECT_DOUBLE_EQ(r["ratios"]["tokens_per_second"]["highest"].get<double>(), std::max(first, second) / 10);
  EXPECT_DOUBLE_EQ(r["ratios"]["peak_mib"]["median"].get<double>(),
                   r["reference"]["peak_mib"].get<double>() / r["peak_mib"].get<double>());
  EXPECT_THAT(keys(r), Contains("share_of_limit")) << "the rest of the command's own document";
  EXPECT_EQ(r["length"], 16) << "its options reach the runs";
  const std::string calls = read_file(folder_ / "calls");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'), 2);
  EXPECT_THAT(calls,
              HasSubstr("share/tekio/reference/step.py --mode bf16 --batch 2 --length 16 --steps 2 --threads 1"));
}

TEST_F(BenchCompare, ReadsWellAndTellsWhereTheTwoDiffer) {
  const std::string file = folder_.write("a.txt", sentences(20));
  const std::string stand_in = python(
      "echo '{\"mb_per_second\": 0.001, \"tokens_per_second\": 1, \"seconds\": 100, \"texts\": 20, \"tokens\": 1}'");
  const Result result = run({"bench", "tokenize", file, "--model", M, "--compare_reference", stand_in, "--pairs", "1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("pair 1/1 · "));
  EXPECT_THAT(result.err, HasSubstr("tekio: warning: the two did not do the same: tokens is "));
  EXPECT_THAT(result.err, Not(HasSubstr("texts is")));
  EXPECT_THAT(result.out, HasSubstr("one pair "));
}

TEST_F(BenchCompare, TimesTheReferencesWholeProcessWhereThatCounts) {
  const std::string stand_in = python("sleep 0.3; echo '{\"token\": 5, \"seconds\": 0.001}'");
  const Json r =
      run({"bench", "fill", "--model", M, "--repeats", "1", "--json", "--compare_reference", stand_in, "--pairs", "1"})
          .json();
  EXPECT_GE(r["reference"]["seconds"], 0.3);
  EXPECT_GT(r["reference"]["peak_mib"], 0);
}

TEST_F(BenchCompare, GivesDataItsFilesBySplit) {
  folder_.write("d/train.txt", sentences(20));
  folder_.write("d/test.txt", sentences(10));
  const std::string stand_in = python("echo \"$@\" > " + folder_ / "calls" +
                                      "; echo '{\"mb_per_second\": 1, \"seconds\": 1, \"rows\": 30, \"chunks\": 0}'");
  const Result result = run({"bench", "data", folder_ / "d", "--model", M, "--repeats", "1", "--chunk_size", "32",
                             "--threads", "2", "--compare_reference", stand_in, "--pairs", "1"});
  EXPECT_EQ(result.code, 0) << result.err;
  const std::string calls = read_file(folder_ / "calls");
  EXPECT_THAT(calls, HasSubstr("data.py --split " + folder_ / "d/train.txt"));
  EXPECT_THAT(calls, HasSubstr(" --split " + folder_ / "d/test.txt"));
  EXPECT_THAT(calls, HasSubstr("--chunk_size 32 --num_proc 2"));
}

TEST_F(BenchCompare, TellsWhatTheReferenceFailedOf) {
  const Result none = run(step({"--compare_reference", folder_ / "none"}));
  EXPECT_EQ(none.code, 4);
  EXPECT_THAT(none.err, HasSubstr("cannot start " + folder_ / "none" + ": No such file"));
  const std::string stand_in =
      python("echo 'Traceback' >&2; echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1");
  const Result failed = run(step({"--compare_reference", stand_in}));
  EXPECT_EQ(failed.code, 4);
  EXPECT_THAT(failed.err, HasSubstr("failed with code 1: ModuleNotFoundError: No module named 'torch'"));
  const Result chatter = run(step({"--compare_reference", python("echo hello")}));
  EXPECT_EQ(chatter.code, 3);
  EXPECT_THAT(chatter.err, HasSubstr("step.py's output"));
  const Result other = run(step({"--compare_reference", python("echo '{\"tokens_per_second\": \"many\"}'")}));
  EXPECT_EQ(other.code, 3);
  EXPECT_THAT(other.err,
              HasSubstr("step.py's output has no number tokens_per_second: '{\"tokens_per_second\": \"many\"}'"));
}

TEST_F(BenchCompare, LeavesNothingRunningWhenItIsStopped) {
  const std::string mark = folder_ / "started";
  Running bench(step({"--quiet", "--compare_reference",
                      python("echo $$ > " + mark + ".new; mv " + mark + ".new " + mark + "; exec sleep 100")}));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!std::filesystem::exists(mark) && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_TRUE(std::filesystem::exists(mark));
  const int child = std::stoi(read_file(mark));
  bench.signal(SIGTERM);
  EXPECT_EQ(bench.finish().code, 143);
  // Dead, and taken away by whoever inherits orphans here; a zombie that nobody takes is dead too.
  const auto alive = [&] {
    const std::string status = read_file("/proc/" + std::to_string(child) + "/stat");
    return !status.empty() && status.find(") Z ") == std::string::npos;
  };
  while (alive() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(alive());
}

TEST_F(BenchCompare, SaysWhereItsScriptsBelong) {
  const Result result = run(step({"--compare_reference", python("echo '{\"tokens_per_second\": 1}'"), "--pairs", "1"}),
                            {.environment = {{"TEKIO_SHARE", folder_.path()}}});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("is not there; it belongs to " + folder_ / "reference/step.py"));
}

TEST(Roofline, IsDrawnFromTheReport) {
  const ScratchFolder folder;
  const std::string report = folder.write("step.json", run(step({"--json"})).out);
  const std::string picture = folder / "roofline.svg";
  const std::string command = "python3 '" TEKIO_ROOFLINE_SCRIPT "' '" + report + "' '" + picture + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const std::string svg = read_file(picture);
  EXPECT_THAT(svg, testing::StartsWith("<svg "));
  EXPECT_THAT(svg, testing::EndsWith("</svg>\n"));
  for (const char* part : {"products backward", "attention forward", "one large product: ", "memory: ", "other "})
    EXPECT_THAT(svg, HasSubstr(part));
}

}  // namespace
}  // namespace tekio::test
