// The pipelines that classes make of their own, whatever else a tokenizer.json says.
#pragma once

#include <string>

#include "text/settings.h"
#include "text/tables.h"

namespace tekio {

/// Puts the pipeline of the tables' class, made from a file's vocabulary, which is moved away, and the settings, into
/// the tables; all but what stands around a text, for which see template_of_class(). Of SentencePiece's classes, the
/// file's charsmap counts too. Says whether the model had other settings of its own. Errors: input (a model of another
/// kind; `where` names the file).
bool take_class_pipeline(Pipeline& file, const TokenizerSettings& settings, TokenizerTables& tables,
                         const std::string& where);

/// What the tables' class puts around a text, and whether it trims offsets. Once the tables have their tokens. Errors:
/// input (of the file's, where that counts; `where` names the file).
Template template_of_class(const Pipeline& file, const TokenizerSettings& settings, const TokenizerTables& tables,
                           const std::string& where);

/// Tells which of tokenizer.json's components do not count since the class makes its own.
void warn_of_overruled(const Pipeline& file, bool other_model, const TokenizerTables& tables, const std::string& where);

}  // namespace tekio
