// The input embedding and its gradient, specified. float32 additions in the reference's order: (word + type) +
// position; and in the gradient, unlike elsewhere, float32 sums too, in the order of the tokens: rows are many, their
// terms few.
#include "compute/ref/ref_backend.h"

namespace tekio {

void RefBackend::run(const verb::Embed& op) {
  const int64_t width = op.y.dim[1];
  const Numbers out(op.y);
  for (size_t i = 0; i < op.rows.ids.size(); ++i) {
    const float* w = op.word.f32() + op.rows.ids[i] * width;
    const float* t = op.type ? op.type.f32() + (op.rows.type_ids.empty() ? 0 : op.rows.type_ids[i]) * width : nullptr;
    const float* p = op.position ? op.position.f32() + op.rows.positions[i] * width : nullptr;
    for (int64_t c = 0; c < width; ++c) {
      float sum = w[c];
      if (t != nullptr) sum += t[c];
      if (p != nullptr) sum += p[c];
      out.set(static_cast<int64_t>(i) * width + c, sum);
    }
  }
}

void RefBackend::run(const verb::EmbedBackward& op) {
  const int64_t width = op.d_y.dim[1];
  const ConstNumbers d_out(op.d_y);
  for (size_t i = 0; i < op.rows.ids.size(); ++i)
    for (int64_t c = 0; c < width; ++c) {
      const auto g = static_cast<float>(d_out[static_cast<int64_t>(i) * width + c]);
      if (op.rows.ids[i] != op.rows.word_padding) op.d_word.f32()[op.rows.ids[i] * width + c] += g;
      if (op.d_position && op.rows.positions[i] != op.rows.position_padding)
        op.d_position.f32()[op.rows.positions[i] * width + c] += g;
      if (op.d_type) op.d_type.f32()[(op.rows.type_ids.empty() ? 0 : op.rows.type_ids[i]) * width + c] += g;
    }
}

}  // namespace tekio
