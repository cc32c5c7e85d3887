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
#include "support/results.h"

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
  void draw_decisions();
  void make_tensors();
  void make_embed();
  void make_norm();
  void make_weights();
  void make_linear();
  void make_linear_gated();
  void make_rotate();
  void make_activation_linear();
  void make_attention();
  void make_attention_some();
  void make_gather_rows();
  void make_logits();
  void make_adamw();
  void run_forward(Backend& be);
  void run_squared_norm(Backend& be);
  void run_backward(Backend& be);
  // The op works in place, so `to` is a copy of `from`. Of qkv the queries and keys, of queries alone all columns.
  void rotate(Backend& be, const Tensor& to, const Tensor& from, bool back) {
    for (int64_t i = 0; i < to.numel(); ++i) set(to, i, get(from, i));
    be.rotate(to, c_.op == Op::rotate ? 2 * c_.in : c_.in, {c_.in / c_.heads, 10000, back}, s_);
  }
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
  float draw() { return static_cast<float>(static_cast<int32_t>(next() >> 32)) * 0x1p-31f; }
  int32_t below(int64_t end) { return static_cast<int32_t>(next() >> 33) % static_cast<int32_t>(end); }
  uint64_t next() { return random_ = random_ * 6364136223846793005u + 1442695040888963407u; }
  // c_.out of the tokens, spread evenly.
  void choose_rows() {
    for (int64_t i = 0; i < c_.out; ++i) rows_.push_back(static_cast<int32_t>(i * c_.n() / c_.out));
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
  // An input that the op works on in place.
  Tensor changed(const char* name, Shape shape, float scale = 1) {
    const Tensor t = input(shape, scale);
    results_.push_back({name, &slots_.back().values});
    return t;
  }
  void make_output(Shape shape) {
    y_ = result("y", shape);
    d_y_ = input(shape);
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
  std::vector<int32_t> offsets_, ids_, type_ids_, positions_, rows_, labels_;
  std::vector<uint8_t> decisions_;
  Sequences s_;
  Dropout drop_;
  Tensor x_, kv_, branch_, w_, b_, type_, y_, d_y_, d_x_, d_kv_, d_branch_, d_w_, d_b_, d_type_, kept_, activated_;
  Tensor moment1_, moment2_, sum_;
  const std::vector<float>* d_sum_ = nullptr;  // what sum_'s gradient has before backward
  std::vector<char> packed_;                   // w_ in bf16, as packed_by_ likes it
  const Backend* packed_by_ = nullptr;
  NormKept norm_kept_;
  std::vector<LabelLoss> each_;
  double loss_ = 0;
};

inline OpRig::OpRig(const OpCase& c) : c_(c) {
  offsets_.push_back(0);
  for (const int32_t length : c.lengths) offsets_.push_back(offsets_.back() + length);
  s_ = {offsets_, 3};
  drop_ = {.rate = c.rate, .seed = 42, .step = 7, .site = 5};
  if (c.explicit_dropout) draw_decisions();
  make_tensors();
}

inline void OpRig::make_tensors() {
  switch (c_.op) {
    case Op::embed:
      return make_embed();
    case Op::norm:
    case Op::head_norm:
    case Op::residual_norm:
    case Op::add_norm:
      return make_norm();
    case Op::linear:
    case Op::linear_activation:
      return make_linear();
    case Op::linear_gated:
      return make_linear_gated();
    case Op::activation_linear:
    case Op::gated_linear:
      return make_activation_linear();
    case Op::rotate:
    case Op::rotate_some:
      return make_rotate();
    case Op::attention_some:
      return make_attention_some();
    case Op::attention:
      return make_attention();
    case Op::gather_rows:
      return make_gather_rows();
    case Op::vocabulary_loss:
    case Op::softmax_rows:
      return make_logits();
    case Op::add:
      branch_ = input({c_.n(), c_.in}, 3);
      [[fallthrough]];
    case Op::zero:
    case Op::squared_norm:
      x_ = changed("x", {c_.n(), c_.in});
      return;
    case Op::adamw:
      return make_adamw();
  }
}

inline void OpRig::draw_decisions() {
  const bool attends = c_.op == Op::attention || c_.op == Op::attention_some;
  const int64_t count = attends ? Backend::attention_pairs(s_, {c_.heads}) : c_.n() * c_.in;
  for (int64_t i = 0; i < count; ++i) decisions_.push_back(draw() * 0.5f + 0.5f >= c_.rate);
  drop_.kept = decisions_.data();
}

inline void OpRig::make_embed() {
  constexpr int64_t kPositions = 513;
  for (int64_t i = 0; i < c_.n(); ++i) ids_.push_back(below(c_.out));
  w_ = parameter({c_.out, c_.in});
  d_w_ = gradient("d_word", w_, true);
  if (c_.positions) {
    for (int64_t i = 0; i < c_.n(); ++i) positions_.push_back(below(kPositions));
    b_ = parameter({kPositions, c_.in});
    d_b_ = gradient("d_position", b_, true);
  }
  if (c_.optional) {
    for (int64_t i = 0; i < c_.n(); ++i) type_ids_.push_back(below(2));
    type_ = parameter({2, c_.in});
    d_type_ = gradient("d_type", type_, true);
  }
  make_output({c_.n(), c_.in});
}

inline void OpRig::make_norm() {
  const int64_t n = c_.n(), in = c_.in;
  x_ = input({n, in}, 3);
  if (c_.op == Op::add_norm) {
    sum_ = result("sum", {n, in});
    d_x_ = gradient("d_sum", x_, true);  // the sum's from elsewhere, which is a part of the objective
    std::swap(d_sum_, differentiable_.back().before);
  } else {
    d_x_ = gradient("d_x", x_, false);
  }
  if (c_.op == Op::residual_norm || c_.op == Op::add_norm) branch_ = input({n, in}, 3);
  if (c_.op == Op::residual_norm || (c_.op == Op::add_norm && c_.optional))
    d_branch_ = gradient("d_branch", branch_, false);
  w_ = parameter({in});
  d_w_ = gradient("d_weight", w_, true);
  if (c_.optional) {
    b_ = parameter({in});
    d_b_ = gradient("d_bias", b_, true);
  }
  norm_kept_ = {result("normalized", {n, in}), result("rstd", {n}, DType::f32)};
  make_output({n, in});
}

// A product's weight and, where it is there, its bias.
inline void OpRig::make_weights() {
  w_ = parameter({c_.out, c_.in}, 2 / std::sqrt(static_cast<float>(c_.in)));
  d_w_ = gradient("d_w", w_, true);
  if (!c_.optional) return;
  b_ = parameter({c_.out});
  d_b_ = gradient("d_b", b_, true);
}

inline void OpRig::make_linear() {
  x_ = input({c_.n(), c_.in}, 2);
  if (c_.optional) d_x_ = gradient("d_x", x_, c_.into == Into::add);
  make_weights();
  if (c_.op == Op::linear_activation) kept_ = result("kept", {c_.n(), c_.out});
  make_output({c_.n(), c_.out});
}

inline void OpRig::make_linear_gated() {
  x_ = input({c_.n(), c_.in}, 2);
  w_ = parameter({2 * c_.out, c_.in}, 2 / std::sqrt(static_cast<float>(c_.in)));
  if (c_.optional) b_ = parameter({2 * c_.out});
  kept_ = result("kept", {c_.n(), 2 * c_.out});
  make_output({c_.n(), c_.out});
}

inline void OpRig::make_rotate() {
  if (c_.op == Op::rotate_some) {
    choose_rows();
    s_ = s_.only(rows_);
  }
  const int64_t width = c_.op == Op::rotate ? 3 * c_.in : c_.in;
  x_ = input({s_.rows(), width}, 2);
  d_x_ = gradient("d_x", x_, false);
  make_output({s_.rows(), width});
}

inline void OpRig::make_activation_linear() {
  x_ = input({c_.n(), c_.op == Op::gated_linear ? 2 * c_.in : c_.in}, 2);
  d_x_ = gradient("d_kept", x_, false);
  make_weights();
  activated_ = result("activated", {c_.n(), c_.in});
  make_output({c_.n(), c_.out});
}

inline void OpRig::make_attention() {
  x_ = input({c_.n(), 3 * c_.in}, 2);
  d_x_ = gradient("d_qkv", x_, false);
  kept_ = result("kept", {c_.n(), c_.heads, 2}, DType::f32);
  make_output({c_.n(), c_.in});
}

inline void OpRig::make_attention_some() {
  choose_rows();
  s_ = s_.only(rows_);
  x_ = input({c_.out, c_.in}, 2);
  d_x_ = gradient("d_q", x_, false);
  kv_ = input({c_.n(), 2 * c_.in}, 2);
  d_kv_ = gradient("d_kv", kv_, false);
  kept_ = result("kept", {c_.out, c_.heads, 2}, DType::f32);
  make_output({c_.out, c_.in});
}

inline void OpRig::make_gather_rows() {
  choose_rows();
  x_ = input({c_.n(), c_.in});
  d_x_ = gradient("d_x", x_, c_.into == Into::add);
  make_output({c_.out, c_.in});
}

inline void OpRig::make_logits() {
  if (c_.op == Op::softmax_rows) {
    x_ = changed("x", {c_.n(), c_.out}, 8);
    return;
  }
  for (int64_t i = 0; i < c_.n(); ++i) labels_.push_back(i % 7 == 2 ? -1 : below(c_.out));
  x_ = input({c_.n(), c_.out}, 8);
  if (c_.optional) d_x_ = gradient("d_logits", x_, false);
}

inline void OpRig::make_adamw() {
  const int64_t count = c_.n() * c_.in;
  x_ = changed("parameters", {count});
  moment1_ = changed("moment1", {count}, 0.01f);
  moment2_ = changed("moment2", {count}, 0.01f);
  for (float& v : slots_.back().initial) v = v * v;
  restore();
  d_x_ = input({count});
}

inline Matrix OpRig::matrix(Backend& be) {
  if (c_.type == DType::f32) return w_;
  packed_.resize(static_cast<size_t>(be.matrix_bytes(w_.dim[0], w_.dim[1])) + 64);
  void* memory = packed_.data();
  size_t space = packed_.size();
  std::align(64, 1, memory, space);
  const Matrix packed(memory, DType::bf16, w_.dim[0], w_.dim[1]);
  const MatrixCopy copy{packed, w_};
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
    case Op::add_norm:
      return be.add_norm(sum_, y_, norm_kept_, x_, branch_, norm, s_, drop_);
    case Op::linear_gated:
      return be.linear_gated(y_, kept_, x_, matrix(be), b_, c_.act);
    case Op::gated_linear:
      for (int64_t i = 0; i < activated_.numel(); ++i) {
        const int64_t at = i / c_.in * 2 * c_.in + i % c_.in;
        set(activated_, i, activation_at(c_.act, get(x_, at)).y * get(x_, at + c_.in));
      }
      return be.linear(y_, activated_, matrix(be), b_);
    case Op::rotate:
    case Op::rotate_some:
      return rotate(be, y_, x_, false);
    case Op::embed:
      return be.embed(y_, {ids_, type_ids_, positions_}, w_, b_, type_);
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
      return be.attention(y_, kept_, x_, kv_, {c_.heads, c_.window}, s_, drop_);
    case Op::attention:
      return be.attention(y_, kept_, x_, {c_.heads, c_.window}, s_, drop_);
    case Op::gather_rows:
      return be.gather_rows(y_, x_, rows_);
    case Op::vocabulary_loss:
      each_.resize(static_cast<size_t>(std::ranges::count_if(labels_, [](int32_t label) { return label >= 0; })));
      loss_ = loss_of(be, d_x_, x_, labels_, 1, each_).loss;
      return;
    case Op::softmax_rows:
      return be.softmax_rows(x_, c_.out);
    case Op::zero:
      return be.zero(x_);
    case Op::add:
      return be.add(x_, branch_);
    case Op::squared_norm:
      return run_squared_norm(be);
    case Op::adamw:
      return adamw(be, x_, moment1_, moment2_, d_x_, {2e-5, 0.9, 0.999, 1e-8, 0.01, 3}, 0.7f);
  }
}

