// ONE table of op cases, and the rig that runs a case on a back end. It drives correctness (every back end against ref),
// gradient checks (ref against central differences) and the micro benchmarks (bench/ops_bench.cc).
// Every result starts as NaN, so a number that an op forgets to write, or reads before writing, shows; parameter gradients
// start as numbers, since ops add to them.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "compute/backend.h"

namespace tekio::test {

enum class Op { embed, norm, head_norm, residual_norm, linear, linear_activation, attention, gather_rows, vocabulary_loss,
                softmax_rows, zero, squared_norm, adamw };
inline const char* name_of(Op op) {
  constexpr const char* kNames[] = {"embed", "norm", "head_norm", "residual_norm", "linear", "linear_activation", "attention",
                                    "gather_rows", "vocabulary_loss", "softmax_rows", "zero", "squared_norm", "adamw"};
  return kNames[static_cast<int>(op)];
}
inline const char* name_of(Activation act) {
  constexpr const char* kNames[] = {"gelu", "gelu_new", "gelu_fast", "quick_gelu", "relu", "silu", "tanh", "mish"};
  return kNames[static_cast<int>(act)];
}

struct OpCase {
  Op op;
  std::vector<int32_t> lengths = {1};  // the packed sequences; n is their sum
  int64_t in = 1, out = 1;             // widths: C, or I and O; out is also the vocabulary, and the masked rows of gather_rows
  int64_t heads = 1;
  float rate = 0;                      // of dropout
  bool explicit_dropout = false;       // decisions given, not drawn
  Activation act = Activation::gelu;
  Into into = Into::overwrite;
  bool optional = true;                // whether optional arguments are there: bias, d_x, d_b, token types, d_logits

