// Most steps are a rule that gives each character a kind; kinds say where a split ends. The others find stretches
// first, delimiters and what lies between them, and then say what becomes of the delimiters.
#include "text/pre_tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/byte_level_scanner.h"
#include "text/unicode.h"
#include "text/unicode_steps.h"

namespace tekio {
namespace {

enum class CharacterKind {
  removed,
  alone,
  run,
  other_run
};  // alone: a split of its own; a run ends where another kind begins

/// Appends the splits that a rule (character to CharacterKind) makes.
template <typename Rule>
void cut_by_kind(Rule&& kind_of, const AlignedText& text, Split piece, std::vector<Split>& out) {
  for (size_t i = piece.begin; i < piece.end;) {
    const CharacterKind kind = kind_of(text[i].c);
    const size_t begin = i++;
    if (kind == CharacterKind::removed) continue;
    if (kind != CharacterKind::alone)
      while (i < piece.end && kind_of(text[i].c) == kind) ++i;
    out.push_back({begin, i});
  }
}

struct Stretch {
  Split split;
  bool delimiter;
};

// A delimiter that follows none is joined to its neighbour; the walk goes from that neighbour's side.
void merge(std::vector<Stretch>& stretches, bool with_next) {
  if (with_next) std::reverse(stretches.begin(), stretches.end());
  size_t count = 0;
  bool after_delimiter = false;
  for (const Stretch& stretch : stretches) {
    if (stretch.delimiter && !after_delimiter && count > 0) {
      Split& neighbour = stretches[count - 1].split;
      (with_next ? neighbour.begin : neighbour.end) = with_next ? stretch.split.begin : stretch.split.end;
    } else {
      stretches[count++] = stretch;
    }
    after_delimiter = stretch.delimiter;
  }
  stretches.resize(count);
  if (with_next) std::reverse(stretches.begin(), stretches.end());
}

void join_runs(std::vector<Stretch>& stretches) {
  size_t count = 0;
  for (const Stretch& stretch : stretches)
    if (count > 0 && stretches[count - 1].delimiter == stretch.delimiter)
      stretches[count - 1].split.end = stretch.split.end;
    else
      stretches[count++] = stretch;
  stretches.resize(count);
}

/// Appends the splits that these stretches, which cover a piece, make.
void cut_by_stretches(std::vector<Stretch>& stretches, Delimiter delimiter, std::vector<Split>& out) {
  if (delimiter == Delimiter::merged_with_previous || delimiter == Delimiter::merged_with_next)
    merge(stretches, delimiter == Delimiter::merged_with_next);
  if (delimiter == Delimiter::contiguous) join_runs(stretches);
  for (const Stretch& stretch : stretches)
    if (!(delimiter == Delimiter::removed && stretch.delimiter) && stretch.split.begin < stretch.split.end)
      out.push_back(stretch.split);
}

/// Appends the splits around single characters that are delimiters.
template <typename IsDelimiter>
void cut_by_character(IsDelimiter&& is_delimiter, Delimiter delimiter, const AlignedText& text, Split piece,
                      std::vector<Split>& out) {
  std::vector<Stretch> stretches;
  for (size_t i = piece.begin; i < piece.end; ++i) {
    const bool is = is_delimiter(text[i].c);
    if (!is && !stretches.empty() && !stretches.back().delimiter)
      ++stretches.back().split.end;
    else
      stretches.push_back({{i, i + 1}, is});
  }
  cut_by_stretches(stretches, delimiter, out);
}

bool is_space(char32_t c) { return unicode::is(c, unicode::kWhiteSpace); }
bool is_punctuation(char32_t c) { return unicode::is(c, unicode::kPunctuation); }
bool is_numeric(char32_t c) { return unicode::step_record(c).numeric; }

void cut(const BertPreTokenization&, const AlignedText& text, Split piece, std::vector<Split>& out) {
  const auto rule = [](char32_t c) {
    return is_space(c) ? CharacterKind::removed : is_punctuation(c) ? CharacterKind::alone : CharacterKind::run;
  };
  cut_by_kind(rule, text, piece, out);
}

void cut(const WhitespacePreTokenization&, const AlignedText& text, Split piece, std::vector<Split>& out) {
  // A word character that is white space does not exist, so the order of the two questions does not matter.
  const auto rule = [](char32_t c) {
    return unicode::is(c, unicode::kWordCharacter) ? CharacterKind::run
           : is_space(c)                           ? CharacterKind::removed
                                                   : CharacterKind::other_run;
  };
  cut_by_kind(rule, text, piece, out);
}

void cut(const WhitespaceSplitting&, const AlignedText& text, Split piece, std::vector<Split>& out) {
  cut_by_kind([](char32_t c) { return is_space(c) ? CharacterKind::removed : CharacterKind::run; }, text, piece, out);
}

void cut(const PunctuationSplitting& step, const AlignedText& text, Split piece, std::vector<Split>& out) {
  cut_by_character(is_punctuation, step.delimiter, text, piece, out);
}

void cut(const DigitSplitting& step, const AlignedText& text, Split piece, std::vector<Split>& out) {
  cut_by_character(is_numeric, step.one_by_one ? Delimiter::isolated : Delimiter::contiguous, text, piece, out);
}

void cut(const CharacterSplitting& step, const AlignedText& text, Split piece, std::vector<Split>& out) {
  cut_by_kind([&](char32_t c) { return c == step.c ? CharacterKind::removed : CharacterKind::run; }, text, piece, out);
}

void cut(const PatternSplitting& step, const AlignedText& text, Split piece, std::vector<Split>& out) {
  SpeltText spelt;
  spelt.spell(std::span(text).subspan(piece.begin, piece.end - piece.begin));
  std::vector<Pattern::Match> matches;
  step.pattern.find(spelt.bytes, matches);
  std::vector<Stretch> stretches;
  size_t done = piece.begin;
  for (const Pattern::Match& match : matches) {
    const Split split{piece.begin + spelt.character_at[match.begin], piece.begin + spelt.character_at[match.end]};
    if (done < split.begin) stretches.push_back({{done, split.begin}, step.invert});
    stretches.push_back({split, !step.invert});
    done = split.end;
  }
  if (done < piece.end) stretches.push_back({{done, piece.end}, step.invert});
  cut_by_stretches(stretches, step.delimiter, out);
}

void cut(const ScriptSplitting&, const AlignedText& text, Split piece, std::vector<Split>& out) {
  int last = 0;  // no script yet
  size_t begin = piece.end;
  for (size_t i = piece.begin; i < piece.end; ++i) {
    const int script = unicode::step_record(text[i].c).script;
    if (script == 0 || script == last) continue;
    if (begin < i) out.push_back({begin, i});
    begin = i;
    last = script;
  }
  if (begin < piece.end) out.push_back({begin, piece.end});
}

/// Steps that cut and leave characters as they are.
template <typename Step>
void run(const Step& step, PreTokenizedText& now) {
  now.before.swap(now.splits);
  now.splits.clear();
  for (const Split& split : now.before) cut(step, *now.text, split, now.splits);
}

// A word of which no character stands for any of the original text, but what a Replace put in place of an empty match:
// the reference leaves it behind what it writes for it.
void append_inserted(std::span<const AlignedChar> word, AlignedText& out) {
  if (std::all_of(word.begin(), word.end(), [](const AlignedChar& a) { return a.begin == a.end; }))
    out.insert(out.end(), word.begin(), word.end());
}

// Appends the words of a text, which is a piece's with perhaps a space before it, in the byte-level alphabet.
void append_words(const ByteLevelPreTokenization& step, std::span<const AlignedChar> text, PreTokenizedText& now) {
  AlignedText& out = now.rewritten;
  now.spelt.spell(text);
  const std::string& bytes = now.spelt.bytes;
  if (bytes.size() > INT32_MAX)
    fail(ErrorKind::input, "a normalized text of {} bytes is too long: at most {}", bytes.size(), INT32_MAX);
  const auto append_word = [&](size_t begin, size_t end) {
    const size_t first = out.size();
    for (size_t i = begin; i < end; ++i) {
      const AlignedChar& from = text[now.spelt.character_at[i]];
      out.push_back({byte_level::kCharacters[static_cast<unsigned char>(bytes[i])], from.begin, from.end});
    }
    const size_t from = now.spelt.character_at[begin];
    append_inserted(text.subspan(from, now.spelt.character_at[end] - from), out);
    now.splits.push_back({first, out.size()});
  };
  if (!step.use_regex) return append_word(0, bytes.size());
  ByteLevelScanner scanner;
  scanner.start(bytes);
  while (scanner.next())
    for (size_t i = 0; i < scanner.count(); ++i) append_word(scanner.begin(i), scanner.end(i));
}

// Lets a step write what becomes of the text, split by split: `before` has the splits, which lie in `text` until it is
// done.
void begin_rewriting(PreTokenizedText& now) {
  if (now.text == &now.rewritten) {
    now.rewritten_before.swap(now.rewritten);
    now.text = &now.rewritten_before;
  }
  now.before.swap(now.splits);
  now.splits.clear();
  now.rewritten.clear();
}

void run(const ByteLevelPreTokenization& step, PreTokenizedText& now) {
  begin_rewriting(now);
  AlignedText longer;
  for (const Split& split : now.before) {
    std::span<const AlignedChar> text = now.of(split);
    if (step.add_prefix_space && text[0].c != ' ') {
      longer.assign(1, {' ', text[0].begin, text[0].end});
      longer.insert(longer.end(), text.begin(), text.end());
      text = longer;
    }
    append_words(step, text, now);
  }
  now.text = &now.rewritten;
}

void run(const JapaneseWordSplitting& step, PreTokenizedText& now) {
  now.before.swap(now.splits);
  now.splits.clear();
  now.rewritten.clear();
  for (const Split& split : now.before) step.words->cut(now.of(split), now);
  now.text = &now.rewritten;
}

void run(const MetaspacePreTokenization& step, PreTokenizedText& now) {
  begin_rewriting(now);
  AlignedText& out = now.rewritten;
  for (const Split& split : now.before) {
    const std::span<const AlignedChar> text = now.of(split);
    const size_t first = out.size();
    const bool begun = text[0].c == ' ' || text[0].c == step.replacement;
    const bool wanted =
        step.prefix == MetaspacePrefix::always || (step.prefix == MetaspacePrefix::first && text[0].begin == 0);
    if (wanted && !begun) out.push_back({step.replacement, text[0].begin, text[0].end});
    for (const AlignedChar& a : text) out.push_back({a.c == ' ' ? step.replacement : a.c, a.begin, a.end});
    if (step.split)
      cut_by_character([&](char32_t c) { return c == step.replacement; }, Delimiter::merged_with_next, out,
                       {first, out.size()}, now.splits);
    else
      now.splits.push_back({first, out.size()});
  }
  now.text = &now.rewritten;
}

}  // namespace

void PreTokenizer::split(const AlignedText& text, Split piece, PreTokenizedText& out) const {
  out.text = &text;
  out.splits.clear();
  if (piece.begin == piece.end) return;
  out.splits.push_back(piece);
  for (const PreTokenizerStep& step : steps_) std::visit([&](const auto& kind) { run(kind, out); }, step);
}

}  // namespace tekio
