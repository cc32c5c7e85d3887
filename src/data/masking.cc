// The counter form. A token is chosen by word t % 4 of the block that four neighbouring tokens share; a chosen token's
// replacement has a block of its own. A whole word is chosen by its first token's number, so it is chosen whole. What
// has an order (legacy words, spans) takes the words of further blocks one by one.
#include "data/masking.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/batch_writer.h"
#include "data/chunks.h"
#include "data/legacy_words.h"
#include "data/span_masking.h"

namespace tekio {
namespace {

// Which question a block of random words answers; in the counter's last word, below the use.
enum class Question : uint32_t { chosen = 0, replacement = 1, order = 2, spans = 3 };

// p as a bound for 32-bit words: word < bound has the chance p, 1 included.
uint64_t bound_of(double p) { return static_cast<uint64_t>(std::llround(p * 0x1p32)); }

class CounterCollator : public Collator {
 public:
  CounterCollator(const CollatorOptions& options, const MaskingVocabulary& vocabulary, RandomUse use)
      : options_(options),
        vocabulary_(vocabulary),
        use_(use),
        lengths_(options.span_geometric_p, options.max_span_length) {}

  CollatedBatch collate(const Chunks& chunks, std::span<const int64_t> numbers, const CollatorCall& call) override {
    const ChunksView& view = ChunksView::of(chunks);
    int64_t longest = 0;
    for (const int64_t number : numbers) longest = std::max(longest, view.ids(number).size());
    BatchWriter writer(padded_width(longest, options_.pad_to_multiple_of), vocabulary_.pad_id, call.checksums);
    key_ = random_key(options_.seed, call.epoch);
    rate_ = call.rate.value_or(options_.rate());
    for (const int64_t number : numbers) {
      chunk_ = static_cast<uint64_t>(view.number(number));
      copy_ids(view, number, original_);
      input_ = original_;
      chosen_.assign(input_.size(), 0);
      const MaskingRule rule = rule_of(options_);
      if (rule != MaskingRule::tokens) view.word_ids(number, word_ids_);
      if (rule == MaskingRule::tokens)
        mask_tokens();
      else if (rule == MaskingRule::legacy)
        mask_legacy_words();
      else if (rule == MaskingRule::spans)
        mask_spans();
      else
        mask_words(rule);
      writer.add(input_, original_, chosen_);
    }
    return writer.finish();
  }

 private:
  RandomWords words(uint32_t position, Question question) const {
    return random_words(key_, {position, static_cast<uint32_t>(chunk_), static_cast<uint32_t>(chunk_ >> 32),
                               static_cast<uint32_t>(use_) << 24 | static_cast<uint32_t>(question)});
  }

  void mask_tokens() {
    const uint64_t chosen_below = bound_of(rate_);
    RandomWords four{};
    for (size_t t = 0; t < input_.size(); ++t) {
      if (t % 4 == 0) four = words(static_cast<uint32_t>(t / 4), Question::chosen);
      if (four[t % 4] >= chosen_below || vocabulary_.is_special(input_[t])) continue;
      chosen_[t] = 1;
      replace(t);
    }
  }

  // A chosen token by itself.
  void replace(size_t t) { replace(t, words(static_cast<uint32_t>(t), Question::replacement)[0]); }

  // A chosen token: `decision` is a random number that says whether by the mask, a random token or nothing.
  void replace(size_t t, uint32_t decision) {
    if (decision < bound_of(options_.mask_replace_prob))
      input_[t] = vocabulary_.mask_id;
    else if (decision < bound_of(options_.mask_replace_prob + options_.random_replace_prob))
      input_[t] = static_cast<int32_t>(
          words(static_cast<uint32_t>(t), Question::replacement)[1] * static_cast<uint64_t>(vocabulary_.size) >> 32);
  }

  // A word is a run of tokens with the same word id. Special tokens that belong to a word (a literal "[MASK]" in the
  // text) stay; by offsets a word ends there.
  void mask_words(MaskingRule rule) {
    const uint64_t chosen_below = bound_of(rate_);
    bool chosen = false;
    for (size_t t = 0; t < input_.size(); ++t) {
      if (word_ids_[t] == Encoding::kNoWord) continue;
      if (t == 0 || word_ids_[t] != word_ids_[t - 1] ||
          (rule == MaskingRule::offsets && vocabulary_.is_special(original_[t - 1])))
        chosen = words(static_cast<uint32_t>(t / 4), Question::chosen)[t % 4] < chosen_below;
      if (!chosen || vocabulary_.is_special(input_[t])) continue;
      chosen_[t] = 1;
      input_[t] = vocabulary_.mask_id;
    }
  }

