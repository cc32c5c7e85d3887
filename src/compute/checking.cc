// A back end that runs two others on the same inputs and compares every result, for finding which op of a new back end
// is wrong while a real model runs. Before an op runs, the tried back end gets copies of everything that the op writes;
// tensors that share memory share it in the copies too, since several ops work in place.
#include <cmath>
#include <cstring>
#include <deque>
#include <vector>

#include "compute/arena.h"
#include "compute/forwarding.h"

namespace tekio {

class CheckingBackend final : public EveryVerbAlike<CheckingBackend, Backend> {
 public:
  CheckingBackend(std::unique_ptr<Backend> trusted, std::unique_ptr<Backend> tried, double tolerance)
      : trusted_(std::move(trusted)), tried_(std::move(tried)), tolerance_(tolerance) {}
  std::string name() const override { return fmt::format("{} checked against {}", tried_->name(), trusted_->name()); }
  Bf16 bf16_products() const override { return tried_->has_bf16() ? trusted_->bf16_products() : Bf16::absent; }
  int64_t logits_width(int64_t vocabulary) const override { return tried_->logits_width(vocabulary); }
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override {
    return trusted_bytes(rows, columns) + tried_->matrix_bytes(rows, columns);
  }

  template <typename Verb>
  void run_any(const Verb& op) {
    Copies copies(*this, op.name());
    Verb tried = op;
    tried.operands([&](auto& operand) { copies.take(operand); });
    tried.operands([&](auto& operand) { copies.replace(operand); });
    tried_->run(tried);
    trusted_->run(op);  // a matrix holds the trusted one's copy first
    copies.compare();
  }
  void run_any(const verb::CopyMatrices& op) {
    for (const MatrixCopy& copy : op.copies) {
      const MatrixCopy tried{trieds(copy.to), copy.from};
      trusted_->run(verb::CopyMatrices{{&copy, 1}});
      tried_->run(verb::CopyMatrices{{&tried, 1}});
    }
  }

 private:
  // What the tried back end writes, in the order of the verb's operands: first take() them all, then replace().
  class Copies {
   public:
    Copies(const CheckingBackend& checking, const char* op) : checking_(checking), op_(op) {}

    void take(const Tensor& original) {
      if (!original) return;
      const auto* begin = static_cast<const char*>(original.data);
      pieces_.push_back({original, std::vector<char>(begin, begin + original.bytes())});
    }
    void take(const ConstTensor&) {}
    void take(const Matrix&) {}

    // An input too, where it is also an output.
    template <typename Void>
    void replace(BasicTensor<Void>& operand) {
      if (!operand) return;
      for (Piece& piece : pieces_)
        if (piece.original.data == operand.data) {
          operand.data = piece.copy.data();
          return;
        }
    }
    void replace(Matrix& w) const { w = checking_.trieds(w); }

    void compare() {
      for (size_t i = 0; i < pieces_.size(); ++i) compare(pieces_[i], i);
    }

   private:
    struct Piece {
      Tensor original;
      std::vector<char> copy;
    };
    void compare(Piece& piece, size_t output) const {
      const Tensor original = piece.original;
      Tensor copy = original;
      copy.data = piece.copy.data();
      double largest = 0;
      for (int64_t j = 0; j < original.numel(); ++j) largest = std::max(largest, std::abs(number(original, j)));
      for (int64_t j = 0; j < original.numel(); ++j) {
        const double trusted = number(original, j), tried = number(copy, j);
        if (original.dtype == DType::f64) largest = std::max(1.0, std::abs(trusted));  // figures, each of its own kind
        const bool both_nan = std::isnan(trusted) && std::isnan(tried);
        if (!(std::abs(trusted - tried) <= checking_.tolerance_ * largest) && !both_nan && trusted != tried)
          fail(ErrorKind::bug, "{}: output {} {}, number {}: {} gives {}, {} gives {} (largest {}, tolerance {})", op_,
               output, original.shape_text(), j, checking_.tried_->name(), tried, checking_.trusted_->name(), trusted,
               largest, checking_.tolerance_);
      }
    }
    static double number(const Tensor& t, int64_t i) {
      if (t.dtype == DType::f64) return t.f64()[i];
      return t.dtype == DType::f32 ? t.f32()[i] : t.b16()[i];
    }

    const CheckingBackend& checking_;
    const char* op_;
    std::deque<Piece> pieces_;
  };

  // A bf16 matrix holds the copies of both, the trusted one's first.
  int64_t trusted_bytes(int64_t rows, int64_t columns) const {
    return Arena::size_of_tensor(DType::bf16, {(trusted_->matrix_bytes(rows, columns) + 1) / 2});
  }
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
