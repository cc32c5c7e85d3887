#include "text/trained_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace tekio {

void check_range(const char* name, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    fail(ErrorKind::usage, "{} is {}; expected an integer from {} to {}", name, value, least, most);
}

void check_utf8(const char* name, const std::string& text) {
  std::string storage;
  if (sanitize(text, storage).data() != text.data())
    fail(ErrorKind::usage, "{}: {} is not valid UTF-8", name, printable(text));
}

void check_special_tokens(const std::vector<std::string>& tokens, const RoleNames& roles, const char* needed) {
  for (const std::string& token : tokens) {
    check_utf8("special_tokens", token);
    if (token.empty() || token.find('\n') != std::string::npos || unicode::ends_with(token, unicode::kWhiteSpace))
      fail(ErrorKind::usage,
           "special_tokens: '{}' is no token; expected a text without line ends that does not end in white space",
           printable(token));
  }
  for (const std::string role : roles)
    if (!role.empty() && std::find(tokens.begin(), tokens.end(), role) == tokens.end())
      fail(ErrorKind::usage, "special_tokens has no {}; {}", role, needed);
}

void add_special_tokens(const std::vector<std::string>& tokens, const RoleNames& roles, TokenizerTables& tables) {
  std::vector<AddedToken> special;
  for (const std::string& token : tokens) {
    // As RoBERTa's and XLM-RoBERTa's do, a mask in a text stands for a word with the space before it.
    const bool strips =
        token == roles[kMask] && (tables.known_class->is_byte_level() || tables.known_class->is_unigram());
    special.push_back({.content = token, .lstrip = strips, .special = true});
    if (std::find(roles.begin(), roles.end(), token) == roles.end()) tables.further_special.push_back(token);
  }
  tables.add_tokens(std::move(special), "special_tokens");
}

}  // namespace tekio
