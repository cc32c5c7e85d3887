// What the benchmarks share: medians, memory, and the run in alternation with the reference stack.
#pragma once

#include <tekio/dataset.h>
#include <cstdint>
#include <string>
#include <vector>

#include "command.h"
#include "model/config.h"
#include "process.h"

namespace tekio::cli {

/// The sizes that are measured where no model is named.
ModelConfig distilbert_base();

double median(std::vector<double> values);

/// The most resident memory that this process has had.
int64_t peak_memory_mib();

/// --repeats: how often a thing is measured.
void add_repeats(OptionTable& table, int64_t* repeats);

/// Runs this program once more, as `arguments` say, and gives what it printed.
/// Errors: whatever it failed with, as if it had failed here.
ProcessResult run_tekio(const std::vector<std::string>& arguments);

/// The arguments of this call, as one without a comparison would have them, that prints JSON alone.
std::vector<std::string> own_arguments(const OptionTable& table, const std::vector<std::string>& positionals,
                                       const std::vector<std::string>& without = {});

/// The files of a data set as share/tekio/reference take them: "--split FILE…" for each split.
std::vector<std::string> files_of(const DatasetDict& data);
/// The column that they are to take text from.
std::string text_column_of(const DatasetDict& data);

/// A number that both sides report.
struct Figure {
  const char* key;  ///< in --json
  const char* unit;
  bool more_is_better;
};

/// What the reference stack does for the same job.
struct ReferenceJob {
  std::string script;                  ///< file of share/tekio/reference; it prints one line of JSON
  std::vector<std::string> arguments;  ///< what follows it
  std::vector<Figure> figures;         ///< the first decides which pair is the median one
  std::vector<const char*> equal;      ///< keys whose values must be equal on both sides, or the jobs were different
  bool times_process = false;          ///< `seconds` are the whole process's, not what the script says
};

/// --compare_reference and --pairs.
struct ReferenceOptions {
  std::string python;
  int64_t pairs = 5;

  void add_to(OptionTable& table);
  /// Errors: usage (--pairs without --compare_reference).
  void check(const OptionTable& table) const;
  bool wanted() const { return !python.empty(); }

  /// Runs this command, each time in a process of its own, and the reference's job in alternation, and prints both
  /// sides' medians and their ratios. With --json: the command's own document, of the median pair, whose figures are
  /// the medians, with "reference", "ratios" and "pairs" beside them. Errors: io (python, script or a package of it is
  /// missing), those of the command.
  void compare(const Command& command, const OptionTable& table, const std::vector<std::string>& positionals,
               const ReferenceJob& job, Output& out) const;
};

}  // namespace tekio::cli
