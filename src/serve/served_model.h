// A model that is served: what is said of it, and the desk where its requests queue up.
#pragma once

#include <tekio/masked_lm.h>
#include <memory>
#include <string>

#include "serve/desk.h"

namespace tekio::serve {

struct ServedModel {
  std::string name;  ///< of its address, /models/NAME
  std::string family, mask_token;
  int64_t vocabulary, max_length;
  std::unique_ptr<Desk> desk;
};

/// One copy of the model, whichever number of threads asks. The desk refuses by 400 what has no mask or no target that
/// the model knows, by 422 what is longer than the model. Errors: input (the tokenizer is not the model's, or has no
/// mask).
ServedModel serve_model(std::string name, const MaskedLM& model, const Tokenizer& tokenizer);

}  // namespace tekio::serve
