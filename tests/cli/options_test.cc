// The rules by which command lines and config files are read, on a small table.
#include "options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "command.h"
#include "program.h"

namespace tekio::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Color { red, green };

struct Values {
  bool flag = false, on = true;
  int64_t count = 3;
  uint64_t seed = 42;
  double rate = 0.5;
  std::string name, config;
  std::vector<std::string> data;
  std::optional<double> dropout;
  std::string resume;
  Color color = Color::red;
};

void fill(OptionTable& table, Values& v) {
  table.add("some_flag", &v.flag, "");
  table.add("on", &v.on, "");
  table.add("count", &v.count, "").at_least(1).at_most(9).short_name('n');
  table.add("seed", &v.seed, "").at_most(100);
  table.add("learning_rate", &v.rate, "").above(0).at_most(1);
  table.add("name", &v.name, "").alias("model_name");
  table.add("data", &v.data, "");
  table.add("dropout", &v.dropout, "");
  table.add("resume", &v.resume, "").alone_means("auto");
  table.add("color", &v.color, {{"red", Color::red}, {"green", Color::green}}, "");
  table.add("config", &v.config, "").only_now();
}

// Parses and returns what is no option.
std::vector<std::string> parse(Values& v, const std::vector<std::string>& arguments, bool positionals = false) {
  OptionTable table("test");
  fill(table, v);
  return table.parse(arguments, positionals);
}

