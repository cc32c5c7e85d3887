// vocab.json with merges.txt, as RoBERTa's class reads them: the input is the vocabulary, an empty line, and the
// merges.
#include "tokenizer_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::ScratchFolder folder(fuzz::kInMemory);
  const auto text = fuzz::as_text(data, size);
  const size_t cut = std::min(text.find("\n\n"), text.size());
  folder.write("tokenizer_config.json", R"({"tokenizer_class":"RobertaTokenizer","add_prefix_space":true})");
  folder.write("vocab.json", text.substr(0, cut));
  folder.write("merges.txt", text.substr(std::min(cut + 2, text.size())));
  return fuzz::refused_or_done([&] { fuzz::exercise_tokenizer(folder.path(), text); });
}
