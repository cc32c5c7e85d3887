// The input embedding and its gradient, specified. float32 additions in the reference's order: (word + type) +
// position; and in the gradient, unlike elsewhere, float32 sums too, in the order of the tokens: rows are many, their
// terms few.
#include "compute/ref/ref_backend.h"
#include "compute/walk.h"

namespace tekio {

void RefBackend::do_embed(Tensor y, std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                          ConstTensor word, ConstTensor position, ConstTensor type) {
  const int64_t width = y.dim[1];
  const Numbers out(y);
  for_rows(s, 0, y.dim[0], [&](int64_t row, const RowPlace& at) {
    const auto token = static_cast<size_t>(at.token);
    const float* w = word.f32() + ids[token] * width;
    const float* t = type ? type.f32() + (type_ids.empty() ? 0 : type_ids[token]) * width : nullptr;
    const float* p = position ? position.f32() + at.position * width : nullptr;
    for (int64_t c = 0; c < width; ++c) {
      const float sum = t != nullptr ? w[c] + t[c] : w[c];
      out.set(row * width + c, p != nullptr ? sum + p[c] : sum);
    }
  });
}

void RefBackend::do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                                   std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                                   int32_t padding_id) {
  const int64_t width = d_y.dim[1];
  const ConstNumbers d_out(d_y);
  for_rows(s, 0, d_y.dim[0], [&](int64_t row, const RowPlace& at) {
    const auto token = static_cast<size_t>(at.token);
    const int64_t type_id = type_ids.empty() ? 0 : type_ids[token];
    for (int64_t c = 0; c < width; ++c) {
      const auto g = static_cast<float>(d_out[row * width + c]);
      if (ids[token] != padding_id) d_word.f32()[ids[token] * width + c] += g;
      if (d_position) d_position.f32()[at.position * width + c] += g;
      if (d_type) d_type.f32()[type_id * width + c] += g;
    }
  });
}

}  // namespace tekio
