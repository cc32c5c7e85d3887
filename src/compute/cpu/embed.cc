// The input embedding and its gradient. Backward adds rows in the tokens' order, each thread within columns of its own:
// no two threads meet in a row, and the order of the sums is the same for any number of them.
#include "compute/cpu/cpu.h"
#include "compute/walk.h"

namespace tekio {

void CpuBackend::do_embed(Tensor y, std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                          ConstTensor word, ConstTensor position, ConstTensor type) {
  const int64_t width = y.dim[1];
  for_pieces(y.dim[0], 32, [&](int64_t begin, int64_t end, int) {
    for_tokens(s, begin, end, [&](int64_t token, int64_t, int64_t place) {
      float* out = y.f32() + token * width;
      const float* w = word.f32() + ids[static_cast<size_t>(token)] * width;
      const float* p = position.f32() + place * width;
      if (type) {
        const float* t = type.f32() + (type_ids.empty() ? 0 : type_ids[static_cast<size_t>(token)]) * width;
        for (int64_t c = 0; c < width; ++c) out[c] = (w[c] + t[c]) + p[c];  // the reference's order
      } else {
        for (int64_t c = 0; c < width; ++c) out[c] = w[c] + p[c];
      }
    });
  });
}

void CpuBackend::do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                                   std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                                   int32_t padding_id) {
  const int64_t width = d_y.dim[1];
  for_pieces(width, 96, [&](int64_t begin, int64_t end, int) {
    for_tokens(s, 0, d_y.dim[0], [&](int64_t token, int64_t, int64_t place) {
      const float* g = d_y.f32() + token * width;
      const auto add = [&](Tensor to, int64_t row) {
        float* d = to.f32() + row * width;
        for (int64_t c = begin; c < end; ++c) d[c] += g[c];
      };
      const int32_t id = ids[static_cast<size_t>(token)];
      if (id != padding_id) add(d_word, id);
      add(d_position, place);
      if (d_type) add(d_type, type_ids.empty() ? 0 : type_ids[static_cast<size_t>(token)]);
    });
  });
}

}  // namespace tekio
