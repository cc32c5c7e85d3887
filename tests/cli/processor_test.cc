// What doctor says of the processor, and the program on processors with fewer instructions: oneDNN takes its setting
// for one, and so do the own kernels for bf16.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "program.h"

namespace tekio::cli_test {
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

Start with(const char* instructions) { return {.environment = {{"ONEDNN_MAX_CPU_ISA", instructions}}}; }

TEST(Doctor, ComparesTheBackEnds) {
  const Result result = run({"doctor", "--json"});
  EXPECT_EQ(result.code, 0) << result.out;
  const Json report = result.json();
  EXPECT_EQ(report["ok"], true);
  EXPECT_GE(report["self_test"]["cpu"]["passed"].size(), 19u);
  EXPECT_EQ(report["self_test"]["cpu"]["problems"], Json::array());
  const bool has_bf16 = report["devices"]["cpu"]["dtypes"].size() == 2;
  EXPECT_EQ(report["arithmetic"]["training"], has_bf16 ? "bf16" : "f32");
  EXPECT_TRUE(report["libraries"].contains("oneDNN"));
  EXPECT_GT(report["memory"]["total_bytes"], 0);
  EXPECT_THAT(run({"doctor"}).out, HasSubstr("cpu against ref"));
}

TEST(Doctor, TellsWhatDeviceAndDtypeMean) {
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
  if (processor_has("avx512_bf16")) {
    cases.push_back({{}, "cpu", "bf16", "this processor multiplies bf16 (AVX-512 BF16 or AMX) faster than f32", "f32"});
    cases.push_back({{"--dtype", "bf16"}, "cpu", "bf16", asked, "bf16"});
  }
  const Json self_test = run({"doctor", "--json"}, with("ALL")).json()["self_test"];
  for (const Case& c : cases) {
    std::vector<std::string> arguments = {"doctor"};
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    const std::string text = run(arguments, with("ALL")).out;
    arguments.emplace_back("--json");
    const Json report = run(arguments, with("ALL")).json();
    EXPECT_EQ(report["arithmetic"],
              Json({{"device", c.device}, {"training", c.training}, {"why", c.why}, {"filling", c.filling}}));
    EXPECT_THAT(text, HasSubstr(std::string("arithmetic on ") + c.device + ": training and evaluation in " +
                                c.training + ", since " + c.why + "; filling masks in " + c.filling + "\n"));
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
            folder_.path("run"),
            "--overwrite_output_dir",
            "--no_cache",
            "--json",
            "--dtype",
            dtype};
  }
  Folder folder_;
  const std::string text_ = folder_.write("text.txt", sentences(60));
};

TEST_F(LesserProcessor, RefusesBf16AndNamesWhatForbidsIt) {
  const std::string why = processor_has("avx512_bf16")
                              ? "--dtype is bf16, but the environment's ONEDNN_MAX_CPU_ISA=AVX2 keeps this processor "
                                "from multiplying bf16; unset that, or pass --dtype f32 or auto"
                              : "--dtype is bf16, but this processor does not multiply bf16 (neither AVX-512 BF16 nor "
                                "AMX may be used); pass --dtype f32 or auto";
  for (const std::vector<std::string>& arguments :
       {training("bf16"),
        {"eval", "--model", M, "--data", text_, "--no_cache", "--dtype", "bf16"},
        {"fill", "--model", M, "--dtype", "bf16", "the [MASK] of"},
        {"doctor", "--dtype", "bf16"}}) {
    const Result result = run(arguments, with("AVX2"));
    EXPECT_EQ(result.code, 5) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr(why)) << arguments[0];
    EXPECT_EQ(result.out, "") << arguments[0];
  }
  if (processor_has("avx512_bf16")) {
    const Result older = run({"doctor", "--dtype", "bf16"}, {.environment = {{"DNNL_MAX_CPU_ISA", "avx512_core"}}});
    EXPECT_THAT(older.err, HasSubstr("the environment's DNNL_MAX_CPU_ISA=avx512_core keeps"));
  }
}

TEST_F(LesserProcessor, DoctorFallsBackToF32AndSaysWhy) {
  const Json report = run({"doctor", "--json"}, with("AVX2")).json();
  EXPECT_EQ(report["ok"], true);
  EXPECT_EQ(report["arithmetic"]["training"], "f32");
  EXPECT_EQ(report["arithmetic"]["why"],
            processor_has("avx512_bf16")
                ? "the environment's ONEDNN_MAX_CPU_ISA=AVX2 keeps this processor from multiplying bf16"
                : "this processor does not multiply bf16 (neither AVX-512 BF16 nor AMX may be used)");
  EXPECT_EQ(report["devices"]["cpu"]["dtypes"], Json({"f32"}));
  const auto products = report["processor"]["products"].get<std::string>();
  EXPECT_TRUE(!processor_has("avx2") || products.ends_with("(AVX2)")) << products;
  for (const Json& op : report["self_test"]["cpu"]["passed"])
    EXPECT_THAT(op.get<std::string>(), testing::EndsWith(" f32"));
}

TEST_F(LesserProcessor, TrainsInF32) {
  const Result lesser = run(training("auto"), with("AVX2")), here = run(training("f32"));
  ASSERT_EQ(lesser.code, 0) << lesser.err;
  EXPECT_THAT(lesser.err, HasSubstr(" · f32 · "));
  EXPECT_EQ(lesser.json()["train"]["steps"], 4);
  EXPECT_NEAR(lesser.json()["eval_loss"]["after"].get<double>(), here.json()["eval_loss"]["after"].get<double>(), 1e-4);
}

TEST_F(LesserProcessor, TrainsInBf16WithoutAmx) {
  if (!processor_has("avx512_bf16")) GTEST_SKIP() << "this processor has no AVX-512 BF16";
  const Json doctor = run({"doctor", "--json"}, with("AVX512_CORE_BF16")).json();
  EXPECT_EQ(doctor["ok"], true);
  EXPECT_EQ(doctor["arithmetic"]["training"], "bf16");
  EXPECT_EQ(doctor["arithmetic"]["why"], "this processor multiplies bf16 (AVX-512 BF16 or AMX) faster than f32");
  EXPECT_THAT(doctor["processor"]["products"].get<std::string>(), HasSubstr("(AVX-512 BF16)"));
  EXPECT_THAT(doctor["self_test"]["cpu"]["passed"], testing::Contains("linear bf16"));
  const Result lesser = run(training("auto"), with("AVX512_CORE_BF16")), here = run(training("f32"));
  ASSERT_EQ(lesser.code, 0) << lesser.err;
  EXPECT_THAT(lesser.err, HasSubstr(" · bf16 · "));
  const double loss = here.json()["eval_loss"]["after"].get<double>();
  EXPECT_NEAR(lesser.json()["eval_loss"]["after"].get<double>(), loss, 0.02 * loss);
}

}  // namespace
}  // namespace tekio::cli_test
