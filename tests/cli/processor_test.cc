// What doctor says of the processor, and of the arithmetic that options come to on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"

namespace tekio::cli_test {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;

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
  for (const Case& c : {Case{{"--dtype", "f32"}, "cpu", "f32", asked, "f32"},
                        Case{{"--device", "cpu", "--dtype", "f32"}, "cpu", "f32", asked, "f32"},
                        Case{{"--device", "ref"}, "ref", "f32", "ref multiplies bf16 no faster than f32", "f32"},
                        Case{{"--device", "ref", "--dtype", "f32"}, "ref", "f32", asked, "f32"},
                        Case{{"--device", "ref", "--dtype", "bf16"}, "ref", "bf16", asked, "bf16"}}) {
    std::vector<std::string> arguments = {"doctor"};
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    const std::string text = run(arguments).out;
    arguments.emplace_back("--json");
    const Json report = run(arguments).json();
    EXPECT_EQ(report["arithmetic"],
              Json({{"device", c.device}, {"training", c.training}, {"why", c.why}, {"filling", c.filling}}));
    EXPECT_THAT(text, HasSubstr(std::string("arithmetic on ") + c.device + ": training and evaluation in " +
                                c.training + ", since " + c.why + "; filling masks in " + c.filling + "\n"));
    EXPECT_THAT(text, HasSubstr("products   on cpu by " + report["processor"]["products"].get<std::string>() + "\n"));
    EXPECT_EQ(report["self_test"], run({"doctor", "--json"}).json()["self_test"]) << "whatever the options";
  }
}

}  // namespace
}  // namespace tekio::cli_test
