// The input embedding and its gradient. Backward adds rows in the tokens' order, each thread within columns of its own:
// no two threads meet in a row, and the order of the sums is the same for any number of them.
#include "compute/cpu/cpu_backend.h"

namespace tekio {
namespace {

// y = (word + type) + position, the reference's order; the latter two may be null.
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
void embed_rows(const Tensor& y, const TableRows& rows, const ConstTensor& word, const ConstTensor& position,
                const ConstTensor& type, int64_t begin, int64_t end) {
  const int64_t width = y.dim[1];
  for (int64_t token = begin; token < end; ++token) {
    const auto i = static_cast<size_t>(token);
    add_row(static_cast<T*>(y.data) + token * width, word.f32() + rows.ids[i] * width,
            type ? type.f32() + (rows.type_ids.empty() ? 0 : rows.type_ids[i]) * width : nullptr,
            position ? position.f32() + rows.positions[i] * width : nullptr, width);
  }
}

// Columns [begin, end) of the gradient, added to the tables' rows.
template <typename T>
void embed_rows_backward(const Tensor& d_word, const Tensor& d_position, const Tensor& d_type, const ConstTensor& d_y,
                         const TableRows& rows, int64_t begin, int64_t end) {
  const int64_t width = d_y.dim[1];
  for (size_t i = 0; i < rows.ids.size(); ++i) {
    const T* g = static_cast<const T*>(d_y.data) + static_cast<int64_t>(i) * width;
    const auto add = [&](const Tensor& to, int64_t table_row) {
      float* d = to.f32() + table_row * width;
      for (int64_t c = begin; c < end; ++c) d[c] += g[c];
    };
    if (rows.ids[i] != rows.word_padding) add(d_word, rows.ids[i]);
    if (d_position && rows.positions[i] != rows.position_padding) add(d_position, rows.positions[i]);
    if (d_type) add(d_type, rows.type_ids.empty() ? 0 : rows.type_ids[i]);
  }
}

}  // namespace

void CpuBackend::run(const verb::Embed& op) {
  const auto embed = op.y.dtype == DType::f32 ? embed_rows<float> : embed_rows<bf16>;
  for_pieces(op.y.dim[0], 32,
             [&](int64_t begin, int64_t end, int) { embed(op.y, op.rows, op.word, op.position, op.type, begin, end); });
}

void CpuBackend::run(const verb::EmbedBackward& op) {
  const auto backward = op.d_y.dtype == DType::f32 ? embed_rows_backward<float> : embed_rows_backward<bf16>;
  for_pieces(op.d_y.dim[1], 96, [&](int64_t begin, int64_t end, int) {
    backward(op.d_word, op.d_position, op.d_type, op.d_y, op.rows, begin, end);
  });
}

}  // namespace tekio
