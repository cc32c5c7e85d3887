// Pairs are run one after the other, Tekio first, each side in a fresh process: neither finds the other's memory or
// caches warm, and the machine's drift from minute to minute meets both.
#include "bench.h"

#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "base/log.h"
#include "bundled.h"
#include "data/source.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

constexpr const char* kComparison = "Comparison";  // the heading of what a run within a comparison is not told

fs::path reference_script(const std::string& name) {
  const fs::path script = share_folder().value_or("share/tekio") / "reference" / name;
  std::error_code ignored;
  if (fs::is_regular_file(script, ignored)) return script;
  fail(ErrorKind::io, "the script {} for Hugging Face transformers is not there; it belongs to {}", name,
       printable(script.string(), 300));
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);  // npos + 1 is 0
}

OrderedJson run_reference(const std::string& python, const fs::path& script, const ReferenceJob& job) {
  std::vector<std::string> arguments = {python, script.string()};
  arguments.insert(arguments.end(), job.arguments.begin(), job.arguments.end());
  const ProcessResult result = run_process(arguments);
  if (result.code != 0)
    fail(ErrorKind::io,
         "{} {} failed with code {}: {}; --compare_reference needs a Python that has Hugging Face transformers, with "
         "torch, datasets and zstandard",
         printable(python, 300), printable(script.string(), 300), result.code, printable(last_line(result.err), 300));
  OrderedJson document = parse_ordered_json(last_line(result.out), script.filename().string() + "'s output");
  document["peak_mib"] = result.peak_mib;
  if (job.times_process) document["seconds"] = result.seconds;
  std::vector<const char*> wanted = job.equal;
  for (const Figure& figure : job.figures) wanted.push_back(figure.key);
  for (const char* key : wanted)
    if (!document.contains(key) || !document[key].is_number())
      fail(ErrorKind::input, "{}'s output has no number {}: '{}'", script.filename().string(), key,
           printable(last_line(result.out), 300));
  return document;
}

std::vector<double> column(const std::vector<OrderedJson>& documents, const char* key) {
  std::vector<double> values;
  for (const OrderedJson& document : documents) values.push_back(document.at(key).get<double>());
  return values;
}

// How many times better Tekio is.
double ratio(const Figure& figure, double tekio, double reference) {
  return figure.more_is_better ? tekio / reference : reference / tekio;
}

std::string shown(double value) {
  if (value >= 100) return with_commas(static_cast<int64_t>(value + 0.5));
  return fmt::format("{:.3g}", value);
}

}  // namespace

std::vector<std::string> own_arguments(const OptionTable& table, const std::vector<std::string>& positionals,
                                       const std::vector<std::string>& without) {
  std::vector<std::string> arguments;
  for (size_t begin = 0; begin < table.command().size();) {  // "bench step": two words
    const size_t end = std::min(table.command().find(' ', begin), table.command().size());
    arguments.push_back(table.command().substr(begin, end - begin));
    begin = end + 1;
  }
  for (const Option& option : table.options()) {
    const OrderedJson value = option.value();
    if (option.transient || option.group == kComparison || value.is_null() || value == option.default_value) continue;
    if (option.name == "json" || option.name == "quiet" || std::ranges::find(without, option.name) != without.end())
      continue;
    arguments.push_back(
        fmt::format("--{}={}", option.name, value.is_string() ? value.get<std::string>() : value.dump()));
  }
  arguments.insert(arguments.end(), {"--json", "--quiet", "--"});
  arguments.insert(arguments.end(), positionals.begin(), positionals.end());
  return arguments;
}

std::vector<std::string> files_of(const DatasetDict& data) {
  std::vector<std::string> arguments;
  for (const auto& [name, split] : data.splits()) {
    arguments.emplace_back("--split");
    DatasetSource::of(split).files->fetch();
    for (const DataFile& file : DatasetSource::of(split).files->list()) arguments.push_back(file.path.string());
  }
  return arguments;
}

std::string text_column_of(const DatasetDict& data) { return data.splits().front().second.text_column(); }

ModelConfig distilbert_base() {
  return ModelConfig::from_json({{"model_type", "distilbert"},
                                 {"vocab_size", 30522},
                                 {"dim", 768},
                                 {"n_layers", 6},
                                 {"n_heads", 12},
                                 {"hidden_dim", 3072},
                                 {"max_position_embeddings", 512}},
                                "DistilBERT-base");
}

double median(std::vector<double> values) {
  TEKIO_CHECK(!values.empty(), "the median of nothing");
  const size_t half = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

int64_t peak_memory_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtoll(line.c_str() + 6, nullptr, 10) / 1024;
  return 0;
}

void add_repeats(OptionTable& table, int64_t* repeats) {
  table.add("repeats", repeats, "how often it is measured; the median counts").at_least(1).at_most(10000);
}

