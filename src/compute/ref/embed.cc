// The input embedding and its gradient, specified. float32 additions in the reference's order: (word + type) +
// position; and in the gradient, unlike elsewhere, float32 sums too, in the order of the tokens: rows are many, their
// terms few.
#include "compute/ref/ref_backend.h"

namespace tekio {

void RefBackend::do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) {
  const int64_t width = y.dim[1];
  const Numbers out(y);
  for (size_t i = 0; i < rows.ids.size(); ++i) {
    const float* w = word.f32() + rows.ids[i] * width;
    const float* t = type ? type.f32() + (rows.type_ids.empty() ? 0 : rows.type_ids[i]) * width : nullptr;
    const float* p = position ? position.f32() + rows.positions[i] * width : nullptr;
    for (int64_t c = 0; c < width; ++c) {
      float sum = w[c];
      if (t != nullptr) sum += t[c];
      if (p != nullptr) sum += p[c];
      out.set(static_cast<int64_t>(i) * width + c, sum);
    }
  }
}

void RefBackend::do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                                   const TableRows& rows) {
  const int64_t width = d_y.dim[1];
  const ConstNumbers d_out(d_y);
  for (size_t i = 0; i < rows.ids.size(); ++i)
    for (int64_t c = 0; c < width; ++c) {
      const auto g = static_cast<float>(d_out[static_cast<int64_t>(i) * width + c]);
      if (rows.ids[i] != rows.word_padding) d_word.f32()[rows.ids[i] * width + c] += g;
      if (d_position && rows.positions[i] != rows.position_padding)
        d_position.f32()[rows.positions[i] * width + c] += g;
      if (d_type) d_type.f32()[(rows.type_ids.empty() ? 0 : rows.type_ids[i]) * width + c] += g;
    }
}

}  // namespace tekio
