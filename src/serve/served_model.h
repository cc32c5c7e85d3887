// A model that is served: what is said of it, and the desk where its requests queue up.
#pragma once

#include <tekio/masked_lm.h>
#include <functional>
#include <memory>
#include <string>

#include "serve/desk.h"

namespace tekio::serve {

struct ServedModel {
  std::string name;  ///< of its address, /models/NAME
  std::string family, mask_token;
  std::string dtype;  ///< what its passes compute in: "f32" or "bf16"
  int64_t vocabulary, max_length;
  std::function<uint64_t(const std::string& text, uint64_t predictions)> answer_size;  ///< RequestLimits::size
  std::unique_ptr<Desk> desk;
};

/// One copy of the model, whichever number of threads asks, which from now on computes in what is fastest here, unless
/// it was opened with a dtype. The desk refuses by 400 what has no mask or no target that the model knows,
/// `answer_size` by 422 what is longer than the model. Errors: input (the tokenizer is not the model's, or has no
/// mask). `in_turn`, where the model is another's, too: calls what it is given when the model is free; may throw a
/// Refusal instead.
ServedModel serve_model(std::string name, const MaskedLM& model, const Tokenizer& tokenizer,
                        std::function<void(const std::function<void()>&)> in_turn = {});

}  // namespace tekio::serve
