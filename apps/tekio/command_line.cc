// Reading command lines. The rules are those of the reference stack's scripts: `--flag`, `--flag true|false`,
// `--no_flag`; `--name value` or `--name=value`; the last of several equal names wins, with a warning for options that
// are hardly given twice on purpose. A letter's value stands by itself (`-o run`, `-o=run`): `-output` would
// otherwise be taken for `-o utput`, in silence.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "hints.h"
#include "options.h"

namespace tekio::cli {
namespace {

// "-h", "--name": options. "-", "-5 degrees": values.
bool looks_like_option(std::string_view text) {
  if (text.starts_with("--")) return true;
  return text.size() >= 2 && text[0] == '-' &&
         ((text[1] >= 'a' && text[1] <= 'z') || (text[1] >= 'A' && text[1] <= 'Z'));
}

std::string with_underscores(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

// An option in a message, as it was written here.
std::string shown(const std::string& spelled) {
  return spelled.starts_with("--") ? named_option(std::string_view(spelled).substr(2)) : spelled;
}

// A model's config.json, or a folder that holds one: no file of options.
bool is_json_config(const std::string& path) {
  std::error_code ignored;
  return path.ends_with(".json") || std::filesystem::is_directory(path, ignored);
}

}  // namespace

OptionTable::Named OptionTable::named(const std::string& spelled) {
  Named named;
  if (!spelled.starts_with("--")) {
    named.name = spelled.substr(1);
    for (Option& option : options_)
      if (named.name.size() == 1 && option.letter == named.name[0]) named.options = {&option};
    return named;
  }
  named.name = with_underscores(std::string_view(spelled).substr(2));
  named.options = find(named.name);
  if (!named.options.empty() || !named.name.starts_with("no_")) return named;
  named.options = find(std::string_view(named.name).substr(3));
  named.negated = true;
  if (std::ranges::any_of(named.options, [](const Option* o) { return o->kind != Option::Kind::boolean; }))
    named.options.clear();
  return named;
}

std::string OptionTable::hint(const std::string& spelled) const {
  const auto has_letter = [&](char c) {
    return std::ranges::any_of(options_, [&](const Option& option) { return option.letter == c; });
  };
  const std::string name = with_underscores(spelled.substr(std::min(spelled.find_first_not_of('-'), spelled.size())));
  if (name.empty()) return "";
  if (spelled.starts_with("--") && name.size() == 1 && has_letter(name[0])) return "did you mean -" + name + "?";
  const std::string near = nearest_option(name, names());
  if (const auto other = foreign_names_.find(name);
      other != foreign_names_.end() && near.find(' ') == std::string::npos)
    return fmt::format("which is an option of tekio {}{}", other->second,
                       near.empty() ? "" : fmt::format(" (did you mean {}?)", named_option(near)));
  if (!near.empty()) return fmt::format("did you mean {}?", named_option(near));
  if (!spelled.starts_with("--") && name.size() > 1 && has_letter(name[0]))
    return fmt::format("did you mean -{} {}?", name[0], printable(spelled.substr(2)));
  return "";
}

std::vector<std::string> OptionTable::read_values(const Option& option, const std::vector<std::string>& arguments,
                                                  size_t& at, bool positionals) const {
  const auto next_is_value = [&] { return at + 1 < arguments.size() && !looks_like_option(arguments[at + 1]); };
  if (option.kind == Option::Kind::boolean)
    return {at + 1 < arguments.size() && is_true_or_false(arguments[at + 1]) ? arguments[++at] : "true"};
  if (!next_is_value() || (option.implied && positionals))
    return option.implied ? std::vector{*option.implied} : std::vector<std::string>{};
  std::vector<std::string> values = {arguments[++at]};
  while (option.kind == Option::Kind::list && !positionals && next_is_value()) values.push_back(arguments[++at]);
  return values;
}

std::vector<OptionTable::Given> OptionTable::read_arguments(const std::vector<std::string>& arguments, bool positionals,
                                                            std::vector<std::string>& rest) {
  std::vector<Given> found;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      rest.insert(rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    if (!looks_like_option(argument)) {
      rest.push_back(argument);
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string spelled = argument.substr(0, equals);
    const Named named = this->named(spelled);
    std::vector<std::string> values;
    if (named.options.empty()) {
      const std::string near = hint(spelled);
      problems_.push_back(
          fmt::format("unknown option {}{}", printable(shown(spelled)), near.empty() ? "" : ", " + near));
      unknown_ = true;
    } else if (named.negated && equals != std::string::npos) {
      problems_.push_back(
          fmt::format("{} takes no value, got '{}'", shown(spelled), printable(argument.substr(equals + 1))));
    } else if (named.negated) {
      values = {"false"};
    } else if (equals != std::string::npos) {
      values = {argument.substr(equals + 1)};
    } else {
      const Option& option = *named.options.front();
      values = read_values(option, arguments, i, positionals);
      if (values.empty()) problems_.push_back(fmt::format("{} needs a value: {}", shown(spelled), option.expected()));
    }
    for (Option* option : named.options)
      for (const std::string& value : values)
        found.push_back({option, value, spelled, named.name, nullptr, named.options.size() > 1});
  }
  return found;
}

void OptionTable::read_files(const std::vector<Given>& found) {
  for (const Given& given : found)
    if (given.option->name == "config") read_config(given.text);
}

// What an earlier name or value of the same option says against this one; empty if nothing.
std::string OptionTable::contradiction(const Given& earlier, const Given& given) const {
  const Option& option = *given.option;
  if (earlier.option != &option || option.kind == Option::Kind::list || option.kind == Option::Kind::boolean ||
      earlier.value == given.value)
    return "";
  if (earlier.name == given.name) return "";      // the last one counts
  if (earlier.shared != given.shared) return "";  // the option's own name counts, see parse()
  return fmt::format("{} {} contradicts {} {}: they are two names of one option", shown(earlier.spelled),
                     printable(earlier.text), shown(given.spelled), printable(given.text));
}

void OptionTable::take(std::vector<Given>& found) {
  std::vector<const Option*> cleared;
  for (size_t i = 0; i < found.size(); ++i) {
    Given& given = found[i];
    Option& option = *given.option;
    given.text = option.meant(given.text);
    if (std::string problem = option.problem(given.text, shown(given.spelled)); !problem.empty()) {
      if (std::ranges::find(problems_, problem) == problems_.end()) problems_.push_back(std::move(problem));
      continue;
    }
    if (option.kind == Option::Kind::list && std::find(cleared.begin(), cleared.end(), &option) == cleared.end()) {
      option.clear();
      cleared.push_back(&option);
    }
    option.assign(given.text);
    option.given = true;
    given.value = option.value();
    for (size_t k = 0; k < i; ++k) {
      const Given& earlier = found[k];
      if (std::string problem = contradiction(earlier, given); !problem.empty())
        problems_.push_back(std::move(problem));
      if (option.once && option.kind != Option::Kind::list && earlier.option == &option && earlier.name == given.name &&
          earlier.value != given.value)
        warn(fmt::format("{} is given twice, as {} and as {}: the last one counts", shown(given.spelled),
                         printable(earlier.text), printable(given.text)));
    }
  }
}

std::vector<std::string> OptionTable::parse(const std::vector<std::string>& arguments, bool positionals) {
  problems_.clear();
  std::vector<std::string> rest;
  std::vector<Given> found = read_arguments(arguments, positionals, rest);
  for (Option& model : options_)
    for (Given& given : found)
      if (model.json_config && given.option->name == "config" && is_json_config(given.text)) given.option = &model;
  for (const Given& given : found)
    if (given.option->name == "config") config_files_.emplace_back(given.text);
  read_files(found);  // first: the command line wins
  const auto is_named = [&](std::string_view name) {
    return given(name) || std::ranges::any_of(found, [&](const Given& g) { return g.option->name == name; });
  };
  if (defaults_ && !is_named(defaults_->option)) {
    defaults_taken_ = true;
    read_config(defaults_->file);
    for (Option& option : options_) option.given = false;
    if (problems_.empty()) read_files(found);
  }
  // A name that several options have sets them all, but gives way to an option's own.
  std::stable_partition(found.begin(), found.end(), [](const Given& given) { return given.shared; });
  take(found);
  if (!problems_.empty())
    fail(ErrorKind::usage, "{}{}", fmt::join(problems_, "; "),
         unknown_ ? fmt::format(" ('tekio {} --help' lists all)", command_) : "");
  return rest;
}

}  // namespace tekio::cli
