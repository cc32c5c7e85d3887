// Which text is trained on and which is evaluated on follows run_mlm.py's rules; text kept for a test is never learnt
// by accident.
#include "run_data.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/log.h"
#include "data/shared_chunks.h"
#include "data/source.h"
#include "data/standard_input.h"
#include "ranks.h"

namespace tekio::cli {
namespace {

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
  for (const std::string& spec : specs)
    if (names_whole(spec)) {
      std::vector<std::string> there;
      for (const auto& [name, split] : data.splits()) there.push_back(printable(name));
      fail(ErrorKind::input, "the data has no split train, it has {}; name the one to train on: {}:{}",
           fmt::join(there, ", "), printable(spec, 300), there.front());
    }
  return choose_split(data, {"train"});
}

void check_standard_input(const std::vector<const std::vector<std::string>*>& all) {
  std::ptrdiff_t times = 0;
  for (const auto* specs : all) times += std::count_if(specs->begin(), specs->end(), is_standard_input);
  if (times > 1)
    fail(
        ErrorKind::usage,
        "standard input (-) was given twice, of --data, --validation_file and --general_data; it can be read once, and "
        "text that is trained on is not to be evaluated on");
}

void check_text(const Dataset& rows, const std::vector<std::string>& specs) {
  // Where its first row lies far behind, that costs a reading; whoever tokenizes it says the same.
  if (DatasetSource::of(rows).begin > 0 || DatasetSource::of(rows).picked) return;
  if (!has_text(rows))
    fail(ErrorKind::input,
         "there is no text in {}: it is empty or all its rows are blank; pass files that hold text, or name their "
         "column with --text_column_name",
         printable(fmt::format("{}", fmt::join(specs, ", ")), 300));
}

// The splits of one data set hold one column of text: guessed for each of them, they may be two things.
void check_columns(const std::vector<std::pair<std::string, Dataset>>& splits) {
  std::map<std::string, std::pair<std::string, std::string>> known;  // by spec: column, split
  for (const auto& [split, rows] : splits) {
    const Files& files = *DatasetSource::of(rows).files;
    for (size_t group = 0; group < files.groups(); ++group) {
      const auto column = files.text_column(group);
      if (!column) continue;
      const std::string& spec = files.group(group).spec;
      const auto& [first, first_split] = known.emplace(spec, std::pair(column->name, split)).first->second;
      if (first != column->name)
        fail(ErrorKind::input,
             "{}: the column that holds the text is \"{}\" in split {}, but \"{}\" in split {}; name the one that is "
             "meant by --text_column_name",
             printable(spec, 300), printable(first), printable(first_split), printable(column->name), printable(split));
    }
  }
}

// Where rows are from, as ranks name it to each other.
constexpr const char *kData = "data", *kValidation = "validation_file", *kGeneral = "general_data";
Json rows_name(const char* from, const std::string& split) { return {{"from", from}, {"split", split}}; }

DatasetDict open_general(const TrainingArguments& a, const hub::CallSettings& call) {
  const bool bundled = std::all_of(a.general_data.begin(), a.general_data.end(),
                                   [](const std::string& spec) { return named_corpus(spec).has_value(); });
  return open_data(a.general_data, bundled ? ReadOptions{} : a.read, call);  // ours is as it is
}

/// What rank 0 names, where another rank has it too.
class NamedRows {
 public:
  NamedRows(const TrainingArguments& a, const hub::CallSettings& call) : a_(a), call_(call) {}
  std::optional<Dataset> operator()(const Json& name) {
    const std::string from = name["from"];
    const auto& specs = from == kData ? a_.training_data() : from == kValidation ? a_.validation_file : a_.general_data;
    if (std::ranges::any_of(specs, is_standard_input)) return std::nullopt;  // that is rank 0's
    auto known = opened_.find(from);
    if (known == opened_.end())
      known =
          opened_.emplace(from, from == kGeneral ? open_general(a_, call_) : open_data(specs, a_.read, call_)).first;
    return known->second[name["split"].get<std::string>()];
  }

 private:
  const TrainingArguments& a_;
  const hub::CallSettings& call_;
  std::map<std::string, DatasetDict> opened_;
};

/// What is trained on and what is evaluated on, in chunks, and the rows that they are from.
class Splitter {
 public:
  Splitter(const TrainingArguments& a, const hub::CallSettings& call, SharedChunks& shared)
      : a_(a), call_(call), shared_(shared) {}

