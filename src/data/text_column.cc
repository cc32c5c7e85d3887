// Which column holds the text: the one that is named, else "text", else the only one that holds strings. Anything less
// clear is the user's to say: a wrong column trains on the wrong thing without a word.
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "data/source.h"

namespace tekio {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

struct Candidate {
  std::string name;
  double mean_length;
};

/// Columns that hold strings, those within objects last.
std::vector<Candidate> candidates(const Head& head) {
  std::vector<Candidate> all;
  for (size_t i = 0; i < head.columns.size(); ++i)
    if (head.values[i].strings > 0) all.push_back({head.columns[i], head.values[i].mean_length()});
  for (const Head::Nested& nested : head.nested)
    if (nested.values.strings > 0) all.push_back({nested.name(), nested.values.mean_length()});
  return all;
}

/// "Id (no strings), Summary (7 characters), note.text (41 characters)".
std::string described(const Head& head) {
  std::string text;
  const auto add = [&](const std::string& name, const Head::Values& values) {
    const std::string what = !values.type.empty()          ? values.type
                             : values.strings > 0          ? fmt::format("{:.3g} characters", values.mean_length())
                             : values.lists_of_strings > 0 ? "lists of strings"
                             : values.others > 0           ? "no strings"
                                                           : "empty";
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name, what);
  };
  for (size_t i = 0; i < head.columns.size(); ++i) add(head.columns[i], head.values[i]);
  for (const Head::Nested& nested : head.nested) add(nested.name(), nested.values);
  return printable(text, 1000);
}

std::string longest(const std::vector<Candidate>& all) {
  const auto found = std::max_element(
      all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.mean_length < b.mean_length; });
  return found == all.end() ? "" : found->name;
}

/// What is likely meant by `wanted`, which is no column: another case, the end of a path, a near name (if it was given
/// by the user), else the longest strings.
std::string proposal(const Head& head, const std::string& wanted, bool given) {
  const std::vector<Candidate> all = candidates(head);
  for (const Candidate& c : all)
    if (lower(c.name) == lower(wanted)) return c.name;
  for (const Candidate& c : all)
    if (lower(c.name).ends_with("." + lower(wanted))) return c.name;
  if (given) {
    std::vector<std::string> names = head.columns;
    for (const Candidate& c : all) names.push_back(c.name);
    if (const std::string near = nearest(wanted, names); !near.empty()) return near;
  }
  return longest(all);
}

/// What pandas' to_json() writes by default: an object a column, whose keys are the rows' numbers.
bool is_keyed_by_rows(const Head& head) {
  return head.rows == 1 && !head.nested.empty() &&
         std::all_of(head.values.begin(), head.values.end(), [](const auto& values) { return values.strings == 0; }) &&
         std::all_of(head.nested.begin(), head.nested.end(), [](const Head::Nested& nested) {
           const std::string& key = nested.path.back();
           return nested.path.size() == 2 && key.find_first_not_of("0123456789") == std::string::npos;
         });
}

/// What to pass where a column's rows are lists of strings.
std::string word_hint(const Head& head) {
  for (size_t i = 0; i < head.columns.size(); ++i)
    if (head.values[i].lists_of_strings > 0)
      return message("; pass --word_column {} if its rows are lists of a text's words", printable(head.columns[i]));
  return "";
}

/// The option that names the column: the other one is refused beside options that say what words are.
std::string naming(const ReadOptions& options) {
  return options.words == Words::text ? message("--text_column_name") : message("--word_column");
}

/// What the column of this name, or path into objects, holds; nullptr: there is none.
const Head::Values* find_values(const Head& head, const std::string& name) {
  for (size_t i = 0; i < head.columns.size(); ++i)
    if (head.columns[i] == name) return &head.values[i];
  for (const Head::Nested& nested : head.nested)
    if (nested.name() == name) return &nested.values;
  return nullptr;
}

/// Refuses a column of lists whose texts are to be cut into words: they are words already. Errors: input.
void refuse_lists(const Head& head, const std::string& name, const std::string& spec) {
  if (const Head::Values* values = find_values(head, name);
      values != nullptr && values->strings == 0 && values->lists_of_strings > 0)
    fail(ErrorKind::input,
         "{}: the column \"{}\" holds lists of strings, which are words already: pass --word_column {} without "
         "--word_separator",
         spec, printable(name), printable(name));
}