  int64_t n() const { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }
  std::string text() const {
    std::string text = fmt::format("{}/n{}_in{}_out{}", name_of(op), n(), in, out);
    if (lengths.size() > 1) text += fmt::format("_B{}", lengths.size());
    if (op == Op::attention) text += fmt::format("_H{}", heads);
    if (op == Op::linear_activation) text += fmt::format("_{}", name_of(act));
    if (rate > 0) text += explicit_dropout ? "_given_dropout" : "_dropout";
    if (into == Into::add) text += "_add";
    if (!optional) text += "_bare";
    return text;
  }
};

// Shapes that break things: nothing, one, odd widths, more than one block, sequences of many lengths.
inline const std::vector<OpCase> kOddCases = {
    {.op = Op::embed, .lengths = {5, 1, 0, 7}, .in = 33, .out = 11},
    {.op = Op::embed, .lengths = {5, 1, 7}, .in = 33, .out = 11, .optional = false},
    {.op = Op::embed, .lengths = {70, 128}, .in = 770, .out = 300},
    {.op = Op::embed, .lengths = {}, .in = 16, .out = 4},
    {.op = Op::norm, .lengths = {3, 4}, .in = 8, .rate = 0.25f},
    {.op = Op::norm, .lengths = {1}, .in = 1},
    {.op = Op::norm, .lengths = {1, 36}, .in = 770, .rate = 0.1f},
    {.op = Op::norm, .lengths = {20, 17}, .in = 33, .rate = 0.5f, .explicit_dropout = true},
    {.op = Op::norm, .lengths = {}, .in = 16},
    {.op = Op::head_norm, .lengths = {5}, .in = 7},
    {.op = Op::head_norm, .lengths = {301}, .in = 768},
    {.op = Op::head_norm, .lengths = {}, .in = 7},
    {.op = Op::residual_norm, .lengths = {3, 4}, .in = 8, .rate = 0.25f},
    {.op = Op::residual_norm, .lengths = {37}, .in = 770, .rate = 0.1f},
    {.op = Op::residual_norm, .lengths = {0, 1, 512, 3}, .in = 129, .rate = 0.1f},
    {.op = Op::residual_norm, .lengths = {9, 8}, .in = 33, .rate = 0.5f, .explicit_dropout = true},
    {.op = Op::residual_norm, .lengths = {6}, .in = 20},
    {.op = Op::residual_norm, .lengths = {}, .in = 20},
    {.op = Op::linear, .lengths = {5}, .in = 7, .out = 6},
    {.op = Op::linear, .lengths = {5}, .in = 7, .out = 6, .into = Into::add},
    {.op = Op::linear, .lengths = {1}, .in = 33, .out = 7},
    {.op = Op::linear, .lengths = {3}, .in = 1, .out = 1, .optional = false},
    {.op = Op::linear, .lengths = {}, .in = 64, .out = 64},
    {.op = Op::linear, .lengths = {130}, .in = 257, .out = 401, .into = Into::add},
    {.op = Op::linear, .lengths = {301}, .in = 96, .out = 1003, .optional = false},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu_new},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu_fast},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::quick_gelu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::relu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::silu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::tanh},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::mish},
    {.op = Op::linear_activation, .lengths = {131}, .in = 65, .out = 390, .optional = false},
    {.op = Op::attention, .lengths = {4, 1, 3}, .in = 8, .heads = 2},
    {.op = Op::attention, .lengths = {4, 0, 3}, .in = 8, .heads = 2, .rate = 0.25f},
    {.op = Op::attention, .lengths = {17, 33}, .in = 96, .heads = 3, .rate = 0.1f},
    {.op = Op::attention, .lengths = {9, 20}, .in = 24, .heads = 3, .rate = 0.5f, .explicit_dropout = true},
    {.op = Op::attention, .lengths = {128, 40}, .in = 128, .heads = 2, .rate = 0.1f},
    {.op = Op::attention, .lengths = {300}, .in = 64, .heads = 1, .rate = 0.1f},
    {.op = Op::attention, .lengths = {513}, .in = 8, .heads = 1},
    {.op = Op::attention, .lengths = {}, .in = 8, .heads = 1},
    {.op = Op::gather_rows, .lengths = {9}, .in = 5, .out = 4},
    {.op = Op::gather_rows, .lengths = {200}, .in = 33, .out = 71},
    {.op = Op::gather_rows, .lengths = {9}, .in = 5, .out = 0},
    {.op = Op::vocabulary_loss, .lengths = {3}, .out = 11},
    {.op = Op::vocabulary_loss, .lengths = {1}, .out = 1},
    {.op = Op::vocabulary_loss, .lengths = {17}, .out = 30522},
    {.op = Op::vocabulary_loss, .lengths = {17}, .out = 1124, .optional = false},
    {.op = Op::vocabulary_loss, .lengths = {}, .out = 30522},
    {.op = Op::softmax_rows, .lengths = {5}, .out = 1003},
    {.op = Op::zero, .lengths = {777}, .in = 1003},
    {.op = Op::squared_norm, .lengths = {777}, .in = 1003},
    {.op = Op::squared_norm, .lengths = {1}, .in = 3},
    {.op = Op::adamw, .lengths = {777}, .in = 1003},
    {.op = Op::adamw, .lengths = {1}, .in = 3},
};

// Shapes that users meet: DistilBERT-base and BERT-base, 16 chunks of 128 tokens, 15 % masked.
inline std::vector<OpCase> everyday_cases() {
  const std::vector<int32_t> batch(16, 128), masked = {307};
  return {
      {.op = Op::embed, .lengths = batch, .in = 768, .out = 30522, .optional = false},
      {.op = Op::norm, .lengths = batch, .in = 768, .rate = 0.1f},
      {.op = Op::residual_norm, .lengths = batch, .in = 768, .rate = 0.1f},
      {.op = Op::linear, .lengths = batch, .in = 768, .out = 768},
      {.op = Op::linear, .lengths = batch, .in = 768, .out = 2304},
      {.op = Op::linear_activation, .lengths = batch, .in = 768, .out = 3072},
      {.op = Op::linear, .lengths = batch, .in = 3072, .out = 768},
      {.op = Op::linear, .lengths = masked, .in = 768, .out = 30522},
      {.op = Op::attention, .lengths = batch, .in = 768, .heads = 12, .rate = 0.1f},
      {.op = Op::head_norm, .lengths = masked, .in = 768},
      {.op = Op::gather_rows, .lengths = batch, .in = 768, .out = 307},
      {.op = Op::vocabulary_loss, .lengths = masked, .out = 30522},
      {.op = Op::zero, .lengths = {65536}, .in = 1024},
      {.op = Op::squared_norm, .lengths = {65536}, .in = 1024},
      {.op = Op::adamw, .lengths = {65536}, .in = 1024},
  };
}

/// A case's tensors, filled the same for every back end, and its forward and backward.
class OpRig {
 public:
  explicit OpRig(const OpCase& c);

