// tekio adapt: opens model and data, decides what to train on and what to judge by, hands over to the library's
// adapt(). The library reports from the first perplexity on; the lines before that, and the result on standard output,
// are ours.
#include <cmath>

#include "adapt_options.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "train/prompts.h"
#include "train/run_folder.h"

namespace tekio::cli {
namespace fs = std::filesystem;
namespace {

constexpr size_t kShown = 4096;  // of a name: whole, as no path is longer

// What is trained on and judged by, and what it was cut from.
struct RunData {
  std::string name;
  int64_t rows = 0, tokens = 0, all_chunks = 0;  // all_chunks: of the split trained on, before train_size and test_size
  Chunks::Split split;
};

Chunks first_chunks(const Chunks& chunks, int64_t most) {
  if (most == 0 || most >= chunks.size()) return chunks;
  std::vector<int64_t> numbers(static_cast<size_t>(most));
  for (int64_t i = 0; i < most; ++i) numbers[static_cast<size_t>(i)] = i;
  return chunks.select(std::move(numbers));
}

// Rows from the end: round half to even, as the reference rounds `train[-5%:]`.
int64_t percentage_of_rows(int64_t rows, int64_t percentage) {
  return static_cast<int64_t>(std::nearbyint(static_cast<double>(percentage) * static_cast<double>(rows) / 100.0));
}

// Train; another split only where PATH:SPLIT asks for it: text kept for a test must not be learnt by accident.
std::string split_to_train_on(const DatasetDict& data, const std::vector<std::string>& specs) {
  if (data.contains("train")) return "train";
  std::error_code ignored;
  for (const std::string& spec : specs)
    if (fs::exists(spec, ignored)) {
      std::vector<std::string> there;
      for (const auto& [name, split] : data.splits()) there.push_back(printable(name));
      fail(ErrorKind::input, "the data has no split train, it has {}; name the one to train on: {}:{}",
           fmt::join(there, ", "), printable(spec, 300), there.front());
    }
  return choose_split(data, {"train"});
}

// Whether a row is more than blanks. Mostly the first one is, so few rows are read at first. A row that is no text
// counts: cutting the chunks tells file and line.
bool has_text(const Dataset& rows, const std::string& wanted) {
  const std::string column = rows.text_column(wanted);
  for (int64_t count = 16;; count *= 16) {
    const std::vector<Row> taken = rows.take(count);
    for (const Row& row : taken)
      for (const auto& [name, value] : row.columns)
        if (name == column &&
            (!value.starts_with('"') || row.text(column).find_first_not_of(" \t\r\n\v\f") != std::string::npos))
          return true;
    if (static_cast<int64_t>(taken.size()) < count) return false;
  }
}

void check_text(const Dataset& rows, const std::string& column, const std::vector<std::string>& specs) {
  if (!has_text(rows, column))
    fail(ErrorKind::input,
         "there is no text in {}: it is empty or all its rows are blank; pass files that hold text, or name their "
         "column with --text_column_name",
         printable(fmt::format("{}", fmt::join(specs, ", ")), 300));
}

class Adapt final : public Command {
 public:
  CommandText text() const override {
    return {.name = "adapt",
            .summary = "trains a masked language model on a domain's text",
            .usage = "[--model M] --data D… [--output_dir RUN] [options]",
            .description =
                "Judges a model on text that it will not see, trains it on a domain's text, judges it again, and saves "
                "it as a folder that "
                "AutoModelForMaskedLM.from_pretrained opens. Trains on split train; judges by what --test_size cuts "
                "off, else by split "
                "validation, else test, else by the last --validation_split_percentage of the rows. Without --model: "
                "the bundled one. This version bundles no text: --data is required. run_mlm.py's options are "
                "understood too, see docs/cli.md.",
            .examples = {"tekio adapt --model ./distilbert-base-uncased --data ./imdb --train_size 10000 --test_size "
                         "1000 --output_dir run",
                         "tekio adapt --model distilbert-base-uncased --train_file notes.txt --validation_file "
                         "held-out.txt --line_by_line",
                         "tekio adapt --model M --data D --output_dir run --resume_from_checkpoint",
                         "tekio adapt --model M --data D --dry_run"}};
  }

  void add_options(OptionTable& table) override { arguments_.add_to(table); }

  void check(const OptionTable& table, const std::vector<std::string>&) override { arguments_.resolve(table, common); }

