// tekio bench fill: a mask filled by a program that has only just begun, as a shell would run it: from exec to its end.
#include "base/log.h"
#include "bench.h"
#include "inputs.h"
#include "model/masked_lm.h"

namespace tekio::cli {
namespace {

class BenchFill final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "bench fill",
        .summary = "measures filling a mask from a cold start",
        .usage = "[--model M] [TEXT]",
        .description =
            "Runs 'tekio fill' on TEXT in a process of its own again and again, and shows the time from exec to its "
            "end and the most memory that it held. The first run, which brings the model's files into the page "
            "cache, does not count. --compare_reference runs Hugging Face transformers' fill-mask pipeline in "
            "alternation, "
            "measured in the same way.",
        .examples = {"tekio bench fill --model distilbert-base-uncased",
                     "tekio bench fill --model M --json \"A [MASK] film.\""},
        .max_positionals = 1};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, true);
    add_repeats(table, &repeats_);
    reference_.add_to(table);
  }

  void check(const OptionTable& table, const std::vector<std::string>&) override { reference_.check(table); }

  int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) override {
    const ModelPlace place = model_.place();
    std::string text = positionals.empty() ? "" : positionals[0];
    if (text.empty()) text = fmt::format("This is a great {}.", model_.open_tokenizer(place).mask_token());
    if (reference_.wanted()) {
      reference_.compare(*this, table, {text}, reference_job(place, text), out);
      return 0;
    }
    const std::vector<std::string> arguments = {"fill",
                                                "--model=" + place.folder.string(),
                                                "--tokenizer=" + model_.tokenizer_folder().string(),
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
  ReferenceJob reference_job(const ModelPlace& place, const std::string& text) const {
    return {.script = "fill.py",
            .arguments = {place.folder.string(), text},
            .figures = {{"seconds", "s", false}, {"peak_mib", "MiB at most", false}},
            .equal = {"token"},
            .times_process = true};
  }

  ModelOptions model_;
  int64_t repeats_ = 5;
  ReferenceOptions reference_;
};

}  // namespace

std::unique_ptr<Command> make_bench_fill() { return std::make_unique<BenchFill>(); }

}  // namespace tekio::cli
