// Training on a text in memory, for tests and tekio_train_vocabulary: counters, tables and trainer without files.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/bert_tokenizer.h"
#include "text/utf8.h"
#include "text/word_counter.h"
#include "text/word_piece_trainer.h"

namespace tekio::test {

/// Options by the names of their members.
inline WordPieceOptions training_options(const Json& json) {
  WordPieceOptions options;
  options.vocab_size = json.value("vocab_size", options.vocab_size);
  options.min_frequency = json.value("min_frequency", options.min_frequency);
  options.limit_alphabet = json.value("limit_alphabet", options.limit_alphabet);
  options.initial_alphabet = json.value("initial_alphabet", options.initial_alphabet);
  options.special_tokens = json.value("special_tokens", options.special_tokens);
  options.lowercase = json.value("lowercase", options.lowercase);
  if (json.contains("strip_accents")) options.strip_accents = json["strip_accents"].get<bool>();
  options.handle_chinese_chars = json.value("handle_chinese_chars", options.handle_chinese_chars);
  return options;
}

/// What a run of the reference drew, from its entries: those of one letter, and those of "##" and one letter that are
/// no special tokens, in their order.
inline DrawnLetters drawn_letters(const std::vector<std::string>& entries, const WordPieceOptions& options) {
  DrawnLetters drawn{};
  for (const std::string& entry : entries) {
    const bool continuing = entry.starts_with(kContinuingPrefix) && entry.size() > 2;
    const char* at = entry.data() + (continuing ? 2 : 0);
    const char32_t c = decode_utf8(at);
    if (at != entry.data() + entry.size()) continue;
    if (!continuing)
      drawn.alphabet += c;
    else if (std::count(options.special_tokens.begin(), options.special_tokens.end(), entry) == 0)
      drawn.continuing.push_back(entry);
  }
  std::sort(drawn.alphabet.begin(), drawn.alphabet.end());
  return drawn;
}

/// The vocabulary of a text, line by line, in the order of ids. Valid UTF-8.
inline std::vector<std::string> train_on(std::string_view text, const WordPieceOptions& options,
                                         const DrawnLetters& drawn = {}, int threads = 1) {
  std::vector<CountList> lists(static_cast<size_t>(threads));
  WordCounter counter(normalization_of(options));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    counter.add(text.substr(begin, end - begin));
    begin = end + 1;
  }
  counter.distribute(lists);
  std::vector<CountTable> words;
  for (const CountList& list : lists) words.emplace_back(std::vector{&list});
  ThreadPool pool(threads);
  const Vocabulary vocabulary = train_vocabulary(words, options, pool, drawn);
  std::vector<std::string> entries;
  for (int64_t id = 0; id < vocabulary.id_end(); ++id) entries.emplace_back(vocabulary.token(id).value());
  return entries;
}

}  // namespace tekio::test
