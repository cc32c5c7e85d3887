// From a repository's names and its README.md to the files of each split: against what the reference's load_dataset
// takes (repositories.json, by scripts/golden/make_repository_golden.py), and against what nobody should write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "data/repository/choose_files.h"
#include "data/repository/formats.h"
#include "data/repository/pattern.h"
#include "scratch_folder.h"

namespace tekio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ChosenFiles choose(std::vector<std::string> names, const std::string& readme = "", const std::string& config = "") {
  std::sort(names.begin(), names.end());
  static DatasetCard card;  // what is chosen points into it
  card = read_card(readme, "", "ID");
  return choose_files(names, card, config, "ID");
}

std::string shown(const ChosenFiles& chosen) {
  std::string text;
  for (const ChosenSplit& split : chosen.splits)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", split.name, fmt::join(split.files, " "));
  return text;
}

TEST(Repository, FilesAreTheReferences) {
  size_t compared = 0;
  for (const Json& golden : read_json(TEKIO_GOLDEN_DIR "/data/repositories.json")) {
    SCOPED_TRACE(golden.dump());
    const auto files = golden["files"].get<std::vector<std::string>>();
    const std::string config = golden.value("config", ""), readme = golden.value("readme", "");
    std::string ours;
    try {
      ours = shown(choose(files, readme, config));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      ours = std::string("error: ") + error.what();
    }
    std::string theirs;
    if (golden.contains("splits"))
      for (const Json& split : golden["splits"])
        if (!split[1].empty())
          theirs += fmt::format("{}{}: {}", theirs.empty() ? "" : "; ", split[0].get<std::string>(),
                                fmt::join(split[1].get<std::vector<std::string>>(), " "));
    ++compared;
    // Splits may each be of their own format here.
    if (golden.value("error", "").starts_with("ValueError: Couldn't infer the same data file format")) continue;
    if (golden.contains("taken"))
      EXPECT_FALSE(ours.starts_with("error: ")) << ours;
    else if (golden.contains("error") || !is_read(golden["module"].get<std::string>()))
      EXPECT_TRUE(ours.starts_with("error: ")) << ours;
    else
      EXPECT_EQ(ours, theirs);
  }
  EXPECT_GT(compared, 100u);
}

}  // namespace
}  // namespace tekio