  RunData split() {
    check_standard_input({&a_.training_data(), &a_.validation_file, &a_.general_data});
    const DatasetDict dataset = open_data(a_.training_data(), a_.read, call_);
    train_split_ = split_to_train_on(dataset, a_.training_data());
    const Dataset& train = dataset[train_split_];
    check_text(train, a_.training_data());
    used_.push_back(train);
    RunData data = divide(dataset, train);
    data.specs = repeatable(a_.training_data(), dataset);
    data.evaluation_specs = evaluation_specs_;
    return data;
  }

  const std::vector<Dataset>& used() const { return used_; }

  Chunks cut(const Dataset& rows, const Json& name) const { return shared_.cut(rows, name); }

 private:
  RunData divide(const DatasetDict& dataset, const Dataset& train) {
    if (a_.train_size > 0 || a_.test_size > 0) return by_chunks(train);
    if (!a_.validation_file.empty()) {
      const DatasetDict held_out = open_data(a_.validation_file, a_.read, call_);
      evaluation_specs_ = repeatable(a_.validation_file, held_out);
      const std::string split = choose_split(held_out, {"validation", "test", "train"});
      const Dataset& evaluated = held_out[split];
      check_text(evaluated, a_.validation_file);
      return evaluated_on(train, evaluated, rows_name(kValidation, split));
    }
    for (const char* split : {"validation", "test"})
      if (dataset.contains(split) && dataset.splits().size() > 1) {
        check_columns({{train_split_, train}, {split, dataset[split]}});
        return evaluated_on(train, dataset[split], rows_name(kData, split));
      }
    return by_percentage(train);
  }

  RunData run_data(const Chunks::Split& split, int64_t rows, int64_t tokens, int64_t all_chunks) const {
    return {data_name(a_.training_data()), "", 0, 0, rows, tokens, all_chunks, split};
  }
  RunData separate(const Chunks& trained, const Chunks& evaluated) const {
    return run_data({trained, evaluated}, trained.rows() + evaluated.rows(), trained.tokens() + evaluated.tokens(),
                    trained.size());
  }

  Chunks cut_train(const Dataset& train) const { return cut(train, rows_name(kData, train_split_)); }

  RunData by_chunks(const Dataset& train) const {
    const Chunks all = cut_train(train);
    return run_data(
        all.train_test_split(
            {.train_size = a_.train_size, .test_size = a_.test_size, .seed = a_.split_seed.value_or(a_.training.seed)}),
        all.rows(), all.tokens(), all.size());
  }

  RunData evaluated_on(const Dataset& train, const Dataset& evaluated, const Json& name) {
    used_.push_back(evaluated);
    const Chunks trained = cut_train(train);
    return separate(trained, cut(evaluated, name));
  }

  RunData by_percentage(const Dataset& train) const {
    const Chunks all = cut_train(train);
    const int64_t rows = all.source_rows(), evaluated = percentage_of_rows(rows, a_.validation_split_percentage);
    if (evaluated == 0 || evaluated == rows)
      fail(ErrorKind::input,
           "{} % of the data ({}) leaves {} to evaluate on and {} to train on; pass "
           "{}a --validation_file, or --test_size N, which takes chunks instead of rows",
           a_.validation_split_percentage, counted(rows, "row"), evaluated, rows - evaluated,
           rows > 1 ? message("another --validation_split_percentage, ") : "");
    const Chunks held_out = all.of_rows(rows - evaluated, rows);
    if (held_out.size() == 0 && all.size() > 1)
      fail(ErrorKind::input,
           "the last {} % of the rows are too short for a single chunk of {} tokens to evaluate on; pass --test_size "
           "{}, which cuts off chunks instead of rows, a smaller --chunk_size, --line_by_line or more text",
           a_.validation_split_percentage, a_.chunks.chunk_size, std::min<int64_t>(2, all.size() - 1));
    return separate(all.of_rows(0, rows - evaluated), held_out);
  }