// The sum and what it is clipped by, to half of it.
inline void OpRig::run_squared_norm(Backend& be) {
  const ResultTensor sums(be, norm_blocks(x_.numel())), clipping(be, kClipping);
  be.squared_norms(sums.get(), x_);
  const double limit = std::sqrt(squared_norm(be, x_)) / 2;
  be.clip(clipping.get(), sums.get(), limit);
  const std::vector<double> clipped = clipping.host();
  loss_ = clipped[0] + clipped[1];
}

inline void OpRig::run_backward(Backend& be) {
  const NormWeights norm{w_, b_, 1e-5f};
  switch (c_.op) {
    case Op::add_norm:
      return be.add_norm_backward(d_x_, d_branch_, {d_w_, d_b_}, d_y_, norm_kept_, norm, s_, drop_);
    case Op::gated_linear:
      return be.gated_linear_backward(d_x_, activated_, d_w_, d_b_, d_y_, x_, matrix(be), c_.act);
    case Op::rotate:
    case Op::rotate_some:
      return rotate(be, d_x_, d_y_, true);
    case Op::embed:
      return be.embed_backward(d_w_, d_b_, d_type_, d_y_, {ids_, type_ids_, positions_});
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
      return be.attention_backward(d_x_, d_kv_, d_y_, kept_, x_, kv_, {c_.heads, c_.window}, s_, drop_);
    case Op::attention:
      return be.attention_backward(d_x_, d_y_, kept_, x_, {c_.heads, c_.window}, s_, drop_);
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
  for (int64_t i = 0; sum_ && i < sum_.numel(); ++i) sum += get(sum_, i) * (*d_sum_)[static_cast<size_t>(i)];
  return sum;
}

}  // namespace tekio::test
