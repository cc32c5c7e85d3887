// --help and docs/cli.md, both from the same tables, so that neither can go stale.
#include <algorithm>

#include "command.h"
#include "terminal.h"

namespace tekio::cli {
namespace {

// Where options' meanings begin, and where lines end: they fit the terminal, but longer ones than kMost are no easier
// to read. Where the terminal is narrow, a meaning stands below its option.
struct Page {
  static constexpr size_t kMost = 110, kLeast = 40, kNarrow = 76;
  size_t width = std::clamp(static_cast<size_t>(terminal_width(1)), kLeast, kMost);
  size_t column = width < kNarrow ? 8 : 34;
};

size_t columns(const std::string& text) { return static_cast<size_t>(columns_of(text)); }

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

// An option's name and values: broken after a "|" where the line ends.
std::string wrapped_values(const std::string& left, size_t width) {
  std::string out, part;
  size_t used = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    part += left[i];
    if (left[i] != '|' && i + 1 < left.size()) continue;
    if (used > 0 && used + columns(part) > width) {
      out += "\n      ";
      used = 6;
    }
    out += part;
    used += columns(part);
    part.clear();
  }
  return out;
}

// A command line to be copied: broken before an option or a text in quotes, as a shell takes it.
std::string wrapped_example(const std::string& example, size_t width) {
  std::string out = "  ", word;
  size_t used = 2;
  bool quoted = false;
  const auto flush = [&](bool last) {
    const size_t needed = columns(word) + (last ? 0 : 2);
    if (used > 4 && used + needed > width && (word.starts_with('-') || word.starts_with('"'))) {
      out += "\\\n    ";
      used = 4;
    }
    out += word;
    used += columns(word);
    word.clear();
  };
  for (size_t i = 0; i < example.size(); ++i) {
    quoted ^= example[i] == '"';
    const bool option =
        !quoted && example[i] == ' ' && i + 1 < example.size() && (example[i + 1] == '-' || example[i + 1] == '"');
    word += example[i];
    if (option) flush(false);
  }
  flush(true);
  return out + "\n";
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
  const Page page;
  std::string out;
  for (const CommandText& text : texts)
    out += fmt::format("  {:<{}}  {}\n", text.name, longest, wrapped(text.summary, longest + 4, page.width));
  return out;
}

}  // namespace

std::string version_text() { return "tekio " TEKIO_VERSION; }

std::string program_help(const std::string& family) {
  if (!family.empty())
    return fmt::format(
        "usage: tekio {} COMMAND …\n\nCommands\n{}\n'tekio {} COMMAND --help' shows a command's options.\n", family,
        commands_list(family), family);
  const Page page;
  std::string examples;
  for (const char* example :
       {"tekio adapt --model ./distilbert-base-uncased --data ./imdb --train_size 10000 --test_size 1000",
        "tekio fill --model distilbert-base-uncased-finetuned-imdb \"This is a great [MASK].\"",
        "tekio data info ./imdb"})
    examples += wrapped_example(example, page.width);
  return fmt::format(
      "usage: tekio COMMAND [options]\n\n{}\n\nCommands\n{}\n{}\n\nExamples\n{}\n{}\n",
      wrapped("Adapts masked language models (BERT, RoBERTa, ModernBERT and their kin) to a domain's text, or trains "
              "them from nothing.",
              0, page.width),
      commands_list(""),
      wrapped("'tekio COMMAND --help' shows a command's options, 'tekio --version' the version.", 0, page.width),
      examples,
      wrapped(
          "Exit codes: 0 done, 2 usage, 3 bad model or data, 4 disk or network, 5 device, 6 communication, 70 a bug of "
          "tekio's, 129, 130 and 143 stopped by a signal after saving.",
          0, page.width));
}

std::string command_help(const Command& command, const OptionTable& table) {
  const CommandText text = command.text();
  const Page page;
  const std::string name = "usage: tekio " + text.name + " ";
  std::string out =
      name + wrapped(text.usage, name.size(), page.width) + "\n\n" + wrapped(text.description, 0, page.width) + "\n";
  for (const std::string& alias : text.aliases) out += fmt::format("\n'tekio {}' is the same command.\n", alias);
  std::string heading;
  for (const auto& [group, listed] : table.listed()) {
    const Option& option = *listed;
    if (group != heading) out += fmt::format("\n{}\n", heading = group);
    const std::string left = "  " + spelling(option);
    out += wrapped_values(left, page.width);
    out += columns(left) + 2 > page.column ? "\n" + std::string(page.column, ' ')
                                           : std::string(page.column - columns(left), ' ');
    const std::string right = facts(option);
    out += wrapped(option.help + (right.empty() ? "" : " " + right), page.column, page.width) + "\n";
  }
  out += "\n" +
         wrapped("In names - and _ are the same. What takes no value also takes true or false, or no_ before its name.",
                 0, page.width) +
         "\n\nExamples\n";
  for (const std::string& example : text.examples) out += wrapped_example(example, page.width);
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
