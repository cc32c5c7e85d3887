// The steps of a pipeline as tokenizer.json has them, in and out. Every component has a "type"; one that is not
// supported is refused by name, together with what is.
#pragma once

#include <string>

#include "text/tables.h"

namespace tekio {

/// JSON null makes what has no step. Errors of all four: input (a component that is not supported, a member missing or
/// of the wrong kind; `where` stands in the message).
Normalizer parse_normalizer(const Json& json, const std::string& where);
PreTokenizer parse_pre_tokenizer(const Json& json, const std::string& where);
Template parse_post_processor(const Json& json, const std::string& where);
Decoder parse_decoder(const Json& json, const std::string& where);

/// One step as itself, several as a Sequence, none as null.
OrderedJson json_of(const Normalizer& normalizer);
OrderedJson json_of(const PreTokenizer& pre_tokenizer);
OrderedJson json_of(const Template& templates);
OrderedJson json_of(const Decoder& decoder);

}  // namespace tekio
