// Sorted by what follows them, the places of all words that begin with the same substring stand side by side, and so
// its occurrences are counted at one go: a suffix array that is sorted no deeper than pieces are long.
#include "text/seed_pieces.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "text/utf8.h"

namespace tekio {
namespace {

constexpr char kEnd = '\0';  // behind each word

class Suffixes {
 public:
  Suffixes(const std::vector<CountedWord>& words, size_t longest) : longest_(longest) {
    size_t bytes = 1;
    for (const auto& [word, count] : words) bytes += word.size() + 1;
    if (bytes > UINT32_MAX)
      fail(ErrorKind::input, "the different words have {} bytes in all; at most {} can be trained on", bytes,
           UINT32_MAX);
    text_.reserve(bytes);
    for (const auto& [word, count] : words) text_.append(word).push_back(kEnd);
    for (size_t at = 0; at < text_.size(); at += utf8_length(text_[at]))
      if (text_[at] != kEnd) places_.push_back(static_cast<uint32_t>(at));
    const size_t deepest = 4 * (longest + 1);  // bytes
    std::sort(places_.begin(), places_.end(), [&](uint32_t a, uint32_t b) {
      const int order = std::strncmp(text_.data() + a, text_.data() + b, deepest);
      return order != 0 ? order < 0 : a < b;
    });
  }

  // Calls use(place, bytes, characters, occurrences) for every substring of two and more characters that is not always
  // followed by the same one.
  template <typename Use>
  void for_each_branching(Use&& use) const {
    struct Open {
      size_t depth, first;
    };
    std::vector<Open> open = {{0, 0}};
    for (size_t i = 1; i <= places_.size(); ++i) {
      const size_t depth = i < places_.size() ? shared(places_[i - 1], places_[i]) : 0;
      size_t first = i - 1;
      while (open.back().depth > depth) {
        const Open closed = open.back();
        open.pop_back();
        first = closed.first;
        if (closed.depth < 2 || closed.depth > longest_) continue;
        const size_t bytes = bytes_of(places_[first], closed.depth);
        if (bytes > 0) use(places_[first], bytes, closed.depth, i - first);
      }
      if (open.back().depth < depth) open.push_back({depth, first});
    }
  }

  std::string_view at(uint32_t place, size_t bytes) const { return std::string_view(text_).substr(place, bytes); }

 private:
  // Characters that two places have in common, the end of a word among them.
  size_t shared(uint32_t a, uint32_t b) const {
    size_t count = 0;
    while (count <= longest_) {
      const size_t length = utf8_length(text_[a]);
      if (std::memcmp(text_.data() + a, text_.data() + b, std::min(length, text_.size() - b)) != 0) break;
      ++count;
      if (text_[a] == kEnd) break;
      a += static_cast<uint32_t>(length);
      b += static_cast<uint32_t>(length);
    }
    return count;
  }

  // Of so many characters; 0 if the word ends before.
  size_t bytes_of(uint32_t place, size_t characters) const {
    size_t at = place;
    for (; characters > 0; --characters) {
      if (text_[at] == kEnd) return 0;
      at += utf8_length(text_[at]);
    }
    return at - place;
  }

  size_t longest_;
  std::string text_;
  std::vector<uint32_t> places_;
};

}  // namespace

std::vector<SeedPiece> seed_pieces(const std::vector<CountedWord>& words, size_t longest, size_t most) {
  std::map<std::string_view, uint64_t> characters;
  for (const auto& [word, count] : words)
    for (size_t at = 0; at < word.size(); at += utf8_length(word[at]))
      if (word[at] != kEnd) characters[word.substr(at, utf8_length(word[at]))] += count;
  struct Candidate {
    std::string_view text;
    uint32_t frequency;
  };
  const auto before = [](const auto& a, const auto& b) {
    return a.frequency != b.frequency ? a.frequency > b.frequency : a.text > b.text;
  };
  std::vector<SeedPiece> seeds;
  for (const auto& [character, count] : characters)
    seeds.push_back({std::string(character), static_cast<double>(count)});
  std::sort(seeds.begin(), seeds.end(), before);
  const Suffixes suffixes(words, longest);
  std::vector<Candidate> substrings;
  suffixes.for_each_branching([&](uint32_t place, size_t bytes, size_t length, size_t count) {
    substrings.push_back({suffixes.at(place, bytes), static_cast<uint32_t>(count * length)});
  });
  std::sort(substrings.begin(), substrings.end(), before);
  for (const Candidate& piece : substrings) {
    seeds.push_back({std::string(piece.text), static_cast<double>(piece.frequency)});
    if (seeds.size() >= most) break;
  }
  return seeds;
}

}  // namespace tekio
