// What the library says, to Python: tekio/log.py.
#include <atomic>
#include <memory>

#include "interrupts.h"

namespace tekio::python {
namespace {

std::atomic<bool> bars{false};

/// May be called on any thread, with or without the GIL.
class PythonLog final : public LogSink {
 public:
  void line(LogLevel level, std::string_view text) override {
    tell("line", [&](const nb::object& line) { line(level == LogLevel::warning ? "warning" : "note", str(text)); });
  }

  bool wants_progress() const override { return bars; }

  void progress(const ProgressPoint& p) override {
    tell("progress", [&](const nb::object& progress) {
      progress(str(p.label), str(p.unit), str(p.detail), p.done, p.total, p.start, p.units, p.seconds,
               p.seconds_left ? nb::object(nb::float_(*p.seconds_left)) : nb::none(), p.ended);
    });
  }

 private:
  static nb::str str(std::string_view text) { return nb::str(text.data(), text.size()); }

  /// What a sink throws is lost. Ctrl-C must not be where it meets the log.
  template <typename Call>
  static void tell(const char* function, const Call& call) {
    const GilAcquired gil;
    try {
      within_python([&] { call(nb::module_::import_("tekio.log").attr(function)); });
    } catch (const nb::python_error& error) {
      if (!error.matches(PyExc_KeyboardInterrupt)) throw;
      Interrupts::put_off();
    }
  }
};

/// Whether somebody looks at standard error: a terminal, or a notebook.
bool is_looked_at() {
  const nb::module_ sys = nb::module_::import_("sys");
  if (nb::cast<nb::dict>(sys.attr("modules")).contains("ipykernel")) return true;
  const nb::object err = sys.attr("stderr");
  return !err.is_none() && nb::hasattr(err, "isatty") && nb::cast<bool>(err.attr("isatty")());
}

}  // namespace

void bind_log(nb::module_& m) {
  m.def(
      "show_progress", [](bool shown) { return bars.exchange(shown); }, nb::arg("shown"));
  bars = is_looked_at();
  set_log_sink(std::make_shared<PythonLog>());
}

}  // namespace tekio::python
