// Training: its options by name, runs with callbacks, evaluations; and whole commands of the program.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "bind_options.h"
#include "binding.h"
#include "bundled.h"
#include "command.h"
#include "dist/join.h"
#include "interrupts.h"
#include "named_options.h"
#include "path.h"
#include "push_at_end.h"
#include "train/on_ranks.h"
#include "train/run_folder.h"
#include "train/training_options.h"
#include "training_options.h"
#include "values.h"

namespace tekio::python {

Communicator& processes() {
  static const std::unique_ptr<Communicator> all = join();
  return *all;
}

namespace {

/// TrainingArguments as the command line knows them, but for what names data; all by name.
class Arguments : public NamedOptions {
 public:
  Arguments() : NamedOptions("TrainingArguments") {
    // What the reference's class has where its caller says nothing.
    TrainingOptions& t = values_.training;
    t.output_dir = "trainer_output";
    t.learning_rate = 5e-5;
    t.weight_decay = 0;
    t.per_device_train_batch_size = t.per_device_eval_batch_size = 8;
    t.logging_steps = 500;
    t.eval_strategy = Interval::no;
    t.save_strategy = Interval::steps;
    cli::BindOptions bind(table_);
    walk_run_folder_options(t, bind);
    table_.add("seed", &t.seed, "decides every random choice").at_most(4294967295.0);
    values_.add_training_to(table_);
  }

  /// Of all options together. Errors: usage (all problems in one sentence).
  TrainingOptions resolved() {
    const std::vector<std::string> problems = values_.resolve_training(table_);
    if (!problems.empty()) fail(ErrorKind::usage, "{}", fmt::join(problems, "; "));
    return values_.training;
  }

  const cli::TrainingArguments::Hub& hub() const { return values_.hub; }

 private:
  cli::TrainingArguments values_;
};

nb::tuple tuple_of(const RunControl& control) {
  return nb::make_tuple(control.log, control.evaluate, control.save, control.stop);
}

void take(RunControl& control, const nb::object& answer) {
  if (answer.is_none()) return;
  const auto wish = [&](size_t i) { return nb::cast<bool>(answer[i]); };
  control = {.log = wish(0), .evaluate = wish(1), .save = wish(2), .stop = wish(3)};
}

nb::dict update_dict(const UpdatePoint& p) {
  return dict_of({{"epoch", p.epoch},
                  {"step", p.step},
                  {"steps", p.steps},
                  {"loss", p.loss},
                  {"grad_norm", p.grad_norm},
                  {"learning_rate", p.learning_rate},
                  {"tokens", p.tokens},
                  {"seconds", p.seconds}});
}

const char* name_of(RunPhase phase) {
  switch (phase) {
    case RunPhase::starting:
      return "starting";
    case RunPhase::updating:
      return "updating";
    case RunPhase::evaluating:
      return "evaluating";
    case RunPhase::finishing:
      return "finishing";
  }
  return "";
}

/// Has `options` call the methods on_update, on_epoch_end, on_evaluation, on_log, on_save and on_phase of `flow`, each
/// with the GIL; it and `interrupts` must outlive them. A handle: options are copied and go where the GIL is not held.
void call_back(TrainingOptions& options, nb::handle flow, Interrupts& interrupts) {
  options.on_update = [flow, &interrupts](const UpdatePoint& point, RunControl& control) {
    interrupts.hear([&] { take(control, flow.attr("on_update")(update_dict(point), tuple_of(control))); });
  };
  options.on_epoch_end = [flow, &interrupts](const UpdatePoint&, RunControl& control) {
    interrupts.hear([&] { take(control, flow.attr("on_epoch_end")(tuple_of(control))); });
  };
  options.on_evaluation = [flow, &interrupts](const EvaluationPoint& point, RunControl& control) {
    interrupts.hear([&] { take(control, flow.attr("on_evaluation")(point.epoch, point.step, tuple_of(control))); });
  };
  options.on_log = [flow, &interrupts](const std::string& entry) {
    interrupts.hear([&] { flow.attr("on_log")(value_of(entry)); });
  };
  options.on_save = [flow, &interrupts](const std::string& folder, int64_t step) {
    interrupts.hear([&] { flow.attr("on_save")(Path{folder}, step); });
  };
  options.on_phase = [flow, &interrupts](RunPhase phase, int64_t step) {
    interrupts.hear([&] { flow.attr("on_phase")(name_of(phase), step); });
  };
}

nb::dict train(MaskedLM& model, const Tokenizer& tokenizer, const Chunks& train_chunks,
               const std::optional<Chunks>& eval_chunks, Arguments& arguments, const Path& resume,
               const Path& model_name, const nb::object& flow) {
  TrainingOptions options = arguments.resolved();
  if (!resume.bytes.empty()) options.resume_from_checkpoint = resume.bytes;
  options.description.version = TEKIO_VERSION;
  options.description.command = "tekio.Trainer";
  options.description.model = model_name.bytes;
  Interrupts interrupts;
  options.should_stop = [&] { return interrupts.number(); };
  call_back(options, flow, interrupts);
  AdaptReport report;
  {
    const GilReleased released;
    const Chunks::Split data{.train = train_chunks, .test = eval_chunks ? *eval_chunks : train_chunks.select({})};
    report = adapt(model, tokenizer, data, options, processes());
  }
  interrupts.rethrow();
  return dict_of({{"steps", report.steps}, {"train_loss", report.train_loss}, {"run_dir", Path{report.run_dir}}});
}

/// The checkpoint that train() goes on from with the same arguments, whole; none: it begins at the beginning.
std::optional<Path> checkpoint_to_resume(Arguments& arguments, const Path& resume) {
  TrainingOptions options = arguments.resolved();
  options.resume_from_checkpoint = resume.bytes;
  const ReleasedCall released;
  const auto found = RunFolder(options).checkpoint_to_resume();
  return found ? std::optional(Path{found->string()}) : std::nullopt;
}

nb::dict evaluate_chunks(const MaskedLM& model, const Tokenizer& tokenizer, const Chunks& chunks,
                         Arguments& arguments) {
  const TrainingOptions options = arguments.resolved();
  EvaluationOptions evaluation;
  static_cast<MaskOptions&>(evaluation) = options;
  evaluation.batch_size = options.per_device_eval_batch_size;
  Interrupts interrupts;
  evaluation.should_stop = [&] { return interrupts.number(); };
  EvaluationReport report;
  {
    const Released released(interrupts);
    report = evaluate(model, tokenizer, chunks, evaluation, nullptr, processes());
  }
  interrupts.rethrow();
  return dict_of({{"loss", report.loss},
                  {"reference_loss", report.reference_loss},
                  {"perplexity", report.perplexity},
                  {"accuracy", report.accuracy},
                  {"chunks", report.chunks},
                  {"masked_tokens", report.masked_tokens},
                  {"seconds", report.seconds}});
}

/// Where a run is pushed to, by the arguments' hub_model_id, hub_token and hub_private_repo.
class Push {
 public:
  Push(Arguments& arguments, const std::string& message)
      : at_end_(arguments.hub(), arguments.resolved().output_dir, {}, message) {}

