// SentencePiece's files: the first byte picks the class, the rest is the file.
#include "tokenizer_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::ScratchFolder folder(fuzz::kInMemory);
  constexpr const char* kClasses[] = {"XLMRobertaTokenizer", "CamembertTokenizer", "AlbertTokenizer",
                                      "PreTrainedTokenizerFast"};
  if (size == 0) return 0;
  const std::string text(fuzz::as_text(data + 1, size - 1));
  folder.write("tokenizer_config.json",
               std::string(R"({"tokenizer_class":")") + kClasses[data[0] % std::size(kClasses)] + "\"}");
  folder.write("tokenizer.model", text);
  return fuzz::refused_or_done([&] { fuzz::exercise_tokenizer(folder.path(), text); });
}
