// tekio bench step: the trainer's update (forward, backward, AdamW with clipping) on random chunks, with the rate of
// one large product as its limit. The limit is measured between the steps, so that both see the same machine.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/file.h"
#include "base/log.h"
#include "base/random/counter.h"
#include "base/stopwatch.h"
#include "base/thread_pool.h"
#include "bench.h"
#include "bundled.h"
#include "compute/product_rate.h"
#include "compute/timing.h"
#include "inputs.h"
#include "model/arithmetic.h"
#include "model/family.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"
#include "train/optimizer.h"
#include "train/plan.h"

namespace tekio::cli {
namespace {

constexpr double kMaskedShare = 0.15;
constexpr int64_t kWarmUpSteps = 1;  // touches all memory and prepares every product

// Random ids in chunks of one length. Just so many of them are masked (each as likely as another), so that all steps
// are equal work: 8 of 10 become one and the same token, 1 of 10 another, 1 of 10 stays, as masking has it.
Batch random_batch(const ModelConfig& config, int64_t sequences, int64_t length, uint64_t seed, uint64_t number) {
  const auto v = static_cast<uint64_t>(config.vocabulary);
  const auto mask_id = static_cast<int32_t>(std::min<uint64_t>(103, v - 1));
  const int64_t n = sequences * length;
  int64_t wanted = std::max<int64_t>(1, static_cast<int64_t>(kMaskedShare * static_cast<double>(n) + 0.5));
  Batch batch;
  batch.padded_length = length;
  for (int64_t k = 0; k <= sequences; ++k) batch.offsets.push_back(static_cast<int32_t>(k * length));
  for (int64_t i = 0; i < n; ++i) {
    const RandomWords words = random_words(
        random_key(seed, number), {static_cast<uint32_t>(i), 0, 0, static_cast<uint32_t>(RandomUse::benchmark) << 24});
    const auto id = static_cast<int32_t>(words[0] * v >> 32);
    batch.input_ids.push_back(id);
    if ((static_cast<uint64_t>(words[1]) * static_cast<uint64_t>(n - i)) >> 32 >= static_cast<uint64_t>(wanted))
      continue;
    --wanted;
    batch.masked_rows.push_back(static_cast<int32_t>(i));
    batch.labels.push_back(id);
    const float kind = to_unit_float(words[2]);
    if (kind < 0.9f) batch.input_ids.back() = kind < 0.8f ? mask_id : static_cast<int32_t>(words[3] * v >> 32);
  }
  return batch;
}

// The memory's rate in GB/s: AdamW's pass, which reads four streams and writes three, over 256 MiB, more than any
// cache.
double measure_memory_rate(Backend& backend) {
  constexpr int64_t kNumbers = int64_t{16} << 20;
  Arena arena(4 * Arena::size_of_tensor(DType::f32, {kNumbers}), "the memory that is timed", backend.memory());
  std::array<Tensor, 4> streams;
  for (Tensor& stream : streams) {
    stream = arena.take(DType::f32, {kNumbers});
    backend.zero(stream);  // gives it pages of its own: unwritten memory is one page of zeros, again and again
  }
  const AdamWStep step{.learning_rate = 0,
                       .beta1 = 0.9,
                       .beta2 = 0.999,
                       .epsilon = 1,
                       .weight_decay = 0,
                       .step = 1,
                       .gradient_scale = 1};
  double best = 0;
  backend.wait();
  for (int i = 0; i < 5; ++i) {
    const Stopwatch watch;
    backend.adamw(streams[0], streams[1], streams[2], streams[3], step);
    backend.wait();
    const double took = watch.seconds();
    best = std::max(best, 7 * static_cast<double>(streams[0].bytes()) / took * 1e-9);
  }
  return best;
}

// What was measured.
struct Steps {
  ArithmeticChoice arithmetic;
  std::vector<double> seconds, product_rates;
  PhaseTimes phases;  // of clocked steps, which are the measured ones, but not on a device
  int64_t clocked = 0;
  double clocked_seconds = 0;
  int64_t masked = 0;
  double loss = 0;  // of the last step, a mean over masked tokens
};

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
            "--compare_reference runs the reference stack's step in alternation.",
        .examples = {"tekio bench step", "tekio bench step --model M --max_seq_length 256 --eval --json",
                     "tekio bench step --kernel all",
                     "tekio bench step --compare_reference venv/bin/python --reference_mode bf16"},
        .family_default = true};
  }

  void add_options(OptionTable& table) override {
    table.add("model", &model_, "the model: a folder, or the id of a model on the Hub")
        .called("M")
        .short_name('m')
        .alias("model_name_or_path")
        .only_once();
    table.add("per_device_train_batch_size", &batch_size_, "chunks in a batch, also of --eval")
        .at_least(1)
        .at_most(1 << 16)
        .alias("batch_size");
    table.add("chunk_size", &length_, "tokens in a chunk; no more than the model takes")
        .at_least(1)
        .at_most(1 << 20)
        .alias("max_seq_length")
        .alias("block_size");
    table.add("max_steps", &steps_, "steps that are measured, after one to warm up; the median counts")
        .at_least(1)
        .at_most(1000000);
    table.add("eval", &eval_, "measures evaluation instead: forward only, no dropout");
    table.add("trained", &trained_, "without --model: measures the bundled model's step as well");
    table
        .add("kernel", &kernel_,
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
    if (kernel_ == "all" && reference_.wanted())
      fail(ErrorKind::usage, "--compare_reference compares one kernel; name one instead of --kernel all");
  }

  int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) override {
    const fs::path folder = model_.empty() ? fs::path() : find_model(model_, hub::model_files).folder;
    const ModelConfig config = folder.empty() ? distilbert_base() : open_model_folder(folder).config;
    length_ = capped_chunk_size(length_, config.max_positions);
    if (batch_size_ * length_ > std::numeric_limits<int32_t>::max())
      fail(ErrorKind::usage, "--per_device_train_batch_size {} of {} tokens each: a batch has at most {} tokens",
           batch_size_, length_, std::numeric_limits<int32_t>::max());
    if (reference_.wanted()) {
      trained_ = false;
      reference_.compare(*this, table, positionals, reference_job(folder), out);
      return 0;
    }
    if (kernel_ == "all") {
      measure_kernels(table, positionals, out);
      return 0;
    }
    OrderedJson report = measure(config, folder);
    if (const std::string model = folder.empty() && trained_ ? trained_model() : ""; !model.empty())
      report["trained"] = measure_apart(table, positionals, {"model", "trained"}, {"--model=" + model});
    if (common.json)
      out.json(report);
    else
      print(report, out);
    return 0;
  }

 private:
  OrderedJson measure(const ModelConfig& config, const fs::path& folder) {
    ThreadPool pool(common.threads);
    std::unique_ptr<Backend> inner = make_backend(common.device, pool);
    Backend& plain = *inner;
    Steps steps;
    const std::unique_ptr<Backend> backend = make_timing_backend(std::move(inner), steps.phases);
    steps.arithmetic = choose(config, *backend, pool.threads());
    if (!steps.arithmetic.taken.kernel.empty()) backend->use_bf16_kernel(steps.arithmetic.taken.kernel);
    const DType type = steps.arithmetic.taken.type;
    MlmNetwork model(config, *backend);
    if (folder.empty())
      initialize_weights(config, model.weights(), common.seed);
    else
      load_weights(folder, config, model.weights(), common.seed);
    const BatchLimits limits = batch_limits(batch_size_, length_, {.mlm_probability = kMaskedShare});
    MemoryPlan memory = MlmNetwork::plan(config, *backend, limits, !eval_, /*explicit_dropout=*/false, type);
    model.prepare(limits, !eval_, type);
    std::optional<Optimizer> optimizer;
    if (!eval_) {
      optimizer.emplace(*backend, config, OptimizerOptions());
      memory.add("moments", 2 * ParameterSet::bytes(config));
    }
    run_steps(plain, model, optimizer ? &*optimizer : nullptr, steps);
    return report(config, folder, pool.threads(), plain, memory, model.weights().count(), steps);
  }

  ArithmeticChoice choose(const ModelConfig& config, const Backend& backend, int threads) const {
    if (kernel_.empty())
      return choose_arithmetic(common.dtype, backend, /*compared=*/false, [&] { return step_rates(config, threads); });
    if (kernel_ == "f32") return {{DType::f32}, "", {}};
    const std::vector<std::string> here = backend.bf16_kernels();
    if (std::ranges::find(here, kernel_) == here.end())
      fail(ErrorKind::device, "--kernel {}: {} has f32{}{} here", kernel_, backend.name(), here.empty() ? "" : ", ",
           fmt::join(here, ", "));
    return {{DType::bf16, kernel_}, "", {}};
  }

  // The bundled model's folder; empty where this installation has none.
  static std::string trained_model() {
    try {
      return bundled_model("--model");
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
    std::vector<std::string> kernels = make_backend(common.device, pool)->bf16_kernels();
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

  void run_steps(Backend& plain, MlmNetwork& model, Optimizer* optimizer, Steps& steps) const {
    const auto tokens = batch_size_ * length_;
    // Verbs on a device run beside each other's making, unless they are clocked: it is measured without, then clocked.
    const bool apart = !plain.memory().on_host();
    const int64_t measured = kWarmUpSteps + steps_, all = measured + (apart ? steps_ : 0);
    Progress progress(eval_ ? " evaluating" : " training", all, "tokens");
    for (int64_t step = 0; step < all; ++step) {
      if (step == kWarmUpSteps) {
        steps.phases.clear();
        steps.seconds.clear();
      }
      steps.phases.on = !apart || step >= measured;
      const Batch batch = random_batch(model.config(), batch_size_, length_, common.seed, static_cast<uint64_t>(step));
      steps.product_rates.push_back(product_rate(plain, steps));
      plain.wait();
      const Stopwatch watch;
      steps.loss = (eval_ ? model.evaluate(batch).loss : train(model, *optimizer, batch, step)) /
                   static_cast<double>(batch.masked_rows.size());
      plain.wait();
      const double took = watch.seconds();
      if (step < measured) steps.seconds.push_back(took);
      if (step >= kWarmUpSteps && steps.phases.on) {
        ++steps.clocked;
        steps.clocked_seconds += took;
      }
      steps.masked = static_cast<int64_t>(batch.masked_rows.size());
      progress.update(step + 1, (step + 1) * tokens);
    }
    steps.product_rates.push_back(product_rate(plain, steps));
  }

  static double product_rate(Backend& plain, const Steps& steps) {
    return measure_product_rate(plain, steps.arithmetic.taken.type, plain_product(plain), 0.1).best;
  }

  // The trainer's update of one batch. Returns the loss, summed over masked tokens.
  double train(MlmNetwork& model, Optimizer& optimizer, const Batch& batch, int64_t step) const {
    constexpr double kLearningRate = 2e-5;
    model.clear_gradients();
    model.forward(batch, {.seed = common.seed, .step = static_cast<uint64_t>(step)});
    const double loss = model.backward(batch, 1 / static_cast<float>(batch.masked_rows.size()));
    optimizer.update(model.weights(), model.gradients(), kLearningRate, step + 1);
    return loss;
  }

  OrderedJson report(const ModelConfig& config, const fs::path& folder, int threads, Backend& plain,
                     const MemoryPlan& memory, int64_t parameters, const Steps& steps) const {
    const int64_t peak = peak_memory_mib();  // before the memory's rate takes its own
    const auto tokens = static_cast<double>(batch_size_ * length_);
    const double masked_share = static_cast<double>(steps.masked) / tokens;
    const double flops =
        static_cast<double>(batch_size_) * flops_per_chunk(config, length_, masked_share) / (eval_ ? 3 : 1);
    const double seconds = median(steps.seconds);
    const double limit = *std::max_element(steps.product_rates.begin(), steps.product_rates.end());
    const auto count = static_cast<double>(steps.clocked);
    OrderedJson phases = OrderedJson::object();
    for (size_t i = 0; i < kPhases; ++i) {
      const PhaseTime& time = steps.phases[static_cast<Phase>(i)];
      if (time.calls == 0) continue;
      phases[name_of(static_cast<Phase>(i))] = {{"seconds", time.seconds / count},
                                                {"share", time.seconds / steps.clocked_seconds},
                                                {"gflop", time.flops / count * 1e-9},
                                                {"bytes", static_cast<int64_t>(time.bytes / count)}};
    }
    phases["other"] = {{"seconds", (steps.clocked_seconds - steps.phases.seconds()) / count},
                       {"share", 1 - steps.phases.seconds() / steps.clocked_seconds}};
    OrderedJson plan = OrderedJson::object();
    for (const MemoryPlan::Line& line : memory.lines) plan[json_key(line.purpose)] = line.bytes;
    plan["total"] = memory.total();
    return {{"what", eval_ ? "eval" : "step"},
            {"model", folder.empty() ? "DistilBERT-base's size, random weights" : folder.string()},
            {"family", table_of(config.family).shown},
            {"parameters", parameters},
            {"device", plain.name()},
            {"dtype", tekio::name_of(steps.arithmetic.taken.type)},
            {"kernel", steps.arithmetic.taken.kernel},
            {"arithmetic", steps.arithmetic.text()},
            {"threads", threads},
            {"batch", batch_size_},
            {"length", length_},
            {"masked_tokens", steps.masked},
            {"steps", steps.seconds.size()},
            {"tokens_per_second", tokens / seconds},
            {"best", tokens / *std::min_element(steps.seconds.begin(), steps.seconds.end())},
            {"worst", tokens / *std::max_element(steps.seconds.begin(), steps.seconds.end())},
            {"seconds", seconds},
            {"mflop_per_token", flops / tokens * 1e-6},
            {"gflops", flops / seconds * 1e-9},
            {"limit_gflops", limit},
            {"limit_gflops_median", median(steps.product_rates)},
            {"share_of_limit", flops / seconds * 1e-9 / limit},
            {"memory_gb_per_second", measure_memory_rate(plain)},
            {"loss", steps.loss},
            {"peak_mib", peak},
            {"memory_plan", plan},
            {"phases", phases}};
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
                     .arguments = {"--mode", mode_, "--batch", std::to_string(batch_size_), "--length",
                                   std::to_string(length_), "--steps", std::to_string(steps_)},
                     .figures = {{"tokens_per_second", "tokens/s", true}, {"peak_mib", "MiB at most", false}},
                     .equal = {}};
    if (common.threads > 0) job.arguments.insert(job.arguments.end(), {"--threads", std::to_string(common.threads)});
    if (!folder.empty()) job.arguments.insert(job.arguments.end(), {"--config", folder.string()});
    if (eval_) job.arguments.emplace_back("--eval");
    if (common.device == "cuda") job.arguments.insert(job.arguments.end(), {"--device", "cuda"});
    return job;
  }

  std::string model_, kernel_, mode_ = "fp32";
  int64_t batch_size_ = 64, length_ = 128, steps_ = 5;
  bool eval_ = false, trained_ = true;
  ReferenceOptions reference_;
};

}  // namespace

std::unique_ptr<Command> make_bench_step() { return std::make_unique<BenchStep>(); }

}  // namespace tekio::cli
