// The checked half of the op interface: every verb's shapes, ids and aliasing are checked here, once, so that back ends
// may trust them. A mismatch is a bug of the caller, not of the user: ids and labels from files are validated before.
#include "compute/backend.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

namespace tekio {
namespace {

using Shape = std::initializer_list<int64_t>;

// "[128, 768] f32", with the same wording as BasicTensor::shape_text.
std::string shape_text(Shape shape, DType type) {
  return fmt::format("[{}] {}", fmt::join(shape, ", "), name_of(type));
}

void expect(const char* op, const char* what, const ConstTensor& got, Shape expected, DType type = DType::f32) {
  const bool same = got.dtype == type && got.rank == static_cast<int>(expected.size()) &&
                    std::equal(expected.begin(), expected.end(), got.dim.begin());
  if (!same) fail(ErrorKind::bug, "{}: {} is {}, expected {}", op, what, got.shape_text(), shape_text(expected, type));
  if (!got && got.numel() > 0) fail(ErrorKind::bug, "{}: {} {} has no memory", op, what, got.shape_text());
}

// The same shape as another tensor, whatever that is; float32 both.
void expect_like(const char* op, const char* what, const ConstTensor& got, const ConstTensor& other) {
  if (got.dtype != DType::f32 || !got.same_shape(other))
    fail(ErrorKind::bug, "{}: {} is {}, expected {}", op, what, got.shape_text(), other.shape_text());
  if (!got && got.numel() > 0) fail(ErrorKind::bug, "{}: {} {} has no memory", op, what, got.shape_text());
}

// The two sizes of a matrix, from which the other tensors' shapes follow, and its kind, which is that of all
// activations of the op.
struct Size {
  int64_t rows, columns;
  DType type;
};
Size size_of_matrix(const char* op, const char* what, const ConstTensor& got) {
  if (got.rank != 2 || got.dtype == DType::f64)
    fail(ErrorKind::bug, "{}: {} is {}, expected two dimensions", op, what, got.shape_text());
  expect(op, what, got, {got.dim[0], got.dim[1]}, got.dtype);
  return {got.dim[0], got.dim[1], got.dtype};
}
void expect_size(const char* op, const char* what, const ConstTensor& got, const Size& size) {
  expect(op, what, got, {size.rows, size.columns}, size.type);
}

void expect_count(const char* op, const char* what, size_t got, int64_t expected) {
  if (static_cast<int64_t>(got) != expected) fail(ErrorKind::bug, "{}: {} {}, expected {}", op, got, what, expected);
}

void expect_below(const char* op, const char* what, std::span<const int32_t> values, int64_t end) {
  for (const int32_t value : values)
    if (value < 0 || value >= end) fail(ErrorKind::bug, "{}: {} {} is outside [0, {})", op, what, value, end);
}

void expect_rows(const char* op, std::span<const int32_t> rows, int64_t end) {
  expect_below(op, "row", rows, end);
  if (std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) != rows.end())
    fail(ErrorKind::bug, "{}: rows are not ascending", op);
}

// `rows` of the op are the sequences' tokens, or those that s.some lists.
void expect_sequences(const char* op, const Sequences& s, int64_t rows) {
  if (s.offsets.empty() || s.offsets.front() != 0 || !std::is_sorted(s.offsets.begin(), s.offsets.end()) ||
      s.rows() != rows)
    fail(ErrorKind::bug, "{}: sequence offsets [{}] do not cut {} rows", op, fmt::join(s.offsets, ", "), rows);
  expect_rows(op, s.some, s.tokens());
}

void expect_rate(const char* op, const Dropout& drop) {
  if (!(drop.rate >= 0 && drop.rate < 1)) fail(ErrorKind::bug, "{}: dropout rate {} is outside [0, 1)", op, drop.rate);
}

void expect_norm(const char* op, const NormKept& kept, const NormWeights& w, const Size& size) {
  if (size.columns == 0) fail(ErrorKind::bug, "{}: rows of width 0 have no mean", op);
  expect_size(op, "kept.normalized", kept.normalized, size);
  expect(op, "kept.rstd", kept.rstd, {size.rows});
  expect(op, "weight", w.weight, {size.columns});
  if (w.bias) expect(op, "bias", w.bias, {size.columns});
}

void expect_norm_gradients(const char* op, const NormGradients& d_w, const NormWeights& w, const Size& size) {
  expect(op, "d_w.weight", d_w.weight, {size.columns});
  if (w.bias) expect(op, "d_w.bias", d_w.bias, {size.columns});
  if (!w.bias && d_w.bias) fail(ErrorKind::bug, "{}: d_w.bias without a bias", op);
}

void expect_embed(const char* op, const ConstTensor& y, const TableRows& rows, const ConstTensor& word,
                  const ConstTensor& position, const ConstTensor& type) {
  const auto [n, width, kind] = size_of_matrix(op, "y", y);
  const Size words = size_of_matrix(op, "word", word);
  expect(op, "word", word, {words.rows, width});
  expect_count(op, "ids", rows.ids.size(), n);
  expect_below(op, "id", rows.ids, words.rows);
  if (position) {
    const Size positions = size_of_matrix(op, "position", position);
    expect(op, "position", position, {positions.rows, width});
    expect_count(op, "positions", rows.positions.size(), n);
    expect_below(op, "position", rows.positions, positions.rows);
  } else if (!rows.positions.empty()) {
    fail(ErrorKind::bug, "{}: positions without a table of them", op);
  }
  if (type) {
    const Size types = size_of_matrix(op, "type", type);
    expect(op, "type", type, {types.rows, width});
    if (types.rows == 0) fail(ErrorKind::bug, "{}: type has no rows", op);
    if (!rows.type_ids.empty()) expect_count(op, "type ids", rows.type_ids.size(), n);
    expect_below(op, "type id", rows.type_ids, types.rows);
  } else if (!rows.type_ids.empty()) {
    fail(ErrorKind::bug, "{}: type ids without a table of types", op);
  }
}

// What of `width` columns is used: as many, at most.
void expect_width(const char* op, const char* what, int64_t width, int64_t used) {
  if (used < 0 || used > width) fail(ErrorKind::bug, "{}: {} has {} columns, expected {}", op, what, width, used);
}

// All shapes of y = x w^T + b and its gradients. The matrix is of the activations' kind. `may_be_wider`: y.
void expect_linear(const char* op, const ConstTensor& y, const ConstTensor& x, const Matrix& w, const ConstTensor& b,
                   bool may_be_wider = false) {
  const Size in = size_of_matrix(op, "x", x);
  if (w.columns != in.columns || w.dtype != in.type)
    fail(ErrorKind::bug, "{}: w is {}, expected {}", op, shape_text({w.rows, w.columns}, w.dtype),
         shape_text({w.rows, in.columns}, in.type));
  if (!w && w.rows * w.columns > 0)
    fail(ErrorKind::bug, "{}: w {} has no memory", op, shape_text({w.rows, w.columns}, w.dtype));
  const int64_t wide = may_be_wider && y.rank == 2 ? std::max(w.rows, y.dim[1]) : w.rows;
  expect(op, "y", y, {in.rows, wide}, in.type);
  if (b) expect(op, "b", b, {w.rows});
}

void expect_linear_backward(const char* op, const ConstTensor& d_x, const ConstTensor& d_w, const ConstTensor& d_b,
                            const ConstTensor& d_y, const ConstTensor& x, const Matrix& w, bool may_be_wider = false) {
  expect_linear(op, d_y, x, w, d_b, may_be_wider);
  expect(op, "d_w", d_w, {w.rows, w.columns});
  if (d_x) expect(op, "d_x", d_x, {x.dim[0], x.dim[1]}, x.dtype);
}

// qkv together: q[n,3C], kv absent; or q[m,C] apart from kv[n,2C].
void expect_attention(const char* op, const ConstTensor& y, const ConstTensor& kept, const ConstTensor& q,
                      const ConstTensor& kv, const AttentionShape& shape, const Sequences& s, const Dropout& drop) {
  const auto [rows, width, type] = size_of_matrix(op, "y", y);
  if (shape.heads <= 0 || width % shape.heads != 0)
    fail(ErrorKind::bug, "{}: a width of {} does not divide into {} heads", op, width, shape.heads);
  if (shape.window < 0) fail(ErrorKind::bug, "{}: a window of {}", op, shape.window);
  expect_sequences(op, s, rows);
  if (kv.rank == 0) {
    expect(op, "qkv", q, {rows, 3 * width}, type);
    if (!s.some.empty()) fail(ErrorKind::bug, "{}: only some tokens ask, but q is not apart from k and v", op);
  } else {
    expect(op, "q", q, {rows, width}, type);
    expect(op, "kv", kv, {s.tokens(), 2 * width}, type);
  }
  expect(op, "kept", kept, {rows, shape.heads, 2});
  expect_rate(op, drop);
}

}  // namespace

