#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <string>

#include "text/byte_level.h"
#include "text/pair_merger.h"
#include "text/word_piece_trainer.h"

namespace tekio {
namespace {

using ByteIds = std::array<uint32_t, 256>;

// Appends the words of several bytes.
void tokenize(const CountTable& words, const ByteIds& ids, LargeVector<uint32_t>& cells) {
  words.for_each([&](std::string_view word, uint64_t count) {
    if (word.size() < 2) return;
    cells.insert(cells.end(), {static_cast<uint32_t>(word.size()), static_cast<uint32_t>(count),
                               static_cast<uint32_t>(count >> 32)});
    for (const char byte : word) cells.push_back(ids[static_cast<unsigned char>(byte)]);
  });
}

TokenizedWords tokenized(const std::vector<CountTable>& words, const ByteIds& ids, ThreadPool& pool) {
  std::vector<TokenizedWords> parts(words.size());
  pool.for_each(static_cast<int64_t>(words.size()), [&](int64_t i, int) {
    tokenize(words[static_cast<size_t>(i)], ids, parts[static_cast<size_t>(i)].cells);
  });
  LargeVector<uint32_t>& cells = parts.front().cells;
  for (size_t i = 1; i < parts.size(); ++i) cells.insert(cells.end(), parts[i].cells.begin(), parts[i].cells.end());
  check_places(cells.size());
  return std::move(parts.front());
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
  PairMerger merger(vocabulary, "", tokenized(words, ids, pool), pool);
  merger.run(options.vocab_size, static_cast<uint64_t>(options.min_frequency));
  for (const PairMerger::Merged& merged : merger.merges())
    trained.merges.push_back({static_cast<int32_t>(left_of(merged.pair)), static_cast<int32_t>(right_of(merged.pair)),
                              static_cast<int32_t>(merged.token)});
  return trained;
}

}  // namespace tekio
