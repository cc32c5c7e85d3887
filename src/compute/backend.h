// THE op interface: everything that a masked language model's training step does to tensors, in about twenty verbs.
//
// Argument order: outputs, values kept for backward, inputs, parameters, scalars. `d_x` is the gradient of x.
// Parameter gradients accumulate (+=). Activation gradients overwrite (=), except where `Into::add` is passed.
// Shapes are checked here, once, before a back end sees them; a mismatch is a bug and names the op, what it got and
// expected. Sums run in fp32 (ref: double). Same inputs, seed, back end and threads: same bits. Once shapes are right,
// an op fails for want of memory only, or of a device: cpu and cuda keep what they take for themselves, so that sizes
// seen before take nothing; ref takes and gives back what it needs in each op. Tokens are packed: sequence after
// sequence, no padding; `Sequences` says where each begins. Activations and their gradients are all of one dtype,
// float32 or bf16; parameters' gradients, biases, norms' weights, embedding tables and the optimizer's state are
// float32. A bf16 result is a float32 one, rounded once to nearest even.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compute/memory.h"
#include "compute/verbs.h"

namespace tekio {

class ThreadPool;

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;
  /// Whether this back end, on this machine, multiplies in bf16: not at all, to specify it, faster than float32, or at
  /// a rate that is to be measured.
  enum class Bf16 { absent, slow, fast, measured };
  virtual Bf16 bf16_products() const = 0;
  bool has_bf16() const { return bf16_products() != Bf16::absent; }
  /// The names of what can multiply bf16 here, where there is a choice, and which of them does from now on.
  virtual std::vector<std::string> bf16_kernels() const { return {}; }
  virtual void use_bf16_kernel(const std::string& name) {
    TEKIO_CHECK(false, "{} has no bf16 kernel {}", this->name(), name);
  }
  /// Where all tensors that it is given must lie. What is passed as a span or a plain pointer (ids, offsets, rows,
  /// labels, drawn dropout decisions) lies in the host's memory, whatever this is.
  virtual Memory& memory() { return host_memory(); }
  /// Returns when all verbs so far have run, and Memory::read_later() has brought what it was asked for. A device may
  /// return from a verb before: only clocks need to know, and who reads later.
  virtual void wait() {}

  /// How many rows a pass had best compute where `rows` of `most` count: a device that prepares itself for a shape does
  /// not want one for each number of rows.
  virtual int64_t rows_to_compute(int64_t rows, [[maybe_unused]] int64_t most) const { return rows; }
  /// How wide rows of logits had best be for this vocabulary: a device that reads and writes many numbers at once wants
  /// each row to begin on a border.
  virtual int64_t logits_width(int64_t vocabulary) const { return vocabulary; }

