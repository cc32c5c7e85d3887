// Sizes are odd on purpose: a vector kernel's remainder loops are what differs between processors.
#include "self_test.h"

#include "base/random/counter.h"
#include "compute/arena.h"

namespace tekio::cli {
namespace {

constexpr int64_t kTokens = 37, kWidth = 40, kInner = 72, kHeads = 4, kVocabulary = 101;
constexpr int64_t kDeep = 301;  // what products sum over: more than kernels take at once
// Relative to a result's largest magnitude: float32 sums over up to 301 numbers, and numbers rounded to 8 bits on the
// way.
double tolerance(DType type) { return type == DType::f32 ? 1e-4 : 0x1p-6; }

// Runs operations, and makes what they work on: tensors full of numbers, each with its own.
class Trial {
 public:
  Trial(Backend& be, DType type) : be_(be), type_(type) {}
  Backend& backend() { return be_; }

  Tensor floats(std::initializer_list<int64_t> shape) { return make(shape, DType::f32); }
  /// What results go to.
  Tensor results(std::initializer_list<int64_t> shape) { return arena_.take(DType::f64, shape); }
  Tensor activations(std::initializer_list<int64_t> shape) { return make(shape, type_); }
  /// `weights` as products take them.
  Matrix matrix(const Tensor& weights) {
    if (type_ == DType::f32) return weights;
    const int64_t rows = weights.dim[0], columns = weights.dim[1];
    const Tensor room = activations({(be_.matrix_bytes(rows, columns) + 1) / 2});
    const MatrixCopy copy{Matrix(room.data, type_, rows, columns), weights};
    be_.copy_matrices({&copy, 1});
    return copy.to;
  }

  template <typename Run>
  void op(const char* name, const Run& run) {
    SelfTestResult& result = results_.emplace_back(SelfTestResult{name, ""});
    try {
      run();
    } catch (const Error& error) {
      result.problem = error.what();
    }
  }
  std::vector<SelfTestResult> take() { return std::move(results_); }