int64_t longest(const Sequences& s) {
  int64_t length = 0;
  for (size_t k = 0; k + 1 < s.offsets.size(); ++k) length = std::max<int64_t>(length, s.offsets[k + 1] - s.offsets[k]);
  return length;
}

SequenceRows rows_of(const Sequences& s, int64_t k) {
  const auto i = static_cast<size_t>(k);
  const int64_t first = s.offsets[i], end = s.offsets[i + 1];
  if (s.some.empty()) return {first, end, first, end - first};
  const auto row_at = [&](int64_t token) {
    return std::lower_bound(s.some.begin(), s.some.end(), static_cast<int32_t>(token)) - s.some.begin();
  };
  return {row_at(first), row_at(end), first, end - first};
}

void Backend::embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) {
  expect_embed("embed", y, rows, word, position, type);
  run(verb::Embed{y, rows, word, position, type});
}

void Backend::embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y, const TableRows& rows) {
  expect_embed("embed_backward", d_y, rows, d_word, d_position, d_type);
  run(verb::EmbedBackward{d_word, d_position, d_type, d_y, rows});
}

void Backend::norm(Tensor y, NormKept kept, ConstTensor x, NormWeights w, const Sequences& s, const Dropout& drop) {
  const Size size = size_of_matrix("norm", "x", x);
  expect_size("norm", "y", y, size);
  expect_norm("norm", kept, w, size);
  expect_sequences("norm", s, size.rows);
  expect_rate("norm", drop);
  run(verb::Norm{{}, y, kept, x, {}, w, &s, drop});
}

