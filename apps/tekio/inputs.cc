#include "inputs.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "base/system_error.h"
#include "base/user_path.h"
#include "bind_options.h"
#include "data/data_options.h"
#include "data/layout.h"
#include "data/load_dataset.h"
#include "data/record_parser.h"
#include "data/repository/hub_dataset.h"
#include "data/standard_input.h"
#include "model/masked_lm.h"
#include "model/vocabulary.h"
#include "train/run_folder.h"
#include "transfer.h"

namespace tekio::cli {
namespace {

// Where data lies that is here or bundled; what is here comes first. "~/…" is expanded where the shell did not
// (--data=~/notes).
std::optional<DataPlace> find_data(const std::string& spec) {
  if (auto here = find_data_place(expanded(spec).string())) return here;
  if (const auto corpus = bundled_corpus(spec)) {
    const std::string split = spec.substr(corpus->name.size());
    return DataPlace{.path = corpus->folder.string(),
                     .split = split.empty() ? std::nullopt : std::optional(split.substr(1))};
  }
  return std::nullopt;
}

// A dataset of the Hub: what is neither here nor bundled, and may be called so.
std::optional<HubName> named_on_hub(const std::string& spec) {
  return find_data(spec) ? std::nullopt : parse_hub_name(spec);
}

std::vector<std::string> bundled_names() {
  std::vector<std::string> names;
  for (const BundledCorpus& corpus : bundled_corpora()) names.push_back(corpus.name);
  return names;
}

// What the place is called: a file's or folder's name, a pattern whole.
std::string shown_place(const DataPlace& place) {
  const std::string name = is_standard_input(place.path) ? "standard input"
                           : place.is_pattern            ? place.path
                                                         : last_part(place.path);
  return name + (place.split ? ":" + *place.split : "");
}

std::string spec_of(const DataPlace& place) { return place.path + (place.split ? ":" + *place.split : ""); }

[[noreturn]] void fail_not_found(const std::string& spec) {
  const std::vector<std::string> bundled = bundled_names();
  fail_no_data(spec,
               bundled.empty() ? "" : fmt::format(", nor a bundled corpus of this name ({})", fmt::join(bundled, ", ")),
               bundled);
}

// Options that say how files of a kind are read, where there is none of that kind.
void warn_of_idle_options(const DatasetDict& data, const ReadOptions& options) {
  bool text = false, json = false, table = false;
  for (const auto& [name, split] : data.splits()) {
    const Files& files = *DatasetSource::of(split).files;
    for (size_t group = 0; group < files.groups(); ++group) {
      const FileKind kind = files.group(group).kind;
      text = text || kind == FileKind::text;
      json = json || kind == FileKind::json;
      table = table || kind == FileKind::csv || kind == FileKind::tsv;
    }
  }
  const auto check = [&](bool given, bool there, const char* option, const char* kind) {
    if (given && !there)
      warn(fmt::format("{} has no effect on {}, which holds no {}", named_option(option),
                       printable(fmt::format("{}", fmt::join(data.specs(), ", ")), 300), kind));
  };
  check(!options.json_field.empty(), json, "json_field", "JSON file");
  check(options.csv_separator != '\0', table, "csv_separator", "table (.csv, .tsv)");
  check(!options.header && options.column_names.empty(), table, "no_header", "table (.csv, .tsv)");
  check(!options.column_names.empty(), table, "column_names", "table (.csv, .tsv)");
  check(options.sample_by != SampleBy::line, text, "sample_by", "text file (.txt)");
}

// Rows for words that were added to the tokenizer, as run_mlm.py makes them.
void grow_for(const Tokenizer& tokenizer, MaskedLM& model, uint64_t seed) {
  const int64_t rows = model.info().vocabulary, entries = tokenizer.vocabulary_size();
  if (!is_enlarged(tokenizer, MaskedLMImpl::of(model).model().config(), model.info().path)) return;
  model.resize_token_embeddings(entries, seed);
  note(
      fmt::format("the tokenizer has {} more than the model: the embeddings grow from {} to {} rows, the new ones "
                  "starting at the mean of the others",
                  counted(entries - rows, "entry", "entries"), with_commas(rows), with_commas(entries)));
}

}  // namespace

ModelPlace find_model(const std::string& spec, const hub::Choice& choice, const hub::CallSettings& call,
                      const std::string& shown) {
  std::error_code ignored;
  if (const auto saved = checkpoints_in(spec); !saved.empty() && !fs::exists(fs::path(spec) / "config.json", ignored))
    fail(ErrorKind::input, "{} is a run that has not ended, so it holds no model yet: take its newest checkpoint, {}",
         printable(spec, 300), printable((fs::path(spec) / fmt::format("checkpoint-{}", saved.back())).string(), 300));
  if (fs::exists(spec, ignored)) {
    if (fs::is_directory(spec, ignored)) return {last_part(spec), spec};
    fail(ErrorKind::usage, "{} {} is a file, expected the folder that holds it", shown, printable(spec, 300));
  }
  if (const auto bundled = bundled_model_named(spec)) return {spec, *bundled};
  hub::Settings settings = hub::Settings::from_environment(call);
  settings.on_progress = transfer_bar("fetching");
  const hub::Located located = hub::locate_model(spec, choice, settings);
  return {located.name, located.folder, located.from_hub};
}

DatasetDict open_data(const std::vector<std::string>& specs, const ReadOptions& options,
                      const hub::CallSettings& call) {
  std::vector<std::string> places;
  for (const std::string& spec : specs) {
    const auto place = find_data(spec);
    if (!place && !parse_hub_name(spec)) fail_not_found(spec);
    places.push_back(place ? spec_of(*place) : spec);
  }
  // A bundled corpus is as it is, whatever the options say of the user's own text beside it; but a column that is named
  // must be there.
  const bool bundled = std::all_of(specs.begin(), specs.end(), [](const std::string& s) { return named_corpus(s); });
  try {
    const ReadOptions read = bundled ? ReadOptions{.text_column = options.text_column,
                                                   .words = options.words,
                                                   .word_separator = options.word_separator}
                                     : options;
    DatasetDict data = load_dataset(places, read, [call] {
      hub::Settings settings = hub::Settings::from_environment(call);
      settings.on_progress = transfer_bar("fetching");
      return settings;
    });
    if (!bundled) warn_of_idle_options(data, options);
    return data;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    for (const std::string& spec : specs) {
      if (!named_on_hub(spec)) continue;
      const std::vector<std::string> names = bundled_names();
      const std::string near = nearest(spec, names);
      if (!near.empty()) fail_as(error, fmt::format("{}; did you mean {}?", error.what(), near));
      if (spec.find('/') == std::string::npos && !names.empty())
        fail_as(error, fmt::format("{}; the bundled corpora are {}", error.what(), fmt::join(names, ", ")));
    }
    throw;
  }
}

bool names_whole(const std::string& spec) {
  if (const auto place = find_data(spec)) return !place->split;
  const auto name = parse_hub_name(spec);
  return name && name->split.empty();
}

std::vector<std::string> repeatable(std::vector<std::string> specs, const DatasetDict& data) {
  for (size_t i = 0; i < specs.size(); ++i)
    if (named_on_hub(specs[i])) specs[i] = data.specs()[i];
  return specs;
}

std::optional<BundledCorpus> named_corpus(const std::string& spec) {
  return find_data_place(spec) ? std::nullopt : bundled_corpus(spec);
}

void for_each_text(const Dataset& split, const std::function<void(std::string_view)>& use) {
  SourceReader reader(DatasetSource::of(split), Columns::text);
  RecordParser parser(*DatasetSource::of(split).files);
  Block block;
  while (reader.next(block))
    for (const Record& record : block.records) use(parser.text(block, record));
}

bool has_text(const Dataset& split) {
  SourceReader reader(DatasetSource::of(split), Columns::text);
  RecordParser parser(*DatasetSource::of(split).files);
  for (Block block; reader.next(block);)
    for (const Record& record : block.records)
      if (parser.text(block, record).find_first_not_of(" \t\r\n\v\f") != std::string_view::npos) return true;
  return false;
}

std::string data_name(const std::vector<std::string>& specs) {
  std::string name;
  for (const std::string& spec : specs) {
    const auto place = find_data(spec);
    const auto repository = place ? std::nullopt : parse_hub_name(spec);
    name += (name.empty() ? "" : ", ") +
            (place        ? shown_place(*place)
             : repository ? repository->repository.id + (repository->split.empty() ? "" : ":" + repository->split)
                          : spec);
  }
  return name;
}

std::string choose_split(const DatasetDict& data, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (data.contains(name)) return name;
  if (data.splits().size() == 1) return data.splits().front().first;
  std::vector<std::string> there;
  for (const auto& [name, split] : data.splits()) there.push_back(printable(name));
  fail(ErrorKind::input, "the data has no split {}; it has {}: pick one with PATH:SPLIT", fmt::join(names, " or "),
       fmt::join(there, ", "));
}

int64_t longest_input(const ModelInfo& model, const Tokenizer& tokenizer) {
  return std::min(model.max_length, tokenizer.model_max_length());
}

int64_t capped_chunk_size(int64_t chunk_size, int64_t longest) {
  if (chunk_size <= longest) return chunk_size;
  warn(message("--chunk_size {} is more than the {} tokens that the model takes; using {}", chunk_size, longest,
               longest));
  return longest;
}

void ModelOptions::add_to(OptionTable& table, bool with_weights, std::vector<std::string>* several) {
  const char* const help =
      with_weights ? "the model: a folder, or the id of a model on the Hub; without it the bundled model"
                   : "the model whose tokenizer is used: a folder, or the id of a model on the Hub; without it "
                     "the bundled model";
  Option& option = several != nullptr ? table.add("model", several, help) : table.add("model", &model, help);
  if (several != nullptr)  // one is written as other commands write theirs, so that they can share a config file
    option.value = [several] {
      return several->empty()       ? OrderedJson()
             : several->size() == 1 ? OrderedJson(several->front())
                                    : OrderedJson(*several);
    };
  option.called("M").short_name('m').alias("model_name_or_path").only_once();
  table.add("tokenizer", &tokenizer, "takes the tokenizer from this folder instead of the model's")
      .called("DIR")
      .alias("tokenizer_name");
  table.add("cache_dir", &cache_dir, "the Hub's cache; else as HF_HUB_CACHE and HF_HOME say").called("DIR");
  table.add("model_revision", &revision, "the revision of a Hub id that has no @REVISION").called("REV");
}

ModelPlace ModelOptions::place(const hub::CallSettings& call, const hub::Choice& choice) const {
  if (model.empty() && !revision.empty()) fail(ErrorKind::usage, "--model_revision needs --model");
  const std::string spec = model.empty() ? bundled_model("model") : model;
  std::error_code ignored;
  const bool add_revision = !revision.empty() && spec.find('@') == std::string::npos && !fs::exists(spec, ignored);
  return find_model(add_revision ? spec + "@" + revision : spec, choice, call);
}

Tokenizer ModelOptions::open_tokenizer(const ModelPlace& place, const hub::CallSettings& call) const {
  return Tokenizer::from_pretrained(
      tokenizer.empty() ? place.folder.string()
                        : find_model(tokenizer, hub::tokenizer_files, call, named_option("tokenizer")).folder.string());
}

fs::path ModelOptions::tokenizer_folder(const hub::CallSettings& call) const {
  if (!model.empty() || tokenizer.empty()) {
    // Also where --tokenizer stands beside it: a misspelt model is told.
    const ModelPlace where = place(call, tokenizer.empty() ? hub::tokenizer_files : hub::config_file);
    if (tokenizer.empty()) return where.folder;
  }
  return find_model(tokenizer, hub::tokenizer_files, call, named_option("tokenizer")).folder;
}

OpenModel ModelOptions::open(const Common& common) const {
  const ModelPlace where = place(common.hub, tokenizer.empty() ? hub::model_and_tokenizer_files : hub::model_files);
  const Tokenizer entries = open_tokenizer(where, common.hub);  // first: it is small, and as likely to be missing
  MaskedLM weights = MaskedLM::from_pretrained(where.folder.string(), common.loading());
  if (grows) grow_for(entries, weights, common.seed);
  MaskedLMImpl::of(weights).check_tokenizer(entries);
  return {where, limited_to_positions(entries, MaskedLMImpl::of(weights).model().config()), weights, weights.info()};
}

void add_chunk_options(OptionTable& table, ChunkOptions& options) {
  // Masking's options say which words, and those that all commands have the rest.
  BindOptions bind(table, {{"words", nullptr}, {"use_cache", nullptr}, {"threads", nullptr}});
  walk_chunk_options(options, bind);
  table.at("chunk_size").alias("max_seq_length").alias("block_size");
}

}  // namespace tekio::cli