  void mask_legacy_words() {
    legacy_words(original_, word_ids_, vocabulary_, words_);
    Draws draws(*this, Question::order);
    for (size_t i = words_.size(); i-- > 1;) std::swap(words_[i], words_[draws.below(static_cast<uint32_t>(i) + 1)]);
    take_legacy_words(words_, original_, rate_, vocabulary_, chosen_);
    for (size_t t = 0; t < chosen_.size(); ++t)
      if (chosen_[t] != 0) replace(t);
  }

  // One decision holds for a span, which its first token draws; random tokens are each its own.
  void mask_spans() {
    span_words(original_, word_ids_, vocabulary_, rate_, span_words_);
    Draws draws(*this, Question::spans);
    take_spans(span_words_, rate_, lengths_, draws, taken_);
    uint32_t decision = 0;
    for (size_t w = 0; w < span_words_.size(); ++w) {
      if (taken_[w] == 0) continue;
      const SpanWord& word = span_words_[w];
      if (w == 0 || taken_[w - 1] == 0 || !word.follows)
        decision = words(static_cast<uint32_t>(word.begin), Question::replacement)[0];
      for (auto t = static_cast<size_t>(word.begin); t < static_cast<size_t>(word.end); ++t) {
        if (vocabulary_.is_special(original_[t])) continue;
        chosen_[t] = 1;
        replace(t, decision);
      }
    }
  }

  // A chunk's numbers for one question, one after the other.
  class Draws {
   public:
    Draws(const CounterCollator& collator, Question question) : collator_(collator), question_(question) {}
    uint32_t next() {
      if (drawn_ % 4 == 0) four_ = collator_.words(drawn_ / 4, question_);
      return four_[drawn_++ % 4];
    }
    uint32_t below(uint32_t end) { return static_cast<uint32_t>(next() * uint64_t{end} >> 32); }

   private:
    const CounterCollator& collator_;
    const Question question_;
    uint32_t drawn_ = 0;
    RandomWords four_{};
  };

  CollatorOptions options_;
  MaskingVocabulary vocabulary_;
  RandomUse use_;
  RandomKey key_{};
  double rate_ = 0;
  uint64_t chunk_ = 0;                                // its number within the store
  std::vector<int32_t> original_, input_, word_ids_;  // of the sequence being masked
  std::vector<uint8_t> chosen_;
  std::vector<TokenRange> words_;
  SpanLengths lengths_;
  std::vector<SpanWord> span_words_;
  std::vector<uint8_t> taken_;  // of span_words_
};

}  // namespace

MaskingRule rule_of(const MaskOptions& options) {
  if (options.masking == Masking::span) return MaskingRule::spans;
  if (!options.whole_word_mask) return MaskingRule::tokens;
  switch (options.whole_word_rule) {
    case WholeWordRule::words:
      return MaskingRule::words;
    case WholeWordRule::offsets:
      return MaskingRule::offsets;
    case WholeWordRule::legacy:
      break;
  }
  return MaskingRule::legacy;
}

void require_words(const MaskOptions& options, const Chunks& chunks) {
  if (rule_of(options) == MaskingRule::tokens || options.word_bounds() == ChunksView::of(chunks).words) return;
  fail(ErrorKind::usage,
       "whole_word_rule {} needs chunks that are cut by words of its kind: pass ChunkOptions::words {} to chunk()",
       options.whole_word_rule == WholeWordRule::offsets ? "offsets" : "words or legacy",
       options.word_bounds() == WordBounds::offsets ? "offsets" : "tokenizer");
}

MaskingVocabulary MaskingVocabulary::of(const Tokenizer& tokenizer) {
  const auto mask = tokenizer.mask_id();
  if (!mask)
    fail(ErrorKind::input,
         "the tokenizer has no mask token, so nothing can be masked; use one whose tokenizer_config.json names a "
         "mask_token");
  MaskingVocabulary vocabulary{.mask_id = *mask,
                               .pad_id = tokenizer.pad_id().value_or(0),
                               .size = tokenizer.vocabulary_size(),
                               .special_ids = tokenizer.all_special_ids(),
                               .boundary_ids = {}};
  for (const std::optional<int32_t> id :
       {tokenizer.cls_id(), tokenizer.sep_id(), tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")})
    if (id && !vocabulary.is_boundary(*id)) vocabulary.boundary_ids.push_back(*id);
  return vocabulary;
}

std::unique_ptr<Collator> make_counter_collator(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                                RandomUse use) {
  return std::make_unique<CounterCollator>(options, vocabulary, use);
}

}  // namespace tekio
