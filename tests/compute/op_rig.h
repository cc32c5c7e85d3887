// The rig that runs an op case on a back end.
// Every result starts as NaN, so a number that an op forgets to write, or reads before writing, shows; parameter
// gradients start as numbers, since ops add to them.
#pragma once

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <vector>

#include "compute/activation.h"
#include "compute/op_cases.h"

namespace tekio::test {

/// A case's tensors, filled the same for every back end, and its forward and backward.
class OpRig {
 public:
  explicit OpRig(const OpCase& c);

  /// backward() needs forward() before it. Some ops work in place: restore() before running again.
  void forward(Backend& be);
  void backward(Backend& be);
  bool has_backward() const { return !differentiable_.empty(); }
  void restore() {
    for (Slot& slot : slots_) slot.values = slot.initial;
    for (Slot& slot : slots_) slot.round();
  }

  /// Everything that forward (and backward, if it ran) wrote.
  struct Named {
    std::string name;
    std::vector<float>* values;
  };
  const std::vector<Named>& results() const { return results_; }
  /// Inputs with their gradients, the gradients' values before backward taken away.
  struct Input {
    std::string name;
    std::vector<float>* values;
    std::vector<float>* gradient;
    const std::vector<float>* before;
  };
  const std::vector<Input>& differentiable() const { return differentiable_; }
  /// What the gradients are of: the loss, or the sum of y * d_y.
  double objective() const;

  /// Operations (2 a multiply-add) and bytes that must be read or written, forward and backward, for the benchmarks.
  struct Cost {
    double flops = 0, bytes = 0;
  };
  Cost forward_cost() const;
  Cost backward_cost() const;

 private:
  using Shape = std::initializer_list<int64_t>;
  // A tensor's numbers: in float32, or in bf16 with a float32 picture of them in `values`.
  struct Slot {
    std::vector<float> values, initial;
    std::vector<bf16> halves;
    void round() {
      for (size_t i = 0; i < halves.size(); ++i) halves[i] = bf16(values[i]);
    }
    void widen() { std::copy(halves.begin(), halves.end(), values.begin()); }
  };
  void widen_all() {
    for (Slot& slot : slots_) slot.widen();
  }
  void run_forward(Backend& be);
  void run_backward(Backend& be);
  // w_ as products take it.
  Matrix matrix(Backend& be);

