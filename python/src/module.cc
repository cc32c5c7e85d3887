#include "binding.h"

NB_MODULE(_tekio, m) {
  m.doc() = "What the package tekio is built on; its own names are in the package.";
  m.attr("__version__") = TEKIO_VERSION;
  tekio::python::bind_errors(m);
  tekio::python::bind_options(m);
  tekio::python::bind_text(m);
  tekio::python::bind_data(m);
  tekio::python::bind_masking(m);
  tekio::python::bind_model(m);
  tekio::python::bind_train(m);
  tekio::python::bind_log(m);
  tekio::python::bind_ending(m);
}
