#include "named_options.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace tekio::python {
namespace {

/// Options of the program that Python calls otherwise, as its calls are written.
constexpr std::pair<std::string_view, std::string_view> kNames[] = {
    {"dataset_config_name", "name"},      {"no_cache", "use_cache=False"}, {"no_header", "header=False"},
    {"offline", "local_files_only=True"}, {"prompt", "prompts"},           {"text_column_name", "text_column"}};

std::string name_in_python(std::string_view option) {
  for (const auto& [program, python] : kNames)
    if (program == option) return std::string(python);
  return std::string(option);
}

}  // namespace

std::string json_text(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

void NamedOptions::set(const std::string& name, const std::vector<Path>& texts) {
  for (cli::Option* const option : found(name)) {
    if (option->kind == cli::Option::Kind::list) option->clear();
    for (const Path& text : texts) {
      const std::string meant = option->meant(text.bytes);
      if (const std::string problem = option->problem(meant, name); !problem.empty())
        fail(ErrorKind::usage, "{}", problem);
      option->assign(meant);
    }
    option->given = true;
  }
}

nb::object NamedOptions::get(const std::string& name) {
  const OrderedJson value = found(name).front()->value();
  if (value.is_string()) return nb::cast(Path{value.get<std::string>()});
  if (!value.is_array()) return value_of(json_text(value));
  nb::list texts;
  for (const OrderedJson& text : value) texts.append(Path{text.get<std::string>()});
  return texts;
}

std::vector<std::string> NamedOptions::names() const {
  std::vector<std::string> names;
  for (const cli::Option& option : table_.options())
    if (!option.hidden) names.push_back(option.name);
  return names;
}

std::vector<std::vector<std::string>> NamedOptions::described() const {
  std::vector<std::vector<std::string>> all;
  for (const cli::Option& option : table_.options())
    if (!option.hidden)
      all.push_back({option.name, option.group, with_named_options(option.help), option.expected(),
                     json_text(option.default_value)});
  return all;
}

std::vector<cli::Option*> NamedOptions::found(const std::string& name) {
  std::vector<cli::Option*> options;
  for (const cli::Option& option : table_.options())
    if (option.name == name || std::ranges::find(option.aliases, name) != option.aliases.end())
      options.push_back(&table_.at(option.name));
  if (options.empty()) {
    const std::string near = nearest(name, table_.names());
    fail(ErrorKind::usage, "there is no argument {}{}", printable(name),
         near.empty() ? "" : "; did you mean " + near + "?");
  }
  return options;
}

void bind_options(nb::module_& m) {
  name_options_by(name_in_python);
  m.def(
      "option_names",
      [] {
        nb::dict names;
        for (const auto& [program, python] : kNames)
          names[nb::str(python.data(), python.size())] = nb::str(program.data(), program.size());
        return names;
      },
      "What Python calls otherwise than the program, and what the program calls it.");
  nb::class_<NamedOptions>(m, "NamedOptions")
      .def("set", &NamedOptions::set, nb::arg("name"), nb::arg("texts"))
      .def("get", &NamedOptions::get, nb::arg("name"))
      .def_prop_ro("names", &NamedOptions::names)
      .def_prop_ro("described", &NamedOptions::described);
}

}  // namespace tekio::python
