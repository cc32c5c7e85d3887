// tekio report: a run, or several beside each other, as a page to look at and to pass on.
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "command.h"
#include "report/html.h"
#include "report/page.h"

namespace tekio::cli {
namespace {

class Report final : public Command {
 public:
  CommandText text() const override {
    return {.name = "report",
            .summary = "a run, or several compared, as a page to look at",
            .usage = "RUN… [--output FILE.html]",
            .description =
                "Writes one HTML file that needs nothing else, no network and no script: perplexity with intervals, "
                "curves of "
                "loss, learning rate and speed, the prompts before and after, the words that gained and lost most, and "
                "how the "
                "run was made. Of several runs: their curves in common charts, and the options that differ. Prints the "
                "file's "
                "path; on a terminal a summary before it.",
            .examples = {"tekio report run", "tekio report run-a run-b --output compared.html"},
            .max_positionals = -1};
  }

  void add_options(OptionTable& table) override {
    table.group("Report");
    table.add("output", &output_, "the file to write; default RUN/report.html").called("FILE.html");
    table
        .add("csv", &csv_,
             "writes every update and evaluation as a table, too; of several runs alone where --output is not given")
        .called("FILE.csv");
  }

  void check(const OptionTable&, const std::vector<std::string>& positionals) override {
    if (positionals.empty()) fail(ErrorKind::usage, "no run is named: tekio report RUN…");
    if (positionals.size() > 1 && output_.empty() && csv_.empty() && !common.json)
      fail(ErrorKind::usage, "--output is missing: the file where {} runs are compared", positionals.size());
  }

  int run(const OptionTable&, const std::vector<std::string>& positionals, Output& out) override {
    std::vector<report::Run> runs;
    for (const std::string& folder : positionals) runs.push_back(report::read_run(folder));
    if (!csv_.empty()) write(report::csv(runs), csv_);
    if (common.json) {
      if (!output_.empty()) write(report::page(runs), output_);
      out.json(report::document(runs));
      return 0;
    }
    if (out.width())
      for (const report::Run& run : runs) out.folded_line(summary(run));
    if (runs.size() > 1 && output_.empty()) {  // the table alone was asked for
      out.line(printable(csv_, 4096));
      return 0;
    }
    const std::filesystem::path file =
        output_.empty() ? runs.front().folder / "report.html" : std::filesystem::path(output_);
    write(report::page(runs), file);
    out.line(printable(file.string(), 4096));
    return 0;
  }

 private:
  static void write(const std::string& text, const std::filesystem::path& path) {
    AtomicFile file(path);
    file.write(text);
    file.commit();
  }

  /// " run      perplexity 18.8 → 8.64 · masked words found 45.9 % → 55.6 % · 1:25"
  static std::string summary(const report::Run& run) {
    const auto of = [&](std::initializer_list<const char*> keys) { return report::number(run.record, keys); };
    return fmt::format(" {:<8} perplexity {} → {} · masked words found {} → {} · {}", printable(run.name, 60),
                       report::figure(of({"before", "perplexity"})), report::figure(of({"after", "perplexity"})),
                       report::percent(of({"before", "accuracy"})), report::percent(of({"after", "accuracy"})),
                       report::duration(of({"train", "seconds"})));
  }

  std::string output_, csv_;
};

}  // namespace

std::unique_ptr<Command> make_report() { return std::make_unique<Report>(); }

}  // namespace tekio::cli
