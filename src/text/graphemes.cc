// The annex's rules look back as far as the cluster's beginning, never beyond: so three notes suffice, taken on the way
// from there.
#include "text/graphemes.h"

#include "text/unicode_steps.h"

namespace tekio {
namespace {

using Grapheme = unicode::GraphemeKind;

bool is_border(Grapheme kind) { return kind == Grapheme::cr || kind == Grapheme::lf || kind == Grapheme::control; }

// What a cluster holds so far.
class Cluster {
 public:
  explicit Cluster(Grapheme first) : last_(first) { note(first); }

  // Whether a character of this kind belongs to the cluster; if so, it is taken in.
  bool take(Grapheme next) {
    if (!joins(next)) return false;
    note(next);
    last_ = next;
    return true;
  }

 private:
  bool joins(Grapheme next) const {
    using G = Grapheme;
    if (last_ == G::cr && next == G::lf) return true;
    if (is_border(last_) || is_border(next)) return false;
    if (last_ == G::l && (next == G::l || next == G::v || next == G::lv || next == G::lvt)) return true;
    if ((last_ == G::lv || last_ == G::v) && (next == G::v || next == G::t)) return true;
    if ((last_ == G::lvt || last_ == G::t) && next == G::t) return true;
    if (next == G::extend || next == G::linker || next == G::non_joiner || next == G::joiner) return true;
    if (next == G::spacing_mark || last_ == G::prepend) return true;
    if (next == G::consonant) return conjunct_ == Conjunct::linked;
    if (last_ == G::joiner && next == G::pictographic) return emoji_ == Emoji::joined;
    return last_ == G::regional_indicator && next == G::regional_indicator && odd_indicators_;
  }

  void note(Grapheme next) {
    using G = Grapheme;
    const bool extends = next == G::extend || next == G::linker || next == G::non_joiner;
    if (next == G::pictographic)
      emoji_ = Emoji::begun;
    else if (next == G::joiner && emoji_ == Emoji::begun)
      emoji_ = Emoji::joined;
    else if (!(extends && emoji_ == Emoji::begun))
      emoji_ = Emoji::none;
    if (next == G::consonant)
      conjunct_ = Conjunct::begun;
    else if (next == G::linker && conjunct_ != Conjunct::none)
      conjunct_ = Conjunct::linked;
    else if (next != G::extend && next != G::joiner)
      conjunct_ = Conjunct::none;
    odd_indicators_ = next == G::regional_indicator && !odd_indicators_;
  }

  Grapheme last_;
  enum class Emoji { none, begun, joined } emoji_ = Emoji::none;  // a pictograph; with a joiner behind it
  enum class Conjunct { none, begun, linked } conjunct_ = Conjunct::none;
  bool odd_indicators_ = false;
};

}  // namespace

size_t grapheme_end(std::span<const AlignedChar> text, size_t begin) {
  // Nearly always two ASCII characters.
  const auto is_plain = [](char32_t c) { return c >= ' ' && c < 0x7F; };
  size_t end = begin + 1;
  if (end == text.size() || (is_plain(text[begin].c) && is_plain(text[end].c))) return end;
  Cluster cluster(unicode::grapheme_kind(text[begin].c));
  while (end < text.size() && cluster.take(unicode::grapheme_kind(text[end].c))) ++end;
  return end;
}

}  // namespace tekio
