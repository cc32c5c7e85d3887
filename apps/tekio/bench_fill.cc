// tekio bench fill: a mask filled by a program that has only just begun, as a shell would run it: from exec to its end;
// or by one whose model is open, as a server does it.
#include "base/log.h"
#include "bench.h"
#include "inputs.h"
#include "model/masked_lm.h"
#include "warm_fill.h"

namespace tekio::cli {
namespace {

class BenchFill final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "bench fill",
        .summary = "measures filling a mask, from a cold start or with the model open",
        .usage = "[--model M] [--warm [--chunk_size N]] [TEXT]",
        .description =
            "Runs 'tekio fill' on TEXT in a process of its own again and again, and shows the time from exec to its "
            "end and the most memory that it held. The first run, which brings the model's files into the page "
            "cache, does not count. --compare_reference runs Hugging Face transformers' fill-mask pipeline in "
            "alternation, "
            "measured in the same way. --warm opens the model once and shows how long texts of 10, 32 and 128 tokens "
            "with "
            "one mask take through it, and as what share of the memory's limit: the time in which the weights, which "
            "every text reads, can be read.",
        .examples = {"tekio bench fill --model distilbert-base-uncased",
                     "tekio bench fill --model M --json \"A [MASK] film.\"",
                     "tekio bench fill --model M --warm --dtype bf16 --threads 1"},
        .max_positionals = 1};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, true);
    table.add("warm", &warm_, "measures with the model open, not from the program's start");
    table.add("chunk_size", &length_, "with --warm: tokens of the text; 0: 10, 32 and 128")
        .at_least(0)
        .at_most(1 << 20)
        .alias("max_seq_length");
    add_repeats(table, &repeats_);
    reference_.add_to(table);
  }

  void check(const OptionTable& table, const std::vector<std::string>&) override {
    reference_.check(table);
    if (warm_ && reference_.wanted())
      fail(ErrorKind::usage, "--compare_reference starts both programs anew each time; leave out --warm");
    if (length_ > 0 && !warm_) fail(ErrorKind::usage, "--chunk_size needs --warm: from a cold start TEXT is filled");
  }

  int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) override {
    if (warm_) return run_warm(positionals, out);
    const ModelPlace place = model_.place(common.hub);
    std::string text = positionals.empty() ? "" : positionals[0];
    if (text.empty()) text = usual_text(model_.open_tokenizer(place, common.hub));
    if (reference_.wanted()) {
      reference_.compare(*this, table, {text}, reference_job(place, text), out);
      return 0;
    }
    const std::vector<std::string> arguments = {"fill",
                                                "--model=" + place.folder.string(),
                                                "--tokenizer=" + model_.tokenizer_folder(common.hub).string(),
                                                "--device=" + common.device,
                                                fmt::format("--dtype={}", tekio::name_of(common.dtype)),
                                                fmt::format("--threads={}", common.threads),
                                                "--json",
                                                "--quiet",
                                                "--",
                                                text};
    run_tekio(arguments);
    std::vector<double> seconds, peaks;
    OrderedJson answer;
    for (int64_t i = 0; i < repeats_; ++i) {
      const ProcessResult result = run_tekio(arguments);
      seconds.push_back(result.seconds);
      peaks.push_back(static_cast<double>(result.peak_mib));
      answer = parse_ordered_json(result.out, "tekio fill's answer");
    }
    while (answer.is_array() && !answer.empty()) answer = OrderedJson(answer[0]);  // of the first mask, the likeliest
    const OrderedJson report = {{"what", "fill"},
                                {"seconds", median(seconds)},
                                {"fastest", *std::min_element(seconds.begin(), seconds.end())},
                                {"slowest", *std::max_element(seconds.begin(), seconds.end())},
                                {"peak_mib", static_cast<int64_t>(median(peaks))},
                                {"repeats", repeats_},
                                {"text", text},
                                {"token", answer.value("token", -1)},
                                {"sequence", answer.value("sequence", "")}};
    if (common.json)
      out.json(report);
    else
      out.line(fmt::format("{:.4g} s, median of {} ({:.4g} to {:.4g}) · {} MiB at most · {}", median(seconds), repeats_,
                           report["fastest"].get<double>(), report["slowest"].get<double>(),
                           with_commas(report["peak_mib"].get<int64_t>()), report["sequence"].get<std::string>()));
    return 0;
  }

 private:
  static std::string usual_text(const Tokenizer& tokenizer) {
    return fmt::format("This is a great {}.", tokenizer.mask_token());
  }

  int run_warm(const std::vector<std::string>& positionals, Output& out) const {
    const OpenModel opened = model_.open(common);
    const std::vector<int64_t> lengths = length_ > 0 ? std::vector{length_} : std::vector<int64_t>{10, 32, 128};
    const OrderedJson report = measure_warm_fill(
        opened, common, positionals.empty() ? usual_text(opened.tokenizer) : positionals[0], lengths, repeats_);
    if (common.json) {
      out.json(report);
      return 0;
    }
    out.line(fmt::format("weights  {:.1f} MiB in {}, read at {:.1f} GB/s with {}", report["weight_mib"].get<double>(),
                         report["dtype"].get<std::string>(), report["read_gb_per_second"].get<double>(),
                         counted(report["threads"].get<int64_t>(), "thread")));
    for (const OrderedJson& row : report["lengths"])
      out.line(fmt::format("{:>4} tokens  {:8.2f} ms  {:5.1f} % of the memory's limit", row["tokens"].get<int64_t>(),
                           row["milliseconds"].get<double>(), 100 * row["share_of_memory_limit"].get<double>()));
    out.line(fmt::format("{:>4} tokens  {:8.2f} ms  from text to words: {}", report["text_tokens"].get<int64_t>(),
                         report["text_milliseconds"].get<double>(), report["sequence"].get<std::string>()));
    return 0;
  }

  ReferenceJob reference_job(const ModelPlace& place, const std::string& text) const {
    return {.script = "fill.py",
            .arguments = {place.folder.string(), text},
            .figures = {{"seconds", "s", false}, {"peak_mib", "MiB at most", false}},
            .equal = {"token"},
            .times_process = true};
  }

  ModelOptions model_;
  bool warm_ = false;
  int64_t length_ = 0;
  int64_t repeats_ = 5;
  ReferenceOptions reference_;
};

}  // namespace

std::unique_ptr<Command> make_bench_fill() { return std::make_unique<BenchFill>(); }

}  // namespace tekio::cli
