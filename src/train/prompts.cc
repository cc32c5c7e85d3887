// A report has one list of words for a prompt, so a prompt has one mask.
#include "train/prompts.h"

#include "base/error.h"

namespace tekio {

void check_prompts(const MaskedLM& model, const Tokenizer& tokenizer, const std::vector<std::string>& prompts) {
  if (prompts.empty()) return;
  const FillMask fill_mask(model, tokenizer);
  for (const std::string& prompt : prompts)
    if (const size_t masks = fill_mask.all(prompt).size(); masks != 1)
      fail(ErrorKind::usage, "--prompt \"{}\" has {} masks; give it one", printable(prompt), masks);
}

}  // namespace tekio
