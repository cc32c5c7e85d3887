// Paths, and whatever else reaches the library as the system's bytes. Python's text has a byte that is no UTF-8 as half
// a pair of UTF-16 (surrogateescape), which nanobind's strings refuse.
#pragma once

#include <string>
#include <utility>

#include "binding.h"

namespace tekio::python {

struct Path {
  std::string bytes;
};

}  // namespace tekio::python

namespace nanobind::detail {

/// From bytes, or what os.fsencode() makes of text; to what os.fsdecode() gives. NUL passes: whoever opens such a path
/// says so, and what is no path may have it.
template <>
struct type_caster<tekio::python::Path> {
  NB_TYPE_CASTER(tekio::python::Path, const_name("str | bytes"))

  bool from_python(handle source, uint8_t, cleanup_list*) noexcept {
    const object bytes =
        PyUnicode_Check(source.ptr()) ? steal(PyUnicode_EncodeFSDefault(source.ptr())) : borrow(source);
    if (!bytes.is_valid() || !PyBytes_Check(bytes.ptr())) {
      PyErr_Clear();
      return false;
    }
    value.bytes.assign(PyBytes_AsString(bytes.ptr()), static_cast<size_t>(PyBytes_Size(bytes.ptr())));
    return true;
  }

  static handle from_cpp(const tekio::python::Path& path, rv_policy, cleanup_list*) noexcept {
    return PyUnicode_DecodeFSDefaultAndSize(path.bytes.data(), static_cast<Py_ssize_t>(path.bytes.size()));
  }
};

}  // namespace nanobind::detail
