#include "data/data_options.h"

namespace tekio {

const Names<Words>& words_names() {
  static const Names<Words> names = {{"text", Words::text}, {"list", Words::list}, {"separated", Words::separated}};
  return names;
}

const Names<BadRows>& bad_rows_names() {
  static const Names<BadRows> names = {{"stop", BadRows::stop}, {"skip", BadRows::skip}};
  return names;
}

const Names<SampleBy>& sample_by_names() {
  static const Names<SampleBy> names = {
      {"line", SampleBy::line}, {"paragraph", SampleBy::paragraph}, {"document", SampleBy::document}};
  return names;
}

const Names<WordBounds>& word_bounds_names() {
  static const Names<WordBounds> names = {{"tokenizer", WordBounds::tokenizer}, {"offsets", WordBounds::offsets}};
  return names;
}

}  // namespace tekio
