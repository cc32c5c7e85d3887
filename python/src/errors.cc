// tekio::Error as the Python exception of its kind: tekio/errors.py.
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>

#include "base/system_error.h"
#include "binding.h"
#include "path.h"

namespace tekio::python {
namespace {

/// tekio.errors.error_of, held for good: when Python ends nothing can be imported any more.
PyObject* error_of = nullptr;

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

void raise(ErrorKind kind, const char* text, const SystemAnswer& answer = std::error_code()) {
  const nb::object message =
      nb::steal(PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace"));
  const nb::object path = answer.path.empty() ? nb::none() : nb::cast(Path{answer.path.string()});
  const nb::object error = nb::handle(error_of)(name_of(kind), message, answer.code.value(), path);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
}

}  // namespace

void bind_errors(nb::module_&) {
  error_of = nb::object(nb::module_::import_("tekio.errors").attr("error_of")).release().ptr();
  nb::register_exception_translator(
      [](const std::exception_ptr& thrown, void*) {
        try {
          std::rethrow_exception(thrown);
        } catch (const SystemError& error) {
          raise(error.kind(), error.what(), error.answer());
        } catch (const Error& error) {
          raise(error.kind(), error.what());
        } catch (const std::filesystem::filesystem_error& error) {
          const std::string text =
              fmt::format("cannot use {}: {}", printable(error.path1().string(), 300), error.code().message());
          raise(ErrorKind::io, text.c_str(), {error.code(), error.path1()});
        }
      },
      nullptr);
}

}  // namespace tekio::python
