// Text that a vocabulary is trained on: words counted region by region are those of the whole text normalized and cut
// at once, and the vocabulary does not depend on how words are dealt to tables and threads. The first byte picks
// options.
#include <map>

#include "fuzz.h"
#include "text/bert_tokenizer.h"
#include "text/utf8.h"
#include "text/word_counter.h"
#include "text/word_piece_trainer.h"

namespace {

using namespace tekio;
using Counts = std::map<std::string, uint64_t, std::less<>>;

Counts plainly_counted(std::string_view text, const BertNormalization& normalization) {
  AlignedText characters;
  append_aligned(text, 0, characters);
  Normalizer({normalization}).apply(characters, 0);
  PreTokenizedText cut;
  PreTokenizer({BertPreTokenization{}}).split(characters, {0, characters.size()}, cut);
  Counts counts;
  for (const Split& split : cut.splits) {
    std::string word;
    for (const AlignedChar& a : cut.of(split)) append_utf8(word, a.c);
    ++counts[word];
  }
  return counts;
}

std::vector<CountTable> tables_of(WordCounter& counter, size_t parts) {
  std::vector<CountList> lists(parts);
  counter.distribute(lists);
  std::vector<CountTable> tables;
  for (const CountList& list : lists) tables.emplace_back(std::vector{&list});
  return tables;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ThreadPool one_thread(1), two_threads(2);
  return fuzz::refused_or_done([&] {
    if (size == 0) return;
    WordPieceOptions options{.vocab_size = data[0] & 8 ? 60 : 1000, .min_frequency = 1, .limit_alphabet = 40};
    options.lowercase = data[0] & 1;
    options.handle_chinese_chars = data[0] & 2;
    if (data[0] & 4) options.strip_accents = !options.lowercase;
    std::string storage;
    const std::string_view text = sanitize(fuzz::as_text(data + 1, size - 1), storage);
    WordCounter counter(normalization_of(options));
    counter.add(text);
    const std::vector<CountTable> one = tables_of(counter, 1), three = tables_of(counter, 3);
    Counts counts;
    for (const CountTable& table : three)
      table.for_each([&](std::string_view word, uint64_t count) {
        if (!counts.emplace(word, count).second) std::abort();
      });
    if (counts != plainly_counted(text, normalization_of(options))) std::abort();
    const Vocabulary a = train_vocabulary(one, options, one_thread), b = train_vocabulary(three, options, two_threads);
    if (a.id_end() != b.id_end()) std::abort();
    for (int64_t id = 0; id < a.id_end(); ++id)
      if (a.token(id) != b.token(id)) std::abort();
  });
}
