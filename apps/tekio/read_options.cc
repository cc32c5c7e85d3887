// --text_column_name and its like: how rows are read from what people bring.
#include <algorithm>

#include "base/log.h"
#include "bind_options.h"
#include "data/data_options.h"
#include "inputs.h"
#include "text/tables.h"

namespace tekio::cli {
namespace {

/// An option whose value names something, so is not empty.
Option& add_name(OptionTable& table, const char* name, std::string* target, const char* help) {
  Option& option = table.add(name, target, help);
  option.assign = [target, name](const std::string& text) {
    if (text.empty()) fail(ErrorKind::usage, "{} is empty; leave it out, or give a name", named_option(name));
    *target = text;
  };
  return option;
}

void add_text_column(OptionTable& table, ReadOptions& options, const char* help) {
  Option& column = add_name(table, "text_column_name", &options.text_column, help);
  column.called("NAME");
  column.value = [&options] {  // what --word_column named is written as that
    return options.text_column.empty() || options.words != Words::text ? OrderedJson()
                                                                       : OrderedJson(options.text_column);
  };
}

void add_no_header(OptionTable& table, ReadOptions& options) {
  table.add(
      "no_header", Option::Kind::boolean,
      [&options](const std::string& text) { options.header = text != "true" && text != "True"; },
      [&options] { return OrderedJson(!options.header); },
      "tables have no header: their columns are column0, column1, …");
}

void add_column_names(OptionTable& table, ReadOptions& options, const OptionText& text) {
  Option& names = table.add(text.name, &options.column_names, text.help).called("A,B");
  names.assign = [&options](const std::string& list) {
    for (size_t begin = 0; begin <= list.size();) {
      const size_t end = std::min(list.find(',', begin), list.size());
      const std::string name = list.substr(begin, end - begin);
      if (name.empty())
        fail(ErrorKind::usage, "--column_names is '{}', in which a name is empty; expected names separated by commas",
             printable(list));
      if (std::count(options.column_names.begin(), options.column_names.end(), name) > 0)
        fail(ErrorKind::usage, "--column_names names the column \"{}\" twice", printable(name));
      options.column_names.push_back(name);
      begin = end + 1;
    }
  };
}

void add_word_column(OptionTable& table, ReadOptions& options) {
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
}

void add_word_separator(OptionTable& table, ReadOptions& options, const OptionText& text) {
  table
      .add(
          text.name, Option::Kind::text,
          [&options](const std::string& mark) {
            if (mark.empty())
              fail(ErrorKind::usage, "--word_separator is empty; pass what lies between words, tab, or whitespace");
            options.words = Words::separated;
            options.word_separator = mark == "tab" ? "\t" : mark == "whitespace" ? "" : mark;
          },
          [&options] {
            const std::string& separator = options.word_separator;
            return options.words != Words::separated ? OrderedJson()
                   : separator.empty()               ? OrderedJson("whitespace")
                                                     : OrderedJson(separator == "\t" ? "tab" : separator);
          },
          text.help)
      .called("C");
}

}  // namespace

void add_read_options(OptionTable& table, ReadOptions& options) {
  using Text = const OptionText&;
  BindOptions bind(
      table,
      {{"text_column", [&](Text text) { add_text_column(table, options, text.help); }},
       {"json_field", [&](Text text) { add_name(table, text.name, &options.json_field, text.help).called("F"); }},
       {"header", [&](Text) { add_no_header(table, options); }},
       {"column_names", [&](Text text) { add_column_names(table, options, text); }},
       {"config_name", [&](Text text) { table.add("dataset_config_name", &options.config_name, text.help); }},
       {"revision", [&](Text text) { table.add("dataset_revision", &options.revision, text.help); }}});
  walk_read_options(options, bind);
  table.at("csv_separator").called("C");
  table.at("encoding").called("NAME");
  table.at("dataset_config_name").called("NAME");
  table.at("dataset_revision").called("REV");
}

void add_word_options(OptionTable& table, ReadOptions& options) {
  BindOptions bind(table,
                   {{"words", [&](const OptionText&) { add_word_column(table, options); }},
                    {"word_separator", [&](const OptionText& text) { add_word_separator(table, options, text); }}});
  walk_word_options(options, bind);
}

void check_word_options(const OptionTable& table) {
  if (table.given("word_column") && table.given("text_column_name"))
    fail(ErrorKind::usage, "--word_column contradicts --text_column_name: both name the column that is read");
}

void warn_of_words_without_space(const ReadOptions& options, const Tokenizer& tokenizer) {
  if (options.words == Words::text) return;
  for (const PreTokenizerStep& step : TokenizerTables::of(tokenizer).pre_tokenizer.steps())
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
