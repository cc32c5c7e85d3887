// tokenizer.json: what opens must also encode, decode and be saved.
#include "tokenizer_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::ScratchFolder folder(fuzz::kInMemory);
  const auto text = fuzz::as_text(data, size);
  folder.write("tokenizer.json", text);
  return fuzz::refused_or_done([&] { fuzz::exercise_tokenizer(folder.path(), text); });
}
