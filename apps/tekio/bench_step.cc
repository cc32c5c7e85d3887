// tekio bench step: measured_step.h measures; here are the options, the comparisons (kernels, a trained model, the
// reference stack), each in a process of its own, and what is printed.
#include <algorithm>
#include <limits>

#include "base/file.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "bench.h"
#include "bundled.h"
#include "compute/cuda.h"
#include "dist/join.h"
#include "inputs.h"
#include "measured_step.h"
#include "model/model_folder.h"
#include "ranks.h"
#include "terminal_log.h"
#include "train/plan.h"

namespace tekio::cli {
namespace {

class BenchStep final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "bench step",
        .summary = "measures a training step, or evaluation, against the machine's limit",
        .usage =
            "[--model M] [--per_device_train_batch_size 64] [--max_seq_length 128] [--max_steps 5] [--eval] "
            "[--kernel all]",
        .description =
            "Runs the trainer's step on random chunks, 15 % of their tokens masked: forward, backward, AdamW with "
            "clipping, dropout as the model has it. Without --model: DistilBERT-base's size with random weights, and "
            "then "
            "the bundled model, which is trained: the gradients of random weights are of one size, a trained model's "
            "fade away, and where small numbers cost time only the second shows it. "
            "Tells tokens per second (the median step), its share of the limit (the arithmetic that such a step "
            "needs, against the best rate of matrix products between the steps), time by phase, and memory. "
            "--compare_reference runs the reference stack's step in alternation. Started by mpirun or srun: each "
            "process has a batch of its own, tokens per second are those of all, the other figures those of the first, "
            "which prints; and it tells how many bytes of gradients each sends and receives, how long the step waited "
            "for "
            "that, and how long it takes with nothing beside it.",
        .examples = {"tekio bench step", "tekio bench step --model M --max_seq_length 256 --eval --json",
                     "tekio bench step --kernel all",
                     "tekio bench step --compare_reference venv/bin/python --reference_mode bf16",
                     "mpirun -n 2 tekio bench step --threads 1"},
        .family_default = true,
        .on_ranks = OnRanks::together};
  }

  void add_options(OptionTable& table) override {
    table.add("model", &model_, "the model: a folder, or the id of a model on the Hub")
        .called("M")
        .short_name('m')
        .alias("model_name_or_path")
        .only_once();
    table.add("per_device_train_batch_size", &job_.batch_size, "chunks in a batch, also of --eval")
        .at_least(1)
        .at_most(1 << 16)
        .alias("batch_size");
    table.add("chunk_size", &job_.length, "tokens in a chunk; no more than the model takes")
        .at_least(1)
        .at_most(1 << 20)
        .alias("max_seq_length")
        .alias("block_size");
    table.add("max_steps", &job_.steps, "steps that are measured, after one to warm up; the median counts")
        .at_least(1)
        .at_most(1000000);
    table.add("eval", &job_.eval, "measures evaluation instead: forward only, no dropout");
    table.add("trained", &trained_, "without --model: measures the bundled model's step as well");
    table
        .add("kernel", &job_.kernel,
             "what multiplies: f32, or bf16 by fma, avx512 or amx; all: everything that the machine has, each in a "
             "process of its own. Else --dtype decides")
        .one_of({"", "f32", "fma", "avx512", "amx", "all"});
    reference_.add_to(table);
    table.add("reference_mode", &mode_, "how the reference stack computes")
        .one_of({"fp32", "bf16", "fp32-compile", "bf16-compile"});
  }

  void check(const OptionTable& table, const std::vector<std::string>&) override {
    reference_.check(table);
    if (table.given("reference_mode") && !reference_.wanted())
      fail(ErrorKind::usage, "--reference_mode needs --compare_reference: nothing of the reference stack runs without");
    if (table.given("kernel") && table.given("dtype"))
      fail(ErrorKind::usage, "--kernel and --dtype both say what multiplies; give one of them");
    if (job_.kernel == "all" && reference_.wanted())
      fail(ErrorKind::usage, "--compare_reference compares one kernel; name one instead of --kernel all");
  }

  int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) override {
    const fs::path folder = model_.empty() ? fs::path() : find_model(model_, hub::model_files, common.hub).folder;
    const ModelConfig config = folder.empty() ? distilbert_base() : open_model_folder(folder).config;
    job_.length = capped_chunk_size(job_.length, config.longest_input());
    if (job_.batch_size * job_.length > std::numeric_limits<int32_t>::max())
      fail(ErrorKind::usage, "--per_device_train_batch_size {} of {} tokens each: a batch has at most {} tokens",
           job_.batch_size, job_.length, std::numeric_limits<int32_t>::max());
    if ((reference_.wanted() || job_.kernel == "all") && find_launch())
      fail(ErrorKind::usage,
           "--compare_reference and --kernel all measure one process; start it without mpirun or srun");
    if (reference_.wanted()) {
      trained_ = false;
      reference_.compare(*this, table, positionals, reference_job(folder), out);
      return 0;
    }
    if (job_.kernel == "all") {
      measure_kernels(table, positionals, out);
      return 0;
    }
    OrderedJson report;
    int size = 1, rank = 0;
    run_on_ranks(table, common, [&](Communicator& ranks) {
      report = measure_step(job_, common, config, folder, ranks);
      size = ranks.size();
      rank = ranks.rank();
      return 0;
    });
    if (rank > 0) return 0;
    if (const std::string model = folder.empty() && trained_ && size == 1 ? trained_model() : ""; !model.empty())
      report["trained"] = measure_apart(table, positionals, {"model", "trained"}, {"--model=" + model});
    if (common.json)
      out.json(report);
    else
      print(report, out);
    return 0;
  }

 private:
  // The bundled model's folder; empty where this installation has none.
  static std::string trained_model() {
    try {
      return bundled_model("model");
    } catch (const Error&) {
      return "";
    }
  }

  // This call, with other options in the place of some, in a process of its own: memory at its largest is then its own.
  static OrderedJson measure_apart(const OptionTable& table, const std::vector<std::string>& positionals,
                                   const std::vector<std::string>& without, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = own_arguments(table, positionals, without);
    arguments.insert(arguments.begin() + 2, options.begin(), options.end());
    return parse_ordered_json(run_tekio(arguments).out, "tekio bench step");
  }

  void measure_kernels(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) const {
    ThreadPool pool(1);
    std::vector<std::string> kernels = make_backend(common.computes_on(), pool)->bf16_kernels();
    kernels.insert(kernels.begin(), "f32");
    OrderedJson reports = OrderedJson::array();
    if (!common.json)
      out.line(fmt::format("{:<22} {:>10} {:>15} {:>10} {:>10}", "arithmetic", "tokens/s", "share of limit", "GFLOP/s",
                           "MiB"));
    for (const std::string& kernel : kernels) {
      const OrderedJson& r = reports.emplace_back(
          measure_apart(table, positionals, {"kernel", "trained"}, {"--kernel=" + kernel, "--trained=false"}));
      if (!common.json)
        out.line(fmt::format("{:<22} {:>10} {:>13.1f} % {:>10.1f} {:>10}", r["arithmetic"].get<std::string>(),
                             with_commas(static_cast<int64_t>(r["tokens_per_second"].get<double>() + 0.5)),
                             100 * r["share_of_limit"].get<double>(), r["gflops"].get<double>(),
                             with_commas(r["peak_mib"].get<int64_t>())));
    }
    if (common.json) out.json({{"kernels", reports}});
  }

  static void print(const OrderedJson& r, Output& out) {
    const auto number = [&](const char* key) { return r.at(key).get<double>(); };
    const auto whole = [&](const char* key) { return with_commas(r.at(key).get<int64_t>()); };
    const auto rounded = [&](const char* key) { return with_commas(static_cast<int64_t>(number(key) + 0.5)); };
    out.line(fmt::format("{} · {} · {} parameters", r["model"].get<std::string>(), r["family"].get<std::string>(),
                         whole("parameters")));
    out.line(fmt::format("{} of {} × {} tokens, {} of them masked · {} · {} · {}",
                         r["what"] == "eval" ? "evaluation" : "training step", whole("batch"), whole("length"),
                         whole("masked_tokens"), r["device"].get<std::string>(), r["arithmetic"].get<std::string>(),
                         counted(r["threads"].get<int64_t>(), "thread")));
    out.line("");
    out.line(fmt::format("speed    {} tokens/s, median of {} ({} to {}) · {:.4g} s a step",
                         rounded("tokens_per_second"), whole("steps"), rounded("worst"), rounded("best"),
                         number("seconds")));
    out.line(fmt::format("limit    {:.1f} % · {:.1f} MFLOP a token, {:.1f} of {:.1f} GFLOP/s",
                         100 * number("share_of_limit"), number("mflop_per_token"), number("gflops"),
                         number("limit_gflops")));
    out.line(fmt::format("memory   {} MiB at most, {:.0f} MiB of them planned · {:.1f} GB/s", whole("peak_mib"),
                         r["memory_plan"]["total"].get<double>() / (1 << 20), number("memory_gb_per_second")));
    if (const auto exchange = r.find("exchange"); exchange != r.end())
      out.line(
          fmt::format("exchange {:.1f} MB of gradients a step, {:.1f} MB into and out of each of {} processes · {:.3g} "
                      "s alone, {:.3g} s "
                      "not hidden ({:.0f} % hidden)",
                      1e-6 * (*exchange)["bytes"].get<double>(), 1e-6 * (*exchange)["moved_bytes"].get<double>(),
                      whole("world_size"), (*exchange)["seconds_alone"].get<double>(),
                      (*exchange)["seconds_waited"].get<double>(), 100 * (*exchange)["hidden_share"].get<double>()));
    if (const auto trained = r.find("trained"); trained != r.end())
      out.line(fmt::format("trained  {} tokens/s, {:.1f} % of the limit: the same of {}, {} parameters",
                           with_commas(static_cast<int64_t>((*trained)["tokens_per_second"].get<double>() + 0.5)),
                           100 * (*trained)["share_of_limit"].get<double>(),
                           fs::path((*trained)["model"].get<std::string>()).filename().string(),
                           with_commas((*trained)["parameters"].get<int64_t>())));
    out.line("");
    out.line(fmt::format("{:<20} {:>9} {:>7} {:>10} {:>8}", "phase", "seconds", "share", "GFLOP/s", "GB/s"));
    for (const auto& [name, phase] : r["phases"].items()) {
      const double seconds = phase["seconds"].get<double>();
      std::string line = fmt::format("{:<20} {:>9.4f} {:>5.1f} %", name, seconds, 100 * phase["share"].get<double>());
      if (phase.contains("gflop"))
        line += fmt::format(" {:>10.1f} {:>8.1f}", phase["gflop"].get<double>() / seconds,
                            phase["bytes"].get<double>() / seconds * 1e-9);
      out.line(line);
    }
    out.line("");
    out.line(fmt::format("{:<20} {:>9}", "planned memory", "MiB"));
    for (const auto& [key, bytes] : r["memory_plan"].items()) {
      std::string purpose = key;
      std::replace(purpose.begin(), purpose.end(), '_', ' ');
      out.line(fmt::format("{:<20} {:>9.1f}", purpose, bytes.get<double>() / (1 << 20)));
    }
  }

  ReferenceJob reference_job(const fs::path& folder) const {
    ReferenceJob job{.script = "step.py",
                     .arguments = {"--mode", mode_, "--batch", std::to_string(job_.batch_size), "--length",
                                   std::to_string(job_.length), "--steps", std::to_string(job_.steps)},
                     .figures = {{"tokens_per_second", "tokens/s", true}, {"peak_mib", "MiB at most", false}},
                     .equal = {}};
    if (common.threads > 0) job.arguments.insert(job.arguments.end(), {"--threads", std::to_string(common.threads)});
    if (!folder.empty()) job.arguments.insert(job.arguments.end(), {"--config", folder.string()});
    if (job_.eval) job.arguments.emplace_back("--eval");
    if (gpu_number(common.device)) job.arguments.insert(job.arguments.end(), {"--device", "cuda"});
    return job;
  }

  std::string model_, mode_ = "fp32";
  StepJob job_;
  bool trained_ = true;
  ReferenceOptions reference_;
};

}  // namespace

std::unique_ptr<Command> make_bench_step() { return std::make_unique<BenchStep>(); }

}  // namespace tekio::cli
