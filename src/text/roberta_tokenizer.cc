#include "text/roberta_tokenizer.h"

#include <algorithm>

#include "text/trained_tokenizer.h"

namespace tekio {

void check(const BpeOptions& options) {
  check_range("vocab_size", options.vocab_size, 1, Vocabulary::kIdLimit);
  check_range("min_frequency", options.min_frequency, 0, INT64_MAX);
  check_range("model_max_length", options.model_max_length, 1, INT64_MAX);
  check_range("threads", options.threads, 0, INT32_MAX);
  check_special_tokens(options.special_tokens, kRobertaRoles,
                       "a tokenizer of RoBERTa's kind needs <s>, <pad>, </s>, <unk> and <mask>");
}

Normalizer normalizer_of(const BpeOptions& options) {
  return options.lowercase ? Normalizer({LowercaseNormalization{}}) : Normalizer();
}

Tokenizer roberta_tokenizer(Bpe model, const BpeOptions& options) {
  auto tables = std::make_shared<TokenizerTables>();
  std::copy(kRobertaRoles.begin(), kRobertaRoles.end(), tables->roles.begin());
  tables->model = {std::move(model)};
  tables->normalizer = normalizer_of(options);
  tables->pre_tokenizer = PreTokenizer({ByteLevelPreTokenization{.add_prefix_space = options.add_prefix_space}});
  tables->decoder = Decoder({ByteLevelDecoding{}});
  tables->model_max_length = options.model_max_length;
  tables->known_class = find_tokenizer_class("RobertaTokenizer");
  tables->tokenizer_class = tables->known_class->name;
  tables->config = Json::object();
  add_special_tokens(options.special_tokens, kRobertaRoles, *tables);
  tables->templates = tables->class_template();
  tables->templates.trimming = OffsetTrimming{options.add_prefix_space};
  tables->list_special_ids();
  return TokenizerTables::wrap(std::move(tables));
}

}  // namespace tekio
