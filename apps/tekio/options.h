// A command's options as a table: name, where the value goes, range, help. Parsing, --help, --config, --dump-config,
// the nearest-name hint and docs/cli.md all follow from it. Defaults are whatever the bound variables hold when the
// table is made, so they are written once, where the library declares them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/option_range.h"

namespace tekio::cli {

/// A default-constructed Option is a bug; OptionTable makes them.
struct Option {
  enum class Kind { boolean, integer, number, text, list };

  std::string name;  ///< with underscores; `-` and `_` are the same on the command line and in config files
  Kind kind = Kind::text;
  std::string help;
  std::string group;  ///< heading in --help
  std::string value_name = "TEXT";
  /// Further names with the same meaning (run_mlm.py's, other tools'). One that several options have sets them all.
  std::vector<std::string> aliases;
  char letter = 0;    ///< "-n"
  OptionRange range;  ///< numbers only
  enum class Change { no, refused, taken };
  Change change = Change::no;  ///< whether a number may change over a run, FIRST:LAST; refused: elsewhere it may
  std::vector<std::string> choices;
  std::string numbered;  ///< a choice that may have a number behind it, "cuda:1"; empty: none
  std::vector<std::pair<std::string, std::string>> synonyms;  ///< another spelling, and the choice that it means
  std::vector<std::pair<std::string, std::string>> refusals;  ///< a value that users may expect, and why there is none
  std::optional<std::string> implied;                         ///< the value meant where the option stands without one
  bool transient = false;     ///< steers this call only: neither dumped nor taken from a config file
  bool hidden = false;        ///< understood, but neither listed nor dumped
  bool leads = false;         ///< stands at the head of --help, before the groups
  bool json_config = false;   ///< --config FILE.json means this: options stand in TOML, a model's sizes in JSON
  bool once = false;          ///< two different values are warned of: the last one counts, as of all options
  OrderedJson default_value;  ///< null: none

  std::function<void(const std::string&)> assign;  ///< takes a text that was checked against kind, range and choices
  std::function<OrderedJson()> value;              ///< as it stands now; null: not set
  std::function<void()> clear;                     ///< lists only

  // What parsing found.
  bool given = false;

  // Refinements, to be chained after OptionTable::add.
  Option& at_least(double low) {
    range.minimum = low;
    return *this;
  }
  Option& above(double low) {
    range.minimum = low, range.above_minimum = true;
    return *this;
  }
  Option& at_most(double high) {
    range.maximum = high;
    return *this;
  }
  Option& below(double high) {
    range.maximum = high, range.below_maximum = true;
    return *this;
  }
  Option& may_change(Change whether) {
    change = whether;
    return *this;
  }
  Option& one_of(std::vector<std::string> names);
  /// After one_of().
  Option& numbered_too(const std::string& choice);
  Option& spelled_also(std::string other, std::string choice) {
    synonyms.emplace_back(std::move(other), std::move(choice));
    return *this;
  }
  Option& refusing(std::string text, std::string reason) {
    refusals.emplace_back(std::move(text), std::move(reason));
    return *this;
  }
  Option& alias(std::string other) {
    aliases.push_back(std::move(other));
    return *this;
  }
  Option& short_name(char c) {
    letter = c;
    return *this;
  }
  Option& called(std::string shown) {
    value_name = std::move(shown);
    return *this;
  }
  Option& alone_means(std::string meant) {
    implied = std::move(meant);
    return *this;
  }
  Option& only_now() {
    transient = true;
    return *this;
  }
  Option& unlisted() {
    hidden = true;
    return *this;
  }
  Option& only_once() {
    once = true;
    return *this;
  }
  Option& first_in_help() {
    leads = true;
    return *this;
  }
  Option& takes_json_config() {
    json_config = true;
    return *this;
  }

  /// "a number > 0", "an integer from 1 to 99", "one of no, steps, epoch".
  std::string expected() const;
  /// What is wrong with `text`, `shown` (the option as it was written) in it; empty if it is of the right kind and in
  /// range.
  std::string problem(const std::string& text, const std::string& shown) const;
  bool is_choice(const std::string& text) const;
  bool is_in_range(const std::string& text) const;  ///< the same of a text that is a single value
  std::string near_choice(std::string text) const;
  /// The choice that `text` is another spelling of; else `text`.
  std::string meant(const std::string& text) const;
};

class OptionTable {
 public:
  /// `command` stands in messages and --help: "adapt", "data info".
  explicit OptionTable(std::string command) : command_(std::move(command)) {}
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  /// Options added from here on stand under this heading.
  void group(std::string heading) { group_ = std::move(heading); }

  Option& add(const char* name, bool* target, const char* help);
  Option& add(const char* name, int* target, const char* help);
  Option& add(const char* name, int64_t* target, const char* help);
  Option& add(const char* name, uint64_t* target, const char* help);
  Option& add(const char* name, double* target, const char* help);
  Option& add(const char* name, std::string* target, const char* help);
  Option& add(const char* name, std::vector<std::string>* target, const char* help);
  Option& add(const char* name, std::optional<uint64_t>* target, const char* help);
  Option& add(const char* name, std::optional<double>* target, const char* help);

