// BertJapaneseTokenizer, of Tohoku University's BERTs among others: what its settings make of a vocabulary.
#pragma once

#include "text/settings.h"
#include "text/tables.h"

namespace tekio {

/// Puts the pipeline of the class, made from a vocabulary and the settings, into the tables. Errors: input (settings
/// that Tekio does not follow, no dictionary of MeCab's; the message says what to install), io (no libmecab).
void take_japanese_pipeline(WordPiece model, const TokenizerSettings& settings, TokenizerTables& tables);

/// The parts of a command line as a POSIX shell would take them: quotes and backslashes, nothing else. Errors: input (a
/// quote that is not closed; `where` stands in the message).
std::vector<std::string> split_command(std::string_view text, const std::string& where);

}  // namespace tekio
