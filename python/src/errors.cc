// tekio::Error as the Python exception of its kind.
#include <tekio/error.h>

#include <cstring>
#include <exception>

#include "binding.h"

namespace tekio::python {
namespace {

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::input:
      return "input";
    case ErrorKind::io:
      return "io";
    case ErrorKind::device:
      return "device";
    case ErrorKind::comms:
      return "comms";
    case ErrorKind::bug:
      break;
  }
  return "bug";
}

void raise(const Error& error) {
  const char* const text = error.what();
  const nb::object message =
      nb::steal(PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace"));
  const nb::object type = nb::module_::import_("tekio.errors").attr("class_of")(name_of(error.kind()));
  PyErr_SetObject(type.ptr(), message.ptr());
}

}  // namespace

void bind_errors(nb::module_&) {
  nb::register_exception_translator(
      [](const std::exception_ptr& thrown, void*) {
        try {
          std::rethrow_exception(thrown);
        } catch (const Error& error) {
          raise(error);
        }
      },
      nullptr);
}

}  // namespace tekio::python