/// Refuses a column of texts where lists of words are wanted. Errors: input.
void refuse_texts(const Head& head, const std::string& name, const std::string& spec) {
  if (const Head::Values* values = find_values(head, name);
      values != nullptr && values->strings > 0 && values->others == 0)
    fail(
        ErrorKind::input,
        "{}: the column \"{}\" holds texts, not lists of words: pass --word_separator with what lies between the words "
        "of a text (whitespace, say)",
        spec, printable(name));
}

/// Whether the name of a table's only column is a sentence, so likely its first text.
bool is_sentence(std::string_view name) { return name.size() >= 20 && std::count(name.begin(), name.end(), ' ') >= 3; }

}  // namespace

void Files::check_head(size_t group) const {
  const std::string& given = options_.text_column;
  const ReadOptions& read = options(group);
  const Head& some = beginning(group);
  const std::string spec = printable(groups_[group].spec, 300);
  if (formats_[group]->values_are_text() && read.header && read.column_names.empty() && some.columns.size() == 1 &&
      given.empty() && is_sentence(some.columns.front()))
    std::call_once(header_told_, [&] {
      warn(
          message("{}: its only column is called \"{}\", which looks like a text of it; pass --no_header if its "
                  "first line is a row",
                  spec, printable(some.columns.front(), 100)));
    });
  if (some.rows == 1 && groups_[group].kind == FileKind::json && read.json_field.empty()) refuse_document(group, spec);
}

void Files::refuse_document(size_t group, const std::string& spec) const {
  const std::string& given = options_.text_column;
  const Head& whole = head(group);
  if (options_.words == Words::separated) refuse_lists(whole, given.empty() ? "text" : given, spec);
  const bool within = std::any_of(whole.nested.begin(), whole.nested.end(), [&](const Head::Nested& nested) {
    return nested.name() == given && (nested.values.strings > 0 || options_.words != Words::text);
  });
  if (within) return;
  if (is_keyed_by_rows(whole))
    fail(ErrorKind::input,
         "{}: it holds an object a column, whose keys are the rows' numbers, as pandas' to_json() writes it; write "
         "the rows with to_json(orient=\"records\", lines=True)",
         spec);
  if (whole.rows != 1 || whole.lists.empty()) return;
  const auto text = std::find(whole.columns.begin(), whole.columns.end(), given.empty() ? "text" : given);
  // A row with a text is a row where its lists hold no texts of their own, or where it is one of many files.
  if (text != whole.columns.end() && whole.values[static_cast<size_t>(text - whole.columns.begin())].strings > 0) {
    const auto files = std::count_if(files_.begin(), files_.end(), [group](const DataFile& file) {
      return file.group == static_cast<int32_t>(group);
    });
    if (!given.empty() || !whole.lists_texts || files > 1) return;
  }
  fail(ErrorKind::input,
       "{}: it is one JSON document, whose rows are {}: pass --json_field {}, or name the text's column "
       "with --text_column_name if it is one row",
       spec, whole.lists.size() == 1 ? "the elements of a list in it" : "the elements of one of the lists in it",
       printable(fmt::format("{}", fmt::join(whole.lists, " or ")), 300));
}

/// "; name another column, --text_column_name body say", where one holds strings.
std::string Files::other_column(size_t group, const std::string& than) const {
  std::vector<Candidate> others = candidates(head(group));
  std::erase_if(others, [&](const Candidate& c) { return c.name == than; });
  return others.empty() ? ""
                        : message("; name another column, {} {} say", naming(options_), printable(longest(others)));
}

