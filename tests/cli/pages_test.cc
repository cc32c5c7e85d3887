// Man pages and completions: every command and option, and what a shell makes of them.
#include "pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "command.h"
#include "program.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;

// What bash offers for the last of the words of a line.
std::string offered(const ScratchFolder& folder, const std::vector<std::string>& words) {
  const std::string script = folder.write("completion", cli::bash_completion());
  std::string line;
  for (const std::string& word : words) line += " '" + word + "'";
  const std::string out = folder / "offered";
  const std::string command =
      "bash -c 'source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _tekio; echo \"${COMPREPLY[*]}\"' " +
      script + line + " > " + out;
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::string text = read_text(out);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

TEST(Completion, BashOffersCommandsOptionsAndValues) {
  const ScratchFolder folder;
  EXPECT_EQ(offered(folder, {"tekio", "ad"}), "adapt");
  EXPECT_EQ(offered(folder, {"tekio", "data", ""}), "list info head chunks");
  EXPECT_EQ(offered(folder, {"tekio", "data", "info", "--text_c"}), "--text_column_name");
  EXPECT_EQ(offered(folder, {"tekio", "adapt", "--learning-"}), "--learning_rate") << "which the program takes";
  EXPECT_EQ(offered(folder, {"tekio", "adapt", "--dtype", ""}), "auto f32 bf16");
  EXPECT_EQ(offered(folder, {"tekio", "export", "--dtype", "=", "i"}), "int8") << "an option of another meaning";
  EXPECT_EQ(offered(folder, {"tekio", "adapt", "--model", "so"}), "") << "a file's name";
  EXPECT_EQ(offered(folder, {"tekio", "fill", "some"}), "");
  EXPECT_EQ(offered(folder, {"tekio", "adapt", "--eval-strategy", ""}), "no steps epoch");
  EXPECT_EQ(offered(folder, {"tekio", "help", "ad"}), "adapt");
  EXPECT_EQ(offered(folder, {"tekio", "help", "data", "he"}), "head");
  EXPECT_EQ(offered(folder, {"tekio", "train", "--learning"}), "--learning_rate") << "adapt's other name";
  EXPECT_EQ(offered(folder, {"tekio", "bench", "--ker"}), "--kernel") << "which is bench step";
}

// What fish offers for the last word of a line, without what it says of it.
std::string offered_by_fish(const ScratchFolder& folder, const std::string& line) {
  const std::string script = folder.write("tekio.fish", cli::fish_completion()), out = folder / "offered";
  const std::string command =
      fmt::format("fish --no-config -c \"source {}; complete -C '{}'\" > {}", script, line, out);
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::string words;
  const std::string text = read_text(out);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('\n'));
    words += fmt::format("{}{}", words.empty() ? "" : " ", one.substr(0, one.find('\t')));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return words;
}

TEST(Completion, FishOffersCommandsOptionsAndValues) {
  if (std::system("command -v fish > /dev/null") != 0) GTEST_SKIP() << "fish is not installed";
  const ScratchFolder folder;
  EXPECT_EQ(offered_by_fish(folder, "tekio ad"), "adapt");
  EXPECT_EQ(offered_by_fish(folder, "tekio data "), "chunks head info list");
  EXPECT_EQ(offered_by_fish(folder, "tekio data info --text_c"), "--text_column_name");
  EXPECT_EQ(offered_by_fish(folder, "tekio adapt --learning-"), "--learning-rate");
  EXPECT_EQ(offered_by_fish(folder, "tekio adapt --dtype "), "auto bf16 f32");
  EXPECT_EQ(offered_by_fish(folder, "tekio adapt --eval-strategy "), "epoch no steps");
  EXPECT_EQ(offered_by_fish(folder, "tekio help data he"), "head");
  EXPECT_EQ(offered_by_fish(folder, "tekio train --learning"), "--learning_rate");
  EXPECT_EQ(offered_by_fish(folder, "tekio bench --ker"), "--kernel");
}

TEST(Completion, OtherShellsCanReadTheirs) {
  const ScratchFolder folder;
  bool any = false;
  for (const auto& [shell, script] :
       {std::pair{"zsh", cli::zsh_completion()}, std::pair{"fish", cli::fish_completion()}}) {
    if (std::system(fmt::format("command -v {} > /dev/null", shell).c_str()) != 0) continue;
    any = true;
    EXPECT_EQ(std::system(fmt::format("{} -n {}", shell, folder.write(shell, script)).c_str()), 0) << shell;
  }
  if (!any) GTEST_SKIP() << "neither zsh nor fish is installed";
}

TEST(ManPages, HaveEveryCommandAndOption) {
  const ScratchFolder folder;
  cli::write_man_pages(folder.path());
  const std::string whole = read_text(folder.path() / "tekio.1");
  for (const auto& command : cli::make_commands()) {
    const std::string name = command->text().name;
    std::string file = "tekio-" + name;
    std::ranges::replace(file, ' ', '-');
    EXPECT_THAT(whole, HasSubstr("\\fB" + name + "\\fR\n"));
    const std::string page = read_text(folder.path() / (file + ".1"));
    cli::OptionTable table(name);
    cli::fill_table(*command, table);
    for (const auto& [group, option] : table.listed())
      EXPECT_THAT(page, HasSubstr("\\fB\\-\\-" + option->name + "\\fR"));
    for (size_t at = 0; (at = page.find("\n.", at)) != std::string::npos; ++at) {
      const std::string request = page.substr(at + 1, page.find_first_of(" \n", at + 1) - at - 1);
      EXPECT_THAT(request, testing::AnyOf(".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi")) << file;
    }
  }
}

}  // namespace
}  // namespace tekio::test
