#include "text/models/subword_model.h"

namespace tekio {
namespace {

WordPiece::Scratch& scratch_of(const WordPiece&, SubwordModel::Scratch& scratch) { return scratch.word_piece; }

}  // namespace

const Vocabulary& SubwordModel::vocabulary() const {
  return std::visit([](const auto& model) -> const Vocabulary& { return model.vocabulary(); }, kind_);
}

void SubwordModel::tokenize(std::span<const AlignedChar> split, std::vector<SubwordPiece>& pieces,
                            Scratch& scratch) const {
  std::visit([&](const auto& model) { model.tokenize(split, pieces, scratch_of(model, scratch)); }, kind_);
}

}  // namespace tekio
