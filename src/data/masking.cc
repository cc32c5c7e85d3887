// The counter form. A token is chosen by word t % 4 of the block that four neighbouring tokens share; a chosen token's
// replacement has a block of its own. A whole word is chosen by its first token's number, so it is chosen whole.
#include "data/masking.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/batch_writer.h"
#include "data/chunks.h"

namespace tekio {
namespace {

// Which question a block of random words answers; in the counter's last word, below the use.
enum class Question : uint32_t { chosen = 0, replacement = 1 };

// p as a bound for 32-bit words: word < bound has the chance p, 1 included.
uint64_t bound_of(double p) { return static_cast<uint64_t>(std::llround(p * 0x1p32)); }

class CounterCollator : public Collator {
 public:
  CounterCollator(const CollatorOptions& options, const MaskingVocabulary& vocabulary, RandomUse use)
      : options_(options), vocabulary_(vocabulary), use_(use) {}

  CollatedBatch collate(const Chunks& chunks, std::span<const int64_t> numbers, uint64_t epoch,
                        bool checksums) override {
    const Chunks::View& view = chunks.view();
    int64_t longest = 0;
    for (const int64_t number : numbers) longest = std::max(longest, view.ids(number).size());
    BatchWriter writer(padded_width(longest, options_.pad_to_multiple_of), vocabulary_.pad_id, checksums);
    key_ = random_key(options_.seed, epoch);
    for (const int64_t number : numbers) {
      chunk_ = static_cast<uint64_t>(view.number(number));
      copy_ids(view, number, original_);
      input_ = original_;
      chosen_.assign(input_.size(), 0);
      if (options_.whole_word_mask) {
        view.word_ids(number, word_ids_);
        mask_words();
      } else {
        mask_tokens();
      }
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
    const uint64_t chosen_below = bound_of(options_.mlm_probability);
    const uint64_t masked_below = bound_of(options_.mask_replace_prob);
    const uint64_t replaced_below = bound_of(options_.mask_replace_prob + options_.random_replace_prob);
    RandomWords four{};
    for (size_t t = 0; t < input_.size(); ++t) {
      if (t % 4 == 0) four = words(static_cast<uint32_t>(t / 4), Question::chosen);
      if (four[t % 4] >= chosen_below || vocabulary_.is_special(input_[t])) continue;
      chosen_[t] = 1;
      const RandomWords drawn = words(static_cast<uint32_t>(t), Question::replacement);
      if (drawn[0] < masked_below)
        input_[t] = vocabulary_.mask_id;
      else if (drawn[0] < replaced_below)
        input_[t] = static_cast<int32_t>(drawn[1] * static_cast<uint64_t>(vocabulary_.size) >> 32);
    }
  }

  // A word is a run of tokens with the same word id. Special tokens that belong to a word (a literal "[MASK]" in the
  // text) stay.
  void mask_words() {
    const uint64_t chosen_below = bound_of(options_.wwm_probability);
    bool chosen = false;
    for (size_t t = 0; t < input_.size(); ++t) {
      if (word_ids_[t] == Encoding::kNoWord) continue;
      if (t == 0 || word_ids_[t] != word_ids_[t - 1])
        chosen = words(static_cast<uint32_t>(t / 4), Question::chosen)[t % 4] < chosen_below;
      if (!chosen || vocabulary_.is_special(input_[t])) continue;
      chosen_[t] = 1;
      input_[t] = vocabulary_.mask_id;
    }
  }

  CollatorOptions options_;
  MaskingVocabulary vocabulary_;
  RandomUse use_;
  RandomKey key_{};
  uint64_t chunk_ = 0;                                // its number within the store
  std::vector<int32_t> original_, input_, word_ids_;  // of the sequence being masked
  std::vector<uint8_t> chosen_;
};

}  // namespace

MaskingVocabulary MaskingVocabulary::of(const Tokenizer& tokenizer) {
  const auto mask = tokenizer.mask_id();
  if (!mask)
    fail(ErrorKind::input,
         "the tokenizer has no mask token, so nothing can be masked; use one whose tokenizer_config.json names a "
         "mask_token");
  return {*mask, tokenizer.pad_id().value_or(0), tokenizer.vocabulary_size(), tokenizer.all_special_ids()};
}

std::unique_ptr<Collator> make_counter_collator(const CollatorOptions& options, const MaskingVocabulary& vocabulary,
                                                RandomUse use) {
  return std::make_unique<CounterCollator>(options, vocabulary, use);
}

}  // namespace tekio
