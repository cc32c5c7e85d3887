// A back end that runs two others on the same inputs and compares every result, for finding which op of a new back end
// is wrong while a real model runs. Before an op runs, the tried back end gets copies of everything that the op writes;
// tensors that share memory share it in the copies too, since several ops work in place.
#include <cmath>
#include <cstring>
#include <deque>
#include <vector>

#include "compute/arena.h"
#include "compute/backend.h"

namespace tekio {

class CheckingBackend final : public Backend {
 public:
  CheckingBackend(std::unique_ptr<Backend> trusted, std::unique_ptr<Backend> tried, double tolerance)
      : trusted_(std::move(trusted)), tried_(std::move(tried)), tolerance_(tolerance) {}
  std::string name() const override { return fmt::format("{} checked against {}", tried_->name(), trusted_->name()); }
  Bf16 bf16_products() const override { return tried_->has_bf16() ? trusted_->bf16_products() : Bf16::absent; }
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override {
    return trusted_bytes(rows, columns) + tried_->matrix_bytes(rows, columns);
  }

 protected:
  void do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) override {
    Copies of(*this, "embed");
    tried_->do_embed(of(y), rows, word, position, type);
    trusted_->do_embed(y, rows, word, position, type);
    of.compare();
  }
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                         const TableRows& rows) override {
    Copies of(*this, "embed_backward");
    tried_->do_embed_backward(of(d_word), of(d_position), of(d_type), d_y, rows);
    trusted_->do_embed_backward(d_word, d_position, d_type, d_y, rows);
    of.compare();
  }
  void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
               const Sequences* s, const Dropout& drop) override {
    Copies of(*this, sum ? "add_norm" : branch ? "residual_norm" : "norm");
    const Tensor total = of(sum), out = of(y);  // either may lie on x, or on the branch
    tried_->do_norm(total, out, {of(kept.normalized), of(kept.rstd)}, of.input(x), of.input(branch), w, s, drop);
    trusted_->do_norm(sum, y, kept, x, branch, w, s, drop);
    of.compare();
  }
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop, Into into) override {
    Copies of(*this, into == Into::add ? "add_norm_backward" : d_branch ? "residual_norm_backward" : "norm_backward");
    const Tensor x = of(d_x), branch = of(d_branch);  // either may lie on d_y
    tried_->do_norm_backward(x, branch, {of(d_w.weight), of(d_w.bias)}, of.input(d_y), kept, w, s, drop, into);
    trusted_->do_norm_backward(d_x, d_branch, d_w, d_y, kept, w, s, drop, into);
    of.compare();
  }
  void do_copy_matrices(std::span<const MatrixCopy> copies) override {
    for (const MatrixCopy& copy : copies) {
      const MatrixCopy one{trusteds(copy.to), copy.from}, other{trieds(copy.to), copy.from};
      trusted_->do_copy_matrices({&one, 1});
      tried_->do_copy_matrices({&other, 1});
    }
  }
  void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, const Activation* act) override {
    Copies of(*this, act == nullptr ? "linear" : y.same_shape(kept) ? "linear_activation" : "linear_gated");
    tried_->do_linear(of(y), of(kept), x, trieds(w), b, act);
    trusted_->do_linear(y, kept, x, trusteds(w), b, act);
    of.compare();
  }
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                          Into into) override {
    Copies of(*this, "linear_backward");
    tried_->do_linear_backward(of(d_x), of(d_w), of(d_b), d_y, x, trieds(w), into);
    trusted_->do_linear_backward(d_x, d_w, d_b, d_y, x, trusteds(w), into);
    of.compare();
  }
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override {
    Copies of(*this, "linear_activation_backward's activation");
    tried_->do_activation_backward(of(d_y), kept, act);
    trusted_->do_activation_backward(d_y, kept, act);
    of.compare();
  }
  void do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                     ConstTensor kept, const Matrix& w, Activation act) override {
    Copies of(*this, activated.same_shape(d_kept) ? "activation_linear_backward" : "gated_linear_backward");
    tried_->do_activation_linear_backward(of(d_kept), of(activated), of(d_w), of(d_b), d_y, kept, trieds(w), act);
    trusted_->do_activation_linear_backward(d_kept, activated, d_w, d_b, d_y, kept, trusteds(w), act);
    of.compare();
  }
  void do_rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) override {
    Copies of(*this, "rotate");
    tried_->do_rotate(of(x), columns, rotation, s);
    trusted_->do_rotate(x, columns, rotation, s);
    of.compare();
  }
  void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                    const Sequences& s, const Dropout& drop) override {
    Copies of(*this, "attention");
    tried_->do_attention(of(y), of(kept), q, kv, shape, s, drop);
    trusted_->do_attention(y, kept, q, kv, shape, s, drop);
    of.compare();
  }
  void do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                             const AttentionShape& shape, const Sequences& s, const Dropout& drop) override {
    Copies of(*this, "attention_backward");
    tried_->do_attention_backward(of(d_q), of(d_kv), d_y, kept, q, kv, shape, s, drop);
    trusted_->do_attention_backward(d_q, d_kv, d_y, kept, q, kv, shape, s, drop);
    of.compare();
  }
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override {
    Copies of(*this, "gather_rows");
    tried_->do_gather_rows(of(y), x, rows);
    trusted_->do_gather_rows(y, x, rows);
    of.compare();
  }
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) override {
    Copies of(*this, "gather_rows_backward");
    tried_->do_gather_rows_backward(of(d_x), d_y, rows, into);
    trusted_->do_gather_rows_backward(d_x, d_y, rows, into);
    of.compare();
  }
  LabelLoss do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                               float scale) override {
    Copies of(*this, "vocabulary_loss");
    const Tensor copy = of(d_logits);  // may lie on logits
    const LabelLoss tried = tried_->do_vocabulary_loss(copy, of.input(logits), labels, scale);
    const LabelLoss trusted = trusted_->do_vocabulary_loss(d_logits, logits, labels, scale);
    of.compare();
    compare_numbers("vocabulary_loss", tried.loss, trusted.loss);
    compare_numbers("vocabulary_loss's hits", static_cast<double>(tried.hits), static_cast<double>(trusted.hits));
    return trusted;
  }
  void do_softmax_rows(Tensor logits) override {
    Copies of(*this, "softmax_rows");
    tried_->do_softmax_rows(of(logits));
    trusted_->do_softmax_rows(logits);
    of.compare();
  }
  void do_zero(Tensor x) override {
    Copies of(*this, "zero");
    tried_->do_zero(of(x));
    trusted_->do_zero(x);
    of.compare();
  }
  double do_squared_norm(ConstTensor x) override {
    const double tried = tried_->do_squared_norm(x), trusted = trusted_->do_squared_norm(x);
    compare_numbers("squared_norm", tried, trusted);
    return trusted;
  }
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override {
    Copies of(*this, "adamw");
    tried_->do_adamw(of(parameters), of(moment1), of(moment2), gradients, step);
    trusted_->do_adamw(parameters, moment1, moment2, gradients, step);
    of.compare();
  }

 private:
  // The tried back end's results, made by calling, in the order of the op's outputs.
  class Copies {
   public:
    Copies(const CheckingBackend& checking, const char* op) : checking_(checking), op_(op) {}

    Tensor operator()(Tensor original) {
      if (!original) return original;
      const auto* begin = static_cast<const char*>(original.data);
      pieces_.push_back({original, std::vector<char>(begin, begin + original.bytes())});
      return copy_of(pieces_.back());
    }
    // An input: the copy where it is also an output.
    ConstTensor input(ConstTensor original) {
      for (Piece& piece : pieces_)
        if (original && piece.original.data == original.data) return copy_of(piece);
      return original;
    }

    void compare() {
      for (size_t i = 0; i < pieces_.size(); ++i) {
        const Tensor original = pieces_[i].original;
        double largest = 0;
        for (int64_t j = 0; j < original.numel(); ++j) largest = std::max(largest, std::abs(number(original, j)));
        for (int64_t j = 0; j < original.numel(); ++j) {
          const double trusted = number(original, j), tried = number(copy_of(pieces_[i]), j);
          const bool both_nan = std::isnan(trusted) && std::isnan(tried);
          if (!(std::abs(trusted - tried) <= checking_.tolerance_ * largest) && !both_nan && trusted != tried)
            fail(ErrorKind::bug, "{}: output {} {}, number {}: {} gives {}, {} gives {} (largest {}, tolerance {})",
                 op_, i, original.shape_text(), j, checking_.tried_->name(), tried, checking_.trusted_->name(), trusted,
                 largest, checking_.tolerance_);
        }
      }
    }

   private:
    struct Piece {
      Tensor original;
      std::vector<char> copy;
    };
    static Tensor copy_of(Piece& piece) {
      Tensor copy = piece.original;
      copy.data = piece.copy.data();
      return copy;
    }
    static double number(const Tensor& t, int64_t i) { return t.dtype == DType::f32 ? t.f32()[i] : t.b16()[i]; }
    const CheckingBackend& checking_;
    const char* op_;
    std::deque<Piece> pieces_;
  };

  void compare_numbers(const char* op, double tried, double trusted) const {
    const bool both_nan = std::isnan(trusted) && std::isnan(tried);
    if (!(std::abs(tried - trusted) <= tolerance_ * std::max(1.0, std::abs(trusted))) && !both_nan)
      fail(ErrorKind::bug, "{}: {} gives {}, {} gives {} (tolerance {})", op, tried_->name(), tried, trusted_->name(),
           trusted, tolerance_);
  }

  // A bf16 matrix holds the copies of both, the trusted one's first.
  int64_t trusted_bytes(int64_t rows, int64_t columns) const {
    return Arena::size_of_tensor(DType::bf16, {(trusted_->matrix_bytes(rows, columns) + 1) / 2});
  }
  static Matrix trusteds(const Matrix& w) { return w; }
  Matrix trieds(Matrix w) const {
    if (w.dtype == DType::bf16) w.data = static_cast<char*>(w.data) + trusted_bytes(w.rows, w.columns);
    return w;
  }

  std::unique_ptr<Backend> trusted_, tried_;
  double tolerance_;
};

std::unique_ptr<Backend> make_checking_backend(std::unique_ptr<Backend> trusted, std::unique_ptr<Backend> tried,
                                               double tolerance) {
  if (!tried->memory().on_host()) tried = make_hosted_backend(std::move(tried));
  return std::make_unique<CheckingBackend>(std::move(trusted), std::move(tried), tolerance);
}

}  // namespace tekio
