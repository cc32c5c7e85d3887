// Options in TOML files: --config reads them, --dump-config writes them. Keys are option names; a value of the wrong
// kind, or a key that no command knows, is refused with its line, so that a misspelt option never passes silently.
#include <fmt/ranges.h>
#include <simdjson.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/file.h"
#include "hints.h"
#include "options.h"

namespace tekio::cli {
namespace {

// A value as it would stand on the command line; nothing if it is of a kind that no option takes.
std::optional<std::string> value_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  return std::nullopt;
}

bool kind_fits(const toml::node& node, const Option& option) {
  if (option.change != Option::Change::no && node.is_string()) return true;  // "FIRST:LAST"
  switch (option.kind) {
    case Option::Kind::boolean:
      return node.is_boolean();
    case Option::Kind::integer:
      return node.is_integer();
    case Option::Kind::number:
      return node.is_number();
    case Option::Kind::text:
    case Option::Kind::list:
      return node.is_string();
  }
  return false;
}

// Gives `option` what stands in a file under `key`; returns what is wrong with it.
std::vector<std::string> take_node(Option& option, const std::string& key, const toml::node& node) {
  std::vector<std::string> problems;
  const toml::array* array = node.as_array();
  std::vector<const toml::node*> values{&node};
  if (array != nullptr && option.kind == Option::Kind::list) {
    values.clear();
    for (const toml::node& element : *array) values.push_back(&element);
  }
  if (option.kind == Option::Kind::list) option.clear();
  for (const toml::node* value : values) {
    std::optional<std::string> text = value_text(*value);
    const bool alone = option.implied && value->is_boolean();  // resume_from_checkpoint = true
    if (!text || !(alone || kind_fits(*value, option))) {
      problems.push_back(fmt::format("{} is {}, expected {}", key,
                                     text ? "'" + printable(*text) + "'" : std::string("not a single value"),
                                     option.expected()));
      continue;
    }
    if (alone) {
      if (*text == "false") continue;
      text = option.implied;
    }
    text = option.meant(*text);
    if (std::string problem = option.problem(*text, key); !problem.empty())
      problems.push_back(std::move(problem));
    else
      option.assign(*text);
  }
  option.given = option.value() != option.default_value;  // a dumped default contradicts nothing
  return problems;
}

// In the file's order, so that problems are told in it.
std::vector<std::pair<std::string, const toml::node*>> entries_of(const toml::table& document) {
  std::vector<std::pair<std::string, const toml::node*>> entries;
  for (const auto& [key, node] : document) entries.emplace_back(std::string(key.str()), &node);
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.second->source().begin.line < b.second->source().begin.line; });
  return entries;
}

}  // namespace

void OptionTable::read_config(const std::filesystem::path& path) {
  const std::string where = printable(path.string(), 300);
  toml::table document;
  try {
    document = toml::parse(read_text(path, size_t{1} << 20), path.string());
  } catch (const toml::parse_error& error) {
    problems_.push_back(
        message("--config {}:{}: not TOML: {}", where, error.source().begin.line, printable(error.description(), 200)));
    return;
  }
  std::map<const Option*, std::pair<std::string, OrderedJson>> seen;  // the key that an option had, and its value
  for (const auto& [key, node] : entries_of(document)) {
    const auto add_problem = [&, line = node->source().begin.line](const std::string& problem) {
      problems_.push_back(message("--config {}:{}: {}", where, line, problem));
    };
    std::string name = key;
    std::replace(name.begin(), name.end(), '-', '_');
    const std::vector<Option*> options = find(name);
    if (options.empty()) {
      if (foreign_names_.contains(name)) continue;
      const std::string near = nearest_option(name, names());
      add_problem(fmt::format("unknown option '{}'{}", printable(key),
                              near.empty() ? "" : ", did you mean " + near.substr(0, near.find(' ')) + "?"));
    }
    for (Option* option : options) {
      if (option->transient) {
        add_problem(fmt::format("a file cannot hold the option '{}'", printable(key)));
        continue;
      }
      try {
        for (const std::string& problem : take_node(*option, printable(key), *node)) add_problem(problem);
      } catch (const Error& refusal) {
        if (refusal.kind() != ErrorKind::usage) throw;
        add_problem(refusal.what());
      }
      const auto [before, first] = seen.try_emplace(option, key, option->value());
      if (!first && before->second.second != option->value())
        add_problem(fmt::format("{} contradicts {}: they are two names of one option", printable(key),
                                printable(before->second.first)));
    }
  }
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

namespace {

/// Names of files may be no UTF-8, which TOML holds alone.
bool is_unicode(const OrderedJson& value) {
  if (value.is_array()) return std::ranges::all_of(value, is_unicode);
  if (!value.is_string()) return true;
  const auto& text = value.get_ref<const std::string&>();
  return simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace

std::string OptionTable::to_toml() const {
  std::string out = fmt::format("# tekio {}: its options, as --config reads them\n", command_);
  std::string heading;
  for (const Option& option : options_) {
    if (option.transient || option.hidden) continue;
    if (option.group != heading) out += fmt::format("\n# {}\n", heading = option.group);
    const OrderedJson value = option.value();
    if (value.is_null()) {
      out += fmt::format("# {} is not set\n", option.name);
    } else if (!is_unicode(value)) {
      out += fmt::format("# {} is a name that is no Unicode, which cannot stand here\n", option.name);
    } else if (value.is_array()) {
      std::vector<std::string> texts;
      for (const auto& text : value) texts.push_back(toml_string(text.get<std::string>()));
      out += fmt::format("{} = [{}]\n", option.name, fmt::join(texts, ", "));
    } else if (value.is_string()) {
      out += fmt::format("{} = {}\n", option.name, toml_string(value.get<std::string>()));
    } else if (value.is_number_float()) {
      const double number = value.get<double>();
      out += number == std::floor(number) && std::abs(number) < 1e15 ? fmt::format("{} = {:.1f}\n", option.name, number)
                                                                     : fmt::format("{} = {}\n", option.name, number);
    } else {
      out += fmt::format("{} = {}\n", option.name, value.dump());
    }
  }
  return out;
}

OrderedJson OptionTable::to_json() const {
  OrderedJson out = OrderedJson::object();
  for (const Option& option : options_)
    if (!option.transient && !option.hidden) out[option.name] = option.value();
  return out;
}

}  // namespace tekio::cli
