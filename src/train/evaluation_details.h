// What two evaluations on the same masks say beyond their means: which words a model gained by, how words of each
// frequency and of each kind fare, how sure it is and how often it is right then, and which chunks became worse.
#pragma once

#include <tekio/adapt.h>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace tekio {

/// How often each id stands in `chunks`: [vocabulary]. Of more than half a million, every second, third, … is counted,
/// and as often.
std::vector<int64_t> count_ids(const Chunks& chunks, int64_t vocabulary);

/// Whether the same tokens were masked in both.
bool are_of_the_same_masks(const ChunkLosses& a, const ChunkLosses& b);

/// RUN/evaluation.json. `chunks` are those that were evaluated, `in_training` is count_ids() of the training chunks.
///   loss_difference  loss_difference() of the two
///   words        gained and lost: token, masked, in_training, mean log-probabilities before and after, the gain with
///                the ends of its 95 % interval (Student's, over the word's places; words of at least 3)
///   frequencies  by how often the token stands in the training text (with the words of the class that gained), and
///   kinds        by what it is in its text: masked, accuracy and mean log-probability before and after, with intervals
///                (Wilson's, and Student's over places)
///   calibration  before and after, in tenths of confidence: tokens, mean confidence, accuracy; and the mean difference
///                between confidence and accuracy that comes of them
///   chunks       worse and better: the number, its text, masked tokens, mean log-probabilities before and after
/// Errors: a bug where the two are of other masks.
OrderedJson evaluation_details(const ChunkLosses& before, const ChunkLosses& after, const Chunks& chunks,
                               const Tokenizer& tokenizer, const std::vector<int64_t>& in_training);

}  // namespace tekio
