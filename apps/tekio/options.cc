// Building tables, and what a value must be like. Command lines are read in command_line.cc, files in config_file.cc.
#include "options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

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

// FIRST and LAST of "FIRST:LAST".
std::optional<std::pair<std::string, std::string>> ends_of(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::pair(text.substr(0, colon), text.substr(colon + 1));
}

}  // namespace

std::string with_dashes(std::string_view name) { return fmt::format("--{}", name); }

bool is_true_or_false(const std::string& text) { return lower(text) == "true" || lower(text) == "false"; }

Option& Option::one_of(std::vector<std::string> names) {
  choices = std::move(names);
  value_name.clear();
  for (const std::string& choice : choices) value_name += (value_name.empty() ? "" : "|") + choice;
  return *this;
}

Option& Option::numbered_too(const std::string& choice) {
  numbered = choice;
  value_name += fmt::format("|{}:N", choice);
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
      return fmt::format("one of {}{}", fmt::join(choices, ", "), numbered.empty() ? "" : ", " + numbered + ":N");
    }
    case Kind::integer:
    case Kind::number:
      break;
  }
  return range.text(kind == Kind::integer ? "an integer" : "a number") +
         (change == Change::taken ? ", or two, FIRST:LAST" : "");
}

std::string Option::meant(const std::string& text) const {
  for (const auto& [other, choice] : synonyms)
    if (other == text) return choice;
  return text;
}

/// The choice that is likely meant, whatever the case of its letters; "": none.
std::string Option::near_choice(std::string text) const {
  std::vector<std::string> spellings = choices;
  for (const auto& [other, choice] : synonyms) spellings.push_back(other);
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return choices.empty() ? "" : meant(nearest(text, spellings));
}

std::string Option::problem(const std::string& text, const std::string& shown) const {
  for (const auto& [refused, reason] : refusals)
    if (refused == text)
      return fmt::format("{} is '{}', which is not supported: {}", shown, refused, with_named_options(reason));
  const auto ends = change == Change::no ? std::nullopt : ends_of(text);
  const bool changes = ends && is_in_range(ends->first) && is_in_range(ends->second);
  if (changes && change == Change::taken) return {};
  if (is_in_range(text)) return {};
  const std::string near = near_choice(text);
  return fmt::format("{} is '{}', expected {}{}{}", shown, printable(text), expected(),
                     near.empty() ? "" : ", did you mean " + near + "?",
                     changes ? " (it may change only where a model is trained, by tekio adapt or pretrain)" : "");
}

bool Option::is_choice(const std::string& text) const {
  if (std::ranges::find(choices, text) != choices.end()) return true;
  const std::string begin = numbered + ":";
  if (numbered.empty() || !text.starts_with(begin)) return false;
  const std::string number = text.substr(begin.size());
  return !number.empty() && number.size() <= 4 && number.find_first_not_of("0123456789") == std::string::npos;
}

bool Option::is_in_range(const std::string& text) const {
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
    good = is_choice(text);
  }
  if (kind == Kind::integer || kind == Kind::number) good = good && range.holds(number);
  return good;
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
  option.range = {.minimum = std::numeric_limits<int>::min(), .maximum = std::numeric_limits<int>::max()};
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

Option& OptionTable::add(const char* name, std::optional<double>* first, double* last, const char* help) {
  Option& option = add_option(name, Option::Kind::number, help).may_change(Option::Change::taken);
  option.value_name = "X|X:X";
  option.assign = [first, last](const std::string& text) {
    const auto ends = ends_of(text);
    *first = ends ? parse_number<double>(ends->first) : std::nullopt;
    *last = *parse_number<double>(ends ? ends->second : text);
  };
  option.value = [first, last] {
    return first->has_value() ? OrderedJson(fmt::format("{}:{}", **first, *last)) : OrderedJson(*last);
  };
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

std::vector<Option*> OptionTable::find(std::string_view name) {
  std::vector<Option*> found;
  for (Option& option : options_)
    if (option.name == name || std::find(option.aliases.begin(), option.aliases.end(), name) != option.aliases.end())
      found.push_back(&option);
  return found;
}

bool OptionTable::has(std::string_view name) const {
  return std::any_of(options_.begin(), options_.end(), [&](const Option& option) { return option.name == name; });
}

Option& OptionTable::at(std::string_view name) {
  for (Option& option : options_)
    if (option.name == name) return option;
  TEKIO_CHECK(false, "no option {}", name);
}

std::vector<std::pair<std::string, const Option*>> OptionTable::listed() const {
  std::vector<std::pair<std::string, const Option*>> listed;
  for (const bool leads : {true, false})
    for (const Option& option : options_)
      if (!option.hidden && option.leads == leads)
        listed.emplace_back(leads ? "The options that matter most" : option.group, &option);
  return listed;
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

std::string shell_word(std::string_view text) {
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-_./:=,@%+").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  const bool controls = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  std::string word = controls ? "$'" : "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (!controls)
      word += c == '\'' ? "'\\''" : std::string(1, c);
    else if (c == '\'' || c == '\\')
      word += std::string("\\") + c;
    else
      word += byte < 0x20 || byte == 0x7F ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return word + "'";
}

std::string OptionTable::command_line() const {
  std::string line = "tekio " + command_;
  const auto add = [&](const std::string& name, const OrderedJson& value) {
    line += fmt::format(" --{} {}", name, shell_word(value.is_string() ? value.get<std::string>() : value.dump()));
  };
  for (const Option& option : options_) {
    if (!option.given || option.transient) continue;
    const OrderedJson value = option.value();
    if (value.is_boolean())
      line += fmt::format(" --{}{}", value.get<bool>() ? "" : "no_", option.name);
    else if (value.is_array())
      for (const OrderedJson& one : value) add(option.name, one);
    else if (!value.is_null())
      add(option.name, value);
  }
  return line;
}

}  // namespace tekio::cli
