// From what stands on a command line to folders, tokenizers, models and datasets: Hub ids, bundled
// corpora, and the checks that need both a model and its tokenizer.
#pragma once

#include <tekio/tekio.h>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundled.h"
#include "command.h"
#include "hub/locate.h"

namespace tekio::cli {

/// What a command that needs data takes, for the sentence that says so.
inline constexpr std::string_view kDataKinds =
    "files or a folder of text, a name on the Hub, or a bundled corpus (tekio data list)";

/// A model as the user named it, and the folder that it is in.
struct ModelPlace {
  std::string name;  ///< to be shown: a Hub id, or a folder's last part
  std::filesystem::path folder;
  bool from_hub = false;  ///< `name` is a repository there, and `folder` its snapshot, which is named by its commit
};

/// `spec`: a folder, the bundled model's name, or a Hub id ("name", "org/name", either with "@revision"), whose chosen
/// files are fetched into the Hub's cache where they are not there yet. `shown`: what named it. Errors: usage (a file),
/// and those of hub::locate_model.
ModelPlace find_model(const std::string& spec, const hub::Choice& choice, const hub::CallSettings& call,
                      const std::string& shown = named_option("model"));

/// load_dataset for what names data on the command line: paths, bundled corpora, names on the Hub. Errors: io, input,
/// usage.
DatasetDict open_data(const std::vector<std::string>& specs, const ReadOptions& options, const hub::CallSettings& call);
/// Whether `spec` asks for a whole dataset, as opposed to a split of it (PATH:SPLIT, PATH:train[:10%]).
bool names_whole(const std::string& spec);
/// The specs, those of datasets on the Hub with the commits that they meant when `data` was opened.
std::vector<std::string> repeatable(std::vector<std::string> specs, const DatasetDict& data);
/// The bundled corpus that `spec` means: where nothing here has this name.
std::optional<BundledCorpus> named_corpus(const std::string& spec);
/// Calls `use` with the text of every row of a split, in order; a row without text is told with file and line, as
/// `data chunks` tells it. The view holds until `use` returns.
void for_each_text(const Dataset& split, const std::function<void(std::string_view)>& use);
/// Whether a row is more than blanks; reads as far as the first such one. Errors: as for_each_text.
bool has_text(const Dataset& split);
/// "imdb, extra.jsonl": last parts, for a line to read.
std::string data_name(const std::vector<std::string>& specs);
/// The first of `names` that the data has; if none and there is only one split, that. Errors: input (names those there
/// are).
std::string choose_split(const DatasetDict& data, const std::vector<std::string>& names);

/// The smaller of both lengths that model and tokenizer take.
int64_t longest_input(const ModelInfo& model, const Tokenizer& tokenizer);
/// `chunk_size`, or what the model takes with a warning, as run_mlm.py does it.
int64_t capped_chunk_size(int64_t chunk_size, int64_t longest);

/// A model with its tokenizer, opened for a command that uses both.
struct OpenModel {
  ModelPlace place;
  Tokenizer tokenizer;
  MaskedLM model;
  ModelInfo info;
};

/// The options by which model and tokenizer are found. Where no model is named, the bundled one is meant.
struct ModelOptions {
  std::string model, tokenizer, cache_dir, revision;
  bool grows = false;  ///< embeddings grow where words were added to the tokenizer
  /// `several`: takes any number of models, into this list.
  void add_to(OptionTable& table, bool with_weights, std::vector<std::string>* several = nullptr);
  /// The model's place. Errors: io (there is none), usage (--model_revision alone).
  ModelPlace place(const hub::CallSettings& call, const hub::Choice& choice = hub::model_and_tokenizer_files) const;
  Tokenizer open_tokenizer(const ModelPlace& place, const hub::CallSettings& call) const;
  /// --tokenizer's folder, else the model's, for commands that need nothing else of a model.
  std::filesystem::path tokenizer_folder(const hub::CallSettings& call) const;
  /// Both. Errors: those of their from_pretrained; input (a tokenizer with more entries than the model has rows).
  OpenModel open(const Common& common) const;
};

/// Masking options that adapt, eval and data chunks share.
void add_masking_options(OptionTable& table, MaskOptions& options);
/// The same where a model is trained, so that the masked share may change.
void add_masking_options(OptionTable& table, TrainingOptions& options);
/// What of them contradicts another; those that are without effect are told in a note.
std::vector<std::string> masking_contradictions(const OptionTable& table, const MaskOptions& options);
/// The same. Errors: usage (a contradiction).
void check_masking_options(const OptionTable& table, const MaskOptions& options);
/// "whole words, 20 % of them", for a line to read.
std::string masking_text(const TrainingOptions& options);
/// Warns where the words that are to be masked are whole passages: to offsets that leave no gaps, to tokenizers that do
/// not split at spaces, in text without any.
void warn_of_long_words(const MaskOptions& options, const Chunks& chunks, const Tokenizer& tokenizer);
/// How rows are read: every command that reads data has these.
void add_read_options(OptionTable& table, ReadOptions& options);
/// --word_column, --word_separator: where rows are cut into chunks.
void add_word_options(OptionTable& table, ReadOptions& options);
/// Errors: usage (two columns are named).
void check_word_options(const OptionTable& table);
/// Warns where given words are encoded as if no space stood before them, which is not how the tokenizer's model
/// learned.
void warn_of_words_without_space(const ReadOptions& options, const Tokenizer& tokenizer);
/// Warns of so many rows without a text, or words, in the column, if it is named.
void warn_of_left_out(int64_t rows, const std::string& column, const ReadOptions& options);
/// The column that a split's text is taken from, where it was found: told in a note unless it is "text". Warns of rows
/// that were left out. Returns its name.
std::string tell_rows(const Dataset& split, const ReadOptions& options);
/// --chunk_size, --line_by_line.
void add_chunk_options(OptionTable& table, ChunkOptions& options);

}  // namespace tekio::cli
