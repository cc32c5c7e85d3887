// From the command line to a command's run() and from errors to exit codes: the program's only catch site.
#include <algorithm>
#include <map>

#include "command.h"
#include "dist/join.h"
#include "hints.h"
#include "load_options.h"
#include "ranks.h"
#include "terminal_log.h"
#include "transfer.h"

namespace tekio::cli {
namespace {

void add_common(OptionTable& table, Common& common) {
  table.group("Common to all commands");
  add_load_options(table, common);
  table.add("offline", &common.hub.offline, "makes no request: models from this machine alone, as HF_HUB_OFFLINE=1");
  table.add("no_cache", &common.no_cache, "neither reads nor keeps the token store");
  table.add("json", &common.json, "one JSON document on standard output, nothing else there");
  table.add("quiet", &common.quiet, "no log lines and no progress on standard error");
  table.add("config", &common.config, "takes options from this file; the command line wins")
      .called("FILE.toml")
      .only_now();
  table.add("dump_config", &common.dump_config, "prints the resolved options as such a file and exits").only_now();
  table.add("help", &common.help, "prints this and exits").short_name('h').only_now();
}

// Told before anything is opened. Several processes learn which GPU is their own when they have met.
void check_common(const Common& common, OnRanks on_ranks) {
  if (on_ranks != OnRanks::together || !find_launch()) require_gpu(common);
}

bool wants_help(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == "--help" || argument == "-h") return true;
  }
  return false;
}

using Commands = std::vector<std::unique_ptr<Command>>;
using Words = std::vector<std::string>;

