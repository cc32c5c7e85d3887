// The input embedding and its gradient. The gradient's sums run over a table row's tokens in their order, so that the
// same step gives the same bits: the tokens of each row are listed on the host, which has the ids, and a block sums one
// row's.
#include "compute/cuda/cuda_backend.h"
#include "compute/cuda/kernel.h"

namespace tekio::cuda {
namespace {

constexpr int kBlock = 256, kWarps = kBlock / kWarp, kColumns = kWarp * kEight;

// A warp a token.
template <typename T>
__global__ void embed_forward(T* y, const int32_t* ids, const int32_t* type_ids, const int32_t* positions,
                              const float* word, const float* position, const float* type, int n, int width,
                              bool whole) {
  const int token = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarp;
  if (token >= n) return;
  const float* const w = word + static_cast<int64_t>(ids[token]) * width;
  const float* const p = position != nullptr ? position + static_cast<int64_t>(positions[token]) * width : nullptr;
  const float* const t =
      type != nullptr ? type + static_cast<int64_t>(type_ids != nullptr ? type_ids[token] : 0) * width : nullptr;
  for (int c = static_cast<int>(threadIdx.x) % kWarp * kEight; c < width; c += kWarp * kEight) {
    const int count = min(kEight, width - c);
    float sum[kEight], other[kEight];
    load_eight(sum, w + c, count, whole);
    if (t != nullptr) {
      load_eight(other, t + c, count, whole);
      for (int j = 0; j < kEight; ++j) sum[j] += other[j];
    }
    if (p != nullptr) {
      load_eight(other, p + c, count, whole);
      for (int j = 0; j < kEight; ++j) sum[j] += other[j];
    }
    store_eight(y + static_cast<int64_t>(token) * width + c, sum, count, whole);
  }
}

/// Which tokens have which row of a table: row rows[i] those at tokens[begins[i]] to tokens[begins[i+1]].
struct Lists {
  std::vector<int32_t> rows, begins, tokens;

  /// row_of(token) is the row, or -1 for none.
  template <typename RowOf>
  Lists(int64_t n, int64_t table_rows, const RowOf& row_of) {
    std::vector<int32_t> place(static_cast<size_t>(table_rows) + 1);  // counts, then where each row's tokens go
    for (int64_t token = 0; token < n; ++token)
      if (const int64_t row = row_of(token); row >= 0) ++place[static_cast<size_t>(row) + 1];
    for (int64_t row = 0; row < table_rows; ++row) {
      const auto i = static_cast<size_t>(row);
      if (place[i + 1] > 0) {
        rows.push_back(static_cast<int32_t>(row));
        begins.push_back(place[i]);
      }
      place[i + 1] += place[i];
    }
    begins.push_back(place.back());
    tokens.resize(static_cast<size_t>(place.back()));
    for (int64_t token = 0; token < n; ++token)
      if (const int64_t row = row_of(token); row >= 0)
        tokens[static_cast<size_t>(place[static_cast<size_t>(row)]++)] = static_cast<int32_t>(token);
  }
};

// A block takes one row (blockIdx.x) and kColumns columns (blockIdx.y) of a table: its warps take tokens in turns, then
// their sums are added in order.
template <typename T>
__global__ void add_rows(float* d_table, const T* d_y, const int32_t* rows, const int32_t* begins,
                         const int32_t* tokens, int width, bool whole) {
  if (rows[blockIdx.x] < 0) return;
  float* const of_warps = shared_memory<float>();  // [kWarps][kColumns]
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int column = static_cast<int>(blockIdx.y) * kColumns + lane * kEight, count = min(kEight, width - column);
  float sum[kEight] = {};
  if (count > 0)
    for (int i = begins[blockIdx.x] + warp; i < begins[blockIdx.x + 1]; i += kWarps) {
      float number[kEight];
      load_eight(number, d_y + static_cast<int64_t>(tokens[i]) * width + column, count, whole);
      for (int j = 0; j < kEight; ++j) sum[j] += number[j];
    }
  for (int j = 0; j < kEight; ++j) of_warps[warp * kColumns + lane * kEight + j] = sum[j];
  __syncthreads();
  const int own = static_cast<int>(threadIdx.x), c = static_cast<int>(blockIdx.y) * kColumns + own;
  if (c >= width) return;
  float all = 0;
  for (int w = 0; w < kWarps; ++w) all += of_warps[w * kColumns + own];
  d_table[static_cast<int64_t>(rows[blockIdx.x]) * width + c] += all;
}

// As many blocks as there may be rows in a batch of this size: beyond those there are, the lists hold -1.
void add_to_table(Device& device, Tensor d_table, ConstTensor d_y, const Lists& lists) {
  const int64_t width = d_y.dim[1];
  const auto tokens_in_all = static_cast<size_t>(d_y.dim[0]);
  const size_t most = std::min(tokens_in_all, static_cast<size_t>(d_table.dim[0]));
  const int32_t* const rows = device.upload(std::span<const int32_t>(lists.rows), most);
  const int32_t* const begins = device.upload(std::span<const int32_t>(lists.begins), most + 1);
  const int32_t* const tokens = device.upload(std::span<const int32_t>(lists.tokens), tokens_in_all);
  with_type(d_y.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device, "add_rows", dim3(static_cast<unsigned>(most), blocks_for(width, kColumns)), kBlock,
           kWarps * kColumns * size_of(DType::f32), add_rows<T>, d_table.f32(), data_of<T>(d_y), rows, begins, tokens,
           static_cast<int>(width), whole_eights(width));
  });
}

}  // namespace

void CudaBackend::compute(const verb::Embed& op) {
  const int64_t n = op.y.dim[0], width = op.y.dim[1];
  const auto upload = [&](std::span<const int32_t> some) { return some.empty() ? nullptr : device_.upload(some); };
  const int32_t *const words = upload(op.rows.ids), *const types = upload(op.rows.type_ids),
                       *const positions = upload(op.rows.positions);
  with_type(op.y.dtype, [&](auto kind) {
    using T = decltype(kind);
    launch(device_, "embed_forward", dim3(blocks_for(n, kWarps)), kBlock, 0, embed_forward<T>, data_of<T>(op.y), words,
           types, positions, op.word.f32(), data_of<float>(op.position), data_of<float>(op.type), static_cast<int>(n),
           static_cast<int>(width), whole_eights(width));
  });
}

void CudaBackend::compute(const verb::EmbedBackward& op) {
  const int64_t n = op.d_y.dim[0];
  add_to_table(device_, op.d_word, op.d_y, Lists(n, op.d_word.dim[0], [&](int64_t token) {
                 const int32_t id = op.rows.ids[static_cast<size_t>(token)];
                 return id == op.rows.word_padding ? -1 : id;
               }));
  if (op.d_position)
    add_to_table(device_, op.d_position, op.d_y, Lists(n, op.d_position.dim[0], [&](int64_t token) {
                   const int32_t at = op.rows.positions[static_cast<size_t>(token)];
                   return at == op.rows.position_padding ? -1 : at;
                 }));
  if (op.d_type)
    add_to_table(device_, op.d_type, op.d_y, Lists(n, op.d_type.dim[0], [&](int64_t token) {
                   return op.rows.type_ids.empty() ? 0 : op.rows.type_ids[static_cast<size_t>(token)];
                 }));
}

}  // namespace tekio::cuda