  /// backward() needs forward() before it. Some ops work in place: restore() before running again.
  void forward(Backend& be);
  void backward(Backend& be);
  bool has_backward() const { return !differentiable_.empty(); }
  void restore() {
    for (Slot& slot : slots_) std::copy(slot.initial.begin(), slot.initial.end(), slot.values.begin());
  }

  /// Everything that forward (and backward, if it ran) wrote.
  struct Named { std::string name; std::vector<float>* values; };
  const std::vector<Named>& results() const { return results_; }
  /// Inputs with their gradients, the gradients' values before backward taken away.
  struct Input { std::string name; std::vector<float>* values; std::vector<float>* gradient; const std::vector<float>* before; };
  const std::vector<Input>& differentiable() const { return differentiable_; }
  /// What the gradients are of: the loss, or the sum of y * d_y.
  double objective() const;

  /// Operations (2 a multiply-add) and bytes that must be read or written, forward and backward, for the benchmarks.
  struct Cost { double flops = 0, bytes = 0; };
  Cost forward_cost() const;
  Cost backward_cost() const;

 private:
  using Shape = std::initializer_list<int64_t>;
  struct Slot { std::vector<float> values, initial; };

  static int64_t size(Shape shape) {
    int64_t count = 1;
    for (const int64_t d : shape) count *= d;
    return count;
  }
  // Reproducible numbers in (-1, 1), without the library under test.
  float draw() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(random_ >> 32)) * 0x1p-31f;
  }
  Tensor add(Shape shape, bool fill, float scale) {
    Slot& slot = slots_.emplace_back();
    slot.initial.assign(static_cast<size_t>(size(shape)), std::numeric_limits<float>::quiet_NaN());
    if (fill)
      for (float& v : slot.initial) v = draw() * scale;
    slot.values = slot.initial;
    return Tensor(slot.values.data(), DType::f32, shape);
  }
  Tensor input(Shape shape, float scale = 1) { return add(shape, true, scale); }
  Tensor result(const char* name, Shape shape) {
    const Tensor t = add(shape, false, 1);
    results_.push_back({name, &slots_.back().values});
    return t;
  }
  // The gradient of the input that was made last, or of `of`; parameters' gradients accumulate.
  Tensor gradient(const char* name, Tensor of, bool accumulates) {
    Slot* from = nullptr;
    for (Slot& slot : slots_)
      if (slot.values.data() == of.data) from = &slot;
    Tensor t = of;
    Slot& slot = slots_.emplace_back();
    slot.initial.assign(from->values.size(), std::numeric_limits<float>::quiet_NaN());
    if (accumulates)
      for (float& v : slot.initial) v = draw();
    slot.values = slot.initial;
    t.data = slot.values.data();
    results_.push_back({name, &slot.values});
    differentiable_.push_back({name, &from->values, &slot.values, accumulates ? &slot.initial : nullptr});
    return t;
  }

  OpCase c_;
  uint64_t random_ = 12345;
  std::deque<Slot> slots_;
  std::vector<Named> results_;
  std::vector<Input> differentiable_;
  std::vector<int32_t> offsets_, ids_, type_ids_, rows_, labels_;
  std::vector<uint8_t> decisions_;
  Sequences s_;
  Dropout drop_;
  Tensor x_, branch_, w_, b_, type_, y_, d_y_, d_x_, d_branch_, d_w_, d_b_, d_type_, kept_, moment1_, moment2_;
  NormKept norm_kept_;
  double loss_ = 0;
};

