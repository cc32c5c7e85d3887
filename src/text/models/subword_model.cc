#include "text/models/subword_model.h"

namespace tekio {
namespace {

WordPiece::Scratch& scratch_of(const WordPiece&, SubwordModel::Scratch& scratch) { return scratch.word_piece; }
Bpe::Scratch& scratch_of(const Bpe&, SubwordModel::Scratch& scratch) { return scratch.bpe; }
Characters::Scratch& scratch_of(const Characters&, SubwordModel::Scratch& scratch) { return scratch.characters; }
Unigram::Scratch& scratch_of(const Unigram&, SubwordModel::Scratch& scratch) { return scratch.unigram; }

}  // namespace

const Vocabulary& SubwordModel::vocabulary() const {
  return std::visit([](const auto& model) -> const Vocabulary& { return model.vocabulary(); }, kind_);
}

const char* SubwordModel::type() const {
  return std::visit([](const auto& model) { return model.kType; }, kind_);
}

void SubwordModel::tokenize(std::span<const AlignedChar> split, std::vector<SubwordPiece>& pieces,
                            Scratch& scratch) const {
  std::visit([&](const auto& model) { model.tokenize(split, pieces, scratch_of(model, scratch)); }, kind_);
}

}  // namespace tekio
