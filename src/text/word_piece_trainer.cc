#include "text/word_piece_trainer.h"

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>
#include <utility>

#include "text/pair_merger.h"
#include "text/tables.h"
#include "text/utf8.h"

namespace tekio {
namespace {

/// A letter of the corpus.
struct Letter {
  uint64_t count = 0;
  int32_t first_id = -1, continuing_id = -1;  // at a word's beginning, and behind it; -1: not in the alphabet
  // Where it goes on a word: the most frequent word that has it there, of equally frequent ones the first by its bytes.
  std::string_view word;
  uint64_t word_count = 0;
  uint32_t position = 0;      // in that word
  const char* met = nullptr;  // the word met last: where a letter stands again, a long word is not compared again

  void meet(std::string_view other, uint64_t other_count, uint32_t at) {
    if (std::exchange(met, other.data()) == other.data()) return;
    if (other_count < word_count || (other_count == word_count && !(other < word))) return;
    word = other;
    word_count = other_count;
    position = at;
  }
};

/// Letters by code point, in pages made where they are needed.
class Letters {
 public:
  Letter& operator[](char32_t c) {
    auto& page = pages_[c / kPage];
    if (!page) page = std::make_unique<std::array<Letter, kPage>>();
    return (*page)[c % kPage];
  }
  const Letter& at(char32_t c) const { return (*pages_[c / kPage])[c % kPage]; }
  /// Calls use(c, letter) for every letter that was counted, by code point.
  template <typename Use>
  void for_each(Use&& use) {
    for (size_t page = 0; page < pages_.size(); ++page) {
      if (!pages_[page]) continue;
      for (size_t i = 0; i < kPage; ++i)
        if (Letter& letter = (*pages_[page])[i]; letter.count > 0) use(static_cast<char32_t>(page * kPage + i), letter);
    }
  }

 private:
  static constexpr size_t kPage = 256;
  std::array<std::unique_ptr<std::array<Letter, kPage>>, 0x110000 / kPage> pages_;
};

std::string text_of(char32_t c) {
  std::string text;
  append_utf8(text, c);
  return text;
}

Letters letters_of(const CountTable& words) {
  Letters letters;
  words.for_each([&](std::string_view word, uint64_t count) {
    const char* at = word.data();
    const char* const end = at + word.size();
    for (uint32_t i = 0; at < end; ++i) {
      Letter& letter = letters[decode_utf8(at)];
      letter.count += count;
      if (i > 0) letter.meet(word, count, i);
    }
  });
  return letters;
}

Letters letters_of(const std::vector<CountTable>& words, ThreadPool& pool) {
  std::vector<Letters> parts(words.size());
  pool.for_each(static_cast<int64_t>(words.size()),
                [&](int64_t i, int) { parts[static_cast<size_t>(i)] = letters_of(words[static_cast<size_t>(i)]); });
  Letters letters;
  for (Letters& part : parts)
    part.for_each([&](char32_t c, const Letter& found) {
      Letter& letter = letters[c];
      letter.count += found.count;
      if (found.word_count > 0) letter.meet(found.word, found.word_count, found.position);
    });
  return letters;
}

int32_t add(Vocabulary& vocabulary, const std::string& token) {
  const auto id = static_cast<int32_t>(vocabulary.id_end());
  return vocabulary.add(token, id) ? id : vocabulary.find(token);
}

/// The most frequent letters, of equally frequent ones those of smaller code points; by code point.
void add_alphabet(Letters& letters, const WordPieceOptions& options, const std::u32string& drawn,
                  Vocabulary& vocabulary) {
  struct Candidate {
    uint64_t count;  // UINT64_MAX: kept before all others
    char32_t c;
  };
  const auto is_in = [](const std::u32string& some, char32_t c) {
    return std::binary_search(some.begin(), some.end(), c);
  };
  std::u32string initial;
  const char* at = options.initial_alphabet.data();
  const char* const end = at + options.initial_alphabet.size();
  while (at < end) initial += decode_utf8(at);
  std::sort(initial.begin(), initial.end());
  initial.erase(std::unique(initial.begin(), initial.end()), initial.end());

  std::vector<Candidate> alphabet;
  for (const char32_t c : initial) alphabet.push_back({UINT64_MAX, c});
  letters.for_each([&](char32_t c, const Letter& letter) {
    if (!is_in(initial, c)) alphabet.push_back({letter.count, c});
  });
  std::sort(alphabet.begin(), alphabet.end(), [&](const Candidate& a, const Candidate& b) {
    const auto rank = [&](const Candidate& one) { return std::tuple(~one.count, !is_in(drawn, one.c), one.c); };
    return rank(a) < rank(b);
  });
  alphabet.resize(std::min(alphabet.size(), static_cast<size_t>(options.limit_alphabet)));
  std::sort(alphabet.begin(), alphabet.end(), [](const Candidate& a, const Candidate& b) { return a.c < b.c; });
  for (const Candidate& kept : alphabet) add(vocabulary, text_of(kept.c));
  // A special token of one letter counts as a letter of the alphabet too.
  letters.for_each([&](char32_t c, Letter& letter) { letter.first_id = vocabulary.find(text_of(c)); });
}

void add_continuing_letters(Letters& letters, const std::vector<std::string>& drawn, Vocabulary& vocabulary) {
  std::vector<std::pair<const Letter*, char32_t>> order;
  letters.for_each([&](char32_t c, const Letter& letter) {
    if (letter.first_id >= 0 && letter.word_count > 0) order.emplace_back(&letter, c);
  });
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    const auto rank = [](const Letter& letter) { return std::tuple(~letter.word_count, letter.word, letter.position); };
    return rank(*a.first) < rank(*b.first);
  });
  for (const std::string& token : drawn) add(vocabulary, token);
  for (const auto& [letter, c] : order) letters[c].continuing_id = add(vocabulary, kContinuingPrefix + text_of(c));
}

/// Appends the words, without letters that are not in the alphabet.
void tokenize(const CountTable& words, const Letters& letters, TokenizedWords& tokenized) {
  words.for_each([&](std::string_view word, uint64_t count) {
    tokenized.begin_word(count);
    const char* at = word.data();
    const char* const end = at + word.size();
    for (bool first = true; at < end; first = false) {
      const Letter& letter = letters.at(decode_utf8(at));
      if (letter.first_id < 0) continue;
      tokenized.push(static_cast<uint32_t>(first ? letter.first_id : letter.continuing_id));
    }
    tokenized.end_word();
  });
}

}  // namespace

Vocabulary train_vocabulary(const std::vector<CountTable>& words, const WordPieceOptions& options, ThreadPool& pool,
                            const DrawnLetters& drawn) {
  Vocabulary vocabulary;
  vocabulary.reserve(static_cast<size_t>(std::min<int64_t>(options.vocab_size, 1 << 16)), 1 << 19);
  for (const std::string& token : options.special_tokens) add(vocabulary, token);
  Letters letters = letters_of(words, pool);
  add_alphabet(letters, options, drawn.alphabet, vocabulary);
  add_continuing_letters(letters, drawn.continuing, vocabulary);
  const auto tokenize_part = [&](const CountTable& part, TokenizedWords& to) { tokenize(part, letters, to); };
  PairMerger(vocabulary, kContinuingPrefix, tokenized_words(words, tokenize_part, pool), pool)
      .run(options.vocab_size, static_cast<uint64_t>(options.min_frequency));
  return vocabulary;
}

}  // namespace tekio
