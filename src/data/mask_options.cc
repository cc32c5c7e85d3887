#include "data/mask_options.h"

#include "base/error.h"

namespace tekio {

const Names<MaskingRng>& masking_rng_names() {
  static const Names<MaskingRng> names = {
      {"counter", MaskingRng::counter}, {"torch", MaskingRng::torch}, {"torch-cpu", MaskingRng::torch_cpu}};
  return names;
}

const Names<WholeWordRule>& whole_word_rule_names() {
  static const Names<WholeWordRule> names = {
      {"words", WholeWordRule::words}, {"offsets", WholeWordRule::offsets}, {"legacy", WholeWordRule::legacy}};
  return names;
}

const Names<Masking>& masking_names() {
  static const Names<Masking> names = {{"token", Masking::token}, {"span", Masking::span}};
  return names;
}

std::vector<std::string> masking_contradictions(const MaskOptions& o) {
  std::vector<std::string> problems;
  if (o.masking == Masking::span && o.whole_word_mask)
    problems.push_back(message("--whole_word_mask contradicts --masking span: spans are of whole words already"));
  if (o.masking == Masking::span && o.masking_rng != MaskingRng::counter)
    problems.push_back(
        message("--masking span contradicts --masking_rng torch: Hugging Face transformers has no span masking whose "
                "draws could be repeated"));
  return problems;
}

}  // namespace tekio
