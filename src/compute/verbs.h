// What a back end is asked to do: one struct a verb, which holds its operands and numbers; Backend's functions say what
// they mean, and have checked them. operands() is the one table of what a verb works on: whatever copies, compares,
// fences or replaces operands walks it, so that a further verb needs no line there. It calls f with each, by reference:
//   Tensor       may be written (and read before)
//   ConstTensor  is only read
//   Matrix       is only read
// Any of them may be absent; operands may share memory. What stays on the host and is only read there (ids, sequences,
// labels, drawn dropout decisions) is no operand.
#pragma once

#include <optional>
#include <span>

#include "compute/operands.h"

namespace tekio::verb {

struct Embed {
  Tensor y;
  const TableRows& rows;
  ConstTensor word, position, type;
  const char* name() const { return "embed"; }
  template <typename F>
  void operands(F&& f) {
    f(y), f(word), f(position), f(type);
  }
};

struct EmbedBackward {
  Tensor d_word, d_position, d_type;
  ConstTensor d_y;
  const TableRows& rows;
  const char* name() const { return "embed_backward"; }
  template <typename F>
  void operands(F&& f) {
    f(d_word), f(d_position), f(d_type), f(d_y);
  }
};

/// branch absent: a plain norm of x, with dropout after it; present: residual, dropout on the branch. sum absent: not
/// wanted.
struct Norm {
  Tensor sum, y;
  NormKept kept;
  ConstTensor x, branch;
  NormWeights w;
  const Sequences* s;  // null: none, and no dropout
  Dropout drop;
  const char* name() const { return sum ? "add_norm" : branch ? "residual_norm" : "norm"; }
  template <typename F>
  void operands(F&& f) {
    f(sum), f(y), f(kept.normalized), f(kept.rstd), f(x), f(branch), f(w.weight), f(w.bias);
  }
};

/// d_branch absent: of a plain norm, or of a sum without dropout. Into::add: to d_x.
struct NormBackward {
  Tensor d_x, d_branch;
  NormGradients d_w;
  ConstTensor d_y;
  ConstNormKept kept;
  NormWeights w;
  const Sequences* s;
  Dropout drop;
  Into into;
  const char* name() const {
    return into == Into::add ? "add_norm_backward" : d_branch ? "residual_norm_backward" : "norm_backward";
  }
  template <typename F>
  void operands(F&& f) {
    f(d_x), f(d_branch), f(d_w.weight), f(d_w.bias), f(d_y), f(kept.normalized), f(kept.rstd), f(w.weight), f(w.bias);
  }
};

/// The exception: as many operands as there are copies. What walks operands has an overload for it.
struct CopyMatrices {
  std::span<const MatrixCopy> copies;
  const char* name() const { return "copy_matrices"; }
};

/// y half as wide as kept: gated. act absent: so is kept, and y may be wider than w has rows.
struct Linear {
  Tensor y, kept;
  ConstTensor x;
  Matrix w;
  ConstTensor b;
  std::optional<Activation> act;
  bool gated() const { return act && y.dim[1] != kept.dim[1]; }
  const char* name() const { return !act ? "linear" : gated() ? "linear_gated" : "linear_activation"; }
  template <typename F>
  void operands(F&& f) {
    f(y), f(kept), f(x), f(w), f(b);
  }
};

/// d_x absent: not wanted. d_y may be wider than w has rows.
struct LinearBackward {
  Tensor d_x, d_w, d_b;
  ConstTensor d_y, x;
  Matrix w;
  Into into;
  const char* name() const { return "linear_backward"; }
  template <typename F>
  void operands(F&& f) {
    f(d_x), f(d_w), f(d_b), f(d_y), f(x), f(w);
  }
};

struct ActivationBackward {
  Tensor d_y;
  ConstTensor kept;
  Activation act;
  const char* name() const { return "linear_activation_backward's activation"; }
  template <typename F>
  void operands(F&& f) {
    f(d_y), f(kept);
  }
};

/// activated half as wide as kept: gated.
struct ActivationLinearBackward {
  Tensor d_kept, activated, d_w, d_b;
  ConstTensor d_y, kept;
  Matrix w;
  Activation act;
  bool gated() const { return activated.dim[1] != kept.dim[1]; }
  const char* name() const { return gated() ? "gated_linear_backward" : "activation_linear_backward"; }
  template <typename F>
  void operands(F&& f) {
    f(d_kept), f(activated), f(d_w), f(d_b), f(d_y), f(kept), f(w);
  }
};

struct Rotate {
  Tensor x;
  int64_t columns;
  Rotation rotation;
  const Sequences& s;
  const char* name() const { return "rotate"; }
  template <typename F>
  void operands(F&& f) {
    f(x);
  }
};

/// kv absent: q is all of qkv.
struct Attention {
  Tensor y, kept;
  ConstTensor q, kv;
  AttentionShape shape;
  const Sequences& s;
  Dropout drop;
  const char* name() const { return "attention"; }
  template <typename F>
  void operands(F&& f) {
    f(y), f(kept), f(q), f(kv);
  }
};

struct AttentionBackward {
  Tensor d_q, d_kv;
  ConstTensor d_y, kept, q, kv;
  AttentionShape shape;
  const Sequences& s;
  Dropout drop;
  const char* name() const { return "attention_backward"; }
  template <typename F>
  void operands(F&& f) {
    f(d_q), f(d_kv), f(d_y), f(kept), f(q), f(kv);
  }
};

struct GatherRows {
  Tensor y;
  ConstTensor x;
  std::span<const int32_t> rows;
  const char* name() const { return "gather_rows"; }
  template <typename F>
  void operands(F&& f) {
    f(y), f(x);
  }
};

struct GatherRowsBackward {
  Tensor d_x;
  ConstTensor d_y;
  std::span<const int32_t> rows;
  Into into;
  const char* name() const { return "gather_rows_backward"; }
  template <typename F>
  void operands(F&& f) {
    f(d_x), f(d_y);
  }
};

/// sum, each, d_logits absent: not wanted; d_logits may lie on logits. Both may be wider than the vocabulary.
struct VocabularyLoss {
  Tensor sum, each, d_logits;
  ConstTensor logits;
  std::span<const int32_t> labels;
  int64_t vocabulary;
  float scale;
  const char* name() const { return "vocabulary_loss"; }
  template <typename F>
  void operands(F&& f) {
    f(sum), f(each), f(d_logits), f(logits);
  }
};

struct SoftmaxRows {
  Tensor logits;
  int64_t vocabulary;  // the rows may be wider
  const char* name() const { return "softmax_rows"; }
  template <typename F>
  void operands(F&& f) {
    f(logits);
  }
};

struct Zero {
  Tensor x;
  const char* name() const { return "zero"; }
  template <typename F>
  void operands(F&& f) {
    f(x);
  }
};

struct Add {
  Tensor y;
  ConstTensor x;
  const char* name() const { return "add"; }
  template <typename F>
  void operands(F&& f) {
    f(y), f(x);
  }
};

struct SquaredNorms {
  Tensor sums;
  ConstTensor x;
  const char* name() const { return "squared_norms"; }
  template <typename F>
  void operands(F&& f) {
    f(sums), f(x);
  }
};

struct Clip {
  Tensor clipping;
  ConstTensor sums;
  double limit;
  const char* name() const { return "clip"; }
  template <typename F>
  void operands(F&& f) {
    f(clipping), f(sums);
  }
};

struct AdamW {
  Tensor parameters, moment1, moment2;
  ConstTensor gradients, clipping;
  AdamWStep step;
  const char* name() const { return "adamw"; }
  template <typename F>
  void operands(F&& f) {
    f(parameters), f(moment1), f(moment2), f(gradients), f(clipping);
  }
};

}  // namespace tekio::verb

/// All verbs, for declaring something of each.
#define TEKIO_FOR_EACH_VERB(declare)                                                                              \
  declare(Embed) declare(EmbedBackward) declare(Norm) declare(NormBackward) declare(CopyMatrices) declare(Linear) \
      declare(LinearBackward) declare(ActivationBackward) declare(ActivationLinearBackward) declare(Rotate)       \
          declare(Attention) declare(AttentionBackward) declare(GatherRows) declare(GatherRowsBackward)           \
              declare(VocabularyLoss) declare(SoftmaxRows) declare(Zero) declare(Add) declare(SquaredNorms)       \
                  declare(Clip) declare(AdamW)

/// In a back end that computes: declares that it runs each verb. Its files, one a topic, define them.
#define TEKIO_RUNS_VERB(Verb) void run(const verb::Verb& op) override;
#define TEKIO_RUNS_EVERY_VERB TEKIO_FOR_EACH_VERB(TEKIO_RUNS_VERB)
