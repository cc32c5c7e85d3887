#include "text/xlm_roberta_tokenizer.h"

#include <algorithm>

#include "text/trained_tokenizer.h"

namespace tekio {

void check(const UnigramOptions& options) {
  check_range("vocab_size", options.vocab_size, 1, Vocabulary::kIdLimit);
  check_range("model_max_length", options.model_max_length, 1, INT64_MAX);
  check_range("threads", options.threads, 0, INT32_MAX);
  check_utf8("initial_alphabet", options.initial_alphabet);
  check_special_tokens(options.special_tokens, kRobertaRoles,
                       "a tokenizer of XLM-RoBERTa's kind needs <s>, <pad>, </s>, <unk> and <mask>");
}

Normalizer normalizer_of(const UnigramOptions& options) {
  return options.lowercase ? Normalizer({LowercaseNormalization{}}) : Normalizer();
}

PreTokenizer xlm_roberta_pre_tokenizer() { return PreTokenizer({WhitespaceSplitting{}, MetaspacePreTokenization{}}); }

Tokenizer xlm_roberta_tokenizer(Unigram model, const UnigramOptions& options) {
  auto tables = std::make_shared<TokenizerTables>();
  std::copy(kRobertaRoles.begin(), kRobertaRoles.end(), tables->roles.begin());
  // Where only the generic class opens the folder, scores are read as it reads them.
  Unigram::Options model_options = model.options();
  model_options.divided_scores = options.lowercase || model_options.unknown_id != 3;
  tables->model = {std::move(model).with_options(model_options)};
  tables->normalizer = normalizer_of(options);
  tables->pre_tokenizer = xlm_roberta_pre_tokenizer();
  tables->decoder = Decoder({MetaspaceDecoding{}});
  tables->model_max_length = options.model_max_length;
  tables->known_class = find_tokenizer_class("XLMRobertaTokenizer");
  tables->tokenizer_class = tables->known_class->name;
  tables->config = Json::object();
  add_special_tokens(options.special_tokens, kRobertaRoles, *tables);
  tables->templates = tables->class_template();
  tables->list_special_ids();
  return TokenizerTables::wrap(std::move(tables));
}

}  // namespace tekio
