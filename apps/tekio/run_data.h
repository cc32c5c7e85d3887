// From a corpus to the chunks that a run trains on and those that it evaluates on.
#pragma once

#include <tekio/dataset.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/duplicate_rows.h"
#include "dist/communicator.h"
#include "hub/settings.h"
#include "training_options.h"

namespace tekio::cli {

/// What is trained on and evaluated on, and what it was cut from.
struct RunData {
  std::string name;
  std::string text_column;  ///< several, where sources have different ones: "review, text"
  size_t text_columns = 0;
  int64_t skipped_rows = 0;
  int64_t rows = 0, tokens = 0,
          all_chunks = 0;  ///< all_chunks: of the split trained on, before train_size and test_size
  Chunks::Split split;
  std::vector<std::string> specs, evaluation_specs;  ///< the training data's and --validation_file's, commits pinned
  std::string general_name;
  std::optional<Chunks> general;  ///< of --general_data
  DuplicateRows duplicates;       ///< where this rank is the first

  OrderedJson to_json() const;
};

/// Trains on split train; evaluates on what --test_size cuts off, else by --validation_file, else by split validation,
/// else test, else by the last rows. Of several ranks the first decides, and those that see the same files help it to
/// tokenize them. Errors: those of load_dataset and chunk(); input (no text, or none left to train on or evaluate on).
RunData open_run_data(const TrainingArguments& arguments, const Tokenizer& tokenizer, const hub::CallSettings& call,
                      Communicator& ranks);

}  // namespace tekio::cli
