// tokenizer.json: what opens must also encode and decode.
#include <tekio/tokenizer.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::Folder folder;
  folder.write("tokenizer.json", fuzz::as_text(data, size));
  return fuzz::refused_or_done([] {
    const auto tokenizer = Tokenizer::from_pretrained(folder.path());
    const auto encoding = tokenizer.encode("This is a gr\u00e8at [MASK]. \u4e2d\u6587, isn't it?", {.max_length = 16});
    tokenizer.decode(encoding.ids, {.skip_special_tokens = true, .clean_up = true});
  });
}