inline OpRig::OpRig(const OpCase& c) : c_(c) {
  const int64_t n = c.n(), in = c.in, out = c.out;
  offsets_.push_back(0);
  for (const int32_t length : c.lengths) offsets_.push_back(offsets_.back() + length);
  s_ = {offsets_, 3};
  drop_ = {.rate = c.rate, .seed = 42, .step = 7, .site = 5};
  if (c.explicit_dropout) {
    const int64_t count = c.op == Op::attention ? Backend::attention_kept_size(s_, c.heads) : n * in;
    for (int64_t i = 0; i < count; ++i) decisions_.push_back(draw() * 0.5f + 0.5f >= c.rate);
    drop_.kept = decisions_.data();
  }
  const auto below = [this](int64_t end) { return static_cast<int32_t>((random_ = random_ * 6364136223846793005u + 1442695040888963407u) >> 33) % static_cast<int32_t>(end); };
  switch (c.op) {
    case Op::embed: {
      const int64_t positions = 513;
      for (int64_t i = 0; i < n; ++i) ids_.push_back(below(out));
      w_ = input({out, in});
      d_w_ = gradient("d_word", w_, true);
      b_ = input({positions, in});
      d_b_ = gradient("d_position", b_, true);
      if (c.optional) {
        for (int64_t i = 0; i < n; ++i) type_ids_.push_back(below(2));
        type_ = input({2, in});
        d_type_ = gradient("d_type", type_, true);
      }
      y_ = result("y", {n, in});
      d_y_ = input({n, in});
      break;
    }
    case Op::norm:
    case Op::head_norm:
    case Op::residual_norm:
      x_ = input({n, in}, 3);
      d_x_ = gradient("d_x", x_, false);
      if (c.op == Op::residual_norm) {
        branch_ = input({n, in}, 3);
        d_branch_ = gradient("d_branch", branch_, false);
      }
      w_ = input({in});
      d_w_ = gradient("d_weight", w_, true);
      b_ = input({in});
      d_b_ = gradient("d_bias", b_, true);
      norm_kept_ = {result("normalized", {n, in}), result("rstd", {n})};
      y_ = result("y", {n, in});
      d_y_ = input({n, in});
      break;
    case Op::linear:
    case Op::linear_activation:
      x_ = input({n, in}, 2);
      if (c.optional) d_x_ = gradient("d_x", x_, c.into == Into::add);
      w_ = input({out, in}, 2 / std::sqrt(static_cast<float>(in)));
      d_w_ = gradient("d_w", w_, true);
      if (c.optional) {
        b_ = input({out});
        d_b_ = gradient("d_b", b_, true);
      }
      if (c.op == Op::linear_activation) kept_ = result("kept", {n, out});
      y_ = result("y", {n, out});
      d_y_ = input({n, out});
      break;
    case Op::attention:
      x_ = input({n, 3 * in}, 2);
      d_x_ = gradient("d_qkv", x_, false);
      kept_ = result("kept", {Backend::attention_kept_size(s_, c.heads)});
      y_ = result("y", {n, in});
      d_y_ = input({n, in});
      break;
    case Op::gather_rows:
      for (int64_t i = 0; i < out; ++i) rows_.push_back(static_cast<int32_t>(i * n / out));
      x_ = input({n, in});
      d_x_ = gradient("d_x", x_, false);
      y_ = result("y", {out, in});
      d_y_ = input({out, in});
      break;
    case Op::vocabulary_loss:
      for (int64_t i = 0; i < n; ++i) labels_.push_back(below(out));
      x_ = input({n, out}, 8);
      if (c.optional) d_x_ = gradient("d_logits", x_, false);
      break;
    case Op::softmax_rows:
      x_ = input({n, out}, 8);
      results_.push_back({"x", &slots_.back().values});
      break;
    case Op::zero:
    case Op::squared_norm:
      x_ = input({n, in});
      results_.push_back({"x", &slots_.back().values});
      break;
    case Op::adamw:
      x_ = input({n * in});
      results_.push_back({"parameters", &slots_.back().values});
      moment1_ = input({n * in}, 0.01f);
      results_.push_back({"moment1", &slots_.back().values});
      moment2_ = input({n * in}, 0.01f);
      for (float& v : slots_.back().initial) v = v * v;
      restore();
      results_.push_back({"moment2", &slots_.back().values});
      d_x_ = input({n * in});
      break;
  }
}

inline void OpRig::forward(Backend& be) {
  const NormWeights norm{w_, b_, 1e-5f};
  switch (c_.op) {
    case Op::embed: return be.embed(y_, ids_, type_ids_, s_, w_, b_, type_);
    case Op::norm: return be.norm(y_, norm_kept_, x_, norm, s_, drop_);
    case Op::head_norm: return be.norm(y_, norm_kept_, x_, norm);
    case Op::residual_norm: return be.residual_norm(y_, norm_kept_, x_, branch_, norm, s_, drop_);
    case Op::linear: return be.linear(y_, x_, w_, b_);
    case Op::linear_activation: return be.linear_activation(y_, kept_, x_, w_, b_, c_.act);
    case Op::attention: return be.attention(y_, kept_, x_, c_.heads, s_, drop_);
    case Op::gather_rows: return be.gather_rows(y_, x_, rows_);
    case Op::vocabulary_loss: loss_ = be.vocabulary_loss(d_x_, x_, labels_, 1); return;
    case Op::softmax_rows: return be.softmax_rows(x_);
    case Op::zero: return be.zero(x_);
    case Op::squared_norm: loss_ = be.squared_norm(x_); return;
    case Op::adamw: return be.adamw(x_, moment1_, moment2_, d_x_, {2e-5, 0.9, 0.999, 1e-8, 0.01, 3, 0.7f});
  }
}

