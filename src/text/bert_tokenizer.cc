#include "text/bert_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/tables.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace tekio {
namespace {

void check_range(const char* name, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    fail(ErrorKind::usage, "{} is {}; expected an integer from {} to {}", name, value, least, most);
}

void check_utf8(const char* name, const std::string& text) {
  std::string storage;
  if (sanitize(text, storage).data() != text.data())
    fail(ErrorKind::usage, "{}: {} is not valid UTF-8", name, printable(text));
}

bool has_line_end_or_space(std::string_view token) {
  return token.find('\n') != std::string_view::npos || unicode::ends_with(token, unicode::kWhiteSpace);
}

}  // namespace

void check(const WordPieceOptions& options) {
  check_range("vocab_size", options.vocab_size, 1, Vocabulary::kIdLimit);
  check_range("min_frequency", options.min_frequency, 0, INT64_MAX);
  check_range("limit_alphabet", options.limit_alphabet, 1, INT64_MAX);
  check_range("model_max_length", options.model_max_length, 1, INT64_MAX);
  check_range("threads", options.threads, 0, INT32_MAX);
  check_utf8("initial_alphabet", options.initial_alphabet);
  for (const std::string& token : options.special_tokens) {
    check_utf8("special_tokens", token);
    if (token.empty() || has_line_end_or_space(token))
      fail(ErrorKind::usage,
           "special_tokens: '{}' is no token; expected a text without line ends that does not end in white space",
           printable(token));
  }
  for (const std::string role : kBertRoles)
    if (!role.empty() &&
        std::find(options.special_tokens.begin(), options.special_tokens.end(), role) == options.special_tokens.end())
      fail(ErrorKind::usage,
           "special_tokens has no {}; a tokenizer of BERT's kind needs [PAD], [UNK], [CLS], [SEP] and [MASK]", role);
}

BertNormalization normalization_of(const WordPieceOptions& options) {
  return {.clean_text = true,
          .handle_chinese_chars = options.handle_chinese_chars,
          .strip_accents = options.strip_accents,
          .lowercase = options.lowercase};
}

Tokenizer bert_tokenizer(Vocabulary vocabulary, const WordPieceOptions& options) {
  auto tables = std::make_shared<Tokenizer::Tables>();
  std::copy(kBertRoles.begin(), kBertRoles.end(), tables->roles.begin());
  tables->model = {WordPiece(std::move(vocabulary), tables->roles[kUnknown], "##", WordPiece::kMaxInputChars)};
  tables->normalizer = Normalizer({normalization_of(options)});
  tables->pre_tokenizer = PreTokenizer({BertPreTokenization{}});
  tables->decoder = Decoder({WordPieceDecoding{}});
  tables->model_max_length = options.model_max_length;
  tables->known_class = find_tokenizer_class("BertTokenizer");
  tables->tokenizer_class = tables->known_class->name;
  tables->config = Json::object();

  std::vector<AddedToken> special;
  for (const std::string& token : options.special_tokens) {
    special.push_back({.content = token, .special = true});
    if (std::find(kBertRoles.begin(), kBertRoles.end(), token) == kBertRoles.end())
      tables->further_special.push_back(token);
  }
  tables->add_tokens(std::move(special), "special_tokens");
  tables->templates = tables->class_template();
  tables->list_special_ids();
  return Tokenizer(std::move(tables));
}

}  // namespace tekio
