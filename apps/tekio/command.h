// What a command of the program is: its texts for --help, its options, and what it does. One file per command;
// make_commands() in run_program.cc lists them all.
#pragma once

#include <tekio/adapt.h>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hub/settings.h"
#include "options.h"
#include "output.h"

namespace tekio::cli {

/// The options that every command has.
struct Common {
  std::string device = "auto", config;
  NumberFormat dtype = NumberFormat::automatic;
  int threads = 0;
  uint64_t seed = 42;
  bool json = false, quiet = false, no_cache = false, dump_config = false, help = false;
  hub::CallSettings hub;
  /// What `device` means for this one of several processes: "cuda:1". Empty: it is alone.
  std::string own_device;
  const std::string& computes_on() const { return own_device.empty() ? device : own_device; }
  LoadOptions loading() const { return {.device = computes_on(), .dtype = dtype, .threads = threads, .seed = seed}; }
  /// What else is set in a run's options before it begins; empty: signals stop it.
  std::function<void(TrainingOptions&)> prepare_run;
};

/// What a command does where a launcher started several processes of it: all work together, or each for itself, as what
/// it shows or gets is its own machine's.
enum class OnRanks : uint8_t { refused, together, each };

struct CommandText {
  std::string name;         ///< "adapt", "data info"
  std::string summary;      ///< one line
  std::string usage;        ///< what follows "tekio NAME"
  std::string description;  ///< a paragraph or more
  std::vector<std::string> examples;
  int max_positionals = 0;           ///< -1: any number
  std::vector<std::string> aliases;  ///< other names of the command: "train"
  bool family_default = false;       ///< meant where its family's name stands alone: "bench" is "bench step"
  OnRanks on_ranks = OnRanks::refused;
};

class Command {
 public:
  virtual ~Command() = default;
  virtual CommandText text() const = 0;
  /// Adds the command's own options; the common ones are added after them.
  virtual void add_options(OptionTable& table) = 0;
  /// Whatever can be told wrong without opening a file: contradictions, missing options. Runs before --dump-config too.
  virtual void check(const OptionTable&, const std::vector<std::string>& /*positionals*/) {}
  /// Does the work and returns the exit code. Errors are thrown.
  virtual int run(const OptionTable& table, const std::vector<std::string>& positionals, Output& out) = 0;

  Common common;
};

/// Adds the command's options, then the common ones.
void fill_table(Command& command, OptionTable& table);

std::unique_ptr<Command> make_adapt();
std::unique_ptr<Command> make_pretrain();
std::unique_ptr<Command> make_fill();
std::unique_ptr<Command> make_eval();
std::unique_ptr<Command> make_tokenize();
std::unique_ptr<Command> make_tokenizer_train();
std::unique_ptr<Command> make_data_list();
std::unique_ptr<Command> make_data_info();
std::unique_ptr<Command> make_data_head();
std::unique_ptr<Command> make_data_chunks();
std::unique_ptr<Command> make_info();
std::unique_ptr<Command> make_cache_list();
std::unique_ptr<Command> make_cache_clear();
std::unique_ptr<Command> make_bench_step();
std::unique_ptr<Command> make_bench_tokenize();
std::unique_ptr<Command> make_bench_data();
std::unique_ptr<Command> make_bench_fill();
std::unique_ptr<Command> make_bench_allreduce();
std::unique_ptr<Command> make_report();
std::unique_ptr<Command> make_serve();
std::unique_ptr<Command> make_export();
std::unique_ptr<Command> make_pull();
std::unique_ptr<Command> make_push();
std::unique_ptr<Command> make_doctor();
/// All of the above, in the order in which --help lists them.
std::vector<std::unique_ptr<Command>> make_commands();

/// The program's help, or that of a family of commands ("data", "bench").
std::string program_help(const std::string& family = "");
std::string command_help(const Command& command, const OptionTable& table);
/// Every command and option as Markdown: the second half of docs/cli.md, which a test compares with it.
std::string reference_markdown();

std::string version_text();

/// The whole program but for the process's own business (signals, descriptors): parses, runs, prints the error
/// sentence, returns the exit code. `arguments` without the program's name.
int run_program(const std::vector<std::string>& arguments, Output& out);
/// A command within another program, which hears the log and has the signals: errors are thrown. `prepare_run` as of
/// Common.
int run_command(const std::vector<std::string>& arguments, Output& out,
                std::function<void(TrainingOptions&)> prepare_run);

}  // namespace tekio::cli