 private:
  Tensor make(std::initializer_list<int64_t> shape, DType type) {
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

  Backend& be_;
  DType type_;
  Arena arena_{4 << 20, "the self-test"};
  uint64_t made_ = 0;
  std::vector<SelfTestResult> results_;
};

// Three sequences, one of a single token; dropout; and some of the tokens, as the last layer has them.
struct Tokens {
  std::vector<int32_t> offsets = {0, 5, 6, static_cast<int32_t>(kTokens)}, rows = {1, 4, 5, 17, 36};
  Sequences sequences{offsets}, some = sequences.only(rows);
  Dropout drop{.rate = 0.1f, .seed = 1, .step = 1, .site = 1};
};
constexpr int64_t kRows = 5;

std::vector<int32_t> every(int32_t step) {
  std::vector<int32_t> numbers;
  for (int32_t i = 0; i < kTokens; ++i) numbers.push_back(i * step % static_cast<int32_t>(kVocabulary));
  return numbers;
}

void try_embedding(Trial& t) {
  Backend& be = t.backend();
  const std::vector<int32_t> ids = every(7);
  std::vector<int32_t> positions;
  for (int32_t i = 0; i < kTokens; ++i) positions.push_back(i);
  const TableRows rows{.ids = ids, .type_ids = {}, .positions = positions, .word_padding = 0};
  const Tensor y = t.activations({kTokens, kWidth}), d_y = t.activations({kTokens, kWidth});
  const Tensor word = t.floats({kVocabulary, kWidth}), position = t.floats({64, kWidth}),
               d_word = t.floats({kVocabulary, kWidth}), d_position = t.floats({64, kWidth});
  t.op("embed", [&] { be.embed(y, rows, word, position, Tensor()); });
  t.op("embed_backward", [&] { be.embed_backward(d_word, d_position, Tensor(), d_y, rows); });
}

void try_products(Trial& t) {
  Backend& be = t.backend();
  constexpr Activation kGelu = Activation::gelu;
  const Tensor x = t.activations({kTokens, kWidth}), d_x = t.activations({kTokens, kWidth}),
               d_y = t.activations({kTokens, kWidth});
  const Tensor inner = t.activations({kTokens, kInner}), d_inner = t.activations({kTokens, kInner}),
               kept = t.activations({kTokens, kInner});
  const Tensor up = t.floats({kInner, kWidth}), d_up = t.floats({kInner, kWidth}), b = t.floats({kInner}),
               d_b = t.floats({kInner});
  const Tensor down = t.floats({kWidth, kInner}), d_down = t.floats({kWidth, kInner}), d_down_b = t.floats({kWidth});
  const Matrix w = t.matrix(up), w_down = t.matrix(down);
  t.op("linear", [&] { be.linear(inner, x, w, b); });
  t.op("linear_backward", [&] { be.linear_backward(d_x, d_up, d_b, d_inner, x, w); });
  t.op("adding linear_backward", [&] { be.linear_backward(d_x, d_up, d_b, d_inner, x, w, Into::add); });
  t.op("linear_activation", [&] { be.linear_activation(inner, kept, x, w, b, kGelu); });
  t.op("linear_activation_backward",
       [&] { be.linear_activation_backward(d_x, d_up, d_b, d_inner, kept, x, w, kGelu); });
  t.op("adding linear_activation_backward",
       [&] { be.linear_activation_backward(d_x, d_up, d_b, d_inner, kept, x, w, kGelu, Into::add); });
  t.op("activation_linear_backward",
       [&] { be.activation_linear_backward(d_inner, inner, d_down, d_down_b, d_y, kept, w_down, kGelu); });
  constexpr int64_t kHalf = kInner / 2;
  const Tensor half = t.activations({kTokens, kHalf}), from_half = t.floats({kWidth, kHalf}),
               d_from_half = t.floats({kWidth, kHalf});
  const Matrix w_half = t.matrix(from_half);
  t.op("linear_gated", [&] { be.linear_gated(half, kept, x, w, b, kGelu); });
  t.op("gated_linear_backward",
       [&] { be.gated_linear_backward(d_inner, half, d_from_half, d_down_b, d_y, kept, w_half, kGelu); });
}

// Each product sums over kDeep numbers: forward, and both ways backward.
void try_deep_products(Trial& t) {
  Backend& be = t.backend();
  const Tensor x = t.activations({kTokens, kDeep}), y = t.activations({kTokens, kWidth}),
               wide = t.floats({kWidth, kDeep});
  const Matrix w = t.matrix(wide);
  t.op("deep linear", [&] { be.linear(y, x, w, Tensor()); });
  const Tensor rows = t.activations({kDeep, kWidth}), d_rows = t.activations({kDeep, kWidth}),
               d_y = t.activations({kDeep, kDeep});
  const Tensor tall = t.floats({kDeep, kWidth}), d_tall = t.floats({kDeep, kWidth}), d_b = t.floats({kDeep});
  const Matrix w_tall = t.matrix(tall);
  t.op("deep linear_backward", [&] { be.linear_backward(d_rows, d_tall, d_b, d_y, rows, w_tall); });
}

void try_attention(Trial& t) {
  Backend& be = t.backend();
  const Tokens tokens;
  const Sequences &all = tokens.sequences, &some = tokens.some;
  const Tensor qkv = t.activations({kTokens, 3 * kWidth}), d_qkv = t.activations({kTokens, 3 * kWidth}),
               y = t.activations({kTokens, kWidth}), d_y = t.activations({kTokens, kWidth}),
               kept = t.floats({kTokens, kHeads, 2});
  t.op("attention", [&] { be.attention(y, kept, qkv, {kHeads}, all, tokens.drop); });
  t.op("attention_backward", [&] { be.attention_backward(d_qkv, d_y, kept, qkv, {kHeads}, all, tokens.drop); });

  const Tensor q = t.activations({kRows, kWidth}), kv = t.activations({kTokens, 2 * kWidth}),
               y_some = t.activations({kRows, kWidth}), d_some = t.activations({kRows, kWidth}),
               d_q = t.activations({kRows, kWidth}), d_kv = t.activations({kTokens, 2 * kWidth}),
               kept_some = t.floats({kRows, kHeads, 2});
  t.op("attention of some rows", [&] { be.attention(y_some, kept_some, q, kv, {kHeads}, some, tokens.drop); });
  t.op("attention_backward of some rows",
       [&] { be.attention_backward(d_q, d_kv, d_some, kept_some, q, kv, {kHeads}, some, tokens.drop); });

  const AttentionShape window{kHeads, 3};
  t.op("attention in a window", [&] { be.attention(y, kept, qkv, window, all, tokens.drop); });
  t.op("attention_backward in a window",
       [&] { be.attention_backward(d_qkv, d_y, kept, qkv, window, all, tokens.drop); });
  t.op("rotate", [&] { be.rotate(qkv, 2 * kWidth, {kWidth / kHeads, 10000}, all); });
  t.op("rotate of some rows back", [&] { be.rotate(q, kWidth, {kWidth / kHeads, 10000, true}, some); });

  const std::vector<int32_t> ends = {0, static_cast<int32_t>(kDeep)};
  const Sequences deep{ends};
  const Tensor long_qkv = t.activations({kDeep, 24}), d_long_qkv = t.activations({kDeep, 24}),
               long_y = t.activations({kDeep, 8}), d_long_y = t.activations({kDeep, 8}),
               long_kept = t.floats({kDeep, 1, 2});
  t.op("attention in a long sequence", [&] { be.attention(long_y, long_kept, long_qkv, {1}, deep, tokens.drop); });
  t.op("attention_backward in a long sequence",
       [&] { be.attention_backward(d_long_qkv, d_long_y, long_kept, long_qkv, {1}, deep, tokens.drop); });
}

void try_norms(Trial& t) {
  Backend& be = t.backend();
  const Tokens tokens;
  const Sequences& s = tokens.sequences;
  const Tensor x = t.activations({kTokens, kWidth}), branch = t.activations({kTokens, kWidth}),
               y = t.activations({kTokens, kWidth}), d_y = t.activations({kTokens, kWidth}),
               d_x = t.activations({kTokens, kWidth}), d_branch = t.activations({kTokens, kWidth});
  const NormKept kept{t.activations({kTokens, kWidth}), t.floats({kTokens})};
  const NormWeights w{t.floats({kWidth}), t.floats({kWidth}), 1e-12f};
  const Tensor d_weight = t.floats({kWidth}), d_bias = t.floats({kWidth});
  const NormGradients d_w{d_weight, d_bias};
  t.op("norm", [&] { be.norm(y, kept, x, w); });
  t.op("norm_backward", [&] { be.norm_backward(d_x, d_w, d_y, kept, w); });
  t.op("norm with dropout", [&] { be.norm(y, kept, x, w, s, tokens.drop); });
  t.op("norm_backward with dropout", [&] { be.norm_backward(d_x, d_w, d_y, kept, w, s, tokens.drop); });
  t.op("residual_norm", [&] { be.residual_norm(y, kept, x, branch, w, s, tokens.drop); });
  const Tensor sum = t.activations({kTokens, kWidth});
  t.op("add_norm", [&] { be.add_norm(sum, y, kept, x, branch, w, s, tokens.drop); });
  t.op("add_norm_backward", [&] { be.add_norm_backward(sum, d_branch, d_w, d_y, kept, w, s, tokens.drop); });
  const NormWeights bare{w.weight, {}, w.eps};
  t.op("norm without bias", [&] { be.norm(y, kept, x, bare); });
  t.op("norm_backward without bias", [&] { be.norm_backward(d_x, {d_weight, {}}, d_y, kept, bare); });
  t.op("residual_norm_backward", [&] { be.residual_norm_backward(d_x, d_branch, d_w, d_y, kept, w, s, tokens.drop); });
}

void try_rows_and_loss(Trial& t) {
  Backend& be = t.backend();
  const Tokens tokens;
  const std::vector<int32_t> labels = every(11);
  const Tensor x = t.activations({kTokens, kWidth}), d_x = t.activations({kTokens, kWidth}),
               y = t.activations({kRows, kWidth}), d_y = t.activations({kRows, kWidth});
  t.op("gather_rows", [&] { be.gather_rows(y, x, tokens.rows); });
  t.op("gather_rows_backward", [&] { be.gather_rows_backward(d_x, d_y, tokens.rows); });
  t.op("adding gather_rows_backward", [&] { be.gather_rows_backward(d_x, d_y, tokens.rows, Into::add); });
  const int64_t width = be.logits_width(kVocabulary);
  const Tensor logits = t.activations({kTokens, width}), d_logits = t.activations({kTokens, width});
  const Tensor sum = t.results({kLabelLoss}), each = t.results({kTokens, kLabelLoss});
  t.op("vocabulary_loss", [&] { be.vocabulary_loss(sum, each, d_logits, logits, labels, kVocabulary, 0.1f); });
}

// What works on float32 alone.
void try_floats(Trial& t) {
  Backend& be = t.backend();
  const Tensor scores = t.floats({kTokens, be.logits_width(kVocabulary)});
  const Tensor parameters = t.floats({1001}), moment1 = t.floats({1001}), moment2 = t.floats({1001}),
               gradients = t.floats({1001});
  for (float& v : moment2.values()) v = v * v;
  t.op("softmax_rows", [&] { be.softmax_rows(scores, kVocabulary); });
  const Tensor squares = t.results({norm_blocks(1001)}), clipping = t.results({kClipping});
  t.op("squared_norms", [&] { be.squared_norms(squares, gradients); });
  t.op("clip", [&] { be.clip(clipping, squares, 0.5); });
  const AdamWStep step{1e-3, 0.9, 0.999, 1e-8, 0.01, 3};
  t.op("adamw", [&] { be.adamw(parameters, moment1, moment2, gradients, clipping, step); });
  t.op("add", [&] { be.add(gradients, parameters); });
  t.op("zero", [&] { be.zero(gradients); });
}

}  // namespace

std::vector<SelfTestResult> self_test(std::unique_ptr<Backend> tried, DType type) {
  const auto both = make_checking_backend(make_ref_backend(), std::move(tried), tolerance(type));
  Trial trial(*both, type);
  try_embedding(trial);
  try_products(trial);
  try_deep_products(trial);
  try_attention(trial);
  try_norms(trial);
  try_rows_and_loss(trial);
  if (type == DType::f32) try_floats(trial);
  return trial.take();
}

}  // namespace tekio::cli
