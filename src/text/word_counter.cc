#include "text/word_counter.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "text/utf8.h"

namespace tekio {
namespace {

constexpr size_t kGroup = 32;       // regions whose places in the table are fetched at a time
constexpr size_t kRemembered = 64;  // longer regions (a sentence of Chinese) are cut at once

}  // namespace

WordCounter::WordCounter(const BertNormalization& normalization)
    : normalizer_({normalization}), pre_tokenizer_({BertPreTokenization{}}), lowercases_(normalization.lowercase) {}

void WordCounter::add(std::string_view text) {
  if (text.size() > INT32_MAX)
    fail(ErrorKind::input, "a text of {} bytes is too long: at most {}", text.size(), INT32_MAX);
  // The last bytes once more, where a key can be read from any of them.
  std::array<char, 2 * ShortKey::kReadable> tail{};
  const size_t tail_begin = text.size() - std::min(text.size(), ShortKey::kReadable);
  text.copy(tail.data(), ShortKey::kReadable, tail_begin);
  std::array<ShortKey, kGroup> keys;
  scanner_.start(text);
  while (scanner_.next()) {
    for (size_t first = 0; first < scanner_.count(); first += kGroup) {
      const size_t count = std::min(kGroup, scanner_.count() - first);
      size_t taken = 0;
      for (size_t i = first; i < first + count; ++i) {
        const size_t begin = scanner_.begin(i), length = scanner_.end(i) - begin;
        if (length <= ShortKey::kBytes) [[likely]] {
          const char* at = begin < tail_begin ? text.data() + begin : tail.data() + (begin - tail_begin);
          keys[taken] = ShortKey::of(at, length);
          regions_.prefetch(keys[taken++]);
        } else if (length <= kRemembered) {
          regions_.add(text.substr(begin, length), 1);
        } else {
          cut(text.substr(begin, length), [&](std::string_view word) { words_.add(word, 1); });
        }
      }
      for (size_t i = 0; i < taken; ++i) regions_.add(keys[i], 1);
    }
  }
}

void WordCounter::distribute(std::vector<CountList>& parts) {
  const auto add = [&](std::string_view word, uint64_t count) {
    parts[CountTable::part_of(word, parts.size())].add(word, count);
  };
  words_.for_each(add);
  regions_.for_each(
      [&](std::string_view region, uint64_t count) { cut(region, [&](std::string_view word) { add(word, count); }); });
}

/// Calls use(word) for every word of a region.
template <typename Use>
void WordCounter::cut(std::string_view region, Use&& use) {
  if (make_plain(region, lowercases_, word_)) {
    use(std::string_view(word_));
    return;
  }
  characters_.clear();
  append_aligned(region, 0, characters_);
  normalizer_.apply(characters_, 0);
  pre_tokenizer_.split(characters_, {0, characters_.size()}, split_);
  for (const Split& split : split_.splits) {
    word_.clear();
    for (const AlignedChar& a : split_.of(split)) append_utf8(word_, a.c);
    use(std::string_view(word_));
  }
}

}  // namespace tekio
