// The loop that counts a text's regions, whatever they are: short ones by keys, whose places in the table are fetched
// some regions ahead.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "text/count_table.h"
#include "text/short_key.h"

namespace tekio {

/// Counts in `table` the regions that `scanner` finds in a text; calls count_long(region) for those of more than
/// `longest` bytes instead.
template <typename Scanner, typename CountLong>
void count_regions(Scanner& scanner, std::string_view text, CountTable& table, size_t longest, CountLong&& count_long) {
  constexpr size_t kGroup = 32;  // regions whose places in the table are fetched at a time
  // The last bytes once more, where a key can be read from any of them.
  std::array<char, 2 * ShortKey::kReadable> tail{};
  const size_t tail_begin = text.size() - std::min(text.size(), ShortKey::kReadable);
  text.copy(tail.data(), ShortKey::kReadable, tail_begin);
  std::array<ShortKey, kGroup> keys;
  scanner.start(text);
  while (scanner.next()) {
    for (size_t first = 0; first < scanner.count(); first += kGroup) {
      const size_t count = std::min(kGroup, scanner.count() - first);
      size_t taken = 0;
      for (size_t i = first; i < first + count; ++i) {
        const size_t begin = scanner.begin(i), length = scanner.end(i) - begin;
        if (length <= ShortKey::kBytes) [[likely]] {
          const char* at = begin < tail_begin ? text.data() + begin : tail.data() + (begin - tail_begin);
          keys[taken] = ShortKey::of(at, length);
          table.prefetch(keys[taken++]);
        } else if (length <= longest) {
          table.add(text.substr(begin, length), 1);
        } else {
          count_long(text.substr(begin, length));
        }
      }
      for (size_t i = 0; i < taken; ++i) table.add(keys[i], 1);
    }
  }
}

}  // namespace tekio
