// Every step is a rule that gives each character a kind; kinds say where a split ends.
#include "text/pre_tokenizer.h"

#include "text/unicode.h"

namespace tekio {
namespace {

enum class Kind { removed, alone, run, other_run };  // alone: a split of its own; a run ends where another kind begins

Kind kind_of(PreTokenizerStep step, char32_t c) {
  const int flags = unicode::record(c).flags;
  const bool space = (flags & unicode::kWhiteSpace) != 0, punctuation = (flags & unicode::kPunctuation) != 0;
  switch (step) {
    case PreTokenizerStep::bert:
      return space ? Kind::removed : punctuation ? Kind::alone : Kind::run;
    case PreTokenizerStep::whitespace:
      // A word character that is white space does not exist, so the order of the two questions does not matter.
      return (flags & unicode::kWordCharacter) != 0 ? Kind::run : space ? Kind::removed : Kind::other_run;
    case PreTokenizerStep::whitespace_split:
      return space ? Kind::removed : Kind::run;
    case PreTokenizerStep::punctuation_isolated:
      return punctuation ? Kind::alone : Kind::run;
    case PreTokenizerStep::punctuation_removed:
      return punctuation ? Kind::removed : Kind::run;
    case PreTokenizerStep::punctuation_contiguous:
      return punctuation ? Kind::other_run : Kind::run;
  }
  return Kind::run;
}

void cut(PreTokenizerStep step, const AlignedText& text, Split piece, std::vector<Split>& out) {
  for (size_t i = piece.begin; i < piece.end;) {
    const Kind kind = kind_of(step, text[i].c);
    const size_t begin = i++;
    if (kind == Kind::removed) continue;
    if (kind != Kind::alone)
      while (i < piece.end && kind_of(step, text[i].c) == kind) ++i;
    out.push_back({begin, i});
  }
}

}  // namespace

void PreTokenizer::split(const AlignedText& text, Split piece, std::vector<Split>& splits) const {
  splits.clear();
  if (steps_.empty()) {
    if (piece.begin < piece.end) splits.push_back(piece);
    return;
  }
  cut(steps_.front(), text, piece, splits);
  for (size_t i = 1; i < steps_.size(); ++i) {
    std::vector<Split> before;
    before.swap(splits);
    for (const Split& split : before) cut(steps_[i], text, split, splits);
  }
}

}  // namespace tekio
