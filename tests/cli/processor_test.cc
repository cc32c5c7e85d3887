// What doctor says of the processor, and the program on processors with fewer instructions, for which
// TEKIO_CPU_FEATURES lets it take this one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "program.h"
#include "support/sanitizer.h"

namespace tekio::test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

const std::string M = model_folder();

bool processor_has(const std::string& wanted) {
  std::istringstream info(read_file("/proc/cpuinfo"));
  for (std::string word; info >> word;)
    if (word == wanted) return true;
  return false;
}

Start limited_to(const char* features) { return {.environment = {{"TEKIO_CPU_FEATURES", features}}}; }
Start with(const char* instructions) { return {.environment = {{"ONEDNN_MAX_CPU_ISA", instructions}}}; }

TEST(Doctor, ComparesTheBackEnds) {
  const Result result = run({"doctor", "--json"});
  EXPECT_EQ(result.code, 0) << result.out;
  const Json report = result.json();
  EXPECT_EQ(report["ok"], true);
  EXPECT_GE(report["self_test"]["cpu"]["passed"].size(), 19u);
  EXPECT_EQ(report["self_test"]["cpu"]["problems"], Json::array());
  const bool has_bf16 = report["devices"]["cpu"]["dtypes"].size() == 2;
  EXPECT_EQ(has_bf16, processor_has("avx2"));
  EXPECT_TRUE(report["libraries"].contains("oneDNN"));
  EXPECT_GT(report["memory"]["total_bytes"], 0);
  EXPECT_THAT(run({"doctor"}).out, HasSubstr("cpu against ref"));
}

// What was measured decides, to 2 % of the fastest.
TEST(Doctor, TakesTheFastestArithmeticAndShowsAllRates) {
  TEKIO_NEEDS_TRUE_SPEED();
  if (!processor_has("avx2")) GTEST_SKIP() << "this processor has f32 alone";
  const Result result = run({"doctor", "--json"});
  const Json arithmetic = result.json()["arithmetic"];
  double fastest = 0, taken = 0;
  std::vector<std::string> kernels;
  for (const Json& rate : arithmetic["rates"]) {
    fastest = std::max(fastest, rate["gflops"].get<double>());
    kernels.push_back(rate["kernel"]);
    if (rate["kernel"] == arithmetic["kernel"]) taken = rate["gflops"];
  }
  EXPECT_GE(taken, 0.98 * fastest) << result.out;
  EXPECT_EQ(arithmetic["training"], arithmetic["kernel"] == "" ? "f32" : "bf16");
  std::vector<std::string> expected = {"", "fma"};
  if (processor_has("avx512_bf16")) expected.emplace_back("avx512");
  if (processor_has("amx_bf16")) expected.emplace_back("amx");
  EXPECT_EQ(kernels, expected);
  const std::string text = run({"doctor"}).out;
  for (const char* part : {"measured   f32: ", "measured   bf16 (FMA): ", " GFLOP/s, training steps of "})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(Doctor, ShowsWhatDeviceAndDtypeMean) {
  struct Case {
    std::vector<std::string> options;
    const char *device, *training, *why, *filling;
  };
  const char* const asked = "--dtype asks for it";
  std::vector<Case> cases = {{{"--dtype", "f32"}, "cpu", "f32", asked, "f32"},
                             {{"--device", "cpu", "--dtype", "f32"}, "cpu", "f32", asked, "f32"},
                             {{"--device", "ref"}, "ref", "f32", "ref multiplies bf16 no faster than f32", "f32"},
                             {{"--device", "ref", "--dtype", "f32"}, "ref", "f32", asked, "f32"},
                             {{"--device", "ref", "--dtype", "bf16"}, "ref", "bf16", asked, "bf16"}};
  if (processor_has("avx2")) cases.push_back({{"--dtype", "bf16"}, "cpu", "bf16", asked, "bf16"});
  const Json self_test = run({"doctor", "--json"}, with("ALL")).json()["self_test"];
  for (const Case& c : thinned_under_sanitizer(cases)) {
    std::vector<std::string> arguments = {"doctor"};
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    const std::string text = run(arguments, with("ALL")).out;
    arguments.emplace_back("--json");
    const Json report = run(arguments, with("ALL")).json();
    const Json& arithmetic = report["arithmetic"];
    for (const auto& [key, value] : {std::pair{"device", c.device},
                                     {"training", c.training},
                                     {"why", c.why},
                                     {"filling", c.filling},
                                     {"serving", c.training}})
      EXPECT_EQ(arithmetic[key], value);
    EXPECT_THAT(text,
                HasSubstr(std::string("arithmetic on ") + c.device + ": training and evaluation in " + c.training));
    EXPECT_THAT(text, HasSubstr(std::string(", since ") + c.why + "; filling masks in " + c.filling + ", serving in " +
                                c.training + "\n"));
    EXPECT_THAT(text, HasSubstr("products   on cpu by " + report["processor"]["products"].get<std::string>() + "\n"));
    EXPECT_EQ(report["self_test"], self_test) << "whatever the options";
  }
}

class LesserProcessor : public testing::Test {
 protected:
  // A run of a second.
  std::vector<std::string> training(const std::string& dtype) const {
    return {"adapt",
            "--model",
            M,
            "--data",
            text_,
            "--chunk_size",
            "16",
            "--per_device_train_batch_size",
            "8",
            "--max_steps",
            "4",
            "--output_dir",
            folder_ / "run",
            "--overwrite_output_dir",
            "--no_cache",
            "--json",
            "--dtype",
            dtype};
  }
  ScratchFolder folder_;
  const std::string text_ = folder_.write("text.txt", sentences(60));
};

TEST_F(LesserProcessor, RefusesBf16AndNamesWhatForbidsIt) {
  if (!processor_has("avx2")) GTEST_SKIP() << "this processor has no AVX2 to forbid";
  for (const std::vector<std::string>& arguments :
       {training("bf16"),
        {"eval", "--model", M, "--data", text_, "--no_cache", "--dtype", "bf16"},
        {"fill", "--model", M, "--dtype", "bf16", "the [MASK] of"},
        {"doctor", "--dtype", "bf16"}}) {
    const Result result = run(arguments, limited_to("plain"));
    EXPECT_EQ(result.code, 5) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr("--dtype is bf16, but the environment's TEKIO_CPU_FEATURES=plain keeps this "
                                      "processor from multiplying bf16; unset that, or pass --dtype f32 or auto"))
        << arguments[0];
    EXPECT_EQ(result.out, "") << arguments[0];
  }
  const Result older = run({"doctor", "--dtype", "bf16"}, {.environment = {{"DNNL_MAX_CPU_ISA", "sse41"}}});
  EXPECT_THAT(older.err, HasSubstr("the environment's DNNL_MAX_CPU_ISA=sse41 keeps"));
}