  int run(const OptionTable& table, const std::vector<std::string>&, Output& out) override {
    AdaptArguments& a = arguments_;
    if (a.model.model.empty()) a.model.model = starter_model("--model");
    if (a.data.empty() && a.train_file.empty())
      fail(ErrorKind::usage, "--data is missing: this version bundles no text; pass files or a folder of text");
    const ModelPlace place = a.model.place("adapt");
    const std::vector<std::string>& training_data = a.data.empty() ? a.train_file : a.data;
    if (a.training.output_dir.empty()) a.training.output_dir = default_folder(place.name, data_name(training_data));
    const RunFolder early_look(a.training);  // refuses a folder before the long work, not after it
    if (a.training.overwrite_output_dir && lies_in(place.folder, a.training.output_dir))
      fail(ErrorKind::usage,
           "--model {} lies in --output_dir {}, which --overwrite_output_dir replaces; name another folder",
           printable(a.model.model, 300), printable(a.training.output_dir, 300));
    check_trace();

    OpenModel opened = a.model.open("adapt", common);
    const Tokenizer& tokenizer = opened.tokenizer;
    const ModelInfo& info = opened.info;
    check_prompts(opened.model, tokenizer, a.training.prompts);  // here already: before the corpus is read
    // A plan is a result, a run's first lines are its log.
    const auto tell = [&](const std::string& line) { a.dry_run && !common.json ? out.line(line) : note(line); };
    tell(fmt::format(" model    {} · {} · {} parameters", printable(place.name, kShown), info.family,
                     with_commas(info.parameters)));

    a.chunks.chunk_size = capped_chunk_size(a.chunks.chunk_size, longest_input(info, tokenizer));
    a.chunks.use_cache = !common.no_cache;
    a.chunks.threads = common.threads;
    const RunData data = open_chunks(training_data, tokenizer);
    tell(fmt::format(" data     {} · {} rows · {} training chunks of {} · {} to train on, {} to judge by",
                     printable(data.name, kShown), with_commas(data.rows), with_commas(data.all_chunks),
                     a.chunks.chunk_size, with_commas(data.split.train.size()), with_commas(data.split.test.size())));
    if (a.dry_run) return print_plan(opened.model, tokenizer, place, info, data, out);

    a.training.options_toml = a.record(table);
    const AdaptReport report = adapt(opened.model, tokenizer, data.split, a.training);
    if (common.json)
      out.json(result(report, place, info, data));
    else if (!report.stopped)
      out.line(printable(report.run_dir, kShown));
    return report.stopped ? 128 + report.signal : 0;
  }

 private:
  static std::string default_folder(const std::string& model, const std::string& data) {
    std::string name = model.substr(model.rfind('/') + 1) + "-finetuned-" + data.substr(0, data.find_first_of(".:,"));
    for (char& c : name)
      if (c == '/' || c == ' ' || static_cast<unsigned char>(c) < 0x20) c = '-';
    return name;
  }

  // Its folder must be there, or be the run folder, which is made.
  void check_trace() const {
    const TrainingOptions& t = arguments_.training;
    if (t.trace.empty()) return;
    std::error_code ignored;
    const fs::path folder = fs::absolute(t.trace, ignored).parent_path();
    if (!fs::is_directory(folder, ignored) &&
        folder.lexically_normal() != (fs::absolute(t.output_dir, ignored) / "").lexically_normal().parent_path())
      fail(ErrorKind::io, "cannot write --trace {}: there is no folder {}", printable(t.trace, 300),
           printable(folder.string(), 300));
  }

  Chunks cut(const Dataset& rows, const Tokenizer& tokenizer) const {
    return chunk(rows, tokenizer, arguments_.chunks);
  }

  RunData open_chunks(const std::vector<std::string>& training_data, const Tokenizer& tokenizer) const {
    const AdaptArguments& a = arguments_;
    const DatasetDict dataset = open_data(training_data);
    const Dataset& train = dataset[split_to_train_on(dataset, training_data)];
    check_text(train, a.chunks.text_column, training_data);

    const auto separate = [&](const Chunks& trained, const Chunks& judged) {
      return RunData{data_name(training_data),
                     trained.rows() + judged.rows(),
                     trained.tokens() + judged.tokens(),
                     trained.size(),
                     {trained, judged}};
    };
    RunData data = [&]() -> RunData {
      if (a.train_size > 0 || a.test_size > 0) {
        const Chunks all = cut(train, tokenizer);
        return {data_name(training_data), all.rows(), all.tokens(), all.size(),
                all.train_test_split({.train_size = a.train_size, .test_size = a.test_size, .seed = common.seed})};
      }
      if (!a.validation_file.empty()) {
        const DatasetDict held_out = open_data(a.validation_file);
        const Dataset& judged = held_out[choose_split(held_out, {"validation", "test", "train"})];
        check_text(judged, a.chunks.text_column, a.validation_file);
        return separate(cut(train, tokenizer), cut(judged, tokenizer));
      }
      for (const char* split : {"validation", "test"})
        if (dataset.contains(split) && dataset.splits().size() > 1)
          return separate(cut(train, tokenizer), cut(dataset[split], tokenizer));
      const int64_t rows = train.size(), judged = percentage_of_rows(rows, a.validation_split_percentage);
      if (judged == 0 || judged == rows)
        fail(ErrorKind::input,
             "{} % of the data's {} rows leaves {} to judge by and {} to train on; pass another "
             "--validation_split_percentage or a --validation_file",
             a.validation_split_percentage, rows, judged, rows - judged);
      return separate(cut(train.slice(0, rows - judged), tokenizer), cut(train.slice(rows - judged, rows), tokenizer));
    }();
    data.split = {first_chunks(data.split.train, a.max_train_samples),
                  first_chunks(data.split.test, a.max_eval_samples)};
    for (const auto& [part, purpose] :
         {std::pair{&data.split.train, "train on"}, std::pair{&data.split.test, "judge by"}})
      if (part->size() == 0)
        fail(ErrorKind::input,
             "the text to {} is too short for a single chunk of {} tokens; pass a smaller --chunk_size, --line_by_line "
             "or more text",
             purpose, a.chunks.chunk_size);
    return data;
  }

