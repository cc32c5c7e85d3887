#include "text/byte_word_counter.h"

#include "base/error.h"
#include "text/count_regions.h"

namespace tekio {

void ByteWordCounter::add(std::string_view text) {
  if (!normalizer_.keeps(text)) {
    normalized_ = normalizer_.apply(text);
    text = normalized_;
  }
  if (adds_space_ && !text.empty() && text[0] != ' ') {
    with_space_.assign(1, ' ').append(text);
    text = with_space_;
  }
  if (text.size() > INT32_MAX)
    fail(ErrorKind::input, "a text of {} bytes is too long: at most {}", text.size(), INT32_MAX);
  count_regions(scanner_, text, words_, SIZE_MAX, [](std::string_view) {});
}

void ByteWordCounter::distribute(std::vector<CountList>& parts) const {
  words_.for_each(
      [&](std::string_view word, uint64_t count) { parts[CountTable::part_of(word, parts.size())].add(word, count); });
}

}  // namespace tekio
