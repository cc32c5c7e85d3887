// Where a tokenizer and a model meet: whether they are of each other, and what becomes of words that were added.
#pragma once

#include <tekio/tokenizer.h>
#include <cstdint>
#include <string>

#include "base/thread_pool.h"
#include "model/config.h"
#include "model/weights.h"

namespace tekio {

/// Whether `tokenizer` has more entries than the model has rows, and they were added to the model's own vocabulary:
/// `folder`, the model's, has a tokenizer that fits the model and whose tokens have the same ids here; or, where it has
/// none such, all that is too much was added behind the vocabulary.
bool is_enlarged(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& folder);

/// Stops where a tokenizer has ids that the model has no row for, and warns where it has far fewer: then tokenizer and
/// weights belong to different models. `folder` is the model's. Errors: input.
void check_vocabulary(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& folder);

/// The same for a model without weights of its own, whose size `path`, a config, says: it is what can be changed.
void check_new_vocabulary(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& path);

/// Fills `to`, a set of the same model with a larger vocabulary, with the numbers of `from`. New rows of a matrix are
/// drawn as the reference's resize_token_embeddings does: from the normal distribution with the old rows' mean and 1e-9
/// of their covariance, here by (seed, row). The bias of new tokens is 0; where the head has a matrix of its own, the
/// mean of the others'.
void grow_vocabulary(const ParameterSet& from, ParameterSet& to, uint64_t seed, ThreadPool& pool);

/// The tokenizer with a model_max_length that is no more than the model's positions; tells where it said more.
Tokenizer limited_to_positions(const Tokenizer& tokenizer, const ModelConfig& config);

}  // namespace tekio
