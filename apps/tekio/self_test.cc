// Sizes are odd on purpose: a vector kernel's remainder loops are what differs between processors.
#include "self_test.h"

#include <functional>

#include "base/random/counter.h"
#include "compute/arena.h"

namespace tekio::cli {
namespace {

constexpr int64_t kTokens = 37, kWidth = 40, kInner = 72, kHeads = 4, kVocabulary = 101;
// Relative to a result's largest magnitude: float32 sums over up to 101 numbers, and numbers rounded to 8 bits on the
// way.
double tolerance(DType type) { return type == DType::f32 ? 1e-4 : 0x1p-6; }

// Tensors full of numbers, each with its own.
class Numbers {
 public:
  Tensor make(std::initializer_list<int64_t> shape, DType type = DType::f32) {
    const Tensor tensor = arena_.take(type, shape);
    const RandomKey key = random_key(1, ++made_);
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      const float x = to_unit_float(random_words(key, {static_cast<uint32_t>(i), 0, 0, 0})[0]) - 0.5f;
      if (type == DType::f32)
        tensor.f32()[i] = x;
      else
        tensor.b16()[i] = bf16(x);
    }
    return tensor;
  }
  /// Room for a matrix in `be`'s layout; in float32 `weights` themselves.
  Matrix matrix(const Backend& be, const Tensor& weights, DType type) {
    if (type == DType::f32) return weights;
    const int64_t rows = weights.dim[0], columns = weights.dim[1];
    const Tensor room = make({(be.matrix_bytes(rows, columns) + 1) / 2}, DType::bf16);
    return Matrix(room.data, DType::bf16, rows, columns);
  }

 private:
  Arena arena_{1 << 20, "the self-test"};
  uint64_t made_ = 0;
};

}  // namespace