void Backend::norm(Tensor y, NormKept kept, ConstTensor x, NormWeights w) {
  const Size size = size_of_matrix("norm", "x", x);
  expect_size("norm", "y", y, size);
  expect_norm("norm", kept, w, size);
  run(verb::Norm{{}, y, kept, x, {}, w, nullptr, {}});
}

void Backend::norm_backward(Tensor d_x, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                            const Sequences& s, const Dropout& drop) {
  const Size size = size_of_matrix("norm_backward", "d_y", d_y);
  expect_size("norm_backward", "d_x", d_x, size);
  expect_norm("norm_backward", kept, w, size);
  expect_norm_gradients("norm_backward", d_w, w, size);
  expect_sequences("norm_backward", s, size.rows);
  expect_rate("norm_backward", drop);
  run(verb::NormBackward{d_x, {}, d_w, d_y, kept, w, &s, drop, Into::overwrite});
}

void Backend::norm_backward(Tensor d_x, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w) {
  const Size size = size_of_matrix("norm_backward", "d_y", d_y);
  expect_size("norm_backward", "d_x", d_x, size);
  expect_norm("norm_backward", kept, w, size);
  expect_norm_gradients("norm_backward", d_w, w, size);
  run(verb::NormBackward{d_x, {}, d_w, d_y, kept, w, nullptr, {}, Into::overwrite});
}

void Backend::residual_norm(Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
                            const Sequences& s, const Dropout& drop) {
  const Size size = size_of_matrix("residual_norm", "x", x);
  expect_size("residual_norm", "y", y, size);
  expect_size("residual_norm", "branch", branch, size);
  expect_norm("residual_norm", kept, w, size);
  expect_sequences("residual_norm", s, size.rows);
  expect_rate("residual_norm", drop);
  if (size.rows > 0) run(verb::Norm{{}, y, kept, x, branch, w, &s, drop});
}

