// What a run asks of the texts that it fills before and after.
#pragma once

#include <tekio/masked_lm.h>
#include <string>
#include <vector>

namespace tekio {

/// Fills each prompt once, to see that it can be filled. Errors: usage (several masks), input (no mask, longer than the
/// model).
void check_prompts(const MaskedLM& model, const Tokenizer& tokenizer, const std::vector<std::string>& prompts);

}  // namespace tekio
