// Text: whatever its bytes are, it is encoded, the pieces of an encoding fit together, and the encoder of whole
// corpora, which remembers what it saw before, gives the same.
#include <tekio/tokenizer.h>

#include "fuzz.h"
#include "text/text_encoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const auto tokenizer = Tokenizer::from_pretrained(TEKIO_TOKENIZER);
  static TextEncoder encoder(tokenizer);
  return fuzz::refused_or_done([&] {
    const auto e = tokenizer.encode(fuzz::as_text(data, size));
    const size_t n = e.ids.size();
    if (n < 2 || e.word_ids.size() != n || e.offsets.size() != n || e.special_tokens_mask.size() != n) std::abort();
    for (size_t i = 0; i < n; ++i) {
      if (e.ids[i] < 0 || e.ids[i] >= tokenizer.vocabulary_size()) std::abort();
      if (e.offsets[i].first > e.offsets[i].second || e.offsets[i].second > static_cast<int64_t>(size)) std::abort();
      if (i > 1 && i + 1 < n && e.word_ids[i] < e.word_ids[i - 1]) std::abort();
    }
    std::vector<int32_t> ids;
    std::vector<uint8_t> starts;
    encoder.append(fuzz::as_text(data, size), ids, starts);
    if (ids != e.ids || starts.size() != n) std::abort();
    const auto decoded = tokenizer.decode(e.ids, {.skip_special_tokens = true});
    tokenizer.encode(decoded, {.max_length = 8, .truncate_left = true, .pad_to_length = 8});
  });
}
