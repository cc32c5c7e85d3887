// Building tables and reading command lines. The rules are those of the reference stack's scripts: `--flag`,
// `--flag true|false`, `--no_flag`; `--name value` or `--name=value`; the last of several equal names wins.
#include "options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tekio::cli {
namespace {

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

bool is_true_or_false(const std::string& text) { return lower(text) == "true" || lower(text) == "false"; }

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

// A model's config.json, or a folder that holds one: no file of options.
bool is_json_config(const std::string& path) {
  std::error_code ignored;
  return path.ends_with(".json") || std::filesystem::is_directory(path, ignored);
}

// 3 as "3", 0.15 as "0.15", 2e-5 as "2e-05".
std::string number_text(double number) { return fmt::format("{}", number); }

}  // namespace

Option& Option::one_of(std::vector<std::string> names) {
  choices = std::move(names);
  value_name.clear();
  for (const std::string& choice : choices) value_name += (value_name.empty() ? "" : "|") + choice;
  return *this;
}

std::string Option::expected() const {
  switch (kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::list:
      return "a text";
    case Kind::text: {
      if (choices.empty()) return "a text";
      return fmt::format("one of {}", fmt::join(choices, ", "));
    }
    case Kind::integer:
    case Kind::number:
      break;
  }
  const std::string what = kind == Kind::integer ? "an integer" : "a number";
  const bool low = std::isfinite(minimum), high = std::isfinite(maximum);
  if (low && high && !above_minimum && !below_maximum)
    return fmt::format("{} from {} to {}", what, number_text(minimum), number_text(maximum));
  std::string text = what;
  if (low) text += fmt::format(" {} {}", above_minimum ? ">" : ">=", number_text(minimum));
  if (high) text += fmt::format("{} {} {}", low ? " and" : "", below_maximum ? "<" : "<=", number_text(maximum));
  if (also) text += fmt::format(", or {}", number_text(*also));
  return text;
}

std::string Option::meant(const std::string& text) const {
  for (const auto& [other, choice] : synonyms)
    if (other == text) return choice;
  return text;
}

std::string Option::problem(const std::string& text) const {
  for (const auto& [refused, reason] : refusals)
    if (refused == text) return fmt::format("--{} is '{}', which is not supported: {}", name, refused, reason);
  bool good = true;
  double number = 0;
  if (kind == Kind::integer) {
    const auto parsed = parse_number<int64_t>(text);
    good = parsed.has_value();
    number = static_cast<double>(parsed.value_or(0));
  } else if (kind == Kind::number) {
    const auto parsed = parse_number<double>(text);
    good = parsed.has_value() && std::isfinite(*parsed);
    number = parsed.value_or(0);
  } else if (kind == Kind::boolean) {
    good = is_true_or_false(text);
  } else if (!choices.empty()) {
    good = std::find(choices.begin(), choices.end(), text) != choices.end();
  }
  if (kind == Kind::integer || kind == Kind::number)
    good = good && (number == also || ((above_minimum ? number > minimum : number >= minimum) &&
                                       (below_maximum ? number < maximum : number <= maximum)));
  if (good) return {};
  const std::string near = choices.empty() ? "" : nearest(text, choices);
  return fmt::format("--{} is '{}', expected {}{}", name, printable(text), expected(),
                     near.empty() ? "" : ", did you mean " + near + "?");
}

Option& OptionTable::add_option(const char* name, Option::Kind kind, const char* help) {
  Option& option = options_.emplace_back();
  option.name = name;
  option.kind = kind;
  option.help = help;
  option.group = group_;
  if (kind == Option::Kind::integer) option.value_name = "N";
  if (kind == Option::Kind::number) option.value_name = "X";
  return option;
}

Option& OptionTable::add(const char* name, bool* target, const char* help) {
  Option& option = add_option(name, Option::Kind::boolean, help);
  option.assign = [target](const std::string& text) { *target = lower(text) == "true"; };
  option.value = [target] { return OrderedJson(*target); };
  option.default_value = option.value();
  return option;
}

