// vocab.txt with tokenizer_config.json: the input is the configuration, an empty line, and the vocabulary.
#include <tekio/tokenizer.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::Folder folder;
  const auto text = fuzz::as_text(data, size);
  const size_t cut = text.find("\n\n");
  folder.write("tokenizer_config.json", cut == std::string_view::npos ? "{}" : text.substr(0, cut));
  folder.write("vocab.txt", cut == std::string_view::npos ? text : text.substr(cut + 2));
  return fuzz::refused_or_done([] {
    const auto tokenizer = Tokenizer::from_pretrained(folder.path());
    const auto encoding = tokenizer.encode("This is a great [MASK].");
    tokenizer.decode(encoding.ids);
  });
}
