#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <string>

#include "text/byte_level.h"
#include "text/pair_merger.h"
#include "text/utf8.h"

namespace tekio {
namespace {

using ByteIds = std::array<uint32_t, 256>;

void tokenize(const CountTable& words, const ByteIds& ids, TokenizedWords& tokenized) {
  words.for_each([&](std::string_view word, uint64_t count) {
    tokenized.begin_word(count);
    for (const char byte : word) tokenized.push(ids[static_cast<unsigned char>(byte)]);
    tokenized.end_word();
  });
}

}  // namespace

TrainedBpe train_bpe(const std::vector<CountTable>& words, const BpeOptions& options, ThreadPool& pool) {
  TrainedBpe trained;
  Vocabulary& vocabulary = trained.vocabulary;
  const auto add = [&](std::string_view token) {
    const auto id = static_cast<int32_t>(vocabulary.id_end());
    return static_cast<uint32_t>(vocabulary.add(token, id) ? id : vocabulary.find(token));
  };
  for (const std::string& token : options.special_tokens) add(token);
  std::array<char16_t, 256> alphabet = byte_level::kCharacters;
  std::sort(alphabet.begin(), alphabet.end());
  ByteIds ids{};
  for (const char16_t c : alphabet) {
    std::string text;
    append_utf8(text, c);
    ids[static_cast<size_t>(byte_level::byte_of(c))] = add(text);
  }
  const auto tokenize_part = [&](const CountTable& part, TokenizedWords& to) { tokenize(part, ids, to); };
  PairMerger merger(vocabulary, "", tokenized_words(words, tokenize_part, pool), pool);
  merger.run(options.vocab_size, static_cast<uint64_t>(options.min_frequency));
  for (const PairMerger::Merged& merged : merger.merges())
    trained.merges.push_back({static_cast<int32_t>(left_of(merged.pair)), static_cast<int32_t>(right_of(merged.pair)),
                              static_cast<int32_t>(merged.token)});
  return trained;
}

}  // namespace tekio