  const TrainingArguments& a_;
  const hub::CallSettings& call_;
  SharedChunks& shared_;
  std::vector<Dataset> used_;
  std::string train_split_;
  std::vector<std::string> evaluation_specs_;
};

/// Which columns the text is from, and how many rows had none.
void describe_rows(const std::vector<Dataset>& used, const ReadOptions& options, RunData& data) {
  std::vector<std::string> columns;
  for (const Dataset& part : used) {
    data.skipped_rows += part.skipped_rows();
    const Files& files = *DatasetSource::of(part).files;
    for (size_t group = 0; group < files.groups(); ++group)
      if (const auto column = files.text_column(group);
          column && std::find(columns.begin(), columns.end(), column->name) == columns.end())
        columns.push_back(column->name);
  }
  data.text_columns = columns.size();
  data.text_column = fmt::format("{}", fmt::join(columns, ", "));
  if (data.skipped_rows > 0) warn_of_left_out(data.skipped_rows, data.text_column, options);
}

void open_general_data(const TrainingArguments& a, const hub::CallSettings& call, const Splitter& splitter,
                       RunData& data) {
  if (a.general_data.empty() || a.general_data == std::vector<std::string>{"none"}) return;
  const DatasetDict elsewhere = open_general(a, call);
  const std::string split = choose_split(elsewhere, {"validation", "test", "train"});
  data.general_name = data_name(a.general_data);
  data.general = first_chunks(splitter.cut(elsewhere[split], rows_name(kGeneral, split)), a.max_eval_samples);
}

void check_chunks(const RunData& data, int64_t chunk_size) {
  std::vector<std::pair<const Chunks*, std::string>> parts = {{&data.split.train, "train on"},
                                                              {&data.split.test, "evaluate on"}};
  if (data.general) parts.emplace_back(&*data.general, message("evaluate on as --general_data"));
  for (const auto& [part, purpose] : parts)
    if (part->size() == 0)
      fail(ErrorKind::input,
           "the text to {} is too short for a single chunk of {} tokens; pass a smaller --chunk_size, --line_by_line "
           "or more text",
           purpose, chunk_size);
}

Json to_others(const RunData& data, const SharedChunks& shared) {
  Json told = {{"name", data.name},
               {"text_column", data.text_column},
               {"text_columns", data.text_columns},
               {"skipped_rows", data.skipped_rows},
               {"rows", data.rows},
               {"tokens", data.tokens},
               {"all_chunks", data.all_chunks},
               {"train", shared.described(data.split.train)},
               {"test", shared.described(data.split.test)},
               {"specs", data.specs},
               {"evaluation_specs", data.evaluation_specs},
               {"general_name", data.general_name}};
  if (data.general) told["general"] = shared.described(*data.general);
  return told;
}

RunData received(const Json& told, const SharedChunks& shared) {
  RunData data{told["name"],         told["text_column"],
               told["text_columns"], told["skipped_rows"],
               told["rows"],         told["tokens"],
               told["all_chunks"],   {shared.chunks(told["train"]), shared.chunks(told["test"])}};
  data.specs = told["specs"].get<std::vector<std::string>>();
  data.evaluation_specs = told["evaluation_specs"].get<std::vector<std::string>>();
  data.general_name = told["general_name"];
  if (told.contains("general")) data.general = shared.chunks(told["general"]);
  return data;
}

}  // namespace

OrderedJson RunData::to_json() const {
  return {{"rows", rows},
          {"tokens", tokens},
          {"train_chunks", split.train.size()},
          {"eval_chunks", split.test.size()},
          {"text_column", text_column},
          {"skipped_rows", skipped_rows},
          {"duplicate_rows", duplicates.train},
          {"held_out_duplicates", duplicates.held_out ? OrderedJson(*duplicates.held_out) : OrderedJson()}};
}

RunData open_run_data(const TrainingArguments& a, const Tokenizer& tokenizer, const hub::CallSettings& call,
                      Communicator& ranks) {
  SharedChunks shared(data_ranks(ranks), tokenizer, a.chunks);
  if (ranks.rank() > 0) return received(shared.follow(NamedRows(a, call)), shared);
  Splitter splitter(a, call, shared);
  RunData data = splitter.split();
  describe_rows(splitter.used(), a.read, data);
  open_general_data(a, call, splitter, data);
  data.split = {first_chunks(data.split.train, a.max_train_samples), first_chunks(data.split.test, a.max_eval_samples)};
  check_chunks(data, a.chunks.chunk_size);
  data.duplicates = count_duplicate_rows(data.split.train, data.split.test);
  if (ranks.size() > 1) shared.finish(to_others(data, shared));
  return data;
}

}  // namespace tekio::cli