TEST_F(LesserProcessor, IsOneOfThoseThatThereAre) {
  const Result result = run({"doctor"}, limited_to("avx3"));
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("the environment's TEKIO_CPU_FEATURES is \"avx3\", expected plain, avx2, avx512, "
                                    "avx512_bf16 or amx"));
}

TEST_F(LesserProcessor, HasWhatTheLimitLeaves) {
  if (!processor_has("avx2")) GTEST_SKIP() << "this processor has no AVX2";
  struct Case {
    const char *limit, *needs, *kernels, *products;
    std::vector<std::string> dtypes;
  };
  for (const Case& c : {Case{"plain", "avx2", "plain code", "(SSE4.1)", {"f32"}},
                        {"avx2", "avx2", "AVX2", "(AVX2), bf16 by own kernels (FMA)", {"f32", "bf16"}},
                        {"avx512", "avx512bw", "AVX-512", "(AVX-512), bf16 by own kernels (FMA)", {"f32", "bf16"}},
                        {"avx512_bf16",
                         "avx512_bf16",
                         "AVX-512",
                         "(AVX-512), bf16 by own kernels (FMA, AVX-512 BF16)",
                         {"f32", "bf16"}}}) {
    if (!processor_has(c.needs)) continue;
    const Json report = run({"doctor", "--json"}, limited_to(c.limit)).json();
    EXPECT_EQ(report["ok"], true) << c.limit;
    EXPECT_EQ(report["processor"]["kernels"], c.kernels);
    EXPECT_THAT(report["processor"]["products"].get<std::string>(), testing::EndsWith(c.products));
    EXPECT_EQ(report["devices"]["cpu"]["dtypes"], Json(c.dtypes));
    EXPECT_EQ(report["arithmetic"]["rates"].size(), c.dtypes.size() == 1                    ? 0u
                                                    : std::string(c.limit) == "avx512_bf16" ? 3u
                                                                                            : 2u);
  }
}

TEST_F(LesserProcessor, TrainsInWhatItHas) {
  const double loss = run(training("f32")).json()["eval_loss"]["after"].get<double>();
  for (const char* limit : {"plain", "avx2", "avx512", "avx512_bf16"})
    for (const char* dtype : {"f32", "bf16", "auto"}) {
      if (std::string(limit) == "plain" && std::string(dtype) == "bf16") continue;
      const Result lesser = run(training(dtype), limited_to(limit));
      ASSERT_EQ(lesser.code, 0) << lesser.err;
      const std::string shown = std::string(dtype) == "auto" ? " · " : std::string(" · ") + dtype;
      EXPECT_THAT(lesser.err, HasSubstr(shown));
      EXPECT_EQ(lesser.json()["train"]["steps"], 4);
      EXPECT_NEAR(lesser.json()["eval_loss"]["after"].get<double>(), loss,
                  std::string(dtype) == "f32" ? 1e-4 : 0.02 * loss)
          << limit << " " << dtype;
    }
}

// A run that is resumed goes on in what it was begun in, whatever is measured now.
TEST_F(LesserProcessor, ResumesInWhatTheRunTook) {
  if (!processor_has("avx2")) GTEST_SKIP() << "this processor has f32 alone";
  const auto with_limit = [&](std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::erase(arguments, "--overwrite_output_dir");
    return arguments;
  };
  for (const char* dtype : {"f32", "bf16"}) {
    std::filesystem::remove_all(folder_ / "run");
    ASSERT_EQ(run(with_limit(training(dtype), {"--save_strategy", "steps", "--save_steps", "2"})).code, 0);
    const Json record = Json::parse(read_file(folder_ / "run/checkpoint-2/training_state.json"));
    EXPECT_EQ(record["dtype"], dtype);
    EXPECT_EQ(record["bf16_kernel"] == "", std::string(dtype) == "f32");
    const Json options = Json::parse(read_file(folder_ / "run/options.json"));
    EXPECT_EQ(options["dtype"], dtype);
    EXPECT_EQ(options["bf16_kernel"], record["bf16_kernel"]);
    const Result resumed =
        run(with_limit(training("auto"), {"--save_strategy", "steps", "--save_steps", "2", "--resume_from_checkpoint",
                                          folder_ / "run/checkpoint-2"}));
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr(std::string(" · ") + dtype));
    EXPECT_THAT(resumed.err, testing::Not(HasSubstr("the number format was")));
    EXPECT_EQ(Json::parse(read_file(folder_ / "run/options.json"))["bf16_kernel"], record["bf16_kernel"]);
  }
}

}  // namespace
}  // namespace tekio::test
