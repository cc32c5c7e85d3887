// Where nothing but the tokenizer's words is asked for, the fast encoder makes them. Offsets are known to
// Tokenizer::encode() alone, which is slower; but a store is made once.
#include "data/row_encoder.h"

#include <algorithm>
#include <memory>

#include "data/formats/format.h"
#include "text/text_encoder.h"

namespace tekio {
namespace {

/// Words as transformers 5 sees them: one goes on where a token begins at the character at which the one before it
/// ended, counted from the given word's beginning where words are given.
class OffsetEncoder {
 public:
  explicit OffsetEncoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer), empty_(tokenizer.encode("")) {
    prefix_ = static_cast<size_t>(tokenizer.template_lengths().first);
  }

  void append(std::span<const std::string_view> words, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts) {
    ids.insert(ids.end(), empty_.ids.begin(), empty_.ids.begin() + static_cast<std::ptrdiff_t>(prefix_));
    word_starts.resize(ids.size(), 0);
    int32_t end = -1;  // the first token of a row begins a word
    for (const std::string_view word : words) {
      const Encoding encoding = tokenizer_.encode(word, {.add_special_tokens = false});
      ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
      for (const auto& offsets : encoding.offsets) {
        word_starts.push_back(offsets.first != end);
        end = offsets.second;
      }
    }
    ids.insert(ids.end(), empty_.ids.begin() + static_cast<std::ptrdiff_t>(prefix_), empty_.ids.end());
    word_starts.resize(ids.size(), 0);
  }

 private:
  const Tokenizer tokenizer_;
  const Encoding empty_;  // the template alone
  size_t prefix_;
};

}  // namespace

void split_words(std::string_view text, const ReadOptions& read, std::vector<std::string_view>& words) {
  words.clear();
  if (read.words == Words::separated && read.word_separator.empty()) {
    const auto goes_on = [&](size_t at) { return at < text.size() && (text[at] & '\xC0') == '\x80'; };
    for (size_t begin = after_space(text, 0), end; begin < text.size(); begin = after_space(text, end)) {
      for (end = begin; end < text.size() && after_space(text, end) == end;) {
        do ++end;  // a whole character
        while (goes_on(end));
      }
      words.push_back(text.substr(begin, end - begin));
    }
    return;
  }
  const std::string_view mark = read.words == Words::list ? std::string_view(&kWordMark, 1) : read.word_separator;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(mark, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + mark.size();
  }
}

EncodeText make_row_encoder(const Tokenizer& tokenizer, WordBounds bounds, const ReadOptions& read) {
  if (bounds == WordBounds::tokenizer && read.words == Words::text) {
    const auto encoder = std::make_shared<TextEncoder>(tokenizer);
    return [encoder](std::string_view text, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts) {
      encoder->append(text, ids, word_starts);
    };
  }
  const auto with_words = [&](auto encoder) -> EncodeText {
    return [encoder, read, words = std::vector<std::string_view>()](std::string_view text, std::vector<int32_t>& ids,
                                                                    std::vector<uint8_t>& word_starts) mutable {
      if (read.words == Words::text)
        words.assign(1, text);
      else
        split_words(text, read, words);
      encoder->append(words, ids, word_starts);
    };
  };
  if (bounds == WordBounds::offsets) return with_words(std::make_shared<OffsetEncoder>(tokenizer));
  return with_words(std::make_shared<TextEncoder>(tokenizer));
}

std::string digest_of_encoder(const Tokenizer& tokenizer, WordBounds bounds) {
  return tokenizer.digest() + (bounds == WordBounds::offsets ? " words by offsets" : "");
}

}  // namespace tekio
