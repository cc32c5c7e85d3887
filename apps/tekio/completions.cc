// Completions: after the program's name, and after `help`, its commands, after a command its options, after an option
// with few values those, else files. Options are also known with hyphens, and commands by their aliases.
#include <algorithm>

#include "command.h"
#include "pages.h"

namespace tekio::cli {
namespace {

// A command with what completing it needs.
struct Completed {
  CommandText text;
  std::string family, name;  // "data" and "info"; "" and "adapt"
  struct Entry {
    std::vector<std::string> spellings;  // "--name", "--alias", "-n"
    std::string help;
    bool takes_value;
    std::vector<std::string> choices;
  };
  std::vector<Entry> options;
};

std::vector<Completed> completed_commands() {
  std::vector<Completed> all;
  for (const auto& command : make_commands()) {
    OptionTable table(command->text().name);
    fill_table(*command, table);
    Completed& one = all.emplace_back();
    one.text = command->text();
    const size_t space = one.text.name.find(' ');
    one.family = space == std::string::npos ? "" : one.text.name.substr(0, space);
    one.name = space == std::string::npos ? one.text.name : one.text.name.substr(space + 1);
    for (const auto& [group, option] : table.listed()) {
      Completed::Entry entry{
          {"--" + option->name}, option->help, option->kind != Option::Kind::boolean, option->choices};
      for (const std::string& alias : option->aliases) entry.spellings.push_back("--" + alias);
      if (option->letter != 0) entry.spellings.push_back(std::string("-") + option->letter);
      one.options.push_back(std::move(entry));
    }
  }
  return all;
}

// The words that may stand first, families once, each with a summary.
std::vector<std::pair<std::string, std::string>> first_words(const std::vector<Completed>& commands) {
  std::vector<std::pair<std::string, std::string>> words;
  for (const Completed& command : commands) {
    const std::string& word = command.family.empty() ? command.name : command.family;
    if (std::ranges::any_of(words, [&](const auto& known) { return known.first == word; })) continue;
    std::vector<std::string> names;
    for (const Completed& other : commands)
      if (other.family == word) names.push_back(other.name);
    words.emplace_back(word, names.empty() ? command.text.summary : fmt::format("{}", fmt::join(names, ", ")));
  }
  words.emplace_back("help", "shows a command's options");
  return words;
}
// The words that may stand behind a family's name.
std::vector<std::pair<std::string, std::string>> words_of(const std::vector<Completed>& commands,
                                                          const std::string& family) {
  std::vector<std::pair<std::string, std::string>> words;
  for (const Completed& command : commands)
    if (command.family == family) words.emplace_back(command.name, command.text.summary);
  return words;
}
// The command that a family's name stands for where an option follows; empty: none.
std::string default_of(const std::vector<Completed>& commands, const std::string& family) {
  for (const Completed& command : commands)
    if (command.family == family && command.text.family_default) return command.text.name;
  return "";
}
std::vector<std::string> families_of(const std::vector<Completed>& commands) {
  std::vector<std::string> families;
  for (const Completed& command : commands)
    if (!command.family.empty() && std::ranges::find(families, command.family) == families.end())
      families.push_back(command.family);
  return families;
}

std::string names_of(const std::vector<std::pair<std::string, std::string>>& words) {
  std::string names;
  for (const auto& [name, summary] : words) names += (names.empty() ? "" : " ") + name;
  return names;
}

// In single quotes, as all three shells take it.
std::string single_quoted(const std::string& text, const char* quote_inside = "'\\''") {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? quote_inside : std::string(1, c);
  return out + "'";
}

// The command's name and its aliases, as shells' `case` takes them.
std::string pattern_of(const Completed& command) {
  std::string pattern = single_quoted(command.text.name);
  for (const std::string& alias : command.text.aliases) pattern += "|" + single_quoted(alias);
  return pattern;
}

constexpr const char* kMade = "# Completion of tekio's commands and options, made from its option tables.\n";

}  // namespace

std::string bash_completion() {
  const std::vector<Completed> commands = completed_commands();
  std::string choose, options;
  for (const std::string& family : families_of(commands))
    choose += fmt::format(
        "    {0})\n      if [[ ${{typed[2]}} == -* ]]; then command={1}\n"
        "      elif ((at == 2)); then words={2}; else command=\"{0} ${{typed[2]}}\"; fi ;;\n",
        family, single_quoted(default_of(commands, family)), single_quoted(names_of(words_of(commands, family))));
  for (const Completed& command : commands) {
    std::string values, names;
    for (const Completed::Entry& option : command.options) {
      for (const std::string& spelling : option.spellings) names += (names.empty() ? "" : " ") + spelling;
      if (!option.choices.empty())
        values += fmt::format("        {}) words={} ;;\n", fmt::join(option.spellings, "|"),
                              single_quoted(fmt::format("{}", fmt::join(option.choices, " "))));
      else if (option.takes_value)
        values += fmt::format("        {}) return ;;\n", fmt::join(option.spellings, "|"));
    }
    options += fmt::format("    {})\n      case \"$previous\" in\n{}        *) words={} ;;\n      esac ;;\n",
                           pattern_of(command), values, single_quoted(names));
  }
  return fmt::format(R"({}_tekio() {{
  local typed=("${{COMP_WORDS[@]}}") at=$COMP_CWORD command='' words=''
  COMPREPLY=()
  if ((at > 1)) && [[ ${{typed[1]}} == help ]]; then typed=("$1" "${{typed[@]:2}}") at=$((at - 1)); fi
  local current=${{typed[at]}} previous=${{typed[at - 1]}}
  # --option=value comes in three words
  if [[ $current == = ]]; then current=''
  elif [[ $previous == = ]]; then previous=${{typed[at - 2]}}
  fi
  if ((at == 1)); then
    words={}
  else case "${{typed[1]}}" in
{}    *) command=${{typed[1]}} ;;
  esac; fi
  # --learning-rate is --learning_rate, by which it goes here
  if [[ $previous == --* ]]; then previous=${{previous:2}} previous=--${{previous//-/_}}; fi
  case "$command" in
{}  esac
  # Where a word is not an option's beginning, it is a file's, which readline completes.
  if [[ $words == -* && $current != -* ]]; then return; fi
  if [[ $current == --* ]]; then current=${{current:2}} current=--${{current//-/_}}; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _tekio tekio
)",
                     kMade, single_quoted(names_of(first_words(commands)) + " --help --version"), choose, options);
}

std::string zsh_completion() {
  const std::vector<Completed> commands = completed_commands();
  const auto escaped = [](const std::string& text, std::string_view special) {
    std::string out;
    for (const char c : text) {
      if (special.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    return out;
  };
  const auto described = [&](const std::vector<std::pair<std::string, std::string>>& words) {
    std::string list;
    for (const auto& [name, summary] : words) list += " " + single_quoted(name + ":" + escaped(summary, ":\\"));
    return "words_here=(" + list + " ); _describe -t commands command words_here";
  };
  std::string choose, options;
  for (const std::string& family : families_of(commands))
    choose += fmt::format(
        "    ({0})\n      if [[ $words[3] == -* ]]; then command={1}\n"
        "      elif (( CURRENT == 3 )); then {2}; return\n"
        "      else command=\"{0} $words[3]\"; shift words; (( CURRENT-- )); fi ;;\n",
        family, single_quoted(default_of(commands, family)), described(words_of(commands, family)));
  for (const Completed& command : commands) {
    options += fmt::format("    ({}) _arguments -S -M 'm:-=_ r:|[_-]=* r:|=*'", pattern_of(command));
    for (const Completed::Entry& option : command.options)
      for (const std::string& spelling : option.spellings) {
        std::string spec = spelling;
        if (option.takes_value) spec += spelling.starts_with("--") ? "=" : "+";
        spec += "[" + escaped(option.help, "[]:\\") + "]";
        if (!option.choices.empty())
          spec += fmt::format(":value:({})", fmt::join(option.choices, " "));
        else if (option.takes_value)
          spec += ":value:_files";
        options += " \\\n      " + single_quoted(spec);
      }
    options += " \\\n      '*:file:_files' ;;\n";
  }
  return fmt::format(R"(#compdef tekio
{}# An option, and its value if one is joined, with underscores
_tekio_option() {{
  local name=${{${{1#--}}%%=*}}
  print -r -- "--${{name//-/_}}${{1#--$name}}"
}}
_tekio() {{
  local -a words_here
  local -i at
  if (( CURRENT > 2 )) && [[ $words[2] == help ]]; then words[2]=(); (( CURRENT-- )); fi
  # --learning-rate is --learning_rate, by which it goes here
  for (( at = 2; at <= $#words; at++ )); do
    if [[ $words[at] == --*-* ]] && (( at != CURRENT )); then words[at]=$(_tekio_option "$words[at]"); fi
  done
  if [[ $PREFIX == --*-*=* ]]; then PREFIX=$(_tekio_option "$PREFIX") words[CURRENT]=$PREFIX$SUFFIX; fi
  local command=$words[2]
  if (( CURRENT == 2 )); then {}; return; fi
  case $command in
{}  esac
  shift words; (( CURRENT-- ))
  case $command in
{}  esac
}}
_tekio "$@"
)",
                     kMade, described(first_words(commands)), choose, options);
}

std::string fish_completion() {
  const std::vector<Completed> commands = completed_commands();
  const auto fish_word = [](const std::string& text) { return single_quoted(text, "\\'"); };
  std::string out = std::string(kMade) +
                    "function __tekio_words\n"
                    "    set -l words (commandline -opc)[2..-1]\n"
                    "    if test \"$words[1]\" = help\n"
                    "        set -e words[1]\n"
                    "    end\n"
                    "    printf '%s\\n' $words\n"
                    "end\n"
                    "function __tekio_is\n"
                    "    set -l words (__tekio_words)\n"
                    "    set -l end (count $argv)\n"
                    "    test (count $words) -ge $end; and test \"$words[1..$end]\" = \"$argv\"\n"
                    "end\n"
                    "# Where the family's name is followed by no command of its own.\n"
                    "function __tekio_is_family\n"
                    "    set -l words (__tekio_words)\n"
                    "    test \"$words[1]\" = $argv[1]; or return 1\n"
                    "    test (count $words) -lt 2; or string match -q -- '-*' $words[2]\n"
                    "end\n"
                    "function __tekio_stands_after\n"
                    "    set -l words (__tekio_words)\n"
                    "    test \"$words\" = \"$argv\"\n"
                    "end\n"
                    "# --learning-rate is --learning_rate: offered to those who write so.\n"
                    "function __tekio_has_hyphens\n"
                    "    string match -qr -- ' --\\w+-' (commandline -cp)\n"
                    "end\n";
  for (const auto& [name, summary] : first_words(commands))
    out += fmt::format("complete -c tekio -n '__tekio_stands_after' -f -a {} -d {}\n", name, fish_word(summary));
  for (const std::string& family : families_of(commands))
    for (const auto& [name, summary] : words_of(commands, family))
      out += fmt::format("complete -c tekio -n '__tekio_stands_after {}' -f -a {} -d {}\n", family, name,
                         fish_word(summary));
  for (const Completed& command : commands) {
    std::string is = "__tekio_is " + command.text.name;
    for (const std::string& alias : command.text.aliases) is += "; or __tekio_is " + alias;
    if (command.text.family_default) is += "; or __tekio_is_family " + command.family;
    for (const Completed::Entry& option : command.options) {
      std::string spellings, hyphened;
      for (const std::string& spelling : option.spellings) {
        spellings += spelling.starts_with("--") ? " -l " + spelling.substr(2) : " -s " + spelling.substr(1);
        if (spelling.find('_') == std::string::npos) continue;
        hyphened += " -l " + spelling.substr(2);
        std::ranges::replace(hyphened, '_', '-');
      }
      std::string rest;
      if (!option.choices.empty())
        rest += fmt::format(" -x -a {}", fish_word(fmt::format("{}", fmt::join(option.choices, " "))));
      else if (option.takes_value)
        rest += " -r";
      rest += " -d " + fish_word(option.help) + "\n";
      out += fmt::format("complete -c tekio -n '{}'{}{}", is, spellings, rest);
      if (!hyphened.empty())
        out += fmt::format("complete -c tekio -n '__tekio_has_hyphens; and begin; {}; end'{}{}", is, hyphened, rest);
    }
  }
  return out;
}

}  // namespace tekio::cli
