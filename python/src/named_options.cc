#include "named_options.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "values.h"

namespace tekio::python {
namespace {

/// Options of the program that Python calls otherwise, as its calls are written.
constexpr std::pair<std::string_view, std::string_view> kNames[] = {
    {"dataset_config_name", "name"},      {"no_cache", "use_cache=False"}, {"no_header", "header=False"},
    {"offline", "local_files_only=True"}, {"prompt", "prompts"},           {"text_column_name", "text_column"}};

/// Options whose values name files, and may be whatever the system takes for that; all others are Unicode.
constexpr std::string_view kPaths[] = {"cache_dir",      "config",
                                       "data",           "dataset_name",
                                       "general_data",   "logging_dir",
                                       "model",          "model_name_or_path",
                                       "output_dir",     "resume_from_checkpoint",
                                       "tokenizer",      "tokenizer_name",
                                       "trace",          "train_file",
                                       "validation_file"};

nb::object named_object(const std::string& text, bool is_path) {
  if (is_path) return nb::cast(Path{text});
  return nb::cast(text);
}

std::string name_in_python(std::string_view option) {
  for (const auto& [program, python] : kNames)
    if (program == option) return std::string(python);
  return std::string(option);
}

}  // namespace

std::string json_text(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

void NamedOptions::set(const Path& given, const std::vector<Path>& texts) {
  const std::string& name = given.bytes;
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

nb::object NamedOptions::get(const Path& name) {
  const cli::Option& option = *found(name.bytes).front();
  const OrderedJson value = option.value();
  const bool is_path = std::ranges::find(kPaths, option.name) != std::end(kPaths);
  if (value.is_string()) return named_object(value.get_ref<const std::string&>(), is_path);
  if (!value.is_array()) return object_of(value);
  nb::list texts;
  for (const OrderedJson& text : value) texts.append(named_object(text.get_ref<const std::string&>(), is_path));
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
  m.def(
      "path_options", [] { return std::vector<std::string>(std::begin(kPaths), std::end(kPaths)); },
      "The program's options whose values name files.");
  nb::class_<NamedOptions>(m, "NamedOptions")
      .def("set", &NamedOptions::set, nb::arg("name"), nb::arg("texts"))
      .def("get", &NamedOptions::get, nb::arg("name"))
      .def_prop_ro("names", &NamedOptions::names)
      .def_prop_ro("described", &NamedOptions::described);
}

}  // namespace tekio::python