// The usage error's message; empty if there was none.
std::string problem(const std::vector<std::string>& arguments) {
  Values v;
  try {
    parse(v, arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

TEST(Options, NamesWithHyphensAndUnderscoresAreTheSame) {
  for (const char* name : {"--learning_rate", "--learning-rate"}) {
    Values v;
    parse(v, {name, "0.25"});
    EXPECT_EQ(v.rate, 0.25);
  }
}

TEST(Options, ValuesStandBehindABlankOrAnEqualsSign) {
  Values v;
  parse(v, {"--count=7", "--name=a=b", "--learning_rate", "+1e-3", "--count", "5"});
  EXPECT_EQ(v.count, 5) << "the last one counts";
  EXPECT_EQ(v.name, "a=b");
  EXPECT_EQ(v.rate, 1e-3);
}

TEST(Options, FlagsHaveFourForms) {
  for (const auto& [arguments, expected] :
       std::vector<std::pair<std::vector<std::string>, bool>>{{{"--some_flag"}, true},
                                                              {{"--some-flag", "true"}, true},
                                                              {{"--some_flag", "False"}, false},
                                                              {{"--some_flag=true"}, true},
                                                              {{"--some_flag", "--no_some_flag"}, false},
                                                              {{"--no-some-flag"}, false}}) {
    Values v;
    parse(v, arguments);
    EXPECT_EQ(v.flag, expected) << arguments[0];
  }
  Values v;
  parse(v, {"--no_on"});
  EXPECT_FALSE(v.on);
  Values w;
  EXPECT_THAT(parse(w, {"--some_flag", "text"}, true), ElementsAre("text")) << "a flag takes no other value";
  EXPECT_TRUE(w.flag);
}

TEST(Options, ListsGrowAndTakeSeveralValuesWhereNothingElseCan) {
  Values v;
  parse(v, {"--data", "a", "b", "--count", "2", "--data", "c"});
  EXPECT_THAT(v.data, ElementsAre("a", "b", "c"));
  Values w;
  EXPECT_THAT(parse(w, {"--data", "a", "b"}, true), ElementsAre("b"));
}

TEST(Options, AnOptionalValueMayBeLeftOut) {
  Values v;
  parse(v, {"--resume", "--count", "2"});
  EXPECT_EQ(v.resume, "auto");
  parse(v, {"--resume", "dir"});
  EXPECT_EQ(v.resume, "dir");
}

TEST(Options, AfterTwoHyphensNothingIsAnOption) {
  Values v;
  EXPECT_THAT(parse(v, {"--count", "2", "-", "-5 degrees", "--", "--count", "-n"}, true),
              ElementsAre("-", "-5 degrees", "--count", "-n"));
}

TEST(Options, ALettersValueStandsByItself) {
  Values v;
  parse(v, {"-n=5"});
  EXPECT_EQ(v.count, 5);
  EXPECT_THAT(problem({"-n5"}), HasSubstr("unknown option -n5, did you mean -n 5?"));
  EXPECT_THAT(problem({"-name", "x"}), HasSubstr("unknown option -name, did you mean --name?"));
  EXPECT_THAT(problem({"-n", "3", "--count", "4"}), HasSubstr("-n 3 contradicts --count 4"));
  EXPECT_EQ(problem({"-n", "3", "--count", "+3"}), "") << "equal values, spelled differently";
}

TEST(Options, ProblemsNameTheOption) {
  EXPECT_THAT(problem({"--learning_rat", "1"}),
              HasSubstr("unknown option --learning_rat, did you mean --learning_rate?"));
  EXPECT_THAT(problem({"--zzzzzz"}), HasSubstr("unknown option --zzzzzz ("));
  EXPECT_THAT(problem({"-x"}), HasSubstr("unknown option -x"));
  EXPECT_THAT(problem({"--=3"}), HasSubstr("unknown option --"));
  EXPECT_THAT(problem({"--no_count"}), HasSubstr("unknown option --no_count"));
  EXPECT_THAT(problem({"--count"}), HasSubstr("--count needs a value: an integer from 1 to 9"));
  EXPECT_THAT(problem({"--count", "--name", "x"}), HasSubstr("--count needs a value"));
  EXPECT_THAT(problem({"--count", "2.5"}), HasSubstr("--count is '2.5', expected an integer"));
  EXPECT_THAT(problem({"--count", "0"}), HasSubstr("--count is '0', expected an integer from 1 to 9"));
  EXPECT_THAT(problem({"--count", "99999999999999999999"}), HasSubstr("expected an integer"));
  EXPECT_THAT(problem({"--count="}), HasSubstr("--count is ''"));
  EXPECT_THAT(problem({"--seed", "-1"}), HasSubstr("--seed is '-1'"));
  EXPECT_THAT(problem({"--seed", "101"}), HasSubstr("from 0 to 100"));
  EXPECT_THAT(problem({"--learning_rate", "0"}), HasSubstr("expected a number > 0 and <= 1"));
  EXPECT_THAT(problem({"--learning_rate", "nan"}), HasSubstr("--learning_rate is 'nan'"));
  EXPECT_THAT(problem({"--learning_rate", "fast"}), HasSubstr("--learning_rate is 'fast'"));
  EXPECT_THAT(problem({"--dropout", "inf"}), HasSubstr("--dropout is 'inf'"));
  EXPECT_THAT(problem({"--color", "gren"}), HasSubstr("expected one of red, green, did you mean green?"));
  EXPECT_THAT(problem({"--some_flag=maybe"}), HasSubstr("--some_flag is 'maybe', expected true or false"));
  EXPECT_THAT(problem({"--no_some_flag=true"}), HasSubstr("--no_some_flag takes no value"));
  EXPECT_THAT(problem({"--name", "a", "--model_name", "b"}), HasSubstr("two names of one option"));
  EXPECT_EQ(problem({"--name", "a", "--model_name", "a"}), "");
}

TEST(Options, ProblemsAreToldTogether) {
  EXPECT_EQ(problem({"--count", "0", "--nmae", "x", "--color", "gren", "--name", "a", "--model_name", "b", "--seed"}),
            "unknown option --nmae, did you mean --name?; --seed needs a value: an integer from 0 to 100; --count is "
            "'0', expected an integer from 1 to 9; --color is 'gren', expected one of red, green, did you mean green?; "
            "--name a contradicts --model_name b: they are two names of one option ('tekio test --help' lists all)");
}

class Config : public testing::Test {
 protected:
  std::string problem_of(const std::string& toml) { return problem({"--config", folder_.write("c.toml", toml)}); }
  test::ScratchFolder folder_;
};

TEST_F(Config, ValuesComeFromTheFileUnlessTheCommandLineHasThem) {
  const std::string file =
      folder_.write("c.toml",
                    "learning-rate = 0.25\ncount = 4\nsome_flag = true\non = false\ndata = ['x', 'y']\nname = 'n'\n"
                    "color = \"green\"\nresume = true\ndropout = 0\n");
  Values v;
  parse(v, {"--count", "6", "--config", file, "--data", "z"});
  EXPECT_EQ(v.rate, 0.25);
  EXPECT_EQ(v.count, 6);
  EXPECT_TRUE(v.flag);
  EXPECT_FALSE(v.on);
  EXPECT_EQ(v.name, "n");
  EXPECT_EQ(v.color, Color::green);
  EXPECT_EQ(v.resume, "auto");
  EXPECT_EQ(v.dropout, 0.0);
  EXPECT_THAT(v.data, ElementsAre("z")) << "a list is replaced, not joined";
}

TEST_F(Config, ProblemsNameFileLineAndOption) {
  EXPECT_THAT(problem_of("count = 4\ncont = 5\n"), HasSubstr("c.toml:2: unknown option 'cont', did you mean count?"));
  EXPECT_THAT(problem_of("count = 0\n"), HasSubstr("c.toml:1: count is '0', expected an integer from 1 to 9"));
  EXPECT_THAT(problem_of("count = '4'\n"), HasSubstr("c.toml:1: count is '4', expected an integer"));
  EXPECT_THAT(problem_of("count = [4]\n"), HasSubstr("count is not a single value"));
  EXPECT_THAT(problem_of("some_flag = 1\n"), HasSubstr("some_flag is '1', expected true or false"));
  EXPECT_THAT(problem_of("name = 5\n"), HasSubstr("name is '5', expected a text"));
  EXPECT_THAT(problem_of("data = ['a', 1]\n"), HasSubstr("data is '1', expected a text"));
  EXPECT_THAT(problem_of("config = 'x'\n"), HasSubstr("a file cannot hold the option 'config'"));
  const std::string both = problem_of("cont = 5\nname = 5\ncount = 0\n");
  for (const char* part : {"c.toml:1: unknown option 'cont'", "c.toml:2: name is '5'", "c.toml:3: count is '0'"})
    EXPECT_THAT(both, HasSubstr(part));
  EXPECT_THAT(problem_of("\ncount = = 3\n"), HasSubstr("c.toml:2: not TOML"));
  EXPECT_THAT(problem_of("count = 1\ncount = 2\n"), HasSubstr("c.toml:2: not TOML"));
  EXPECT_THAT(problem_of("name = '\xff'\n"), HasSubstr("not TOML"));
}

TEST_F(Config, AFileThatIsNotThereIsAnIoError) {
  Values v;
  try {
    parse(v, {"--config", folder_ / "none.toml"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), HasSubstr("none.toml"));
  }
}

TEST_F(Config, OtherCommandsOptionsMayStandInASharedFile) {
  Values v;
  OptionTable table("test");
  fill(table, v);
  table.set_foreign_names({{"top_k", "fill"}});
  table.parse({"--config", folder_.write("c.toml", "top_k = 3\ncount = 5\n")}, false);
  EXPECT_EQ(v.count, 5);
}

TEST_F(Config, TextsSurviveTheRoundTrip) {
  Values v;
  OptionTable table("test");
  fill(table, v);
  const std::string nasty = "a \"b\" \\ c\nd\te\x01\x7f é";
  table.parse({"--name", nasty, "--data", nasty, "--learning_rate", "0.1", "--no_on", "--resume", "--color", "green",
               "--dropout", "1"},
              false);
  Values w;
  OptionTable again("test");
  fill(again, w);
  again.parse({"--config", folder_.write("c.toml", table.to_toml())}, false);
  EXPECT_EQ(w.name, nasty);
  EXPECT_THAT(w.data, ElementsAre(nasty));
  EXPECT_EQ(again.to_toml(), table.to_toml());
  EXPECT_EQ(again.to_json(), table.to_json());
}

TEST_F(Config, NamesThatAreNoUnicodeAreLeftOut) {
  Values v;
  OptionTable table("test");
  fill(table, v);
  table.parse({"--name", "odd/\xff--seed", "--data", "good", "--data", "b\xc3", "--count", "6"}, false);
  EXPECT_THAT(table.to_toml(),
              AllOf(HasSubstr("# name is a name that is no Unicode"), HasSubstr("# data is a name that")));
  Values w;
  OptionTable again("test");
  fill(again, w);
  again.parse({"--config", folder_.write("c.toml", table.to_toml())}, false);
  EXPECT_EQ(w.name, Values().name);
  EXPECT_EQ(w.count, 6);
}

TEST_F(Config, ACommandLineHoldsWhatWasGiven) {
  Values v;
  OptionTable table("test");
  fill(table, v);
  const std::string file = folder_.write("c.toml", "count = 5\nseed = 42\n");  // the default's value is not given
  table.parse({"--no-on", "--data", "a b", "it's", "--some_flag", "--name", "x\ny\\", "--resume", "--color=green",
               "--config", file, "--learning_rate", "2e-5"},
              false);
  EXPECT_EQ(table.command_line(),
            "tekio test --some_flag --no_on --count 5 --learning_rate 2e-05 --name $'x\\x0ay\\\\' --data 'a b' --data "
            "'it'\\''s' --resume auto --color green");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a/b-c.d:e@f"), "a/b-c.d:e@f");
  EXPECT_EQ(shell_word("$(x)"), "'$(x)'");
}

TEST_F(Config, EveryCommandsDumpReadsBackAsItself) {
  for (const auto& command : make_commands()) {
    OptionTable table(command->text().name);
    fill_table(*command, table);
    const std::string dump = table.to_toml();
    table.parse({"--config", folder_.write("c.toml", dump)}, false);
    EXPECT_EQ(table.to_toml(), dump) << command->text().name;
    for (const Option& option : table.options())
      EXPECT_FALSE(option.given && option.name != "config") << option.name << " is at its default";
  }
}

TEST(Tables, NoNameStandsForTwoOptions) {
  for (const auto& command : make_commands()) {
    OptionTable table(command->text().name);
    fill_table(*command, table);
    std::vector<std::string> names;
    for (const Option& option : table.options()) {
      names.push_back(option.name);
      names.insert(names.end(), option.aliases.begin(), option.aliases.end());
      EXPECT_FALSE(option.help.empty() && !option.hidden) << option.name;
      EXPECT_EQ(option.name.find('-'), std::string::npos) << option.name;
    }
    std::erase(names, "batch_size");  // sets both batches, of training and of evaluation
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    EXPECT_EQ(twice, names.end()) << command->text().name << ": " << *twice;
  }
}

}  // namespace
}  // namespace tekio::cli
