// The extension module `tekio._tekio`: the library's types as they are, for the package's Python files to dress in the
// names and shapes of the reference stack. Whatever computes or waits does it without Python's lock (GIL), and ends
// soon after Ctrl-C (interrupts.h) and before Python does (gil.h).
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <tekio/tekio.h>

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "dist/communicator.h"

namespace nb = nanobind;

namespace tekio::python {

void bind_errors(nb::module_& m);
void bind_interrupts(nb::module_& m);
void bind_ending(nb::module_& m);
void bind_log(nb::module_& m);
void bind_options(nb::module_& m);
void bind_text(nb::module_& m);
void bind_data(nb::module_& m);
void bind_masking(nb::module_& m);
void bind_model(nb::module_& m);
void bind_train(nb::module_& m);

/// Those that were started together, if a launcher started several. MPI begins once in a process.
Communicator& processes();

/// A NumPy array of this shape that takes over `numbers`: nothing is copied.
template <typename Number>
nb::object array_of(std::vector<Number>&& numbers, std::initializer_list<size_t> shape) {
  auto* const kept = new std::vector<Number>(std::move(numbers));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Number>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, Number>(kept->data(), shape, owner));
}

/// A list of Python integers.
template <typename Numbers>
nb::list list_of(const Numbers& numbers) {
  nb::list list = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(numbers.size())));
  if (!list.is_valid()) throw nb::python_error();
  Py_ssize_t at = 0;
  for (const auto number : numbers) PyList_SetItem(list.ptr(), at++, PyLong_FromLong(static_cast<long>(number)));
  return list;
}

/// A name and what stands there in a dict; of any type that nanobind casts where it is written.
struct DictEntry {
  template <typename Value>
  DictEntry(const char* key, const Value& given) : name(key), value(nb::cast(given)) {}

  const char* name;
  nb::object value;
};

inline nb::dict dict_of(std::initializer_list<DictEntry> entries) {
  nb::dict dict;
  for (const DictEntry& entry : entries) dict[entry.name] = entry.value;
  return dict;
}

}  // namespace tekio::python
