// The sum of the tables' rows, its norm, and where the tables have a width of their own the projection to the layers'.
#include "model/encoder.h"

namespace tekio {

void embedding_forward(const Pass& p, const NetworkWeights& w, EmbeddingKept& k, EncoderScratch& s, Tensor y) {
  const Tensor normed = p.config.projects ? k.y : y;           // [n,E]
  p.be.embed(s.tables, p.tokens, w.word, w.position, w.type);  // [n,E]
  p.be.norm(normed, k.norm, s.tables, w.embedding_norm, p.sequences, p.dropouts.at(0, DropoutSite::embedding));
  if (p.config.projects) p.be.linear(y, normed, w.project.weight, w.project.bias);  // [n,C]
}

void embedding_backward(const Pass& p, const NetworkWeights& w, WeightsOf<Tensor>& d_w, const EmbeddingKept& k,
                        EncoderScratch& s, ConstTensor d_y, Tensor d_word, const TableRows& tokens) {
  const ConstTensor d_normed = p.config.projects ? ConstTensor(s.d_projected) : d_y;
  if (p.config.projects)
    p.be.linear_backward(s.d_projected, d_w.project.weight, d_w.project.bias, d_y, k.y, w.project.weight);
  p.be.norm_backward(s.d_tables, {d_w.embedding_norm.weight, d_w.embedding_norm.bias}, d_normed, k.norm,
                     w.embedding_norm, p.sequences, p.dropouts.at(0, DropoutSite::embedding));
  p.be.embed_backward(d_word, d_w.position.weight, d_w.type.weight, s.d_tables, tokens);
}

}  // namespace tekio