  void prepare() { at_end_.prepare(); }
  /// {"repository", "url", "commit"}. Without the GIL.
  std::string push(const Path& run_dir) {
    at_end_.push(run_dir.bytes);
    if (at_end_.has_failed()) at_end_.fail();
    return json_text(at_end_.to_json());
  }

 private:
  cli::PushAtEnd at_end_;
};

/// A command of the program in this process; returns the document that it prints with --json. With `flow`, a run calls
/// back.
nb::object run_here(const std::vector<Path>& arguments, const nb::object& flow) {
  std::vector<std::string> words;
  for (const Path& argument : arguments) words.push_back(argument.bytes);
  Interrupts interrupts;
  std::string printed;
  OrderedJson document;
  {
    const Released released(interrupts);
    cli::Output out(printed, document);
    cli::run_command(words, out, [&](TrainingOptions& options) {
      const GilAcquired gil;
      options.should_stop = [&] { return interrupts.number(); };
      if (!flow.is_none()) call_back(options, flow, interrupts);
    });
  }
  interrupts.rethrow();
  nb::object report = object_of(document);
  if (document.is_object() && document.contains("run_dir"))
    report["run_dir"] = Path{document["run_dir"].get<std::string>()};
  return report;
}

}  // namespace

void bind_train(nb::module_& m) {
  nb::class_<Arguments, NamedOptions>(m, "Arguments").def(nb::init<>()).def("check", [](Arguments& arguments) {
    arguments.resolved();
  });
  m.def("train", &train, nb::arg("model"), nb::arg("tokenizer"), nb::arg("train_chunks"), nb::arg("eval_chunks").none(),
        nb::arg("arguments"), nb::arg("resume"), nb::arg("model_name"), nb::arg("flow"));
  m.def("checkpoint_to_resume", &checkpoint_to_resume, nb::arg("arguments"), nb::arg("resume"));
  m.def("evaluate", &evaluate_chunks, nb::arg("model"), nb::arg("tokenizer"), nb::arg("chunks"), nb::arg("arguments"));
  nb::class_<Push>(m, "Push")
      .def(nb::init<Arguments&, const std::string&>(), nb::arg("arguments"), nb::arg("message"), WithoutGil())
      .def("prepare", &Push::prepare, WithoutGil())
      .def("push", &Push::push, nb::arg("run_dir"), WithoutGil());
  m.def(
      "rank", [] { return processes().rank(); }, WithoutGil());
  m.def(
      "set_share_folder", [](const Path& folder) { cli::set_share_folder(folder.bytes); }, nb::arg("folder"));
  m.def("run_here", &run_here, nb::arg("arguments"), nb::arg("flow").none());
}

}  // namespace tekio::python