inline void OpRig::backward(Backend& be) {
  const NormWeights norm{w_, b_, 1e-5f};
  switch (c_.op) {
    case Op::embed: return be.embed_backward(d_w_, d_b_, d_type_, d_y_, ids_, type_ids_, s_, -1);
    case Op::norm: return be.norm_backward(d_x_, {d_w_, d_b_}, d_y_, norm_kept_, norm, s_, drop_);
    case Op::head_norm: return be.norm_backward(d_x_, {d_w_, d_b_}, d_y_, norm_kept_, norm);
    case Op::residual_norm: return be.residual_norm_backward(d_x_, d_branch_, {d_w_, d_b_}, d_y_, norm_kept_, norm, s_, drop_);
    case Op::linear: return be.linear_backward(d_x_, d_w_, d_b_, d_y_, x_, w_, c_.into);
    case Op::linear_activation: return be.linear_activation_backward(d_x_, d_w_, d_b_, d_y_, kept_, x_, w_, c_.act, c_.into);
    case Op::attention: return be.attention_backward(d_x_, d_y_, kept_, x_, c_.heads, s_, drop_);
    case Op::gather_rows: return be.gather_rows_backward(d_x_, d_y_, rows_);
    default: return;  // vocabulary_loss gives its gradient on the way forward; the others have none
  }
}

inline double OpRig::objective() const {
  if (c_.op == Op::vocabulary_loss || c_.op == Op::squared_norm) return loss_;
  double sum = 0;
  for (int64_t i = 0; y_ && i < y_.numel(); ++i) sum += static_cast<double>(y_.f32()[i]) * d_y_.f32()[i];
  return sum;
}

inline OpRig::Cost OpRig::forward_cost() const {
  const auto n = static_cast<double>(c_.n()), in = static_cast<double>(c_.in), out = static_cast<double>(c_.out);
  double pairs = 0;  // query-key pairs
  for (const int32_t length : c_.lengths) pairs += static_cast<double>(length) * length;
  switch (c_.op) {
    case Op::embed: return {2 * n * in, 4 * 2 * n * in};
    case Op::norm:
    case Op::head_norm: return {8 * n * in, 4 * 3 * n * in};
    case Op::residual_norm: return {10 * n * in, 4 * 4 * n * in};
    case Op::linear: return {2 * n * in * out, 4 * (n * in + in * out + n * out)};
    case Op::linear_activation: return {2 * n * in * out, 4 * (n * in + in * out + 2 * n * out)};
    case Op::attention: return {4 * pairs * in, 4 * (4 * n * in + pairs * static_cast<double>(c_.heads))};
    case Op::gather_rows: return {0, 4 * 2 * out * in};
    case Op::vocabulary_loss:
    case Op::softmax_rows: return {4 * n * out, 4 * 2 * n * out};
    case Op::zero:
    case Op::squared_norm: return {2 * n * in, 4 * n * in};
    case Op::adamw: return {12 * n * in, 4 * 7 * n * in};
  }
  return {};
}

inline OpRig::Cost OpRig::backward_cost() const {
  const auto n = static_cast<double>(c_.n()), in = static_cast<double>(c_.in);
  const Cost forward = forward_cost();
  switch (c_.op) {
    case Op::embed: return {2 * n * in, 4 * 5 * n * in};
    case Op::norm:
    case Op::head_norm: return {12 * n * in, 4 * 3 * n * in};
    case Op::residual_norm: return {13 * n * in, 4 * 4 * n * in};
    case Op::gather_rows: return {0, 4 * n * in};
    case Op::vocabulary_loss: return {};  // made on the way forward
    default: return {2 * forward.flops, 2 * forward.bytes};
  }
}

}  // namespace tekio::test
