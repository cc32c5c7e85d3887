// Manual pages, in the language of man(7).
#include <algorithm>

#include "base/file.h"
#include "command.h"
#include "pages.h"

namespace tekio::cli {
namespace {

// Text as roff reads it: a hyphen that can be copied, no backslash that means something, no line that is a request.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if ((out.empty() || out.back() == '\n') && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string page_name(const std::string& command) {
  std::string name = "tekio-" + command;
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string head(const std::string& name, const std::string& summary) {
  std::string title = name;
  std::ranges::transform(title, title.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH {} 1 \"\" \"{}\" \"Tekio\"\n.SH NAME\n{} \\- {}\n", roff(title), roff(version_text()),
                     roff(name), roff(summary));
}

std::string option_entry(const Option& option) {
  std::string names;
  if (option.letter != 0) names += fmt::format("\\fB\\-{}\\fR, ", option.letter);
  names += "\\fB" + roff("--" + option.name) + "\\fR";
  if (option.kind != Option::Kind::boolean) names += " \\fI" + roff(option.value_name) + "\\fR";
  std::string text = option.help;
  for (const std::string& alias : option.aliases) text += "; also --" + alias;
  const OrderedJson& value = option.default_value;
  if (!value.is_null() && !value.is_boolean() && option.kind != Option::Kind::list)
    if (const std::string shown = value.is_string() ? value.get<std::string>() : value.dump(); !shown.empty())
      text += " (default " + shown + ")";
  return ".TP\n" + names + "\n" + roff(text) + "\n";
}

std::string command_page(Command& command) {
  const CommandText text = command.text();
  OptionTable table(text.name);
  fill_table(command, table);
  std::string page = head(page_name(text.name), text.summary) + ".SH SYNOPSIS\n\\fBtekio " + roff(text.name) + "\\fR " +
                     roff(text.usage) + "\n.SH DESCRIPTION\n" + roff(text.description) + "\n.SH OPTIONS\n";
  std::string heading;
  for (const auto& [group, option] : table.listed()) {
    if (group != heading && !group.empty()) page += ".SS " + roff(group) + "\n";
    heading = group;
    page += option_entry(*option);
  }
  page += ".SH EXAMPLES\n";
  for (const std::string& example : text.examples) page += ".PP\n.nf\n" + roff(example) + "\n.fi\n";
  return page + ".SH SEE ALSO\n\\fBtekio\\fR(1)\n";
}

std::string program_page() {
  std::string page =
      head("tekio", "adapts masked language models to a domain's text") +
      ".SH SYNOPSIS\n\\fBtekio\\fR \\fICOMMAND\\fR [options]\n.SH DESCRIPTION\n"
      "Adapts masked language models (BERT, RoBERTa, ModernBERT and their kin) to a domain's text, or trains "
      "them from nothing. In names \\- and _ are the same.\n.SH COMMANDS\n";
  std::string others;
  for (const auto& command : make_commands()) {
    const CommandText text = command->text();
    page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(text.name), roff(text.summary));
    others += fmt::format("{}\\fB{}\\fR(1)", others.empty() ? "" : ", ", roff(page_name(text.name)));
  }
  page += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : std::initializer_list<std::pair<const char*, const char*>>{
           {"0", "done"},
           {"2", "usage"},
           {"3", "bad model or data"},
           {"4", "disk or network"},
           {"5", "device"},
           {"6", "communication"},
           {"70", "a bug of tekio's"},
           {"129, 130, 143", "stopped by a signal after saving"}})
    page += fmt::format(".TP\n{}\n{}\n", code, meaning);
  return page + ".SH SEE ALSO\n" + others + "\n";
}

}  // namespace

void write_man_pages(const std::filesystem::path& folder) {
  write_atomically(folder / "tekio.1", program_page());
  for (const auto& command : make_commands())
    write_atomically(folder / (page_name(command->text().name) + ".1"), command_page(*command));
}

}  // namespace tekio::cli