Option& OptionTable::add(const char* name, int* target, const char* help) {
  Option& option = add_option(name, Option::Kind::integer, help);
  option.minimum = std::numeric_limits<int>::min(), option.maximum = std::numeric_limits<int>::max();
  option.assign = [target](const std::string& text) { *target = static_cast<int>(*parse_number<int64_t>(text)); };
  option.value = [target] { return OrderedJson(*target); };
  option.default_value = option.value();
  return option;
}

Option& OptionTable::add(const char* name, int64_t* target, const char* help) {
  Option& option = add_option(name, Option::Kind::integer, help);
  option.assign = [target](const std::string& text) { *target = *parse_number<int64_t>(text); };
  option.value = [target] { return OrderedJson(*target); };
  option.default_value = option.value();
  return option;
}

Option& OptionTable::add(const char* name, uint64_t* target, const char* help) {
  Option& option = add_option(name, Option::Kind::integer, help).at_least(0);
  option.assign = [target](const std::string& text) { *target = static_cast<uint64_t>(*parse_number<int64_t>(text)); };
  option.value = [target] { return OrderedJson(*target); };
  option.default_value = option.value();
  return option;
}

Option& OptionTable::add(const char* name, double* target, const char* help) {
  Option& option = add_option(name, Option::Kind::number, help);
  option.assign = [target](const std::string& text) { *target = *parse_number<double>(text); };
  option.value = [target] { return OrderedJson(*target); };
  option.default_value = option.value();
  return option;
}

Option& OptionTable::add(const char* name, std::string* target, const char* help) {
  Option& option = add_option(name, Option::Kind::text, help);
  option.assign = [target](const std::string& text) { *target = text; };
  option.value = [target] { return target->empty() ? OrderedJson() : OrderedJson(*target); };
  option.default_value = option.value();
  return option;
}

Option& OptionTable::add(const char* name, std::vector<std::string>* target, const char* help) {
  Option& option = add_option(name, Option::Kind::list, help);
  option.assign = [target](const std::string& text) { target->push_back(text); };
  option.clear = [target] { target->clear(); };
  option.value = [target] { return target->empty() ? OrderedJson() : OrderedJson(*target); };
  option.default_value = option.value();
  return option;
}

Option& OptionTable::add(const char* name, std::optional<uint64_t>* target, const char* help) {
  Option& option = add_option(name, Option::Kind::integer, help).at_least(0);
  option.assign = [target](const std::string& text) { *target = static_cast<uint64_t>(*parse_number<int64_t>(text)); };
  option.value = [target] { return target->has_value() ? OrderedJson(**target) : OrderedJson(); };
  return option;
}

Option& OptionTable::add(const char* name, std::optional<double>* target, const char* help) {
  Option& option = add_option(name, Option::Kind::number, help);
  option.assign = [target](const std::string& text) { *target = *parse_number<double>(text); };
  option.value = [target] { return target->has_value() ? OrderedJson(**target) : OrderedJson(); };
  return option;
}

Option* OptionTable::find(std::string_view name) {
  for (Option& option : options_)
    if (option.name == name || std::find(option.aliases.begin(), option.aliases.end(), name) != option.aliases.end())
      return &option;
  return nullptr;
}

bool OptionTable::has(std::string_view name) const {
  return std::any_of(options_.begin(), options_.end(), [&](const Option& option) { return option.name == name; });
}