  /// Whatever `assign` takes apart (it may refuse: usage) and `value` puts together again.
  Option& add(const char* name, Option::Kind kind, std::function<void(const std::string&)> assign,
              std::function<OrderedJson()> value, const char* help) {
    Option& option = add_option(name, kind, help);
    option.assign = std::move(assign);
    option.value = std::move(value);
    option.default_value = option.value();
    return option;
  }

  /// A number that may change over a run, "FIRST:LAST"; `first` is empty where it does not.
  Option& add(const char* name, std::optional<double>* first, double* last, const char* help);

  /// An enumeration by its names.
  template <typename Enum>
  Option& add(const char* name, Enum* target, std::vector<std::pair<std::string, Enum>> names, const char* help) {
    Option& option = add_option(name, Option::Kind::text, help);
    std::vector<std::string> choices;
    for (const auto& [text, value] : names) choices.push_back(text);
    option.one_of(choices);
    option.assign = [target, names](const std::string& text) {
      for (const auto& [known, value] : names)
        if (known == text) *target = value;
    };
    option.value = [target, names] {
      for (const auto& [known, value] : names)
        if (value == *target) return OrderedJson(known);
      return OrderedJson();
    };
    option.default_value = option.value();
    return option;
  }

  /// Where neither the command line nor --config's file gives `option`, the options of `file` hold before both.
  void set_defaults(std::string option, std::filesystem::path file) {
    defaults_ = {std::move(option), std::move(file)};
  }

  /// Reads a command line (without program and command names). Returns what is no option. `positionals`: whether the
  /// command takes any; where it takes none, a list option takes all values that follow it.
  /// Errors (usage, all of them in one sentence): unknown option (names the nearest), value missing, of the wrong kind
  /// or out of range, two names of one option with different values, two values of an option that is given once. Errors
  /// of --config's file: io (not there), usage (malformed, unknown key; with line).
  std::vector<std::string> parse(const std::vector<std::string>& arguments, bool positionals);

  /// The files that --config named, and set_defaults()'s where its options hold; after parse().
  const std::vector<std::filesystem::path>& config_files() const { return config_files_; }
  std::optional<std::filesystem::path> defaults_taken() const {
    return defaults_taken_ ? std::optional(defaults_->file) : std::nullopt;
  }

  const std::string& command() const { return command_; }
  const std::list<Option>& options() const { return options_; }
  /// Those that --help lists, with their headings: first the ones that lead.
  std::vector<std::pair<std::string, const Option*>> listed() const;
  bool given(std::string_view name) const;
  bool has(std::string_view name) const;
  /// The option of this name. A bug where there is none.
  Option& at(std::string_view name);
  /// Names and aliases of everything listed.
  std::vector<std::string> names() const;
  /// Names of other commands' options, each with a command that has it: allowed in a config file, so that commands can
  /// share one, and told of where one stands on this command's line.
  void set_foreign_names(std::map<std::string, std::string> names) { foreign_names_ = std::move(names); }

  /// "tekio COMMAND --option value …": what was given, by the command line or a config file, as a shell takes it. What
  /// steers one call only (--config, a token) is left out.
  std::string command_line() const;
  /// The options as a config file that gives the same options again.
  std::string to_toml() const;
  OrderedJson to_json() const;

 private:
  struct Given {
    Option* option;
    std::string text, spelled, name;  // name: which of the option's, with underscores
    OrderedJson value;                // what `text` came to
    bool shared = false;              // several options have this name
  };
  struct Named {
    std::vector<Option*> options;
    std::string name;
    bool negated = false;  // --no_flag
  };
  Option& add_option(const char* name, Option::Kind kind, const char* help);
  std::vector<Option*> find(std::string_view name);
  Named named(const std::string& spelled);
  std::string hint(const std::string& spelled) const;
  std::vector<Given> read_arguments(const std::vector<std::string>& arguments, bool positionals,
                                    std::vector<std::string>& rest);
  std::vector<std::string> read_values(const Option& option, const std::vector<std::string>& arguments, size_t& at,
                                       bool positionals) const;
  void read_files(const std::vector<Given>& found);
  void read_config(const std::filesystem::path& path);
  std::string contradiction(const Given& earlier, const Given& given) const;
  void take(std::vector<Given>& found);

  std::string command_, group_;
  std::list<Option> options_;  // a list: references given out stay good
  std::map<std::string, std::string> foreign_names_;
  struct Defaults {
    std::string option;
    std::filesystem::path file;
  };
  std::optional<Defaults> defaults_;
  bool defaults_taken_ = false;
  std::vector<std::filesystem::path> config_files_;
  std::vector<std::string> problems_;  // what parsing found wrong
  bool unknown_ = false;               // an unknown option among it
};

/// "--name".
std::string with_dashes(std::string_view name);
bool is_true_or_false(const std::string& text);
/// A text as one word of a shell's command line, quoted where need be.
std::string shell_word(std::string_view text);
/// A text as a TOML basic string, quotes included.
std::string toml_string(std::string_view text);

}  // namespace tekio::cli
