// The input embedding and its gradient. Backward adds rows in the tokens' order, each thread within columns of its own:
// no two threads meet in a row, and the order of the sums is the same for any number of them.
#include "compute/cpu/cpu_backend.h"
#include "compute/walk.h"

namespace tekio {
namespace {

// y = (word + type) + position, the reference's order; type and position may be null.
template <typename T>
void add_row(T* y, const float* word, const float* type, const float* position, int64_t width) {
  if (type != nullptr && position != nullptr)
    for (int64_t c = 0; c < width; ++c) y[c] = T((word[c] + type[c]) + position[c]);
  else if (const float* const other = type != nullptr ? type : position; other != nullptr)
    for (int64_t c = 0; c < width; ++c) y[c] = T(word[c] + other[c]);
  else
    for (int64_t c = 0; c < width; ++c) y[c] = T(word[c]);
}

template <typename T>
void embed_rows(const Tensor& y, std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                const ConstTensor& word, const ConstTensor& position, const ConstTensor& type, int64_t begin,
                int64_t end) {
  const int64_t width = y.dim[1];
  for_rows(s, begin, end, [&](int64_t row, const RowPlace& at) {
    const auto token = static_cast<size_t>(at.token);
    add_row(static_cast<T*>(y.data) + row * width, word.f32() + ids[token] * width,
            type ? type.f32() + (type_ids.empty() ? 0 : type_ids[token]) * width : nullptr,
            position ? position.f32() + at.position * width : nullptr, width);
  });
}

// Columns [begin, end) of the gradient, added to the tables' rows.
template <typename T>
void embed_rows_backward(const Tensor& d_word, const Tensor& d_position, const Tensor& d_type, const ConstTensor& d_y,
                         std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                         int32_t padding_id, int64_t begin, int64_t end) {
  const int64_t width = d_y.dim[1];
  for_rows(s, 0, d_y.dim[0], [&](int64_t row, const RowPlace& at) {
    const T* g = static_cast<const T*>(d_y.data) + row * width;
    const auto add = [&](const Tensor& to, int64_t table_row) {
      float* d = to.f32() + table_row * width;
      for (int64_t c = begin; c < end; ++c) d[c] += g[c];
    };
    const auto token = static_cast<size_t>(at.token);
    if (ids[token] != padding_id) add(d_word, ids[token]);
    if (d_position) add(d_position, at.position);
    if (d_type) add(d_type, type_ids.empty() ? 0 : type_ids[token]);
  });
}

}  // namespace

void CpuBackend::do_embed(Tensor y, std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                          ConstTensor word, ConstTensor position, ConstTensor type) {
  const auto rows = y.dtype == DType::f32 ? embed_rows<float> : embed_rows<bf16>;
  for_pieces(y.dim[0], 32,
             [&](int64_t begin, int64_t end, int) { rows(y, ids, type_ids, s, word, position, type, begin, end); });
}

void CpuBackend::do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                                   std::span<const int32_t> ids, std::span<const int32_t> type_ids, const Sequences& s,
                                   int32_t padding_id) {
  const auto rows = d_y.dtype == DType::f32 ? embed_rows_backward<float> : embed_rows_backward<bf16>;
  for_pieces(d_y.dim[1], 96, [&](int64_t begin, int64_t end, int) {
    rows(d_word, d_position, d_type, d_y, ids, type_ids, s, padding_id, begin, end);
  });
}

}  // namespace tekio