  int print_plan(const MaskedLM& model, const Tokenizer& tokenizer, const ModelPlace& place, const ModelInfo& info,
                 const RunData& data, Output& out) const {
    const AdaptPlan planned = plan(model, tokenizer, data.split, arguments_.training);
    if (common.json) {
      OrderedJson memory = OrderedJson::object();
      for (const auto& part : planned.memory) memory[part.purpose] = part.bytes;
      out.json({{"dry_run", true},
                {"run_dir", arguments_.training.output_dir},
                {"model", model_json(place, info)},
                {"data", data_json(data)},
                {"plan",
                 {{"train_chunks", planned.train_chunks},
                  {"eval_chunks", planned.eval_chunks},
                  {"steps_per_epoch", planned.steps_per_epoch},
                  {"steps", planned.steps},
                  {"memory", memory},
                  {"memory_bytes", planned.memory_bytes},
                  {"seconds", planned.seconds}}}});
      return 0;
    }
    out.line(
        fmt::format(" steps    {} ({} an epoch)", with_commas(planned.steps), with_commas(planned.steps_per_epoch)));
    for (const auto& part : planned.memory)
      out.line(fmt::format(" memory   {:<14} {:>10}", part.purpose, bytes_text(static_cast<uint64_t>(part.bytes))));
    out.line(fmt::format(" memory   {:<14} {:>10}", "in all", bytes_text(static_cast<uint64_t>(planned.memory_bytes))));
    out.line(fmt::format(" time     about {} (estimated from one timed product)", clock_time(planned.seconds)));
    out.line(fmt::format(" output   {}", printable(arguments_.training.output_dir, kShown)));
    return 0;
  }

  static OrderedJson model_json(const ModelPlace& place, const ModelInfo& info) {
    return {{"name", place.name}, {"family", info.family}, {"parameters", info.parameters}};
  }
  static OrderedJson data_json(const RunData& data) {
    return {{"rows", data.rows},
            {"tokens", data.tokens},
            {"train_chunks", data.split.train.size()},
            {"eval_chunks", data.split.test.size()}};
  }

  OrderedJson result(const AdaptReport& report, const ModelPlace& place, const ModelInfo& info,
                     const RunData& data) const {
    // A stopped run has no figure after: null.
    OrderedJson perplexity = {
        {"before", report.before.perplexity}, {"epochs", OrderedJson::array()}, {"after", nullptr}};
    OrderedJson loss = {{"before", report.before.loss}, {"epochs", OrderedJson::array()}, {"after", nullptr}};
    for (const EpochReport& epoch : report.epochs) {
      perplexity["epochs"].push_back(epoch.evaluation.perplexity);
      loss["epochs"].push_back(epoch.evaluation.loss);
    }
    if (!report.stopped) {
      perplexity["after"] = report.after.perplexity;
      loss["after"] = report.after.loss;
    }
    OrderedJson prompts = OrderedJson::array();
    for (const auto& prompt : report.prompts)
      prompts.push_back({{"text", prompt.text}, {"before", to_json(prompt.before)}, {"after", to_json(prompt.after)}});
    return {{"run_dir", report.run_dir},
            {"model", model_json(place, info)},
            {"data", data_json(data)},
            {"perplexity", perplexity},
            {"eval_loss", loss},
            {"train",
             {{"steps", report.steps},
              {"loss", report.train_loss},
              {"seconds", report.train_seconds},
              {"tokens_per_second", report.tokens_per_second}}},
            {"prompts", prompts},
            {"stopped", report.stopped}};
  }

  AdaptArguments arguments_;
};

}  // namespace

std::unique_ptr<Command> make_adapt() { return std::make_unique<Adapt>(); }

}  // namespace tekio::cli
