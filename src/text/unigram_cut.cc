// What could join regions: a step that looks beyond a space. Charsmaps look at grapheme clusters, in which a space may
// have marks behind it or (after few characters of Arabic and Indic scripts) stand last: then the cluster is looked up
// from its first character, so that it suffices that no rule begins with that. Marks that follow a space are looked
// up one by one there, but together at the beginning of a region: those texts are joined.
#include "text/unigram_cut.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/unicode_steps.h"
#include "text/utf8.h"

namespace tekio {
namespace {

bool is_white(std::string_view text) {
  for (const char* at = text.data(); at < text.data() + text.size();)
    if (!unicode::is(decode_utf8(at), unicode::kWhiteSpace)) return false;
  return true;
}

bool has_white(std::string_view text) {
  for (const char* at = text.data(); at < text.data() + text.size();)
    if (unicode::is(decode_utf8(at), unicode::kWhiteSpace)) return true;
  return false;
}

// Characters that join what follows them, spaces too.
const std::vector<std::string>& prepended_characters() {
  static const std::vector<std::string> kCharacters = [] {
    std::vector<std::string> characters;
    for (char32_t c = 0; c < 0x110000; ++c)
      if (unicode::grapheme_kind(c) == unicode::GraphemeKind::prepend) append_utf8(characters.emplace_back(), c);
    return characters;
  }();
  return kCharacters;
}

bool joins_space(char32_t c) {
  using G = unicode::GraphemeKind;
  const G kind = unicode::grapheme_kind(c);
  return kind == G::extend || kind == G::linker || kind == G::non_joiner || kind == G::joiner ||
         kind == G::spacing_mark;
}

bool is_local_charsmap(const Charsmap& map) {
  const auto& prepended = prepended_characters();
  return !map.may_begin(" ") &&
         std::none_of(prepended.begin(), prepended.end(), [&](const std::string& c) { return map.may_begin(c); });
}

// Whether a step treats what stands between white space without looking beyond it, but for what is_joined() finds.
struct IsLocal {
  bool operator()(const UnicodeNormalization&) const { return true; }
  bool operator()(const LowercaseNormalization&) const { return true; }
  bool operator()(const StripAccentsNormalization&) const { return true; }
  bool operator()(const CharsmapNormalization& step) const { return is_local_charsmap(*step.map); }
  bool operator()(const ReplaceNormalization& step) const {
    return !step.pattern.is_regex() && !step.pattern.text().empty() && !has_white(step.pattern.text());
  }
  template <typename Step>
  bool operator()(const Step&) const {
    return false;
  }
};

bool is_local_step(const NormalizationStep& step) { return std::visit(IsLocal{}, step); }

// Whether a step puts `content` in the place of two and more spaces.
bool is_squeezing(const NormalizationStep& step, std::string_view content) {
  const auto* replace = std::get_if<ReplaceNormalization>(&step);
  return replace != nullptr && replace->pattern.is_regex() && replace->pattern.text() == " {2,}" &&
         replace->content == content;
}

}  // namespace

UnigramCut::UnigramCut(const TokenizerTables& tables) : tables_(tables) {
  const std::vector<PreTokenizerStep>& steps = tables.pre_tokenizer.steps();
  if (!steps.empty()) metaspace_ = std::get_if<MetaspacePreTokenization>(&steps.back());
  if (metaspace_ != nullptr) append_utf8(space_, metaspace_->replacement);
  for (const NormalizationStep& step : tables.normalizer.steps())
    has_charsmap_ = has_charsmap_ || std::holds_alternative<CharsmapNormalization>(step);
  kind_ = kind_of();
  if (kind_ == Kind::words || kind_ == Kind::spaces) note_plain_characters();
}

UnigramCut::Kind UnigramCut::kind_of() {
  const std::vector<PreTokenizerStep>& steps = tables_.pre_tokenizer.steps();
  if (tables_.model.as<Unigram>() == nullptr) return Kind::none;
  if (metaspace_ != nullptr && steps.size() == 2 && steps[0] == PreTokenizerStep{WhitespaceSplitting{}})
    return metaspace_->split && metaspace_->prefix != MetaspacePrefix::first && is_local() && keeps_words_apart()
               ? Kind::words
               : Kind::none;
  if (steps.size() > (metaspace_ != nullptr) || !tables_.normalized_matcher.empty()) return Kind::none;
  if (metaspace_ == nullptr || !metaspace_->split) return Kind::whole;
  squeezes_ = squeezes_words();
  return squeezes_ ? Kind::words : is_local() ? Kind::spaces : Kind::none;
}

// Whether each step leaves alone what stands beyond white space. Where that separates words, how much there is of it
// does not matter.
bool UnigramCut::is_local() const {
  const bool words = tables_.pre_tokenizer.steps().size() == 2;
  const auto& steps = tables_.normalizer.steps();
  return std::all_of(steps.begin(), steps.end(), [&](const NormalizationStep& step) {
    return is_local_step(step) ||
           (words && (is_squeezing(step, " ") || std::holds_alternative<StripNormalization>(step)));
  });
}

// Whether ASCII white space stays between words, and no added token reaches over it.
bool UnigramCut::keeps_words_apart() const {
  const Normalizer& normalizer = tables_.normalizer;
  const std::string first = normalizer.apply("a"), last = normalizer.apply("b");
  for (const std::string space : {" ", "\t", "\n", "\r", "\r\n"}) {
    std::string_view all;
    const std::string normal = normalizer.apply("a" + space + "b");
    all = normal;
    if (!all.starts_with(first) || !all.ends_with(last) || all.size() <= first.size() + last.size() ||
        !is_white(all.substr(first.size(), all.size() - first.size() - last.size())))
      return false;
  }
  return std::none_of(tables_.added.begin(), tables_.added.end(), [&](const AddedToken& token) {
    return token.normalized && has_white(normalizer.apply(token.content));
  });
}

// Whether the pipeline is what converters make of SentencePiece's files: after local steps, white space at the end is
// taken off, and of other white space, which is all spaces then, one visible space is left between words.
bool UnigramCut::squeezes_words() const {
  const auto& steps = tables_.normalizer.steps();
  if (metaspace_->prefix != MetaspacePrefix::always || steps.size() < 2) return false;
  const auto* strip = std::get_if<StripNormalization>(&steps[steps.size() - 2]);
  if (strip == nullptr || strip->left || !strip->right || !is_squeezing(steps.back(), space_) ||
      !std::all_of(steps.begin(), steps.end() - 2, is_local_step))
    return false;
  for (const NormalizationStep& step : steps) {
    const auto* charsmap = std::get_if<CharsmapNormalization>(&step);
    const auto* replace = std::get_if<ReplaceNormalization>(&step);
    if (charsmap != nullptr && charsmap->map->strings().find(space_) != std::string_view::npos) return false;
    if (replace != nullptr && &step != &steps.back() && replace->content.find(space_) != std::string::npos)
      return false;
  }
  const Normalizer& normalizer = tables_.normalizer;
  const std::string first = normalizer.apply("a"), last = normalizer.apply("b");
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (!unicode::is(c, unicode::kWhiteSpace)) continue;
    std::string text = "a";
    append_utf8(text, c);
    const std::string normal = normalizer.apply(text + "b");
    const bool ascii = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (normal != first + " " + last && (ascii || normal != first + last)) return false;
  }
  return true;
}

