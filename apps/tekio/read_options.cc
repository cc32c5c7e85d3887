// --text_column_name and its like: how rows are read from what people bring.
#include <algorithm>

#include "base/log.h"
#include "inputs.h"
#include "text/tables.h"

namespace tekio::cli {
namespace {

/// "auto", a character, "tab" or "\\t".
char separator_of(const std::string& text) {
  if (text == "auto") return '\0';
  if (text == "tab" || text == "\\t" || text == "\t") return '\t';
  const char c = text.empty() ? '\0' : text.front();
  const auto byte = static_cast<unsigned char>(c);
  if (text.size() != 1 || byte <= 0x20 || byte >= 0x7F || c == '"')
    fail(ErrorKind::usage,
         "--csv_separator is '{}', expected one character (not a letter's accent, a quote or a blank), tab, or auto",
         printable(text));
  return c;
}

std::string separator_text(char separator) {
  return separator == '\0' ? "auto" : separator == '\t' ? "tab" : std::string(1, separator);
}

/// An option whose value names something, so is not empty.
Option& add_name(OptionTable& table, const char* name, std::string* target, const char* help) {
  Option& option = table.add(name, target, help);
  option.assign = [target, name](const std::string& text) {
    if (text.empty()) fail(ErrorKind::usage, "--{} is empty; leave it out, or give a name", name);
    *target = text;
  };
  return option;
}

void add_tables(OptionTable& table, ReadOptions& options) {
  table
      .add(
          "csv_separator", Option::Kind::text,
          [&options](const std::string& text) { options.csv_separator = separator_of(text); },
          [&options] { return OrderedJson(separator_text(options.csv_separator)); },
          "what separates a table's columns: a character, tab, or auto: what the header and the first records show of "
          ", ; tab and |")
      .called("C");
  table.add(
      "no_header", Option::Kind::boolean,
      [&options](const std::string& text) { options.header = text != "true" && text != "True"; },
      [&options] { return OrderedJson(!options.header); },
      "tables have no header: their columns are column0, column1, …");
  Option& names =
      table.add("column_names", &options.column_names, "the names of a table's columns, which then has no header");
  names.called("A,B");
  names.assign = [&options](const std::string& text) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      const std::string name = text.substr(begin, end - begin);
      if (name.empty())
        fail(ErrorKind::usage, "--column_names is '{}', in which a name is empty; expected names separated by commas",
             printable(text));
      if (std::count(options.column_names.begin(), options.column_names.end(), name) > 0)
        fail(ErrorKind::usage, "--column_names names the column \"{}\" twice", printable(name));
      options.column_names.push_back(name);
      begin = end + 1;
    }
  };
}

}  // namespace

void add_read_options(OptionTable& table, ReadOptions& options) {
  Option& column = add_name(table, "text_column_name", &options.text_column,
                            "the column that holds the text, or a path into JSON objects (note.text); else text, else "
                            "the only column that holds strings");
  column.called("NAME");
  column.value = [&options] {  // what --word_column named is written as that
    return options.text_column.empty() || options.words != Words::text ? OrderedJson()
                                                                       : OrderedJson(options.text_column);
  };
  add_name(table, "json_field", &options.json_field,
           "rows are the list under this key, or path of keys (export.records), of one JSON document")
      .called("F");
  add_tables(table, options);
  table
      .add("encoding", &options.encoding,
           "how the files are encoded: utf-8 (UTF-16 with a byte order mark is recognised too), auto (each file as its "
           "bytes suggest) or a name (cp1252, latin1, shift_jis, gb18030, koi8-r, utf-16le, …)")
      .called("NAME");
  table.add("bad_rows", &options.bad_rows, {{"stop", BadRows::stop}, {"skip", BadRows::skip}},
            "rows whose text is null, missing or not a string: an error, or left out and counted");
  table.add("sample_by", &options.sample_by,
            {{"line", SampleBy::line}, {"paragraph", SampleBy::paragraph}, {"document", SampleBy::document}},
            "what a row of a text file is: a line, a paragraph (split by empty lines), or the whole file");
  table.add("dataset_config_name", &options.config_name, "which configuration of a dataset of the Hub that has several")
      .called("NAME");
  table.add("dataset_revision", &options.revision, "the revision of a Hub id that has no @REVISION").called("REV");
}

void add_word_options(OptionTable& table, ReadOptions& options) {
  Option& column =
      add_name(table, "word_column", &options.text_column,
               "the column that holds each row's words: a list of strings, or with --word_separator a text; "
               "each word is tokenized by itself, as is_split_into_words=True has it, and is one to "
               "--whole_word_mask and --masking span");
  column.called("NAME");
  column.assign = [&options, name = column.assign](const std::string& text) {
    name(text);
    if (options.words == Words::text) options.words = Words::list;
  };
  column.value = [&options] {
    return options.text_column.empty() || options.words == Words::text ? OrderedJson()
                                                                       : OrderedJson(options.text_column);
  };
  table
      .add(
          "word_separator", Option::Kind::text,
          [&options](const std::string& text) {
            if (text.empty())
              fail(ErrorKind::usage, "--word_separator is empty; pass what lies between words, tab, or whitespace");
            options.words = Words::separated;
            options.word_separator = text == "tab" ? "\t" : text == "whitespace" ? "" : text;
          },
          [&options] {
            const std::string& separator = options.word_separator;
            return options.words != Words::separated ? OrderedJson()
                   : separator.empty()               ? OrderedJson("whitespace")
                                                     : OrderedJson(separator == "\t" ? "tab" : separator);
          },
          "what lies between the words of a text, whose words are then given: any text, tab, or whitespace (as much of "
          "it as there is)")
      .called("C");
}

void check_word_options(const OptionTable& table) {
  if (table.given("word_column") && table.given("text_column_name"))
    fail(ErrorKind::usage, "--word_column contradicts --text_column_name: both name the column that is read");
}

void warn_of_words_without_space(const ReadOptions& options, const Tokenizer& tokenizer) {
  if (options.words == Words::text) return;
  for (const PreTokenizerStep& step : tokenizer.tables().pre_tokenizer.steps())
    if (const auto* bytes = std::get_if<ByteLevelPreTokenization>(&step); bytes != nullptr && !bytes->add_prefix_space)
      warn(
          "given words are encoded as they are, as transformers 5 does it, but this tokenizer tells a word by the "
          "space "
          "before it and puts none there: set add_prefix_space to true in its tokenizer_config.json, or put a space "
          "before each word that has one");
}

void warn_of_left_out(int64_t rows, const std::string& column, const ReadOptions& options) {
  const bool words = options.words == Words::list;
  warn(fmt::format("{} left out: no {}{} (null, missing or not a {})", counted(rows, "row"), words ? "words" : "text",
                   column.empty() ? "" : fmt::format(" in the column {}", printable(column)),
                   words ? "list of strings" : "string"));
}

std::string tell_rows(const Dataset& split, const ReadOptions& options) {
  const std::string column = split.text_column();
  if (options.text_column.empty() && column != "text" && !column.empty())
    note(fmt::format(" column   {}: the only one that holds strings", printable(column)));
  if (const int64_t skipped = split.skipped_rows(); skipped > 0) warn_of_left_out(skipped, "", options);
  return column;
}

}  // namespace tekio::cli
