#include "text/japanese_words.h"

#include <algorithm>

#include "text/pre_tokenizer.h"
#include "text/python_unicode.h"
#include "text/utf8.h"

namespace tekio {
namespace {

using AlignedSpan = std::span<const AlignedChar>;

/// Calls use(word) for what str.split() makes of a text.
template <typename Use>
void split_at_space(AlignedSpan text, Use&& use) {
  const auto space = [](const AlignedChar& a) { return python::is_space(a.c); };
  for (auto begin = text.begin(); begin != text.end();) {
    begin = std::find_if_not(begin, text.end(), space);
    const auto end = std::find_if(begin, text.end(), space);
    if (begin != end) use(AlignedSpan(begin, end));
    begin = end;
  }
}

void append_split(AlignedSpan word, PreTokenizedText& out) {
  const size_t begin = out.rewritten.size();
  out.rewritten.insert(out.rewritten.end(), word.begin(), word.end());
  out.splits.push_back({begin, out.rewritten.size()});
}

// Drops control characters; what the reference takes for white space becomes a plain space.
void clean_as_python(AlignedText& text) {
  const auto space = [](char32_t c) {
    return c == '\t' || c == '\n' || c == '\r' || (python::is_space(c) && c >= ' ' && c != 0x85 && c - 0x2028 > 1);
  };
  text.erase(std::remove_if(text.begin(), text.end(),
                            [&](const AlignedChar& a) {
                              return a.c == 0xFFFD || (!space(a.c) && python::is(a.c, python::kControl));
                            }),
             text.end());
  for (AlignedChar& a : text)
    if (space(a.c)) a.c = ' ';
}

bool is_python_punctuation(char32_t c) {
  if (c < 0x80) return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  return python::is(c, python::kPunctuation);
}

}  // namespace

void JapaneseWords::cut(AlignedSpan text, PreTokenizedText& out) const {
  AlignedText own(text.begin(), text.end());
  switch (settings_.kind) {
    case Kind::whole:
      return append_word(own, out);
    case Kind::basic:
      return cut_by_basic_rules(std::move(own), out);
    case Kind::mecab:
      return cut_by_mecab(std::move(own), out);
  }
}

bool JapaneseWords::is_kept(AlignedSpan word) const {
  if (settings_.never_split.empty()) return false;
  std::string bytes;
  for (const AlignedChar& a : word) append_utf8(bytes, a.c);
  return settings_.never_split.contains(bytes);
}

// A word as the subword model takes it.
void JapaneseWords::append_word(AlignedSpan word, PreTokenizedText& out) const {
  if (!settings_.characters)  // WordPiece cuts at white space itself; each part is a word
    return split_at_space(word, [&](AlignedSpan part) { append_split(part, out); });
  AlignedText own(word.begin(), word.end());
  python::normalize(UnicodeForm::nfkc, own);
  // Where nothing looks for words, each character is one.
  const size_t length = settings_.kind == Kind::whole ? 1 : own.size();
  for (size_t begin = 0; begin < own.size(); begin += length)
    append_split(AlignedSpan(own).subspan(begin, length), out);
}

void JapaneseWords::cut_by_mecab(AlignedText text, PreTokenizedText& out) const {
  if (settings_.normalize_text) python::normalize(UnicodeForm::nfkc, text);
  out.spelt.spell(text);
  std::vector<Mecab::Word> words;
  settings_.mecab->find(out.spelt.bytes, words);
  AlignedText lowered;
  for (const Mecab::Word& found : words) {
    const size_t begin = out.spelt.character_at[found.begin], end = out.spelt.character_at[found.end];
    AlignedSpan word(text.data() + begin, end - begin);
    if (settings_.lowercase && !is_kept(word)) {
      lowered.clear();
      python::append_lowercase(word, lowered);
      word = lowered;
    }
    append_word(word, out);
  }
}

void JapaneseWords::cut_by_basic_rules(AlignedText text, PreTokenizedText& out) const {
  clean_as_python(text);
  python::normalize(UnicodeForm::nfc, text);
  AlignedText own;
  split_at_space(text, [&](AlignedSpan word) {
    own.clear();
    if (settings_.lowercase && !is_kept(word)) {
      python::append_lowercase(word, own);
      python::normalize(UnicodeForm::nfd, own);
      own.erase(std::remove_if(own.begin(), own.end(),
                               [](const AlignedChar& a) { return python::is(a.c, python::kNonspacingMark); }),
                own.end());
    } else {
      own.assign(word.begin(), word.end());
    }
    if (is_kept(own)) return append_word(own, out);
    for (size_t begin = 0; begin < own.size();) {
      size_t end = begin + 1;
      if (!is_python_punctuation(own[begin].c))
        while (end < own.size() && !is_python_punctuation(own[end].c)) ++end;
      // What lowercasing left of a word may hold white space.
      split_at_space(AlignedSpan(own).subspan(begin, end - begin), [&](AlignedSpan part) { append_word(part, out); });
      begin = end;
    }
  });
}

}  // namespace tekio
