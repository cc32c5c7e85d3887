// What verbs work on, but for tensors: packed sequences, matrices, shapes, and the numbers that a verb goes by.
#pragma once

#include <cstdint>
#include <span>

#include "compute/dropout.h"
#include "compute/tensor.h"

namespace tekio {

/// Numbers whose squares are summed apart, so that ranks that have some blocks each come to the sum that one comes to.
constexpr int64_t kNormBlock = 1 << 16;
constexpr int64_t norm_blocks(int64_t count) { return (count + kNormBlock - 1) / kNormBlock; }

/// Packed sequences: sequence k owns tokens [offsets[k], offsets[k+1]). Where an op works on some of the tokens only
/// (the last layer: masked ones), `some` lists them, and the op's row i is token some[i].
struct Sequences {
  std::span<const int32_t> offsets;  ///< [B+1], offsets[0] = 0, offsets[B] = n
  uint64_t first_key = 0;  ///< sequence k's dropout key is first_key + k: its number within the whole update, so that
                           ///< cutting an update into micro-batches differently leaves every dropped element the same
  std::span<const int32_t> some = {};  ///< [m], ascending; empty: all n tokens
  int64_t count() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return offsets.back(); }
  int64_t rows() const { return some.empty() ? tokens() : static_cast<int64_t>(some.size()); }
  Sequences only(std::span<const int32_t> tokens) const { return {offsets, first_key, tokens}; }
};

/// Which rows of the embedding tables each of n tokens takes.
struct TableRows {
  std::span<const int32_t> ids, type_ids, positions;  ///< [n]; no type_ids: all 0; no positions: there is no such table
  /// Rows that get no gradient from the look-up: the reference's padding_idx; -1 for none.
  int32_t word_padding = -1, position_padding = -1;
};

/// The rows of sequence k among an op's rows, and its length.
struct SequenceRows {
  int64_t begin, end, first_token, length;
};
SequenceRows rows_of(const Sequences& s, int64_t k);
/// The tokens of the longest sequence.
int64_t longest(const Sequences& s);

/// A weight matrix w[O,I] as products take it. In float32: the parameters themselves, row by row. In bf16: a rounded
/// copy in a layout of the back end's own, Backend::matrix_bytes() long, which copy_matrices() makes.
struct Matrix {
  void* data = nullptr;
  DType dtype = DType::f32;
  int64_t rows = 0, columns = 0;

  Matrix() = default;
  Matrix(void* memory, DType type, int64_t o, int64_t i) : data(memory), dtype(type), rows(o), columns(i) {}
  template <typename Void>
  Matrix(const BasicTensor<Void>& parameters)  // NOLINT: a float32 tensor is a matrix, which products only read
      : Matrix(const_cast<float*>(parameters.f32()), DType::f32, parameters.dim[0], parameters.dim[1]) {}
  explicit operator bool() const { return data != nullptr; }
  const float* f32() const {
    TEKIO_CHECK(dtype == DType::f32, "matrix of {}", name_of(dtype));
    return static_cast<const float*>(data);
  }
};

/// A bf16 matrix to be filled from float32 numbers.
struct MatrixCopy {
  Matrix to;
  ConstTensor from;  // [O,I]
};

/// Attention's heads, and the keys that a query sees: all of its sequence or, with a window, those whose positions are
/// at most so far from its own (ModernBERT's local_attention / 2).
struct AttentionShape {
  int64_t heads = 1;
  int64_t window = 0;  ///< 0: all
};
/// The keys [begin, end) that a query at `position` of a sequence sees.
struct KeyRange {
  int64_t begin, end;
};
constexpr KeyRange keys_of(const AttentionShape& shape, int64_t position, int64_t length) {
  if (shape.window == 0) return {0, length};
  return {position > shape.window ? position - shape.window : 0,
          length - position > shape.window ? position + shape.window + 1 : length};
}

/// Rotary positions (Su et al. 2021) as ModernBERT has them: in a head of d numbers, j and j + d/2 are the two parts of
/// a vector that is turned by position * theta^(-2j/d), an angle in float32.
struct Rotation {
  int64_t size;       ///< d, even
  double theta;       ///< above 0
  bool back = false;  ///< by the opposite angles: a rotation's backward
};

enum class Into { overwrite, add };
enum class Activation { gelu, gelu_new, gelu_fast, quick_gelu, relu, silu, tanh, mish };

/// A layer norm's parameters. The bias may be absent, and then its gradient is.
struct NormWeights {
  ConstTensor weight, bias;
  float eps;
};  // [C], [C]
struct NormGradients {
  Tensor weight, bias;
};  // [C], [C]
/// What a norm keeps for its backward: the rows centred and scaled before weight and bias, and 1/standard deviation.
struct NormKept {
  Tensor normalized, rstd;
};  // [n,C], [n]
struct ConstNormKept {
  ConstTensor normalized, rstd;

  ConstNormKept() = default;
  ConstNormKept(const NormKept& kept) : normalized(kept.normalized), rstd(kept.rstd) {}  // NOLINT: as of tensors
};

struct AdamWStep {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
  int64_t step;  ///< from 1
};

/// What gradients are clipped by, as it lies in a tensor [kClipping] of float64.
struct Clipping {
  double norm = 0;   ///< before clipping
  double scale = 1;  ///< a float32 number: gradients are multiplied by it as they are read
};
constexpr int64_t kClipping = 2;
static_assert(sizeof(Clipping) == kClipping * sizeof(double));

/// What logits are worth against labels, as it lies in a tensor [kLabelLoss] of float64.
struct LabelLoss {
  double loss = 0;  ///< sum over rows of logsumexp(logits) - logits[label]
  double hits = 0;  ///< rows where no logit is larger than the label's, and none before it as large; none where the
                    ///< loss is no number
  double confidence = 0;  ///< sum over rows of the largest probability

  LabelLoss& operator+=(const LabelLoss& other) {
    loss += other.loss;
    hits += other.hits;
    confidence += other.confidence;
    return *this;
  }
};
constexpr int64_t kLabelLoss = 3;
static_assert(sizeof(LabelLoss) == kLabelLoss * sizeof(double));

}  // namespace tekio
