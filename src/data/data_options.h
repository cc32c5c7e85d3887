// The options of reading data and of cutting it into chunks, described: see base/option_text.h.
#pragma once

#include <tekio/dataset.h>

#include "base/option_text.h"

namespace tekio {

const Names<Words>& words_names();
const Names<BadRows>& bad_rows_names();
const Names<SampleBy>& sample_by_names();
const Names<WordBounds>& word_bounds_names();

/// How rows are read.
template <typename Options, typename Walker>
void walk_read_options(Options& o, Walker& walk) {
  walk.option({"text_column",
               "the column that holds the text, or a path into JSON objects (note.text); else text, else the only "
               "column that holds strings"},
              o.text_column);
  walk.option(
      {"json_field", "rows are the list under this key, or path of keys (export.records), of one JSON document"},
      o.json_field);
  walk.option({"csv_separator",
               "what separates a table's columns: a character, tab, or auto: what the header and the first records "
               "show of , ; tab and |"},
              o.csv_separator);
  walk.option({"header", "a table's first record names its columns; else they are column0, column1, …"}, o.header);
  walk.option({"column_names", "the names of a table's columns, which then has no header"}, o.column_names);
  walk.option({"encoding",
               "how the files are encoded: utf-8 (UTF-16 with a byte order mark is recognised too), auto (each file as "
               "its bytes suggest) or a name (cp1252, latin1, shift_jis, gb18030, koi8-r, utf-16le, …)"},
              o.encoding);
  walk.choice({"bad_rows", "rows whose text is null, missing or not a string: an error, or left out and counted"},
              o.bad_rows, bad_rows_names());
  walk.choice(
      {"sample_by", "what a row of a text file is: a line, a paragraph (split by empty lines), or the whole file"},
      o.sample_by, sample_by_names());
  walk.option({"config_name", "which configuration of a dataset of the Hub that has several"}, o.config_name);
  walk.option({"revision", "the revision of a Hub id that has no @REVISION"}, o.revision);
}

/// What of a row is a word.
template <typename Options, typename Walker>
void walk_word_options(Options& o, Walker& walk) {
  walk.choice({"words",
               "what the text column holds: texts, whose words are the tokenizer's to find (text), lists of words "
               "(list), or texts that word_separator cuts into words (separated)"},
              o.words, words_names());
  walk.option({"word_separator",
               "what lies between the words of a text, whose words are then given: any text, tab, or whitespace (as "
               "much of it as there is)"},
              o.word_separator);
}

/// How text is cut into chunks.
template <typename Options, typename Walker>
void walk_chunk_options(Options& o, Walker& walk) {
  walk.option(
      {"chunk_size", "tokens in a chunk; no more than the model takes", OptionRange::at_least(1).at_most(1 << 20)},
      o.chunk_size);
  walk.option({"line_by_line", "each row is a sequence of its own, instead of chunks cut from all text"},
              o.line_by_line);
  walk.choice({"words",
               "what a chunk's word_ids number: the tokenizer's words (tokenizer), or tokens without a gap between "
               "them in the text (offsets)"},
              o.words, word_bounds_names());
  walk.option({"use_cache", "keeps the tokens in the cache folder, and takes them from there the next time"},
              o.use_cache);
  walk.option({"threads", "processor threads; 0: all processors", OptionRange::at_least(0).at_most(1024)}, o.threads);
}

}  // namespace tekio