ProcessResult run_tekio(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {kOwnProgram};
  all.insert(all.end(), arguments.begin(), arguments.end());
  ProcessResult result = run_process(all);
  if (result.code == 0) return result;
  std::string message = last_line(result.err);
  if (message.starts_with("tekio: ")) message.erase(0, 7);
  for (const ErrorKind kind : {ErrorKind::usage, ErrorKind::input, ErrorKind::io, ErrorKind::device, ErrorKind::comms})
    if (exit_code(kind) == result.code) fail(kind, "{}", message);
  fail(ErrorKind::bug, "a run of this program ended with code {}: {}", result.code, message);
}

void ReferenceOptions::add_to(OptionTable& table) {
  table.group(kComparison);
  table
      .add("compare_reference", &python,
           "runs Hugging Face transformers with this Python in alternation, and shows the ratios")
      .called("PYTHON");
  table.add("pairs", &pairs, "pairs of runs; medians count").at_least(1).at_most(1000);
}

void ReferenceOptions::check(const OptionTable& table) const {
  if (table.given("compare_reference") && python.empty())
    fail(ErrorKind::usage,
         "--compare_reference names no program, expected a Python that has Hugging Face transformers");
  if (table.given("pairs") && !wanted())
    fail(ErrorKind::usage, "--pairs needs --compare_reference: without it there is nothing to pair with");
}

void ReferenceOptions::compare(const Command& command, const OptionTable& table,
                               const std::vector<std::string>& positionals, const ReferenceJob& job,
                               Output& out) const {
  const fs::path script = reference_script(job.script);
  const std::vector<std::string> arguments = own_arguments(table, positionals);
  const Figure& first = job.figures.front();
  std::vector<OrderedJson> tekio, reference;
  OrderedJson runs = OrderedJson::array();
  for (int64_t pair = 1; pair <= pairs; ++pair) {
    tekio.push_back(parse_ordered_json(run_tekio(arguments).out, "tekio " + table.command()));
    reference.push_back(run_reference(python, script, job));
    OrderedJson& run = runs.emplace_back();
    for (const Figure& figure : job.figures)
      for (const auto& [side, document] : {std::pair{"tekio", &tekio.back()}, {"reference", &reference.back()}})
        run[side][figure.key] = document->at(figure.key);
    for (const char* key : job.equal)
      if (tekio.back().at(key) != reference.back().at(key))
        warn(fmt::format("the two did not do the same: {} is {} here and {} there", key, tekio.back().at(key).dump(),
                         reference.back().at(key).dump()));
    const double ours = tekio.back().at(first.key).get<double>(), theirs = reference.back().at(first.key).get<double>();
    note(fmt::format(" pair {}/{} · {} {} · reference {} · {:.3g} ×", pair, pairs, shown(ours), first.unit,
                     shown(theirs), ratio(first, ours, theirs)));
  }

  // The documents of the pair in the middle; of their figures, the medians.
  const std::vector<double> order = column(tekio, first.key);
  std::vector<size_t> by_value(order.size());
  for (size_t i = 0; i < order.size(); ++i) by_value[i] = i;
  std::sort(by_value.begin(), by_value.end(), [&](size_t a, size_t b) { return order[a] < order[b]; });
  const size_t middle = by_value[(order.size() - 1) / 2];
  OrderedJson document = tekio[middle];
  document["reference"] = reference[middle];
  for (const Figure& figure : job.figures) {
    const std::vector<double> ours = column(tekio, figure.key), theirs = column(reference, figure.key);
    std::vector<double> each;
    for (size_t i = 0; i < ours.size(); ++i) each.push_back(ratio(figure, ours[i], theirs[i]));
    document[figure.key] = median(ours);
    document["reference"][figure.key] = median(theirs);
    document["ratios"][figure.key] = {{"median", ratio(figure, median(ours), median(theirs))},
                                      {"lowest", *std::min_element(each.begin(), each.end())},
                                      {"highest", *std::max_element(each.begin(), each.end())}};
  }
  document["pairs"] = runs;
  if (command.common.json) return out.json(document);

  out.line(fmt::format("{:<19}   {:>12} {:>12}   times better (lowest to highest)",
                       pairs == 1 ? "one pair" : fmt::format("medians of {} pairs", pairs), "tekio", "reference"));
  for (const Figure& figure : job.figures) {
    const OrderedJson& r = document["ratios"][figure.key];
    out.line(fmt::format("{:<19}   {:>12} {:>12}   {:.3g} ({:.3g} to {:.3g})", figure.unit,
                         shown(document[figure.key].get<double>()),
                         shown(document["reference"][figure.key].get<double>()), r["median"].get<double>(),
                         r["lowest"].get<double>(), r["highest"].get<double>()));
  }
}

}  // namespace tekio::cli
