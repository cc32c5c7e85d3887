#include "text/word_counter.h"

#include "base/error.h"
#include "base/log.h"
#include "text/count_regions.h"
#include "text/utf8.h"

namespace tekio {
namespace {

constexpr size_t kRemembered = 64;  // longer regions (a sentence of Chinese) are cut at once

}  // namespace

template <typename Scanner>
void RegionWordCounter<Scanner>::add(std::string_view text) {
  if (text.size() > INT32_MAX)
    fail(ErrorKind::input, "a text of {} bytes is too long: at most {}", text.size(), INT32_MAX);
  count_regions(scanner_, text, regions_, kRemembered, [&](std::string_view region) {
    if (region.size() > longest_)
      fail(ErrorKind::input,
           "{} bytes without white space are too long for training a Unigram vocabulary: at most {}; cut the text at "
           "its "
           "sentences",
           with_commas(static_cast<int64_t>(region.size())), with_commas(static_cast<int64_t>(longest_)));
    cut(region, [&](std::string_view word) { words_.add(word, 1); });
  });
}

template <typename Scanner>
void RegionWordCounter<Scanner>::distribute(std::vector<CountList>& parts) {
  const auto add = [&](std::string_view word, uint64_t count) {
    parts[CountTable::part_of(word, parts.size())].add(word, count);
  };
  words_.for_each(add);
  regions_.for_each(
      [&](std::string_view region, uint64_t count) { cut(region, [&](std::string_view word) { add(word, count); }); });
}

/// Calls use(word) for every word of a region.
template <typename Scanner>
template <typename Use>
void RegionWordCounter<Scanner>::cut(std::string_view region, Use&& use) {
  if (plain_ == Plain::one_word && make_plain(region, lowercases_, word_)) {
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

template class RegionWordCounter<RegionScanner>;
template class RegionWordCounter<SpaceScanner>;

}  // namespace tekio