void Backend::residual_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept,
                                     NormWeights w, const Sequences& s, const Dropout& drop) {
  const Size size = size_of_matrix("residual_norm_backward", "d_y", d_y);
  expect_size("residual_norm_backward", "d_x", d_x, size);
  expect_size("residual_norm_backward", "d_branch", d_branch, size);
  expect_norm("residual_norm_backward", kept, w, size);
  expect_norm_gradients("residual_norm_backward", d_w, w, size);
  expect_sequences("residual_norm_backward", s, size.rows);
  expect_rate("residual_norm_backward", drop);
  if (size.rows == 0) return;
  if (d_x.data == d_branch.data) fail(ErrorKind::bug, "residual_norm_backward: d_x and d_branch are the same memory");
  run(verb::NormBackward{d_x, d_branch, d_w, d_y, kept, w, &s, drop, Into::overwrite});
}

void Backend::add_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
                       const Sequences& s, const Dropout& drop) {
  const Size size = size_of_matrix("add_norm", "x", x);
  expect_size("add_norm", "sum", sum, size);
  expect_size("add_norm", "y", y, size);
  expect_size("add_norm", "branch", branch, size);
  expect_norm("add_norm", kept, w, size);
  expect_sequences("add_norm", s, size.rows);
  expect_rate("add_norm", drop);
  if (size.rows == 0) return;
  if (sum.data == y.data) fail(ErrorKind::bug, "add_norm: sum and y are the same memory");
  run(verb::Norm{sum, y, kept, x, branch, w, &s, drop});
}

void Backend::add_norm_backward(Tensor d_sum, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept,
                                NormWeights w, const Sequences& s, const Dropout& drop) {
  const Size size = size_of_matrix("add_norm_backward", "d_y", d_y);
  expect_size("add_norm_backward", "d_sum", d_sum, size);
  if (d_branch || drop.on()) expect_size("add_norm_backward", "d_branch", d_branch, size);
  expect_norm("add_norm_backward", kept, w, size);
  expect_norm_gradients("add_norm_backward", d_w, w, size);
  expect_sequences("add_norm_backward", s, size.rows);
  expect_rate("add_norm_backward", drop);
  if (size.rows == 0) return;
  if (d_sum.data == d_branch.data || d_sum.data == d_y.data)
    fail(ErrorKind::bug, "add_norm_backward: d_sum is the memory of {}", d_sum.data == d_y.data ? "d_y" : "d_branch");
  run(verb::NormBackward{d_sum, d_branch, d_w, d_y, kept, w, &s, drop, Into::add});
}

void Backend::copy_matrices(std::span<const MatrixCopy> copies) {
  for (const auto& [to, from] : copies) {
    expect("copy_matrices", "from", from, {to.rows, to.columns});
    if (to.dtype != DType::bf16 || !to) fail(ErrorKind::bug, "copy_matrices: a matrix of {}", name_of(to.dtype));
    if (reinterpret_cast<uintptr_t>(to.data) % 64 != 0)
      fail(ErrorKind::bug, "copy_matrices: a matrix that does not lie on a 64-byte border");
  }
  run(verb::CopyMatrices{copies});
}

void Backend::linear(Tensor y, ConstTensor x, const Matrix& w, ConstTensor b) {
  expect_linear("linear", y, x, w, b, /*may_be_wider=*/true);
  run(verb::Linear{y, {}, x, w, b, {}});
}

void Backend::linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                              Into into) {
  expect_linear_backward("linear_backward", d_x, d_w, d_b, d_y, x, w, /*may_be_wider=*/true);
  run(verb::LinearBackward{d_x, d_w, d_b, d_y, x, w, into});
}

void Backend::linear_activation(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, Activation act) {
  expect_linear("linear_activation", y, x, w, b);
  expect("linear_activation", "kept", kept, {y.dim[0], y.dim[1]}, y.dtype);
  run(verb::Linear{y, kept, x, w, b, act});
}

void Backend::linear_activation_backward(Tensor d_x, Tensor d_w, Tensor d_b, Tensor d_y, ConstTensor kept,
                                         ConstTensor x, const Matrix& w, Activation act, Into into) {
  expect_linear_backward("linear_activation_backward", d_x, d_w, d_b, d_y, x, w);
  expect("linear_activation_backward", "kept", kept, {d_y.dim[0], d_y.dim[1]}, d_y.dtype);
  run(verb::ActivationBackward{d_y, kept, act});
  run(verb::LinearBackward{d_x, d_w, d_b, d_y, x, w, into});
}

