// tokenizer.json in and out: the `tokenizers` library's format. The vocabulary, which is nearly all of the file, goes
// from simdjson straight into the table; the small rest is read by JsonReader, which names what is wrong.
#pragma once

#include <string>
#include <string_view>

#include "text/tables.h"

namespace tekio {

/// Errors: input (not JSON, a key missing or of the wrong kind, a component that is not supported; `where` stands in
/// the message).
Pipeline parse_tokenizer_json(std::string_view text, const std::string& where);

/// The file's text, pretty-printed as the library does it.
std::string write_tokenizer_json(const TokenizerTables& tables);

/// A token described in JSON: a string, or an object as in added_tokens. `fallback` has what is not said.
AddedToken parse_added_token(const Json& json, AddedToken fallback, const std::string& where);

}  // namespace tekio
