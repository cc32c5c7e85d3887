// vocab.txt with tokenizer_config.json: the input is the configuration, an empty line, and the vocabulary.
#include "tokenizer_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::ScratchFolder folder(fuzz::kInMemory);
  const auto text = fuzz::as_text(data, size);
  const size_t cut = text.find("\n\n");
  const auto vocabulary = cut == std::string_view::npos ? text : text.substr(cut + 2);
  folder.write("tokenizer_config.json", cut == std::string_view::npos ? "{}" : text.substr(0, cut));
  folder.write("vocab.txt", vocabulary);
  return fuzz::refused_or_done([&] { fuzz::exercise_tokenizer(folder.path(), vocabulary); });
}
