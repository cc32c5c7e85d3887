#include "binding.h"

namespace {

// Its classes are one interpreter's, and there once: another's would stand in the way of these.
void check_alone() {
  static bool is_there = false;
  if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0)
    throw nb::import_error("tekio cannot be imported in a subinterpreter: import it in the main one");
  if (is_there) throw nb::import_error("tekio cannot be imported anew in a process that has imported it");
  is_there = true;
}

}  // namespace

NB_MODULE(_tekio, m) {
  check_alone();
  m.doc() = "What the package tekio is built on; its own names are in the package.";
  m.attr("__version__") = TEKIO_VERSION;
  tekio::python::bind_errors(m);
  tekio::python::bind_interrupts(m);
  tekio::python::bind_options(m);
  tekio::python::bind_text(m);
  tekio::python::bind_data(m);
  tekio::python::bind_masking(m);
  tekio::python::bind_model(m);
  tekio::python::bind_train(m);
  tekio::python::bind_log(m);
  tekio::python::bind_ending(m);
}
