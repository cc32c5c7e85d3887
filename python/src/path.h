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

/// From what os.fsencode() takes, to what os.fsdecode() gives.
template <>
struct type_caster<tekio::python::Path> {
  NB_TYPE_CASTER(tekio::python::Path, const_name("str | bytes"))

  bool from_python(handle source, uint8_t, cleanup_list*) noexcept {
    PyObject* bytes = nullptr;
    if (PyUnicode_FSConverter(source.ptr(), &bytes) == 0) {
      PyErr_Clear();
      return false;
    }
    const object owner = steal(bytes);
    value.bytes.assign(PyBytes_AsString(bytes), static_cast<size_t>(PyBytes_Size(bytes)));
    return true;
  }

  static handle from_cpp(const tekio::python::Path& path, rv_policy, cleanup_list*) noexcept {
    return PyUnicode_DecodeFSDefaultAndSize(path.bytes.data(), static_cast<Py_ssize_t>(path.bytes.size()));
  }
};

}  // namespace nanobind::detail
