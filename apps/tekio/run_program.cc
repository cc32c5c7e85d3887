// From the command line to a command's run() and from errors to exit codes: the program's only catch site.
#include <filesystem>
#include <new>

#include "base/log.h"
#include "command.h"
#include "compute/cuda.h"

namespace tekio::cli {
namespace {

// Commands that the design has and this version has not.
const char* const kLater[] = {"pull", "push", "serve"};

void add_common(OptionTable& table, Common& common) {
  table.group("Common to all commands");
  table.add("device", &common.device, "what computes; auto: the processor").one_of({"auto", "cpu", "cuda", "ref"});
  Option& dtype =
      table.add("dtype", &common.dtype,
                {{"auto", NumberFormat::automatic}, {"f32", NumberFormat::f32}, {"bf16", NumberFormat::bf16}},
                "number format of the arithmetic (also float32, fp32, bfloat16); auto: bf16 for training and "
                "evaluation where the "
                "processor multiplies it faster, else f32");
  dtype.spelled_also("float32", "f32").spelled_also("fp32", "f32").spelled_also("bfloat16", "bf16");
  for (const char* half : {"float16", "fp16", "f16"})
    dtype.refusing(half,
                   "its range is too small to train without scaling losses; bf16 has float32's range: --dtype bf16");
  table.add("threads", &common.threads, "processor threads; 0: as many as this process may use")
      .at_least(0)
      .at_most(1024);
  table.add("seed", &common.seed, "decides every random choice").at_most(4294967295.0);
  table.add("offline", &common.offline, "never asks the network (this version never does)");
  table.add("no_cache", &common.no_cache, "neither reads nor keeps the token store");
  table.add("json", &common.json, "one JSON document on standard output, nothing else there");
  table.add("quiet", &common.quiet, "no log lines and no progress on standard error");
  table.add("config", &common.config, "takes options from this file; the command line wins")
      .called("FILE.toml")
      .only_now();
  table.add("dump_config", &common.dump_config, "prints the resolved options as such a file and exits").only_now();
  table.add("help", &common.help, "prints this and exits").short_name('h').only_now();
}

void check_common(const Common& common) {
  if (common.device != "cuda") return;
  if (const std::string problem = cuda_problem(); !problem.empty())  // told before anything is opened
    fail(ErrorKind::device, "{}", problem);
}

bool wants_help(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == "--help" || argument == "-h") return true;
  }
  return false;
}

int dispatch(std::vector<std::string> arguments, Output& out) {
  if (arguments.empty()) fail(ErrorKind::usage, "no command given ('tekio --help' lists them)");
  if (arguments[0] == "--version" || arguments[0] == "-V") {
    out.line(version_text());
    return 0;
  }
  if (arguments[0] == "help") {  // tekio help data info = tekio data info --help
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    out.write(program_help());
    return 0;
  }

  if (arguments[0].starts_with("-"))
    if (const std::string near = nearest(arguments[0], {"--help", "--version"}); !near.empty())
      fail(ErrorKind::usage, "unknown option {}, did you mean {}?", printable(arguments[0]), near);

  auto commands = make_commands();
  std::vector<std::string> names;
  bool family = false;
  std::string by_default;
  for (const auto& command : commands) {
    names.push_back(command->text().name);
    if (!names.back().starts_with(arguments[0] + " ")) continue;
    family = true;
    if (command->text().family_default) by_default = names.back();
  }
  std::string name = arguments[0];
  const bool second = arguments.size() > 1 && !arguments[1].starts_with("-");
  if (family && !second) {
    if (wants_help(arguments)) {
      out.write(program_help(name));
      return 0;
    }
    if (by_default.empty())
      fail(ErrorKind::usage, "{} needs a command of its own ('tekio {} --help' lists them)", name, name);
    name = by_default;
  } else if (family) {
    name += " " + arguments[1];
  }
  arguments.erase(arguments.begin(), arguments.begin() + (family && second ? 2 : 1));

  Command* chosen = nullptr;
  std::vector<std::string> other_options;
  for (const auto& command : commands) {
    if (command->text().name == name) {
      chosen = command.get();
      continue;
    }
    OptionTable table(command->text().name);
    fill_table(*command, table);
    const std::vector<std::string> more = table.names();
    other_options.insert(other_options.end(), more.begin(), more.end());
  }
  if (chosen == nullptr) {
    for (const std::string later : kLater)
      if (later == name)
        fail(ErrorKind::usage, "this version ({}) has no command '{}' yet ('tekio --help' lists those it has)",
             TEKIO_VERSION, name);
    std::string near = second && !family ? nearest(name + " " + arguments[0], names) : "";  // "dta info"
    if (near.empty()) near = nearest(name, names);
    fail(ErrorKind::usage, "no command '{}'{} ('tekio --help' lists all)", printable(name),
         near.empty() ? "" : ", did you mean '" + near + "'?");
  }

  OptionTable table(name);
  fill_table(*chosen, table);
  table.set_foreign_names(std::move(other_options));
  if (wants_help(arguments)) {
    out.write(command_help(*chosen, table));
    return 0;
  }
  const CommandText text = chosen->text();
  const std::vector<std::string> positionals = table.parse(arguments, text.max_positionals != 0);
  if (text.max_positionals >= 0 && positionals.size() > static_cast<size_t>(text.max_positionals))
    fail(ErrorKind::usage, "'{}' is one argument too many; usage: tekio {} {}",
         printable(positionals[static_cast<size_t>(text.max_positionals)]), name, text.usage);
  set_quiet(chosen->common.quiet);
  chosen->check(table, positionals);
  check_common(chosen->common);
  if (chosen->common.dump_config) {
    if (chosen->common.json)
      out.json(table.to_json());
    else
      out.write(table.to_toml());
    return 0;
  }
  return chosen->run(table, positionals, out);
}

}  // namespace

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  for (const auto make : {make_adapt, make_pretrain, make_fill, make_eval, make_tokenize, make_tokenizer_train,
                          make_data_list, make_data_info, make_data_head, make_data_chunks, make_info, make_bench_step,
                          make_bench_tokenize, make_bench_data, make_bench_fill, make_doctor})
    commands.push_back(make());
  return commands;
}

void fill_table(Command& command, OptionTable& table) {
  table.group("Options");
  command.add_options(table);
  add_common(table, command.common);
}

int run_program(const std::vector<std::string>& arguments, Output& out) {
  ErrorKind kind = ErrorKind::bug;
  std::string message;
  try {
    const int code = dispatch(arguments, out);
    out.flush();
    return code;
  } catch (const Error& error) {
    kind = error.kind();
    message = error.what();
  } catch (const std::bad_alloc&) {
    kind = ErrorKind::device;
    message = "memory ran out; a smaller batch or shorter chunks need less";
  } catch (const std::filesystem::filesystem_error& error) {
    kind = ErrorKind::io;
    message = printable(error.what(), 300);
  } catch (const std::exception& error) {
    message = printable(error.what(), 300);
  }
  if (kind == ErrorKind::bug) message = "a bug of tekio's own, please report it: " + message;
  fmt::print(stderr, "tekio: {}\n", message);
  return exit_code(kind);
}

}  // namespace tekio::cli