std::vector<SelfTestResult> self_test(std::unique_ptr<Backend> tried, DType type) {
  const auto both = make_checking_backend(make_ref_backend(), std::move(tried), tolerance(type));
  Backend& be = *both;
  Numbers numbers;
  const std::vector<int32_t> offsets = {0, 5, 6, static_cast<int32_t>(kTokens)};
  const std::vector<int32_t> rows = {1, 4, 5, 17, 36};
  constexpr int64_t kRows = 5;
  const Sequences sequences{offsets}, some = sequences.only(rows);
  const Dropout drop{.rate = 0.1f, .seed = 1, .step = 1, .site = 1};
  std::vector<int32_t> ids, labels;
  for (int32_t i = 0; i < kTokens; ++i)
    ids.push_back(i * 7 % static_cast<int32_t>(kVocabulary)),
        labels.push_back(i * 11 % static_cast<int32_t>(kVocabulary));

  const auto activations = [&](std::initializer_list<int64_t> shape) { return numbers.make(shape, type); };
  const Tensor x = activations({kTokens, kWidth}), y = activations({kTokens, kWidth}),
               d_y = activations({kTokens, kWidth}), d_x = activations({kTokens, kWidth}),
               d_branch = activations({kTokens, kWidth});
  const Tensor w = numbers.make({kInner, kWidth}), d_w = numbers.make({kInner, kWidth}), b = numbers.make({kInner}),
               d_b = numbers.make({kInner});
  const Tensor down = numbers.make({kWidth, kInner}), d_down = numbers.make({kWidth, kInner}),
               d_down_bias = numbers.make({kWidth});
  const Matrix m = numbers.matrix(be, w, type), m_down = numbers.matrix(be, down, type);
  const Tensor inner = activations({kTokens, kInner}), d_inner = activations({kTokens, kInner}),
               kept_inner = activations({kTokens, kInner});
  const Tensor qkv = activations({kTokens, 3 * kWidth}), d_qkv = activations({kTokens, 3 * kWidth});
  const Tensor kept_attention = activations({Backend::attention_kept_size(sequences, kHeads)});
  const Tensor q = activations({kRows, kWidth}), kv = activations({kTokens, 2 * kWidth}),
               y_some = activations({kRows, kWidth}), d_q = activations({kRows, kWidth}),
               d_kv = activations({kTokens, 2 * kWidth}), d_some = activations({kRows, kWidth});
  const Tensor kept_some = activations({Backend::attention_kept_size(some, kHeads)});
  const Tensor word = numbers.make({kVocabulary, kWidth}), position = numbers.make({64, kWidth}),
               d_word = numbers.make({kVocabulary, kWidth}), d_position = numbers.make({64, kWidth});
  const Tensor logits = activations({kTokens, kVocabulary}), d_logits = activations({kTokens, kVocabulary}),
               scores = numbers.make({kTokens, kVocabulary});
  const Tensor norm_weight = numbers.make({kWidth}), norm_bias = numbers.make({kWidth}),
               d_norm_weight = numbers.make({kWidth}), d_norm_bias = numbers.make({kWidth});
  const NormKept kept_norm{activations({kTokens, kWidth}), numbers.make({kTokens})};
  const NormWeights norm{norm_weight, norm_bias, 1e-12f};
  const Tensor parameters = numbers.make({1001}), moment1 = numbers.make({1001}), moment2 = numbers.make({1001}),
               gradients = numbers.make({1001});
  for (float& v : moment2.values()) v = v * v;

  std::vector<std::pair<const char*, std::function<void()>>> ops = {
      {"embed", [&] { be.embed(y, ids, {}, sequences, word, position, Tensor()); }},
      {"embed_backward", [&] { be.embed_backward(d_word, d_position, Tensor(), d_y, ids, {}, sequences, 0); }},
      {"linear", [&] { be.linear(inner, x, m, b); }},
      {"linear_backward", [&] { be.linear_backward(d_x, d_w, d_b, d_inner, x, m); }},
      {"linear_activation", [&] { be.linear_activation(inner, kept_inner, x, m, b, Activation::gelu); }},
      {"linear_activation_backward",
       [&] { be.linear_activation_backward(d_x, d_w, d_b, d_inner, kept_inner, x, m, Activation::gelu); }},
      {"activation_linear_backward",
       [&] {
         be.activation_linear_backward(d_inner, inner, d_down, d_down_bias, d_y, kept_inner, m_down, Activation::gelu);
       }},
      {"attention", [&] { be.attention(y, kept_attention, qkv, kHeads, sequences, drop); }},
      {"attention_backward", [&] { be.attention_backward(d_qkv, d_y, kept_attention, qkv, kHeads, sequences, drop); }},
      {"attention of some rows", [&] { be.attention(y_some, kept_some, q, kv, kHeads, some, drop); }},
      {"attention_backward of some rows",
       [&] { be.attention_backward(d_q, d_kv, d_some, kept_some, q, kv, kHeads, some, drop); }},
      {"gather_rows", [&] { be.gather_rows(y_some, x, rows); }},
      {"gather_rows_backward", [&] { be.gather_rows_backward(d_x, d_some, rows); }},
      {"residual_norm", [&] { be.residual_norm(y, kept_norm, x, d_branch, norm, sequences, drop); }},
      {"residual_norm_backward",
       [&] {
         be.residual_norm_backward(d_x, d_branch, {d_norm_weight, d_norm_bias}, d_y, kept_norm, norm, sequences, drop);
       }},
      {"vocabulary_loss", [&] { be.vocabulary_loss(d_logits, logits, labels, 0.1f); }},
      {"softmax_rows", [&] { be.softmax_rows(scores); }},
      {"squared_norm", [&] { be.squared_norm(gradients); }},
      {"adamw",
       [&] {
         be.adamw(parameters, moment1, moment2, gradients, {1e-3, 0.9, 0.999, 1e-8, 0.01, 3, 0.5f});
       }},
  };
  if (type == DType::bf16)  // before what multiplies by them
    ops.insert(ops.begin(), {"copy_matrices", [&] {
                               const std::vector<Backend::MatrixCopy> copies = {{m, w}, {m_down, down}};
                               be.copy_matrices(copies);
                             }});
  std::vector<SelfTestResult> results;
  for (const auto& [name, run] : ops) {
    SelfTestResult& result = results.emplace_back(SelfTestResult{name, ""});
    try {
      run();
    } catch (const Error& error) {
      result.problem = error.what();
    }
  }
  return results;
}

}  // namespace tekio::cli