/// The column of lists, whose name is given, or a path into objects. What its rows hold they tell themselves.
std::optional<Files::TextColumn> Files::word_column(size_t group) const {
  const std::string& given = options_.text_column;
  const Head* head = &beginning(group);
  if (head->rows == 0) return std::nullopt;
  const std::string spec = printable(groups_[group].spec, 300);
  const FileKind kind = groups_[group].kind;
  if (kind == FileKind::text || kind == FileKind::review || formats_[group]->values_are_text())
    fail(ErrorKind::input,
         "{}: its rows are texts, but --word_column {} alone asks for lists of words, which JSON, Parquet and Arrow "
         "files "
         "hold: pass --word_separator to say what lies between the words of a text",
         spec, printable(given));
  const auto found = [&](const std::string& name) {
    return std::find(head->columns.begin(), head->columns.end(), name) != head->columns.end();
  };
  const Head::Values* begun = find_values(*head, given);
  if (begun == nullptr || (begun->others == 0 && begun->lists_of_strings == 0)) head = &this->head(group);
  refuse_texts(*head, given, spec);
  if (found(given)) return TextColumn{given, {given}};
  std::vector<std::string> path;
  for (size_t begin = 0; begin <= given.size();) {
    const size_t end = std::min(given.find('.', begin), given.size());
    path.push_back(given.substr(begin, end - begin));
    begin = end + 1;
  }
  if (path.size() > 1 && found(path.front())) return TextColumn{given, path};
  const std::string near = nearest(given, head->columns);
  fail(ErrorKind::input, "{}: there is no column \"{}\"{}; the columns are {}", spec, printable(given),
       near.empty() ? "" : message(" (is \"{0}\" meant? --word_column {0})", printable(near)),
       printable(fmt::format("{}", fmt::join(head->columns, ", ")), 1000));
}

std::optional<Files::TextColumn> Files::text_column(size_t group) const {
  if (options_.words == Words::list) return word_column(group);
  const std::string& given = options_.text_column;
  const std::string wanted = given.empty() ? "text" : given;
  const Head* head = &beginning(group);
  const auto named = [&](const std::string& name) -> std::optional<TextColumn> {
    const auto found = std::find(head->columns.begin(), head->columns.end(), name);
    if (found == head->columns.end()) return std::nullopt;
    return TextColumn{name, {name}, static_cast<size_t>(found - head->columns.begin()), head->columns.size()};
  };
  if (head->rows == 0) return std::nullopt;
  const std::string spec = printable(groups_[group].spec, 300);
  check_head(group);
  if (auto column = named(wanted)) {
    const auto holds_none = [&] { return head->values[column->index].strings == 0; };
    if (holds_none()) head = &this->head(group);
    const Head::Values& values = head->values[column->index];
    if (!holds_none() || values.others == 0 || formats_[group]->values_are_text()) return column;
    if (options_.words == Words::separated) refuse_lists(*head, wanted, spec);
    fail(ErrorKind::input,
         "{}: the column \"{}\" holds {}no strings; the columns and their strings' mean lengths: {}{}", spec,
         printable(wanted), values.type.empty() ? "" : values.type + ", ", described(*head),
         longest(candidates(*head)).empty()
             ? word_hint(*head)
             : message("; name another, {} {} say", naming(options_), printable(longest(candidates(*head)))));
  }
  for (const Head::Nested& nested : head->nested)
    if (nested.name() == given && nested.values.strings > 0) return TextColumn{given, nested.path};
  head = &this->head(group);
  if (options_.words == Words::separated) refuse_lists(*head, wanted, spec);
  const std::string proposed = proposal(*head, wanted, !given.empty());
  if (!given.empty())
    fail(ErrorKind::input, "{}: there is no column \"{}\"{}; the columns and their strings' mean lengths: {}", spec,
         printable(given),
         proposed.empty() ? "" : message(" (is \"{0}\" meant? {1} {0})", printable(proposed), naming(options_)),
         described(*head));

  std::vector<size_t> with_strings;
  for (size_t i = 0; i < head->columns.size(); ++i)
    if (head->values[i].strings > 0) with_strings.push_back(i);
  if (with_strings.size() == 1) {
    const std::string& only = head->columns[with_strings.front()];
    if (longest(candidates(*head)) == only) return named(only);  // else longer text lies within an object
  }
  if (proposed.empty())
    fail(ErrorKind::input, "{}: no column holds text; there are: {}{}", spec, described(*head), word_hint(*head));
  fail(ErrorKind::input,
       "{}: which column holds the text is not clear, as none is called text; the columns and their strings' mean "
       "lengths: {}; name one, {} {} say",
       spec, described(*head), naming(options_), printable(proposed));
}

}  // namespace tekio
