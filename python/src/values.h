// JSON as the Python objects that it stands for.
#pragma once

#include <cmath>
#include <string>

#include "base/json.h"
#include "binding.h"

namespace tekio::python {

/// UTF-8, or a name of a file that is none, as os.fsdecode() has it.
inline nb::object text_object(const std::string& text) {
  const auto size = static_cast<Py_ssize_t>(text.size());
  nb::object object = nb::steal(PyUnicode_DecodeUTF8(text.data(), size, "surrogateescape"));
  if (!object.is_valid()) throw nb::python_error();
  return object;
}

/// With the GIL.
template <typename AnyJson>
nb::object object_of(const AnyJson& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return nb::bool_(json.template get<bool>());
    case Json::value_t::number_integer:
      return nb::int_(json.template get<int64_t>());
    case Json::value_t::number_unsigned:
      return nb::int_(json.template get<uint64_t>());
    case Json::value_t::number_float: {
      const auto number = json.template get<double>();
      if (!std::isfinite(number)) return nb::none();  // as where JSON is written
      return nb::float_(number);
    }
    case Json::value_t::string:
      return text_object(json.template get_ref<const std::string&>());
    case Json::value_t::array: {
      nb::list list;
      for (const AnyJson& each : json) list.append(object_of(each));
      return list;
    }
    case Json::value_t::object: {
      nb::dict dict;
      for (const auto& [key, each] : json.items()) dict[text_object(key)] = object_of(each);
      return dict;
    }
    default:
      return nb::none();
  }
}

/// The same of a text: a row's value, an entry of the log history.
inline nb::object value_of(const std::string& json) {
  if (json.size() >= 2 && json.front() == '"' && json.find('\\') == std::string::npos)
    return nb::str(json.data() + 1, json.size() - 2);
  return object_of(parse_json(json, "a row"));
}

}  // namespace tekio::python
