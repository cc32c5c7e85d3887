// The library reports from the first perplexity on; the lines before that, and the result on standard output, are ours.
#include "training_command.h"

#include <csignal>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "base/system_error.h"
#include "data/layout.h"
#include "data/repository/hub_dataset.h"
#include "push_at_end.h"
#include "ranks.h"
#include "train/adapt_json.h"
#include "train/model_lease.h"
#include "train/on_ranks.h"
#include "train/plan.h"
#include "train/prompts.h"
#include "train/report.h"
#include "train/run_checkpoint.h"
#include "train/run_folder.h"
#include "train/schedule.h"
#include "watch.h"

namespace tekio::cli {
namespace fs = std::filesystem;
namespace {

constexpr size_t kShown = 4096;  // of a name: whole, as no path is longer

std::string default_folder(const std::string& model, const char* made, const std::string& data) {
  std::string name =
      fmt::format("{}-{}-{}", model.substr(model.rfind('/') + 1), made, data.substr(0, data.find_first_of(".:,")));
  for (char& c : name)
    if (c == '/' || c == ' ' || static_cast<unsigned char>(c) < 0x20) c = '-';
  return name;
}

// Its folder must be there, or be the run folder, which is made.
void check_trace(const TrainingOptions& t) {
  if (t.trace.empty()) return;
  std::error_code ignored;
  const fs::path folder = fs::absolute(t.trace, ignored).parent_path();
  if (!fs::is_directory(folder, ignored) &&
      folder.lexically_normal() != (fs::absolute(t.output_dir, ignored) / "").lexically_normal().parent_path())
    fail({std::errc::no_such_file_or_directory, folder}, "cannot write --trace {}: there is no folder {}",
         printable(t.trace, 300), printable(folder.string(), 300));
}

// A bundled corpus has prompts of its own.
std::vector<std::string> prompts_for(const std::vector<std::string>& data, const Tokenizer& tokenizer) {
  const auto corpus = data.size() == 1 ? named_corpus(data.front()) : std::nullopt;
  if (!corpus) return {};
  constexpr std::string_view kMask = "[MASK]";
  std::vector<std::string> prompts = corpus->prompts;
  for (std::string& prompt : prompts)
    if (const size_t at = prompt.find(kMask); at != std::string::npos)
      prompt.replace(at, kMask.size(), tokenizer.mask_token());
  return prompts;
}

MemoryPlan planned_memory(const OpenModel& opened, const RunData& data, const TrainingOptions& o, RankCount ranks) {
  const MlmNetwork& model = MaskedLMImpl::of(opened.model).model();
  const DType type = working_type(opened.model, o.masking_rng);
  return memory_plan(model.config(), model.backend(), o, data.split, type, ranks);
}

// " device   cpu · 2 threads · bf16 (AVX-512 BF16, 182 GFLOP/s; f32: 95) · 1.2 GB planned"
std::string device_line(const OpenModel& opened, const TrainingOptions& o, int64_t bytes, int ranks) {
  MaskedLMImpl& impl = MaskedLMImpl::of(opened.model);
  return fmt::format(" device   {}{} · {} · {} · {} planned", ranks > 1 ? fmt::format("{} ranks, each ", ranks) : "",
                     impl.model().backend().name(), counted(impl.pool().threads(), "thread"),
                     arithmetic_of(opened.model, o.masking_rng).text(), bytes_text(static_cast<uint64_t>(bytes)));
}

// " train    603 steps · 3 epochs · batch 16 · learning rate 0.0005, linear after 61 steps of warm-up"
std::string train_line(const TrainingOptions& o, const Schedule& schedule, int ranks) {
  const std::string epochs = epochs_text(schedule.epoch_after(schedule.updates()));
  return fmt::format(
      " train    {} · {} {} · batch {}{}{} · learning rate {}, {}{}", counted(schedule.updates(), "step"), epochs,
      epochs == "1" ? "epoch" : "epochs", o.per_device_train_batch_size,
      o.gradient_accumulation_steps > 1 ? fmt::format(" × {}", o.gradient_accumulation_steps) : "",
      ranks > 1 ? fmt::format(" × {} ranks", ranks) : "", o.learning_rate, name_of(o.lr_scheduler_type),
      schedule.warmup() > 0 ? fmt::format(" after {} of warm-up", counted(schedule.warmup(), "step")) : "");
}

// " masking  whole words, 20 % of them"; nothing where it is as it mostly is.
std::string masking_line(const TrainingOptions& o) {
  const std::string text = masking_text(o);
  return text == masking_text(TrainingOptions()) ? "" : " masking  " + text;
}

// What options have that were not given.
std::string defaults_line(const OptionTable& table) {
  std::string line = " defaults ";
  for (const auto& file : table.config_files()) line += fmt::format("{}, then ", printable(file.string(), 300));
  const auto suited = table.defaults_taken();
  return line + (suited ? fmt::format("the bundled model's ({})", printable(suited->string(), 300))
                        : fmt::format("Tekio's (tekio {} --help shows them)", table.command()));
}

// What is kept of where model and data come from.
RunDescription describe(const OptionTable& table, const ModelPlace& model, const std::vector<std::string>& specs,
                        const RunData& data) {
  RunDescription d;
  d.version = TEKIO_VERSION;
  d.command = table.command_line();
  d.model = model.name;
  if (model.from_hub) {
    d.model_repository = model.name;
    d.model_commit = model.folder.filename().string();
  }
  d.data = data.name;
  for (const std::string& spec : specs) {
    if (find_data_place(spec)) continue;
    if (const auto corpus = bundled_corpus(spec))
      d.data_attribution += (d.data_attribution.empty() ? "" : " ") + corpus->attribution;
    else if (const auto name = parse_hub_name(spec))
      d.data_repositories.push_back(name->repository.id);
  }
  d.text_column = data.text_column;
  d.rows = data.rows;
  d.tokens = data.tokens;
  d.skipped_rows = data.skipped_rows;
  d.duplicate_rows = data.duplicates.train;
  d.held_out_duplicates = data.duplicates.held_out;
  return d;
}

OrderedJson model_json(const OpenModel& opened) {
  return {{"name", opened.place.name}, {"family", opened.info.family}, {"parameters", opened.info.parameters}};
}

// The exit code.
int ended(const AdaptReport& report, Output& out) {
  if (report.stopped == SIGHUP) {
    try {
      out.flush();
    } catch (const Error&) {  // the terminal is gone, but the run is saved: that is what the exit code says
    }
  }
  return report.stopped != 0 ? 128 + report.stopped : 0;
}

// Refuses a folder before the long work, not after it. A plan is made all the same, and told what the run would meet.
void look_at_folder(const TrainingOptions& t, bool dry_run) {
  try {
    const RunFolder early_look(t);
  } catch (const Error& error) {
    if (!dry_run || error.kind() != ErrorKind::usage) throw;
    warn(error.what());
  }
}

}  // namespace

void TrainingCommand::add_options(OptionTable& table) {
  table.group("Model and data");
  add_model_options(table);
  arguments_.add_to(table);
  for (const char* name : {"data", "output_dir", "text_column_name", "chunk_size", "num_train_epochs",
                           "per_device_train_batch_size", "learning_rate", "prompt", "dry_run"})
    table.at(name).first_in_help();
}

void TrainingCommand::check(const OptionTable& table, const std::vector<std::string>&) {
  check_model_options(table);
  arguments_.resolve(table, common);
}

int TrainingCommand::run(const OptionTable& table, const std::vector<std::string>&, Output& out) {
  // Kept until all ranks have come to their end: one rank's signal ends the training of all, and another's own may come
  // when it only waits for rank 0 to save.
  std::optional<StopSignals> signals;
  return run_on_ranks(table, common, [&](Communicator& ranks) {
    const bool only_plans = arguments_.dry_run && ranks.rank() > 0;  // which rank 0 does
    return only_plans ? 0 : run_as_one_of(ranks, signals, table, out);
  });
}

int TrainingCommand::run_as_one_of(Communicator& ranks, std::optional<StopSignals>& signals, const OptionTable& table,
                                   Output& out) {
  TrainingArguments& a = arguments_;
  const bool leads = ranks.rank() == 0;
  const std::unique_ptr<Communicator> planner = alone();
  Communicator& readers = a.dry_run ? *planner : ranks;  // a plan is rank 0's alone
  const Origin origin = find();
  if (a.training_data().empty()) a.data = default_data();
  if (a.training.output_dir.empty())
    a.training.output_dir = default_folder(origin.place.name, made_, data_name(a.training_data()));
  if (leads) look_at_folder(a.training, a.dry_run);
  if (a.training.overwrite_output_dir && lies_in(origin.place.folder, a.training.output_dir))
    fail(ErrorKind::usage, "{} lies in --output_dir {}, which --overwrite_output_dir replaces; name another folder",
         printable(origin.option, 300), printable(a.training.output_dir, 300));
  if (leads) check_trace(a.training);
  std::optional<Watch> watch;
  if (a.watch && leads && !a.dry_run) watch.emplace(static_cast<int>(*a.watch));
  std::optional<PushAtEnd> hub;
  if (a.hub.push && leads) hub.emplace(a.hub, a.training.output_dir, common.hub);

  const Stopwatch opened_in;
  OpenModel opened = open(origin);
  const double opening = opened_in.seconds();
  if (a.training.prompts.empty() && !table.given("prompt"))
    a.training.prompts = prompts_for(a.training_data(), opened.tokenizer);
  check_prompts(opened.model, opened.tokenizer, a.training.prompts);  // here already: before the corpus is read
  // A plan is a result, a run's first lines are its log.
  const auto print = [&](const std::string& line) { a.dry_run && !common.json ? out.folded_line(line) : note(line); };
  print(fmt::format(" model    {} · {} · {} parameters", printable(opened.place.name, kShown), opened.info.family,
                    with_commas(opened.info.parameters)));

  a.chunks.chunk_size = capped_chunk_size(a.chunks.chunk_size, longest_input(opened.info, opened.tokenizer));
  a.chunks.use_cache = !common.no_cache;
  a.chunks.threads = common.threads;
  a.chunks.words = a.training.word_bounds();
  const RunData data = open_run_data(a, opened.tokenizer, common.hub, readers);
  warn_of_words_without_space(a.read, opened.tokenizer);
  if (leads) warn_of_long_words(a.training, data.split.train, opened.tokenizer);
  print(fmt::format(" data     {} · column {} · {} · {} of {}{} · {} to train on, {} to evaluate on",
                    printable(data.name, kShown), printable(data.text_column), counted(data.rows, "row"),
                    counted(data.all_chunks, a.chunks.line_by_line ? "training line" : "training chunk"),
                    a.chunks.line_by_line ? "up to " : "", a.chunks.chunk_size, with_commas(data.split.train.size()),
                    with_commas(data.split.test.size())));
  a.training.general = data.general;
  a.training.general_name = data.general_name;
  if (data.general)
    print(fmt::format(" general  {} · {} to evaluate on before and after", printable(data.general_name, kShown),
                      counted(data.general->size(), "chunk")));
  if (!table.given("gradient_accumulation_steps"))
    a.training.gradient_accumulation_steps =
        a.dry_run ? accumulation_to_resume(a.training, ranks.size()) : accumulation_to_resume(a.training, ranks);
  print(train_line(a.training, Schedule(a.training, data.split.train.size(), ranks.size()), ranks.size()));
  if (const std::string masking = masking_line(a.training); !masking.empty()) print(masking);
  print(defaults_line(table));
  if (hub) print(fmt::format(" hub      {}, to be pushed at the end", printable(hub->url(), 300)));
  if (a.dry_run)
    go_on_as_before(opened.model, a.training);
  else
    settle_arithmetic(opened.model, a.training, ranks);
  const MemoryPlan memory = planned_memory(opened, data, a.training, ranks.count());
  if (!a.dry_run) note(device_line(opened, a.training, memory.total(), ranks.size()));
  if (const std::string shortage =
          memory_shortage(memory, available_to(MaskedLMImpl::of(opened.model).model().backend()), ranks.count());
      !shortage.empty())
    warn(shortage);
  if (a.dry_run) return print_plan(opened, data, opening, ranks.count(), out);

  // What was found holds for whoever repeats this: the column, and what names on the Hub meant.
  if (data.text_columns == 1) a.read.text_column = data.text_column;
  (a.data.empty() ? a.train_file : a.data) = data.specs;
  if (!a.validation_file.empty()) a.validation_file = data.evaluation_specs;
  a.training.description = describe(table, opened.place, a.training_data(), data);
  a.training.description.options_toml = a.record(table, ranks.size());
  if (hub) hub->prepare();
  if (common.prepare_run)
    common.prepare_run(a.training);
  else
    signals.emplace(), StopSignals::stop(a.training);
  if (watch) {
    watch->start(opened, a.training);
    note(fmt::format(" watch    {}", watch->url()));
  }
  const AdaptReport report = adapt(opened.model, opened.tokenizer, data.split, a.training, ranks);
  watch.reset();
  if (!leads) return ended(report, out);
  if (hub && report.stopped == 0) hub->push(report.run_dir);  // what fails there is said last
  OrderedJson document = adapt_json(report, a.training);
  if (hub) document["hub"] = hub->to_json();
  if (common.json)
    out.json(document);
  else if (report.stopped == 0)
    out.line(printable(report.run_dir, kShown));
  if (hub && hub->has_failed()) {
    out.flush();  // the run has a result all the same
    hub->fail();
  }
  return ended(report, out);
}

int TrainingCommand::print_plan(const OpenModel& opened, const RunData& data, double opening, RankCount ranks,
                                Output& out) const {
  const TrainingOptions& t = arguments_.training;
  AdaptPlan planned = plan(opened.model, opened.tokenizer, data.split, t, ranks);
  if (planned.seconds) *planned.seconds += opening;
  const std::optional<int64_t> disk_free = free_bytes(t.output_dir);
  if (disk_free && *disk_free < planned.disk_bytes)
    warn(
        message("the run needs {} of disk, but {} are free at --output_dir {}: make room, name another folder, or "
                "keep fewer checkpoints (--save_total_limit, --save_strategy no)",
                bytes_text(static_cast<uint64_t>(planned.disk_bytes)), bytes_text(static_cast<uint64_t>(*disk_free)),
                printable(t.output_dir, 300)));
  if (common.json) {
    OrderedJson memory = OrderedJson::object();
    for (const auto& part : planned.memory) memory[json_key(part.purpose)] = part.bytes;
    out.json({{"dry_run", true},
              {"run_dir", t.output_dir},
              {"model", model_json(opened)},
              {"data", data.to_json()},
              {"masking", masking_json(t)},
              {"plan",
               {{"world_size", ranks.all},
                {"train_chunks", planned.train_chunks},
                {"eval_chunks", planned.eval_chunks},
                {"steps_per_epoch", planned.steps_per_epoch},
                {"steps", planned.steps},
                {"memory", memory},
                {"memory_bytes", planned.memory_bytes},
                {"disk_bytes", planned.disk_bytes},
                {"disk_free_bytes", disk_free ? OrderedJson(*disk_free) : OrderedJson()},
                {"seconds", planned.seconds ? OrderedJson(*planned.seconds) : OrderedJson()}}}});
    return 0;
  }
  out.folded_line(
      fmt::format(" steps    {} ({} an epoch)", with_commas(planned.steps), with_commas(planned.steps_per_epoch)));
  for (const auto& part : planned.memory)
    out.line(fmt::format(" memory   {:<14} {:>10}", part.purpose, bytes_text(static_cast<uint64_t>(part.bytes))));
  out.line(fmt::format(" memory   {:<14} {:>10}", "in all", bytes_text(static_cast<uint64_t>(planned.memory_bytes))));
  out.folded_line(
      fmt::format(" disk     {:<14} {:>10}{}", "at most", bytes_text(static_cast<uint64_t>(planned.disk_bytes)),
                  disk_free ? fmt::format(" of {} free", bytes_text(static_cast<uint64_t>(*disk_free))) : ""));
  if (planned.seconds)
    out.folded_line(fmt::format(" time     about {} with evaluations and files, by a few updates that were timed here",
                                *planned.seconds < 1 ? "a second" : clock_time(*planned.seconds)));
  else
    out.folded_line(" time     not known: there is no memory to time an update");
  out.folded_line(fmt::format(" output   {}", printable(t.output_dir, kShown)));
  return 0;
}

}  // namespace tekio::cli
