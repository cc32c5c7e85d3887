// What the makers of trained tokenizers share: options checked, special tokens put in their places.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/roles.h"
#include "text/tables.h"

namespace tekio {

/// All three fail (usage) where an option makes no sense; the message names it.
void check_range(const char* name, int64_t value, int64_t least, int64_t most);
void check_utf8(const char* name, const std::string& text);
/// `needed`: a clause that says which tokens there must be.
void check_special_tokens(const std::vector<std::string>& tokens, const RoleNames& roles, const char* needed);

/// Adds the tokens to the tables, whose vocabulary has them; those without a role are special too.
void add_special_tokens(const std::vector<std::string>& tokens, const RoleNames& roles, TokenizerTables& tables);

}  // namespace tekio
