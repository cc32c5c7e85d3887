// The "model" of tokenizer.json, in and out, and the files of the same content beside it (vocab.txt). Vocabularies,
// which are nearly all of such a file, go from simdjson straight into the table, and from there into the text.
#pragma once

#include <simdjson.h>

#include <string>
#include <utility>
#include <vector>

#include "text/models/subword_model.h"

namespace tekio {

/// Errors: input (a type that is not supported, a member missing or of the wrong kind; `where` stands in the message).
SubwordModel parse_model(const simdjson::dom::element& json, const std::string& where);

/// What vocab.json and merges.txt say; without options. `where` and `merges_where` name the files.
Bpe parse_bpe_files(std::string_view vocabulary, const std::string& where, std::string_view merges,
                    const std::string& merges_where);

/// Appends the object as the library writes it, at an indentation of 2.
void append_model_json(const SubwordModel& model, std::string& text);

/// The lines of a vocab.txt of which a reader takes nothing but the ends of lines off. An id that no token has becomes
/// a line that comes again, of which the last counts. Tokens without line breaks.
std::string vocabulary_lines(const Vocabulary& vocabulary);

struct ModelFile {
  const char* name;
  std::string text;
};
/// The files, beside tokenizer.json, that hold a model for those who read no tokenizer.json; none where they cannot say
/// it.
std::vector<ModelFile> model_files(const SubwordModel& model);

}  // namespace tekio
