// A command within another program: it prints into a text, throws what is wrong, and leaves signals and options to its
// host; and what the library describes of its options is what the command line has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "command.h"
#include "program.h"
#include "train/options_json.h"

namespace tekio::cli {
namespace {

using testing::HasSubstr;

TEST(Embedded, ACommandPrintsIntoAText) {
  std::string printed;
  Output out(printed);
  EXPECT_EQ(run_command({"info", test::model_folder(), "--json"}, out, {}), 0);
  EXPECT_GT(OrderedJson::parse(printed)["parameters"].get<int64_t>(), 0);
}

TEST(Embedded, ADocumentIsPassedOnAsItIs) {
  std::string printed;
  OrderedJson document;
  Output out(printed, document);
  const std::string name = "odd/\xff";
  EXPECT_EQ(run_command({"adapt", "--output_dir", name, "--json", "--dump_config"}, out, {}), 0);
  EXPECT_EQ(document["output_dir"], name);
  EXPECT_EQ(printed, "");
}

TEST(Embedded, WhatIsWrongIsThrown) {
  std::string printed;
  Output out(printed);
  try {
    run_command({"info", "/nowhere/at-all"}, out, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/at-all"));
  }
  EXPECT_EQ(printed, "");
}

TEST(Embedded, ARunIsItsHostsToStop) {
  const test::ScratchFolder folder;
  std::string lines, printed;
  for (int i = 0; i < 200; ++i) lines += "the license of the program is one that you may share with others\n";
  struct sigaction before {
  }, during{};
  sigaction(SIGTERM, nullptr, &before);
  Output out(printed);
  const int code = run_command({"adapt", "--model", test::model_folder(), "--data", folder.write("a.txt", lines),
                                "--chunk_size", "16", "--output_dir", folder / "run", "--eval_strategy", "no",
                                "--save_strategy", "no", "--general_data", "none", "--no_cache", "--json"},
                               out, [&](TrainingOptions& options) {
                                 options.on_update = [&](const UpdatePoint& update, RunControl& control) {
                                   sigaction(SIGTERM, nullptr, &during);
                                   control.stop = update.step == 2;
                                 };
                               });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(OrderedJson::parse(printed)["train"]["steps"], 2);
  EXPECT_EQ(before.sa_handler, during.sa_handler);
}

TEST(Embedded, EveryOptionThatIsDescribedIsOnTheCommandLine) {
  const auto adapt = make_adapt();
  OptionTable table("adapt");
  fill_table(*adapt, table);
  const Json described = options_to_json({});
  for (const auto& [name, value] : described.items()) {
    const std::string option = name == "prompts" ? "prompt" : name;
    ASSERT_TRUE(table.has(option)) << option;
    EXPECT_FALSE(table.at(option).help.empty()) << option;
    if (value.is_number() && name != "warmup_steps") {  // which may be a share there
      EXPECT_EQ(table.at(option).value(), OrderedJson(value)) << option;
    }
  }
  EXPECT_GT(described.size(), 40u);
}

}  // namespace
}  // namespace tekio::cli