bool OptionTable::given(std::string_view name) const {
  for (const Option& option : options_)
    if (option.name == name) return option.given;
  TEKIO_CHECK(false, "no option {}", name);
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> names;
  for (const Option& option : options_) {
    if (option.hidden) continue;
    names.push_back(option.name);
    names.insert(names.end(), option.aliases.begin(), option.aliases.end());
  }
  return names;
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
    const size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    const std::string spelled = argument.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = argument.substr(equals + 1);

    Option* option = nullptr;
    std::string name;
    if (spelled.starts_with("--")) {
      name = with_underscores(std::string_view(spelled).substr(2));
      option = find(name);
    } else {
      name = spelled.substr(1);
      for (Option& candidate : options_)
        if (name.size() == 1 && candidate.letter == name[0]) option = &candidate;
      if (option != nullptr) name = option->name;
    }
    if (option == nullptr && name.starts_with("no_")) {
      option = find(std::string_view(name).substr(3));
      if (option != nullptr && option->kind == Option::Kind::boolean) {
        if (value)
          problems_.push_back(fmt::format("{} takes no value, got '{}'", spelled, printable(*value)));
        else
          found.push_back({option, "false", spelled, name});
        continue;
      }
      option = nullptr;
    }
    if (option == nullptr) {
      const std::string near = nearest(name, names());
      problems_.push_back(
          fmt::format("unknown option {}{}", printable(spelled), near.empty() ? "" : ", did you mean --" + near + "?"));
      unknown_ = true;
      continue;
    }

    const bool next_is_value = i + 1 < arguments.size() && !looks_like_option(arguments[i + 1]);
    if (option->kind == Option::Kind::boolean) {
      if (!value) value = i + 1 < arguments.size() && is_true_or_false(arguments[i + 1]) ? arguments[++i] : "true";
      found.push_back({option, *value, spelled, name});
    } else if (value) {
      found.push_back({option, *value, spelled, name});
    } else if (next_is_value && !(option->implied && positionals)) {
      found.push_back({option, arguments[++i], spelled, name});
      while (option->kind == Option::Kind::list && !positionals && i + 1 < arguments.size() &&
             !looks_like_option(arguments[i + 1]))
        found.push_back({option, arguments[++i], spelled, name});
    } else if (option->implied) {
      found.push_back({option, *option->implied, spelled, name});
    } else {
      problems_.push_back(fmt::format("{} needs a value: {}", spelled, option->expected()));
    }
  }
  return found;
}

void OptionTable::read_files(const std::vector<Given>& found) {
  for (const Given& given : found)
    if (given.option->name == "config") read_config(given.text);
}

void OptionTable::take(std::vector<Given>& found) {
  std::vector<const Option*> cleared;
  for (size_t i = 0; i < found.size(); ++i) {
    Given& given = found[i];
    Option& option = *given.option;
    given.text = option.meant(given.text);
    if (std::string problem = option.problem(given.text); !problem.empty()) {
      problems_.push_back(std::move(problem));
      continue;
    }
    for (size_t k = 0; k < i; ++k)
      if (const Given& other = found[k]; other.option == &option && option.kind != Option::Kind::list &&
                                         option.kind != Option::Kind::boolean && other.text != given.text &&
                                         other.name != given.name)
        problems_.push_back(fmt::format("{} {} contradicts {} {}: they are two names of one option", other.spelled,
                                        printable(other.text), given.spelled, printable(given.text)));
    if (option.kind == Option::Kind::list && std::find(cleared.begin(), cleared.end(), &option) == cleared.end()) {
      option.clear();
      cleared.push_back(&option);
    }
    option.assign(given.text);
    option.given = true;
  }
}

std::vector<std::string> OptionTable::parse(const std::vector<std::string>& arguments, bool positionals) {
  problems_.clear();
  std::vector<std::string> rest;
  std::vector<Given> found = read_arguments(arguments, positionals, rest);
  for (Option& model : options_)
    for (Given& given : found)
      if (model.json_config && given.option->name == "config" && is_json_config(given.text)) given.option = &model;
  read_files(found);  // first: the command line wins
  const auto named = [&](std::string_view name) {
    return given(name) || std::ranges::any_of(found, [&](const Given& g) { return g.option->name == name; });
  };
  if (defaults_ && !named(defaults_->option)) {
    read_config(defaults_->file);
    for (Option& option : options_) option.given = false;
    if (problems_.empty()) read_files(found);
  }
  take(found);
  if (!problems_.empty())
    fail(ErrorKind::usage, "{}{}", fmt::join(problems_, "; "),
         unknown_ ? fmt::format(" ('tekio {} --help' lists all)", command_) : "");
  return rest;
}

}  // namespace tekio::cli
