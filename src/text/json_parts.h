// What the readers of tokenizer.json's parts share.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"

namespace tekio {

/// Errors: input (not a list).
const Json& list_of(const Json& component, const char* key, const std::string& where);
/// Errors: input (not in [0, Vocabulary::kIdLimit)).
int32_t checked_id(int64_t id, const std::string& where);
/// Errors: input, always: `type` is none of those `supported`.
[[noreturn]] void unsupported(const std::string& where, const std::string& type, const char* supported);

}  // namespace tekio