  static int64_t size(Shape shape) {
    int64_t count = 1;
    for (const int64_t d : shape) count *= d;
    return count;
  }
  static double get(const Tensor& t, int64_t i) { return t.dtype == DType::f32 ? t.f32()[i] : t.b16()[i]; }
  static void set(const Tensor& t, int64_t i, double value) {
    if (t.dtype == DType::f32)
      t.f32()[i] = static_cast<float>(value);
    else
      t.b16()[i] = bf16(static_cast<float>(value));
  }
  // Reproducible numbers in (-1, 1), without the library under test.
  float draw() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<int32_t>(random_ >> 32)) * 0x1p-31f;
  }
  Tensor add(Shape shape, DType type, bool fill, float scale) {
    Slot& slot = slots_.emplace_back();
    slot.initial.assign(static_cast<size_t>(size(shape)), std::numeric_limits<float>::quiet_NaN());
    if (fill)
      for (float& v : slot.initial) v = type == DType::f32 ? draw() * scale : bf16(draw() * scale);
    slot.values = slot.initial;
    if (type == DType::f32) return Tensor(slot.values.data(), DType::f32, shape);
    slot.halves.resize(slot.values.size());
    slot.round();
    return Tensor(slot.halves.data(), DType::bf16, shape);
  }
  // Parameters and their gradients are float32; activations, theirs, and what is kept of them are of the case's kind.
  Tensor parameter(Shape shape, float scale = 1) { return add(shape, DType::f32, true, scale); }
  Tensor input(Shape shape, float scale = 1) { return add(shape, c_.type, true, scale); }
  Tensor result(const char* name, Shape shape) { return result(name, shape, c_.type); }
  Tensor result(const char* name, Shape shape, DType type) {
    const Tensor t = add(shape, type, false, 1);
    results_.push_back({name, &slots_.back().values});
    return t;
  }
  // The gradient of an input; parameters' gradients accumulate.
  Tensor gradient(const char* name, Tensor of, bool accumulates) {
    Slot* from = nullptr;
    for (Slot& slot : slots_)
      if (slot.values.data() == of.data || (!slot.halves.empty() && slot.halves.data() == of.data)) from = &slot;
    Tensor t = of;
    Slot& slot = slots_.emplace_back();
    slot.initial.assign(from->values.size(), std::numeric_limits<float>::quiet_NaN());
    if (accumulates)
      for (float& v : slot.initial) v = of.dtype == DType::f32 ? draw() : bf16(draw());
    slot.values = slot.initial;
    slot.halves.resize(from->halves.size());
    slot.round();
    t.data = of.dtype == DType::f32 ? static_cast<void*>(slot.values.data()) : slot.halves.data();
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
  Tensor x_, kv_, branch_, w_, b_, type_, y_, d_y_, d_x_, d_kv_, d_branch_, d_w_, d_b_, d_type_, kept_, activated_;
  Tensor moment1_, moment2_;
  std::vector<char> packed_;  // w_ in bf16, as packed_by_ likes it
  const Backend* packed_by_ = nullptr;
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
    const bool attends = c.op == Op::attention || c.op == Op::attention_some;
    const int64_t count = attends ? Backend::attention_kept_size(s_, c.heads) : n * in;
    for (int64_t i = 0; i < count; ++i) decisions_.push_back(draw() * 0.5f + 0.5f >= c.rate);
    drop_.kept = decisions_.data();
  }
  const auto below = [this](int64_t end) {
    return static_cast<int32_t>((random_ = random_ * 6364136223846793005u + 1442695040888963407u) >> 33) %
           static_cast<int32_t>(end);
  };
  switch (c.op) {
    case Op::embed: {
      const int64_t positions = 513;
      for (int64_t i = 0; i < n; ++i) ids_.push_back(below(out));
      w_ = parameter({out, in});
      d_w_ = gradient("d_word", w_, true);
      b_ = parameter({positions, in});
      d_b_ = gradient("d_position", b_, true);
      if (c.optional) {
        for (int64_t i = 0; i < n; ++i) type_ids_.push_back(below(2));
        type_ = parameter({2, in});
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
      w_ = parameter({in});
      d_w_ = gradient("d_weight", w_, true);
      b_ = parameter({in});
      d_b_ = gradient("d_bias", b_, true);
      norm_kept_ = {result("normalized", {n, in}), result("rstd", {n}, DType::f32)};
      y_ = result("y", {n, in});
      d_y_ = input({n, in});
      break;
    case Op::linear:
    case Op::linear_activation:
      x_ = input({n, in}, 2);
      if (c.optional) d_x_ = gradient("d_x", x_, c.into == Into::add);
      w_ = parameter({out, in}, 2 / std::sqrt(static_cast<float>(in)));
      d_w_ = gradient("d_w", w_, true);
      if (c.optional) {
        b_ = parameter({out});
        d_b_ = gradient("d_b", b_, true);
      }
      if (c.op == Op::linear_activation) kept_ = result("kept", {n, out});
      y_ = result("y", {n, out});
      d_y_ = input({n, out});
      break;
    case Op::activation_linear:
      x_ = input({n, in}, 2);
      d_x_ = gradient("d_kept", x_, false);
      w_ = parameter({out, in}, 2 / std::sqrt(static_cast<float>(in)));
      d_w_ = gradient("d_w", w_, true);
      if (c.optional) {
        b_ = parameter({out});
        d_b_ = gradient("d_b", b_, true);
      }
      activated_ = result("activated", {n, in});
      y_ = result("y", {n, out});
      d_y_ = input({n, out});
      break;
    case Op::attention_some:
      for (int64_t i = 0; i < out; ++i) rows_.push_back(static_cast<int32_t>(i * n / out));
      s_ = s_.only(rows_);
      x_ = input({out, in}, 2);
      d_x_ = gradient("d_q", x_, false);
      kv_ = input({n, 2 * in}, 2);
      d_kv_ = gradient("d_kv", kv_, false);
      kept_ = result("kept", {Backend::attention_kept_size(s_, c.heads)});
      y_ = result("y", {out, in});
      d_y_ = input({out, in});
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
      d_x_ = gradient("d_x", x_, c.into == Into::add);
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

inline Matrix OpRig::matrix(Backend& be) {
  if (c_.type == DType::f32) return w_;
  packed_.resize(static_cast<size_t>(be.matrix_bytes(w_.dim[0], w_.dim[1])) + 64);
  void* memory = packed_.data();
  size_t space = packed_.size();
  std::align(64, 1, memory, space);
  const Matrix packed(memory, DType::bf16, w_.dim[0], w_.dim[1]);
  const Backend::MatrixCopy copy{packed, w_};
  if (packed_by_ != &be) be.copy_matrices({&copy, 1});
  packed_by_ = &be;
  return packed;
}

inline void OpRig::forward(Backend& be) {
  run_forward(be);
  widen_all();
}

inline void OpRig::backward(Backend& be) {
  run_backward(be);
  widen_all();
}

inline void OpRig::run_forward(Backend& be) {
  const NormWeights norm{w_, b_, 1e-5f};
  switch (c_.op) {
    case Op::embed:
      return be.embed(y_, ids_, type_ids_, s_, w_, b_, type_);
    case Op::norm:
      return be.norm(y_, norm_kept_, x_, norm, s_, drop_);
    case Op::head_norm:
      return be.norm(y_, norm_kept_, x_, norm);
    case Op::residual_norm:
      return be.residual_norm(y_, norm_kept_, x_, branch_, norm, s_, drop_);
    case Op::linear:
      return be.linear(y_, x_, matrix(be), b_);
    case Op::linear_activation:
      return be.linear_activation(y_, kept_, x_, matrix(be), b_, c_.act);
    case Op::activation_linear:  // only its backward is an op of its own: forward by another's specification
      for (int64_t i = 0; i < x_.numel(); ++i) set(activated_, i, activation_at(c_.act, get(x_, i)).y);
      return be.linear(y_, activated_, matrix(be), b_);
    case Op::attention_some:
      return be.attention(y_, kept_, x_, kv_, c_.heads, s_, drop_);
    case Op::attention:
      return be.attention(y_, kept_, x_, c_.heads, s_, drop_);
    case Op::gather_rows:
      return be.gather_rows(y_, x_, rows_);
    case Op::vocabulary_loss:
      loss_ = be.vocabulary_loss(d_x_, x_, labels_, 1).loss;
      return;
    case Op::softmax_rows:
      return be.softmax_rows(x_);
    case Op::zero:
      return be.zero(x_);
    case Op::squared_norm:
      loss_ = be.squared_norm(x_);
      return;
    case Op::adamw:
      return be.adamw(x_, moment1_, moment2_, d_x_, {2e-5, 0.9, 0.999, 1e-8, 0.01, 3, 0.7f});
  }
}

inline void OpRig::run_backward(Backend& be) {
  const NormWeights norm{w_, b_, 1e-5f};
  switch (c_.op) {
    case Op::embed:
      return be.embed_backward(d_w_, d_b_, d_type_, d_y_, ids_, type_ids_, s_, -1);
    case Op::norm:
      return be.norm_backward(d_x_, {d_w_, d_b_}, d_y_, norm_kept_, norm, s_, drop_);
    case Op::head_norm:
      return be.norm_backward(d_x_, {d_w_, d_b_}, d_y_, norm_kept_, norm);
    case Op::residual_norm:
      return be.residual_norm_backward(d_x_, d_branch_, {d_w_, d_b_}, d_y_, norm_kept_, norm, s_, drop_);
    case Op::linear:
      return be.linear_backward(d_x_, d_w_, d_b_, d_y_, x_, matrix(be), c_.into);
    case Op::linear_activation:
      return be.linear_activation_backward(d_x_, d_w_, d_b_, d_y_, kept_, x_, matrix(be), c_.act, c_.into);
    case Op::activation_linear:
      return be.activation_linear_backward(d_x_, activated_, d_w_, d_b_, d_y_, x_, matrix(be), c_.act);
    case Op::attention_some:
      return be.attention_backward(d_x_, d_kv_, d_y_, kept_, x_, kv_, c_.heads, s_, drop_);
    case Op::attention:
      return be.attention_backward(d_x_, d_y_, kept_, x_, c_.heads, s_, drop_);
    case Op::gather_rows:
      return be.gather_rows_backward(d_x_, d_y_, rows_, c_.into);
    default:
      return;  // vocabulary_loss gives its gradient on the way forward; the others have none
  }
}

inline double OpRig::objective() const {
  if (c_.op == Op::vocabulary_loss || c_.op == Op::squared_norm) return loss_;
  double sum = 0;
  for (int64_t i = 0; y_ && i < y_.numel(); ++i) sum += get(y_, i) * get(d_y_, i);
  return sum;
}

inline OpRig::Cost OpRig::forward_cost() const {
  const auto n = static_cast<double>(c_.n()), in = static_cast<double>(c_.in), out = static_cast<double>(c_.out);
  double pairs = 0;  // query-key pairs
  for (const int32_t length : c_.lengths) pairs += static_cast<double>(length) * length;
  switch (c_.op) {
    case Op::embed:
      return {2 * n * in, 4 * 2 * n * in};
    case Op::norm:
    case Op::head_norm:
      return {8 * n * in, 4 * 3 * n * in};
    case Op::residual_norm:
      return {10 * n * in, 4 * 4 * n * in};
    case Op::linear:
    case Op::activation_linear:
      return {2 * n * in * out, 4 * (n * in + in * out + n * out)};
    case Op::linear_activation:
      return {2 * n * in * out, 4 * (n * in + in * out + 2 * n * out)};
    case Op::attention:
      return {4 * pairs * in, 4 * (4 * n * in + pairs * static_cast<double>(c_.heads))};
    case Op::attention_some:
      return {4 * pairs * in * out / n,
              4 * (2 * n * in + 2 * out * in + pairs * out / n * static_cast<double>(c_.heads))};
    case Op::gather_rows:
      return {0, 4 * 2 * out * in};
    case Op::vocabulary_loss:
    case Op::softmax_rows:
      return {4 * n * out, 4 * 2 * n * out};
    case Op::zero:
    case Op::squared_norm:
      return {2 * n * in, 4 * n * in};
    case Op::adamw:
      return {12 * n * in, 4 * 7 * n * in};
  }
  return {};
}

inline OpRig::Cost OpRig::backward_cost() const {
  const auto n = static_cast<double>(c_.n()), in = static_cast<double>(c_.in);
  const Cost forward = forward_cost();
  switch (c_.op) {
    case Op::embed:
      return {2 * n * in, 4 * 5 * n * in};
    case Op::norm:
    case Op::head_norm:
      return {12 * n * in, 4 * 3 * n * in};
    case Op::residual_norm:
      return {13 * n * in, 4 * 4 * n * in};
    case Op::gather_rows:
      return {0, 4 * n * in};
    case Op::vocabulary_loss:
      return {};  // made on the way forward
    default:
      return {2 * forward.flops, 2 * forward.bytes};
  }
}

}  // namespace tekio::test