// What is asked of the program itself; false where a command follows.
bool answer(Words& words, Output& out) {
  if (words.empty()) fail(ErrorKind::usage, "no command given ('tekio --help' lists them)");
  if (words[0] == "help") {  // tekio help data info = tekio data info --help
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  if (words[0] == "--version" || words[0] == "-V") {
    out.line(version_text());
    return true;
  }
  if (words[0] == "--help" || words[0] == "-h") {
    out.write(program_help());
    return true;
  }
  if (words[0].starts_with("-"))
    if (const std::string near = nearest(words[0], {"--help", "--version"}); !near.empty())
      fail(ErrorKind::usage, "unknown option {}, did you mean {}?", printable(words[0]), near);
  return false;
}

// What a family's name stands for: all of its commands, and the one that is meant where it stands alone.
struct Family {
  bool known = false;
  std::string by_default;
};
Family family_of(const Commands& commands, const std::string& name) {
  Family family;
  for (const auto& command : commands) {
    const CommandText text = command->text();
    if (!text.name.starts_with(name + " ")) continue;
    family.known = true;
    if (text.family_default) family.by_default = text.name;
  }
  return family;
}

[[noreturn]] void fail_no_command(const Commands& commands, const std::string& name, const std::string& next) {
  Words names;
  for (const auto& command : commands) {
    const CommandText text = command->text();
    names.push_back(text.name);
    names.insert(names.end(), text.aliases.begin(), text.aliases.end());
  }
  std::string instead = next.empty() ? "" : instead_of_command(name + " " + next, names);  // "dta info"
  if (instead.empty()) instead = instead_of_command(name, names);
  fail(ErrorKind::usage, "no command '{}'{} ('tekio --help' lists all)", printable(name), instead);
}

// The command that the first words name, which are taken off; null where a family's help was asked for and given.
Command* choose(const Commands& commands, Words& words, Output& out) {
  std::string name = words[0];
  const Family family = family_of(commands, name);
  const bool second = words.size() > 1 && !words[1].starts_with("-");
  if (family.known && !second) {
    if (wants_help(words)) {
      out.write(program_help(name));
      return nullptr;
    }
    if (family.by_default.empty())
      fail(ErrorKind::usage, "{} needs a command of its own ('tekio {} --help' lists them)", name, name);
    name = family.by_default;
  } else if (family.known) {
    name += " " + words[1];
  }
  for (const auto& command : commands) {
    const CommandText text = command->text();
    if (text.name != name && std::ranges::find(text.aliases, name) == text.aliases.end()) continue;
    words.erase(words.begin(), words.begin() + (family.known && second ? 2 : 1));
    return command.get();
  }
  fail_no_command(commands, name, second && !family.known ? words[1] : "");
}

// The options that the other commands have, each with the first command that has it.
std::map<std::string, std::string> options_of_others(const Commands& commands, const Command& chosen) {
  std::map<std::string, std::string> names;
  for (const auto& command : commands) {
    if (command.get() == &chosen) continue;
    OptionTable table(command->text().name);
    fill_table(*command, table);
    for (const std::string& name : table.names()) names.try_emplace(name, table.command());
  }
  return names;
}

int run_chosen(Command& command, OptionTable& table, const Words& words, Output& out) {
  const CommandText text = command.text();
  const Words positionals = table.parse(words, text.max_positionals != 0);
  if (command.common.help) {  // --help=true
    out.write(command_help(command, table));
    return 0;
  }
  if (text.max_positionals >= 0 && positionals.size() > static_cast<size_t>(text.max_positionals))
    fail(ErrorKind::usage, "'{}' is one argument too many; usage: tekio {} {}",
         printable(positionals[static_cast<size_t>(text.max_positionals)]), text.name, text.usage);
  set_quiet(command.common.quiet);
  show_transfers(!command.common.json);
  if (const OrderedJson cache = table.has("cache_dir") ? table.at("cache_dir").value() : OrderedJson();
      cache.is_string())
    command.common.hub.cache = cache.get<std::string>();
  command.check(table, positionals);
  check_common(command.common, text.on_ranks);
  if (command.common.dump_config) {
    if (command.common.json)
      out.json(table.to_json());
    else
      out.write(table.to_toml());
    return 0;
  }
  return command.run(table, positionals, out);
}

int dispatch(Words words, Output& out, std::function<void(TrainingOptions&)> prepare_run = {}) {
  if (answer(words, out)) return 0;
  const Commands commands = make_commands();
  Command* const chosen = choose(commands, words, out);
  if (chosen == nullptr) return 0;
  OptionTable table(chosen->text().name);
  fill_table(*chosen, table);
  table.set_foreign_names(options_of_others(commands, *chosen));
  if (wants_help(words)) {
    out.write(command_help(*chosen, table));
    return 0;
  }
  chosen->common.prepare_run = std::move(prepare_run);
  const OnRanks on_ranks = chosen->text().on_ranks;
  try {
    if (on_ranks == OnRanks::refused) require_one_process(table.command());
    return run_chosen(*chosen, table, words, out);
  } catch (const std::exception& error) {
    if (on_ranks != OnRanks::each) refuse_on_ranks(told_of(error));
    throw;
  }
}

}  // namespace

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  for (const auto make :
       {make_adapt,       make_pretrain,   make_fill,           make_eval,        make_tokenize,   make_tokenizer_train,
        make_data_list,   make_data_info,  make_data_head,      make_data_chunks, make_info,       make_cache_list,
        make_cache_clear, make_bench_step, make_bench_tokenize, make_bench_data,  make_bench_fill, make_bench_allreduce,
        make_report,      make_serve,      make_export,         make_pull,        make_push,       make_doctor})
    commands.push_back(make());
  return commands;
}

void fill_table(Command& command, OptionTable& table) {
  table.group("Options");
  command.add_options(table);
  add_common(table, command.common);
}

int run_command(const std::vector<std::string>& arguments, Output& out,
                std::function<void(TrainingOptions&)> prepare_run) {
  const int code = dispatch(arguments, out, std::move(prepare_run));
  out.flush();
  return code;
}

int run_program(const std::vector<std::string>& arguments, Output& out) {
  log_to_stderr();
  name_options_by(with_dashes);
  end_where_held_up();
  try {
    const int code = dispatch(arguments, out);
    out.flush();
    return code;
  } catch (const std::exception& error) {
    const Told told = told_of(error);
    if (!was_said(told.kind, told.sentence)) report_error(told.sentence);
    return end_with(told.kind);
  }
}

}  // namespace tekio::cli