void Backend::activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                         ConstTensor kept, const Matrix& w, Activation act) {
  constexpr const char* kOp = "activation_linear_backward";
  expect_linear_backward(kOp, d_kept, d_w, d_b, d_y, kept, w);
  const Size size = size_of_matrix(kOp, "kept", kept);
  expect_size(kOp, "d_kept", d_kept, size);
  expect_size(kOp, "activated", activated, size);
  run(verb::ActivationLinearBackward{d_kept, activated, d_w, d_b, d_y, kept, w, act});
}

void Backend::linear_gated(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor bias, Activation act) {
  expect_linear("linear_gated", kept, x, w, bias);
  if (w.rows % 2 != 0) fail(ErrorKind::bug, "linear_gated: {} rows of w are no two halves", w.rows);
  expect("linear_gated", "y", y, {kept.dim[0], w.rows / 2}, kept.dtype);
  run(verb::Linear{y, kept, x, w, bias, act});
}

void Backend::gated_linear_backward(Tensor d_kept, Tensor gated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                    ConstTensor kept, const Matrix& w, Activation act) {
  constexpr const char* kOp = "gated_linear_backward";
  expect_linear_backward(kOp, {}, d_w, d_b, d_y, gated, w);
  const Size size{gated.dim[0], 2 * w.columns, gated.dtype};
  expect_size(kOp, "kept", kept, size);
  expect_size(kOp, "d_kept", d_kept, size);
  run(verb::ActivationLinearBackward{d_kept, gated, d_w, d_b, d_y, kept, w, act});
}

void Backend::rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) {
  const Size size = size_of_matrix("rotate", "x", x);
  if (rotation.size <= 0 || rotation.size % 2 != 0 || columns < 0 || columns % rotation.size != 0 ||
      columns > size.columns)
    fail(ErrorKind::bug, "rotate: {} of {} columns do not divide into heads of {}, an even number", columns,
         size.columns, rotation.size);
  if (!(rotation.theta > 0)) fail(ErrorKind::bug, "rotate: theta {}, expected above 0", rotation.theta);
  expect_sequences("rotate", s, size.rows);
  if (size.rows > 0 && columns > 0) run(verb::Rotate{x, columns, rotation, s});
}

void Backend::attention(Tensor y, Tensor kept, ConstTensor qkv, const AttentionShape& shape, const Sequences& s,
                        const Dropout& drop) {
  expect_attention("attention", y, kept, qkv, {}, shape, s, drop);
  run(verb::Attention{y, kept, qkv, {}, shape, s, drop});
}

void Backend::attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                        const Sequences& s, const Dropout& drop) {
  expect_attention("attention", y, kept, q, kv, shape, s, drop);
  run(verb::Attention{y, kept, q, kv, shape, s, drop});
}

void Backend::attention_backward(Tensor d_qkv, ConstTensor d_y, ConstTensor kept, ConstTensor qkv,
                                 const AttentionShape& shape, const Sequences& s, const Dropout& drop) {
  expect_attention("attention_backward", d_y, kept, qkv, {}, shape, s, drop);
  expect("attention_backward", "d_qkv", d_qkv, {qkv.dim[0], qkv.dim[1]}, qkv.dtype);
  run(verb::AttentionBackward{d_qkv, {}, d_y, kept, qkv, {}, shape, s, drop});
}

void Backend::attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q,
                                 ConstTensor kv, const AttentionShape& shape, const Sequences& s, const Dropout& drop) {
  expect_attention("attention_backward", d_y, kept, q, kv, shape, s, drop);
  expect("attention_backward", "d_q", d_q, {q.dim[0], q.dim[1]}, q.dtype);
  expect("attention_backward", "d_kv", d_kv, {kv.dim[0], kv.dim[1]}, kv.dtype);
  run(verb::AttentionBackward{d_q, d_kv, d_y, kept, q, kv, shape, s, drop});
}

