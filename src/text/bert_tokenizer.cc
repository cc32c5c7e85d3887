#include "text/bert_tokenizer.h"

#include <algorithm>

#include "text/trained_tokenizer.h"

namespace tekio {

void check(const WordPieceOptions& options) {
  check_range("vocab_size", options.vocab_size, 1, Vocabulary::kIdLimit);
  check_range("min_frequency", options.min_frequency, 0, INT64_MAX);
  check_range("limit_alphabet", options.limit_alphabet, 1, INT64_MAX);
  check_range("model_max_length", options.model_max_length, 1, INT64_MAX);
  check_range("threads", options.threads, 0, INT32_MAX);
  check_utf8("initial_alphabet", options.initial_alphabet);
  check_special_tokens(options.special_tokens, kBertRoles,
                       "a tokenizer of BERT's kind needs [PAD], [UNK], [CLS], [SEP] and [MASK]");
}

BertNormalization normalization_of(const WordPieceOptions& options) {
  return {.clean_text = true,
          .handle_chinese_chars = options.handle_chinese_chars,
          .strip_accents = options.strip_accents,
          .lowercase = options.lowercase};
}

Tokenizer bert_tokenizer(Vocabulary vocabulary, const WordPieceOptions& options) {
  auto tables = std::make_shared<TokenizerTables>();
  std::copy(kBertRoles.begin(), kBertRoles.end(), tables->roles.begin());
  tables->model = {WordPiece(std::move(vocabulary), tables->roles[kUnknown], "##", WordPiece::kMaxInputChars)};
  tables->normalizer = Normalizer({normalization_of(options)});
  tables->pre_tokenizer = PreTokenizer({BertPreTokenization{}});
  tables->decoder = Decoder({WordPieceDecoding{}});
  tables->model_max_length = options.model_max_length;
  tables->known_class = find_tokenizer_class("BertTokenizer");
  tables->tokenizer_class = tables->known_class->name;
  tables->config = Json::object();

  add_special_tokens(options.special_tokens, kBertRoles, *tables);
  tables->templates = tables->class_template();
  tables->list_special_ids();
  return TokenizerTables::wrap(std::move(tables));
}

}  // namespace tekio
