// docs/cli.md holds every command and option as the tables have them. To write it anew after a change:
// TEKIO_WRITE_DOCS=1 build/release/tests/cli/tekio_cli_test --gtest_filter='Reference.*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "command.h"
#include "program.h"
#include "run_mlm_options.h"

namespace tekio::cli {
namespace {

const std::string kMark =
    "<!-- What follows is written by tests/cli/reference_test.cc from the program's tables. -->\n";

std::string generated() {
  return kMark + "\n" + reference_markdown() + "## run_mlm.py's further options\n\n" + RunMlmOptions::markdown();
}

TEST(Reference, TellsWhatTheProgramHas) {
  const std::string text = test::read_file(TEKIO_CLI_REFERENCE);
  const size_t at = text.find(kMark);
  ASSERT_NE(at, std::string::npos) << "docs/cli.md has lost the line: " << kMark;
  if (std::getenv("TEKIO_WRITE_DOCS") != nullptr) {
    std::ofstream(TEKIO_CLI_REFERENCE, std::ios::binary) << text.substr(0, at) + generated();
    return;
  }
  EXPECT_TRUE(text.substr(at) == generated()) << "docs/cli.md is stale: run this test with TEKIO_WRITE_DOCS=1";
}

}  // namespace
}  // namespace tekio::cli