int64_t Backend::attention_pairs(const Sequences& s, const AttentionShape& shape) {
  int64_t pairs = 0;
  for (int64_t k = 0; k < s.count(); ++k) {
    const SequenceRows rows = rows_of(s, k);
    if (shape.window == 0) {
      pairs += (rows.end - rows.begin) * rows.length;
      continue;
    }
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const int64_t position = (s.some.empty() ? row : s.some[static_cast<size_t>(row)]) - rows.first_token;
      const auto [begin, end] = keys_of(shape, position, rows.length);
      pairs += end - begin;
    }
  }
  return shape.heads * pairs;
}

void Backend::gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) {
  const Size size = size_of_matrix("gather_rows", "x", x);
  expect("gather_rows", "y", y, {static_cast<int64_t>(rows.size()), size.columns}, size.type);
  expect_rows("gather_rows", rows, size.rows);
  run(verb::GatherRows{y, x, rows});
}

void Backend::gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) {
  const Size size = size_of_matrix("gather_rows_backward", "d_x", d_x);
  expect("gather_rows_backward", "d_y", d_y, {static_cast<int64_t>(rows.size()), size.columns}, size.type);
  expect_rows("gather_rows_backward", rows, size.rows);
  run(verb::GatherRowsBackward{d_x, d_y, rows, into});
}

void Backend::vocabulary_loss(Tensor sum, Tensor each, Tensor d_logits, ConstTensor logits,
                              std::span<const int32_t> labels, int64_t vocabulary, float scale) {
  const Size size = size_of_matrix("vocabulary_loss", "logits", logits);
  expect_width("vocabulary_loss", "logits", size.columns, vocabulary);
  if (d_logits) expect_size("vocabulary_loss", "d_logits", d_logits, size);
  expect_count("vocabulary_loss", "labels", labels.size(), size.rows);
  int64_t counted = 0;
  for (const int32_t label : labels) {
    if (label < -1 || label >= vocabulary)
      fail(ErrorKind::bug, "vocabulary_loss: label {} is outside [-1, {})", label, vocabulary);
    counted += label >= 0;
  }
  if (sum) expect("vocabulary_loss", "sum", sum, {kLabelLoss}, DType::f64);
  if (each) expect("vocabulary_loss", "each", each, {counted, kLabelLoss}, DType::f64);
  run(verb::VocabularyLoss{sum, each, d_logits, logits, labels, vocabulary, scale});
}

void Backend::softmax_rows(Tensor logits, int64_t vocabulary) {
  const Size size = size_of_matrix("softmax_rows", "logits", logits);
  expect_width("softmax_rows", "logits", size.columns, vocabulary);
  run(verb::SoftmaxRows{logits, vocabulary});
}

void Backend::zero(Tensor x) {
  if (!x && x.numel() > 0) fail(ErrorKind::bug, "zero: x {} has no memory", x.shape_text());
  run(verb::Zero{x});
}

void Backend::add(Tensor y, ConstTensor x) {
  expect_like("add", "y", y, y);
  expect_like("add", "x", x, y);
  run(verb::Add{y, x});
}

void Backend::squared_norms(Tensor sums, ConstTensor x) {
  expect_like("squared_norms", "x", x, x);
  expect("squared_norms", "sums", sums, {norm_blocks(x.numel())}, DType::f64);
  run(verb::SquaredNorms{sums, x});
}

void Backend::clip(Tensor clipping, ConstTensor sums, double limit) {
  expect("clip", "clipping", clipping, {kClipping}, DType::f64);
  expect("clip", "sums", sums, {sums.dim[0]}, DType::f64);
  if (!(limit >= 0)) fail(ErrorKind::bug, "clip: a limit of {}, expected 0 or more", limit);
  run(verb::Clip{clipping, sums, limit});
}

void Backend::adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients, ConstTensor clipping,
                    const AdamWStep& step) {
  expect_like("adamw", "parameters", parameters, parameters);
  expect_like("adamw", "moment1", moment1, parameters);
  expect_like("adamw", "moment2", moment2, parameters);
  expect_like("adamw", "gradients", gradients, parameters);
  expect("adamw", "clipping", clipping, {kClipping}, DType::f64);
  if (step.step < 1) fail(ErrorKind::bug, "adamw: step {}, expected 1 or more", step.step);
  run(verb::AdamW{parameters, moment1, moment2, gradients, clipping, step});
}

}  // namespace tekio