void UnigramCut::note_plain_characters() {
  const bool lowercases = tables_.normalizer.lowercases();
  const auto is_free = [&](char c) {
    for (const NormalizationStep& step : tables_.normalizer.steps()) {
      const auto* charsmap = std::get_if<CharsmapNormalization>(&step);
      const auto* replace = std::get_if<ReplaceNormalization>(&step);
      if (charsmap != nullptr && charsmap->map->may_begin({&c, 1})) return false;
      if (replace != nullptr && replace->pattern.text().find(c) != std::string::npos) return false;
    }
    return std::none_of(tables_.added.begin(), tables_.added.end(), [&](const AddedToken& token) {
      return token.normalized && tables_.normalizer.apply(token.content)[0] == c;
    });
  };
  for (char c = '!'; c <= '~'; ++c) {
    const bool capital = c >= 'A' && c <= 'Z';
    const char normal = lowercases && capital ? static_cast<char>(c | 0x20) : c;
    if (is_free(c) && is_free(normal) && space_[0] != normal) plain_[static_cast<unsigned char>(c)] = normal;
  }
}

bool UnigramCut::is_joined(std::string_view text) const {
  if (kind_ != Kind::words) return false;
  if (squeezes_ && text.find(space_) != std::string_view::npos) return true;
  if (!has_charsmap_) return false;
  constexpr unsigned char kFirstLead = 0xCC;  // of U+0300: nothing below it joins
  const auto may_join = [&](size_t i) {
    return text[i] == ' ' && static_cast<unsigned char>(text[i + 1]) >= kFirstLead;
  };
  for (size_t i = 0; i + 1 < text.size();) {
    // At a glance, some bytes at a time: nearly all of a text in Latin letters.
    constexpr size_t kStep = 32;
    if (i + kStep < text.size()) {
      bool any = false;
      for (size_t k = 0; k < kStep; ++k) any |= may_join(i + k);
      if (!any) {
        i += kStep;
        continue;
      }
    }
    for (const size_t end = std::min(i + kStep, text.size() - 1); i < end; ++i) {
      const char* at = text.data() + i + 1;
      if (may_join(i) && joins_space(decode_utf8(at))) return true;
    }
  }
  return false;
}

bool UnigramCut::adds_space(bool at_beginning) const {
  return metaspace_ != nullptr && (metaspace_->prefix == MetaspacePrefix::always ||
                                   (metaspace_->prefix == MetaspacePrefix::first && at_beginning));
}

bool UnigramCut::make_split(std::string_view region, std::string& split) const {
  split.clear();
  if (kind_ == Kind::words ? metaspace_->prefix == MetaspacePrefix::always : region[0] == ' ') split = space_;
  if (kind_ == Kind::spaces && region[0] == ' ') region.remove_prefix(1);
  for (const char c : region) {
    if (!is_plain(c)) return false;
    split += plain_[static_cast<unsigned char>(c)];
  }
  return true;
}

void UnigramCut::make_whole_split(std::string_view normalized, bool at_beginning, std::string& split) const {
  split.clear();
  if (metaspace_ == nullptr) {
    split = normalized;
    return;
  }
  if (normalized.empty()) return;
  if (adds_space(at_beginning) && normalized[0] != ' ' && !normalized.starts_with(space_)) split = space_;
  for (size_t begin = 0; begin <= normalized.size();) {
    const size_t end = std::min(normalized.find(' ', begin), normalized.size());
    split += normalized.substr(begin, end - begin);
    if (end < normalized.size()) split += space_;
    begin = end + 1;
  }
}

}  // namespace tekio
