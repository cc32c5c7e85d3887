// Rows of logits that are wider than the vocabulary: what lies beyond it changes nothing, and is not changed.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "compute/outcome.h"
#include "support/results.h"

namespace tekio::test {

/// The head of a model, forward and backward, on rows of logits of a width.
class WideHead {
 public:
  WideHead(Backend& be, DType type, int64_t vocabulary, int64_t width)
      : be_(be), type_(type), vocabulary_(vocabulary), width_(width) {}

  /// What it came to, the numbers of rows without what lies beyond the vocabulary.
  Outcome run() {
    const Tensor x = filled("x", {kRows, kIn}, type_), w = filled("w", {vocabulary_, kIn}, DType::f32),
                 b = filled("b", {vocabulary_}, DType::f32);
    const Tensor d_w = filled("d_w", {vocabulary_, kIn}, DType::f32), d_b = filled("d_b", {vocabulary_}, DType::f32),
                 d_x = filled("d_x", {kRows, kIn}, type_);
    const Tensor logits = beyond({kRows, width_}, type_), scores = beyond({kRows, width_}, DType::f32);
    std::vector<int32_t> labels;
    for (int64_t row = 0; row < kRows; ++row)
      labels.push_back(row % 4 == 1 ? -1 : static_cast<int32_t>(row * 37 % vocabulary_));
    labels.back() = static_cast<int32_t>(vocabulary_ - 1);
    const Matrix matrix = matrix_of(w);

    be_.linear(logits, x, matrix, b);
    keep("logits", logits);
    for (int64_t row = 0; row < kRows; ++row)
      for (int64_t v = 0; v < vocabulary_; ++v)
        scores.f32()[row * width_ + v] = 8 * std::sin(static_cast<float>(row * 31 + v * 7));
    be_.softmax_rows(scores, vocabulary_);
    keep("softmax", scores);
    const ResultTensor sum(be_, kLabelLoss);
    be_.vocabulary_loss(sum.get(), {}, logits, logits, labels, vocabulary_, 0.25f);
    const std::vector<double> figures = sum.host();
    out_.results.emplace_back("loss", std::vector<float>(figures.begin(), figures.end()));
    keep("d_logits", logits);
    be_.linear_backward(d_x, d_w, d_b, logits, x, matrix);
    keep("d_logits after backward", logits);
    keep("d_x", d_x);
    keep("d_w", d_w);
    out_.results.emplace_back("d_b", std::vector<float>(d_b.f32(), d_b.f32() + vocabulary_));
    return out_;
  }

 private:
  static constexpr int64_t kRows = 37, kIn = 40;

  static float number(const Tensor& t, int64_t i) { return t.dtype == DType::f32 ? t.f32()[i] : float(t.b16()[i]); }
  static void set(const Tensor& t, int64_t i, float value) {
    if (t.dtype == DType::f32)
      t.f32()[i] = value;
    else
      t.b16()[i] = bf16(value);
  }
  Tensor make(std::initializer_list<int64_t> shape, DType type) {
    arenas_.emplace_back(Arena::size_of_tensor(type, shape), "a test");
    return arenas_.back().take(type, shape);
  }
  // By their names, the same for every width.
  Tensor filled(const std::string& name, std::initializer_list<int64_t> shape, DType type) {
    const Tensor t = make(shape, type);
    for (int64_t i = 0; i < t.numel(); ++i)
      set(t, i, std::sin(static_cast<float>(i * 7 + static_cast<int64_t>(name.size()) * 3)));
    return t;
  }
  Tensor beyond(std::initializer_list<int64_t> shape, DType type) {
    const Tensor t = make(shape, type);
    for (int64_t i = 0; i < t.numel(); ++i) set(t, i, std::numeric_limits<float>::quiet_NaN());
    return t;
  }
  Matrix matrix_of(const Tensor& w) {
    if (type_ == DType::f32) return w;
    arenas_.emplace_back(be_.matrix_bytes(w.dim[0], w.dim[1]), "a test");
    const Matrix packed(arenas_.back().data(), DType::bf16, w.dim[0], w.dim[1]);
    const MatrixCopy copy{packed, w};
    be_.copy_matrices({&copy, 1});
    return packed;
  }
  void keep(const std::string& name, const Tensor& t) {
    std::vector<float> kept;
    for (int64_t i = 0; i < t.numel(); ++i)
      if (t.dim[1] != width_ || i % width_ < vocabulary_)
        kept.push_back(number(t, i));
      else
        EXPECT_TRUE(std::isnan(number(t, i))) << name << " was written at " << i;
    out_.results.emplace_back(name, std::move(kept));
  }

  Backend& be_;
  DType type_;
  int64_t vocabulary_, width_;
  std::vector<Arena> arenas_;
  Outcome out_{{}, 0};
};

/// `be` gives for wide rows what `ref` gives for narrow ones, within what sums differ by.
inline void expect_wide_as_narrow(Backend& be, DType type, Backend& ref) {
  for (const int64_t vocabulary : {1, 30, 1003}) {
    const int64_t border = (vocabulary + 63) / 64 * 64;
    for (const int64_t width : {vocabulary, vocabulary + 1, border}) {
      SCOPED_TRACE(fmt::format("{}: {} of {} {}", be.name(), vocabulary, width, name_of(type)));
      expect_near(WideHead(be, type, vocabulary, width).run(), WideHead(ref, type, vocabulary, vocabulary).run(),
                  type == DType::f32 ? 1e-5 : 1.0 / 64);
    }
  }
}

}  // namespace tekio::test