  /// y[n,C] = (word[ids] + type[type_ids]) + position[positions]; `type` may be absent, and `position`.
  void embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type);
  /// d_type and d_position may be absent.
  void embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y, const TableRows& rows);

  /// y = dropout(norm(x)): [n,C]. Dropout rows are the tokens.
  void norm(Tensor y, NormKept kept, ConstTensor x, NormWeights w, const Sequences& s, const Dropout& drop);
  void norm_backward(Tensor d_x, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w, const Sequences& s,
                     const Dropout& drop);
  /// The head's norm on masked rows: no sequences, no dropout.
  void norm(Tensor y, NormKept kept, ConstTensor x, NormWeights w);
  void norm_backward(Tensor d_x, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w);

  /// y = norm(x + dropout(branch)): [n,C].
  void residual_norm(Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w, const Sequences& s,
                     const Dropout& drop);
  /// d_x and d_branch may not be the same memory; d_branch may be d_y's.
  void residual_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept,
                              NormWeights w, const Sequences& s, const Dropout& drop);

  /// sum = x + dropout(branch), y = norm(sum): [n,C]; sum may be x's memory. (In bf16, sum is rounded as it is stored,
  /// not before it is normalized.)
  void add_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
                const Sequences& s, const Dropout& drop);
  /// d_sum is that which sum has from elsewhere, and becomes all of it, which is d_x too; d_branch = dropout's backward
  /// of it, absent only where dropout is off, so that it would be the same. d_branch may be d_y's memory, not d_sum's.
  void add_norm_backward(Tensor d_sum, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept,
                         NormWeights w, const Sequences& s, const Dropout& drop);

  /// Bytes that a bf16 matrix [O,I] takes in this back end's own layout, in memory on a 64-byte border.
  virtual int64_t matrix_bytes(int64_t rows, int64_t columns) const = 0;
  /// Fills bf16 matrices from float32 ones, rounding to nearest even.
  void copy_matrices(std::span<const MatrixCopy> copies);

  /// y[n,O] = x[n,I] w[O,I]^T + b[O]; b may be absent. y may be wider: what lies beyond column O, in forward and
  /// backward, changes nothing and is not changed.
  void linear(Tensor y, ConstTensor x, const Matrix& w, ConstTensor b);
  /// d_x[n,I] = d_y w (absent: not wanted); d_w += d_y^T x; d_b += column sums of d_y (absent: not wanted).
  void linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                       Into into = Into::overwrite);
  /// y = act(x w^T + b), kept = x w^T + b: [n,O].
  void linear_activation(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, Activation act);
  /// Overwrites d_y with the gradient of kept on its way.
  void linear_activation_backward(Tensor d_x, Tensor d_w, Tensor d_b, Tensor d_y, ConstTensor kept, ConstTensor x,
                                  const Matrix& w, Activation act, Into into = Into::overwrite);
  /// Backward of y[n,O] = act(kept[n,I]) w[O,I]^T + b, for which only `kept` was kept: activated[n,I] = act(kept) anew,
  /// d_kept = (d_y w) act'(kept), d_w += d_y^T activated, d_b += column sums of d_y.
  void activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                  ConstTensor kept, const Matrix& w, Activation act);

  /// y[n,I] = act(a) b, where kept[n,2I] = x w^T + bias is a and b side by side (GeGLU and its kin); bias may be
  /// absent.
  void linear_gated(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor bias, Activation act);
  /// Backward of y[n,O] = gated[n,I] w[O,I]^T + b, gated = act(a) b, for which only kept[n,2I] was kept: gated anew,
  /// d_kept from d_y w, d_w += d_y^T gated, d_b += column sums of d_y.
  void gated_linear_backward(Tensor d_kept, Tensor gated, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor kept,
                             const Matrix& w, Activation act);

  /// In place: turns the heads in the first `columns` columns of x[m,W] (both queries and keys of qkv, or either alone)
  /// by their rows' positions.
  void rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s);

  /// Self-attention within each sequence: qkv[n,3C] (q, k, v side by side, each H heads of C/H), y[n,C].
  /// p = softmax(q k^T / sqrt(C/H)), dropped, times v. `kept` [n,H,2], float32 always, holds what backward computes the
  /// probabilities from anew: of each row of q k^T its largest number, and 1 / the sum of the exponentials of its
  /// numbers' distance to that, divided by sqrt(C/H). Dropout rows are (sequence, head, query), columns are keys.
  void attention(Tensor y, Tensor kept, ConstTensor qkv, const AttentionShape& shape, const Sequences& s,
                 const Dropout& drop);
  void attention_backward(Tensor d_qkv, ConstTensor d_y, ConstTensor kept, ConstTensor qkv, const AttentionShape& shape,
                          const Sequences& s, const Dropout& drop);
  /// The same where only some tokens ask: q[m,C] of the tokens s.some, kv[n,2C] of all, y[m,C], kept[m,H,2].
  void attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape, const Sequences& s,
                 const Dropout& drop);
  void attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                          const AttentionShape& shape, const Sequences& s, const Dropout& drop);
  /// How often in attention a query meets a key that it sees, in all heads together.
  static int64_t attention_pairs(const Sequences& s, const AttentionShape& shape);

  /// y[r,C] = x[rows]; rows ascending.
  void gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows);
  /// d_x[n,C] = 0 (or stays, where added to), then d_x[rows] += d_y.
  void gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into = Into::overwrite);

  /// Cross entropy of the rows, and how many have their label as the most likely: sum [kLabelLoss], and
  /// each [rows,kLabelLoss], every row's own part, float64. Either may be absent. If d_logits is there (it may be
  /// logits itself): d_logits = (softmax(logits) - onehot(label)) * scale. A row whose label is -1 does not count: its
  /// gradient is 0, and it has no part in `sum` and no place in `each`. Rows may be wider than `vocabulary`, as
  /// linear()'s.
  void vocabulary_loss(Tensor sum, Tensor each, Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                       int64_t vocabulary, float scale);
  /// In place: the first `vocabulary` numbers of each row of logits become their softmax.
  void softmax_rows(Tensor logits, int64_t vocabulary);

  void zero(Tensor x);
  /// y += x: two sums of gradients become one.
  void add(Tensor y, ConstTensor x);
  /// sums [norm_blocks], float64: the sum of squares of each block of kNormBlock numbers of x, the last of which may be
  /// short.
  void squared_norms(Tensor sums, ConstTensor x);
  /// clipping [kClipping], float64: the root of the sums of squares, added in order, and what gradients are multiplied
  /// by so that it is at most `limit` (0: none), as the reference has it: limit / (norm + 1e-6), in float32.
  void clip(Tensor clipping, ConstTensor sums, double limit);
  /// One AdamW step over a flat piece of parameters, rounded as the reference's fused kernel rounds (see
  /// docs/numerics.md). Where the norm in `clipping` is not finite, nothing is changed.
  void adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients, ConstTensor clipping,
             const AdamWStep& step);

 protected:
  friend class CheckingBackend;  // hands the same verb on to two others
  friend class ForwardingBackend;
  /// Runs a verb whose operands are checked.
#define TEKIO_RUN_VERB(Verb) virtual void run(const verb::Verb& op) = 0;
  TEKIO_FOR_EACH_VERB(TEKIO_RUN_VERB)
#undef TEKIO_RUN_VERB
};

/// The specification: plain loops, double sums, no dependency.
std::unique_ptr<Backend> make_ref_backend();
/// oneDNN and own kernels, on `pool`'s threads. The pool must outlive the back end.
std::unique_ptr<Backend> make_cpu_backend(ThreadPool& pool);
/// Runs `device` on tensors in the host's memory, each verb on copies of them in the device's own. For tests: slow.
std::unique_ptr<Backend> make_hosted_backend(std::unique_ptr<Backend> device);
/// Runs two back ends on the same inputs and compares every result; a difference beyond `tolerance` (relative to the
/// largest magnitude of the result) is an Error of kind bug that names the op and its shapes. Gives out `trusted`'s
/// results. All tensors lie in the host's memory; `tried` works on copies where its own is another.
std::unique_ptr<Backend> make_checking_backend(std::unique_ptr<Backend> trusted, std::unique_ptr<Backend> tried,
                                               double tolerance);

/// `--device`: auto, cpu, cuda, cuda:N or ref. Errors: usage (unknown name), device (cuda where there is none).
std::unique_ptr<Backend> make_backend(const std::string& device, ThreadPool& pool);

}  // namespace tekio
