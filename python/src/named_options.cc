#include "named_options.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace tekio::python {

std::string json_text(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

void NamedOptions::set(const std::string& name, const std::vector<std::string>& texts) {
  for (cli::Option* const option : found(name)) {
    if (option->kind == cli::Option::Kind::list) option->clear();
    for (const std::string& text : texts) {
      const std::string meant = option->meant(text);
      if (const std::string problem = option->problem(meant, name); !problem.empty())
        fail(ErrorKind::usage, "{}", with_named_options(problem));
      option->assign(meant);
    }
    option->given = true;
  }
}

nb::object NamedOptions::get(const std::string& name) { return value_of(json_text(found(name).front()->value())); }

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
  nb::class_<NamedOptions>(m, "NamedOptions")
      .def("set", &NamedOptions::set, nb::arg("name"), nb::arg("texts"))
      .def("get", &NamedOptions::get, nb::arg("name"))
      .def_prop_ro("names", &NamedOptions::names)
      .def_prop_ro("described", &NamedOptions::described);
}

}  // namespace tekio::python
