// --help and docs/cli.md, both from the same tables, so that neither can go stale.
#include <algorithm>

#include "command.h"

namespace tekio::cli {
namespace {

constexpr size_t kColumn = 34, kWidth = 110;

// Columns that a text takes on a terminal: its characters, not its bytes.
size_t columns(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// `text` in lines of at most `width` characters, each but the first after `indent` blanks.
std::string wrapped(const std::string& text, size_t indent, size_t width) {
  std::string out, word;
  size_t used = indent;
  const auto flush = [&] {
    if (word.empty()) return;
    if (used > indent && used + 1 + columns(word) > width) {
      out += "\n" + std::string(indent, ' ');
      used = indent;
    }
    if (used > indent) out += " ", ++used;
    out += word;
    used += columns(word);
    word.clear();
  };
  for (const char c : text) {
    if (c == ' ')
      flush();
    else
      word += c;
  }
  flush();
  return out;
}

std::string default_text(const Option& option) {
  const OrderedJson& value = option.default_value;
  if (value.is_null() || option.kind == Option::Kind::list) return "";
  if (value.is_boolean()) return value.get<bool>() ? "true" : "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  return value.dump();
}

std::string spelling(const Option& option) {
  std::string text = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "";
  text += "--" + option.name;
  if (option.kind == Option::Kind::boolean) return text;
  return text + (option.implied ? " [" + option.value_name + "]" : " " + option.value_name) +
         (option.kind == Option::Kind::list ? "…" : "");
}

// "default 0.15, > 0 and <= 1; also --x"
std::string facts(const Option& option) {
  std::vector<std::string> parts;
  if (const std::string value = default_text(option); !value.empty()) parts.push_back("default " + value);
  const bool numeric = option.kind == Option::Kind::integer || option.kind == Option::Kind::number;
  if (numeric) {
    std::string range = option.expected();
    range.erase(0, range.find(' ', range.find(' ') + 1) == std::string::npos
                       ? range.size()
                       : range.find(' ', range.find(' ') + 1) + 1);
    if (!range.empty() && range.find("-2147483648") == std::string::npos) parts.push_back(range);
  }
  for (const std::string& alias : option.aliases) parts.push_back("also --" + alias);
  return parts.empty() ? "" : fmt::format("({})", fmt::join(parts, "; "));
}

std::string commands_list(const std::string& family) {
  std::vector<CommandText> texts;
  size_t longest = 0;
  for (const auto& command : make_commands()) {
    const CommandText text = command->text();
    if (!family.empty() && !text.name.starts_with(family + " ")) continue;
    longest = std::max(longest, text.name.size());
    texts.push_back(text);
  }
  std::string out;
  for (const CommandText& text : texts) out += fmt::format("  {:<{}}  {}\n", text.name, longest, text.summary);
  return out;
}

}  // namespace

std::string version_text() { return "tekio " TEKIO_VERSION; }

std::string program_help(const std::string& family) {
  if (!family.empty())
    return fmt::format(
        "usage: tekio {} COMMAND …\n\nCommands\n{}\n'tekio {} COMMAND --help' tells a command's options.\n", family,
        commands_list(family), family);
  return fmt::format(
      "usage: tekio COMMAND [options]\n\n"
      "Adapts masked language models (BERT, DistilBERT) to a domain's text, or trains them from nothing.\n\n"
      "Commands\n{}\n"
      "'tekio COMMAND --help' tells a command's options. 'tekio --version' tells the version.\n\n"
      "Examples\n"
      "  tekio adapt --model ./distilbert-base-uncased --data ./imdb --train_size 10000 --test_size 1000\n"
      "  tekio fill --model distilbert-base-uncased-finetuned-imdb \"This is a great [MASK].\"\n"
      "  tekio data info ./imdb\n\n"
      "Exit codes: 0 done, 2 usage, 3 bad model or data, 4 disk or network, 5 device, 6 communication, 70 a bug of "
      "tekio's,\n"
      "130 and 143 stopped by a signal after saving.\n",
      commands_list(""));
}

std::string command_help(const Command& command, const OptionTable& table) {
  const CommandText text = command.text();
  std::string out =
      fmt::format("usage: tekio {} {}\n\n{}\n", text.name, text.usage, wrapped(text.description, 0, kWidth));
  std::string heading;
  for (const auto& [group, listed] : table.listed()) {
    const Option& option = *listed;
    if (group != heading) out += fmt::format("\n{}\n", heading = group);
    const std::string left = "  " + spelling(option);
    out += left;
    out += columns(left) + 2 > kColumn ? "\n" + std::string(kColumn, ' ') : std::string(kColumn - columns(left), ' ');
    const std::string right = facts(option);
    out += wrapped(option.help + (right.empty() ? "" : " " + right), kColumn, kWidth) + "\n";
  }
  out +=
      "\nIn names - and _ are the same. What takes no value also takes true or false, or no_ before its "
      "name.\n\nExamples\n";
  for (const std::string& example : text.examples) out += "  " + example + "\n";
  return out;
}

std::string reference_markdown() {
  const auto cell = [](std::string text) {
    for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
    return text;
  };
  const auto row = [&](const Option& option) {
    std::string range = option.kind == Option::Kind::boolean || !option.choices.empty() ? "" : option.expected();
    if (range == "a text" || range.find("-2147483648") != std::string::npos) range.clear();
    std::string names = fmt::format("`{}`", cell(spelling(option)));
    for (const std::string& alias : option.aliases) names += fmt::format(", `--{}`", alias);
    return fmt::format("| {} | {} | {}{} |\n", names, cell(default_text(option)), cell(option.help),
                       range.empty() ? "" : " (" + cell(range) + ")");
  };
  const std::string header = "\n| option | default | meaning |\n|---|---|---|\n";
  std::string out, common;
  for (const auto& command : make_commands()) {
    OptionTable table(command->text().name);
    fill_table(*command, table);
    const CommandText text = command->text();
    out += fmt::format("## tekio {}\n\n`tekio {} {}`\n\n{}\n", text.name, text.name, text.usage, text.description);
    std::string heading;
    common.clear();
    for (const auto& [group, listed] : table.listed()) {
      const Option& option = *listed;
      std::string& part = group == "Common to all commands" ? common : out;
      if (group != heading) {
        heading = group;
        if (&part == &out) out += fmt::format("\n**{}**\n", heading);
        part += header;
      }
      part += row(option);
    }
    out += "\n```\n";
    for (const std::string& example : text.examples) out += example + "\n";
    out += "```\n\n";
  }
  return "## Common to all commands\n" + common + "\n" + out;
}

}  // namespace tekio::cli
