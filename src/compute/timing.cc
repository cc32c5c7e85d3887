// One line a verb: which phase it belongs to and what it must do; then the call.
#include "compute/timing.h"

#include <exception>

#include "base/stopwatch.h"
#include "compute/forwarding.h"

namespace tekio {
namespace {

// Nominal operations of an element: sums, products and roots of a norm; of a rotation; erf or tanh and exp; softmax;
// AdamW's formula.
constexpr double kNorm = 8, kNormBackward = 12, kRotation = 3, kActivation = 20, kSoftmax = 6, kAdamW = 12;

double elements(const ConstTensor& t) { return t ? static_cast<double>(t.numel()) : 0; }

template <typename... Tensors>
double bytes(const Tensors&... tensors) {
  return ((tensors ? static_cast<double>(tensors.bytes()) : 0) + ...);
}
/// Of a matrix, as often as it is read.
double bytes_of(const Matrix& w) { return static_cast<double>(w.rows * w.columns * size_of(w.dtype)); }

/// Operations of x w^T.
double product_flops(const ConstTensor& x, const Matrix& w) { return 2 * elements(x) * static_cast<double>(w.rows); }

/// Operations of attention's scores and mixing: each query meets each key that it sees, once for either.
double attention_flops(const Sequences& s, const ConstTensor& y, const AttentionShape& shape) {
  return 4 * static_cast<double>(Backend::attention_pairs(s, shape)) * static_cast<double>(y.dim[1] / shape.heads);
}

/// Adds the time from its making to its end, when what the back end was given to do is done; unless clocks are off.
class Clocked {
 public:
  Clocked(Backend& backend, PhaseTimes& times, Phase phase, double flops, double bytes)
      : backend_(backend), time_(times.on ? &times[phase] : nullptr) {
    if (time_ == nullptr) return;
    ++time_->calls;
    time_->flops += flops;
    time_->bytes += bytes;
  }
  ~Clocked() noexcept(false) {
    if (time_ == nullptr || std::uncaught_exceptions() > 0) return;
    backend_.wait();  // throws if a device failed
    time_->seconds += watch_.seconds();
  }
  Clocked(const Clocked&) = delete;
  Clocked& operator=(const Clocked&) = delete;

 private:
  Backend& backend_;
  PhaseTime* time_;
  Stopwatch watch_;
};

}  // namespace

class TimingBackend final : public ForwardingBackend {
 public:
  TimingBackend(std::unique_ptr<Backend> inner, PhaseTimes& times)
      : ForwardingBackend(*inner), inner_(std::move(inner)), times_(times) {}

 protected:
  void do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) override {
    const Clocked c(*inner_, times_, Phase::embedding, 2 * elements(y), bytes(y) + elements(y) * (type ? 12 : 8));
    ForwardingBackend::do_embed(y, rows, word, position, type);
  }
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                         const TableRows& rows) override {
    const Clocked c(*inner_, times_, Phase::embedding, 2 * elements(d_y),
                    bytes(d_y) + elements(d_y) * (d_type ? 24 : 16));
    ForwardingBackend::do_embed_backward(d_word, d_position, d_type, d_y, rows);
  }
  void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
               const Sequences* s, const Dropout& drop) override {
    const Clocked c(*inner_, times_, Phase::norms, kNorm * elements(y),
                    bytes(sum, y, kept.normalized, kept.rstd, x, branch));
    ForwardingBackend::do_norm(sum, y, kept, x, branch, w, s, drop);
  }
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop, Into into) override {
    const Clocked c(*inner_, times_, Phase::norms, kNormBackward * elements(d_y),
                    bytes(d_x) * (into == Into::add ? 2 : 1) + bytes(d_branch, d_y, kept.normalized, kept.rstd));
    ForwardingBackend::do_norm_backward(d_x, d_branch, d_w, d_y, kept, w, s, drop, into);
  }
  void do_copy_matrices(std::span<const MatrixCopy> copies) override {
    double moved = 0;
    for (const MatrixCopy& copy : copies) moved += bytes(copy.from) + bytes_of(copy.to);
    const Clocked c(*inner_, times_, Phase::packing, 0, moved);
    ForwardingBackend::do_copy_matrices(copies);
  }
  void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, const Activation* act) override {
    const Clocked c(*inner_, times_, Phase::products_forward, product_flops(x, w), bytes(y, kept, x, b) + bytes_of(w));
    ForwardingBackend::do_linear(y, kept, x, w, b, act);
  }
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                          Into into) override {
    const Clocked c(*inner_, times_, Phase::products_backward, product_flops(x, w) * (d_x ? 2 : 1),
                    bytes(d_x) * (into == Into::add ? 2 : 1) + 2 * bytes(d_w, d_b) + bytes(d_y, x) + bytes_of(w));
    ForwardingBackend::do_linear_backward(d_x, d_w, d_b, d_y, x, w, into);
  }
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override {
    const Clocked c(*inner_, times_, Phase::activation, kActivation * elements(d_y), 2 * bytes(d_y) + bytes(kept));
    ForwardingBackend::do_activation_backward(d_y, kept, act);
  }
  void do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                     ConstTensor kept, const Matrix& w, Activation act) override {
    const Clocked c(*inner_, times_, Phase::products_backward, 2 * product_flops(activated, w),
                    bytes(d_kept, activated, d_y, kept) + 2 * bytes(d_w, d_b) + bytes_of(w));
    ForwardingBackend::do_activation_linear_backward(d_kept, activated, d_w, d_b, d_y, kept, w, act);
  }
  void do_rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) override {
    const double count = static_cast<double>(x.dim[0] * columns);
    const Clocked c(*inner_, times_, rotation.back ? Phase::attention_backward : Phase::attention_forward,
                    kRotation * count, 2 * count * static_cast<double>(size_of(x.dtype)));
    ForwardingBackend::do_rotate(x, columns, rotation, s);
  }
  void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                    const Sequences& s, const Dropout& drop) override {
    const Clocked c(*inner_, times_, Phase::attention_forward, attention_flops(s, y, shape), bytes(y, kept, q, kv));
    ForwardingBackend::do_attention(y, kept, q, kv, shape, s, drop);
  }
  void do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                             const AttentionShape& shape, const Sequences& s, const Dropout& drop) override {
    const Clocked c(*inner_, times_, Phase::attention_backward, 2 * attention_flops(s, d_y, shape),
                    bytes(d_q, d_kv, d_y, kept, q, kv));
    ForwardingBackend::do_attention_backward(d_q, d_kv, d_y, kept, q, kv, shape, s, drop);
  }
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override {
    const Clocked c(*inner_, times_, Phase::rows, 0, 2 * bytes(y));
    ForwardingBackend::do_gather_rows(y, x, rows);
  }
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) override {
    const Clocked c(*inner_, times_, Phase::rows, 0, into == Into::add ? 3 * bytes(d_y) : bytes(d_x, d_y));
    ForwardingBackend::do_gather_rows_backward(d_x, d_y, rows, into);
  }
  LabelLoss do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                               float scale) override {
    const Clocked c(*inner_, times_, Phase::loss, kSoftmax * elements(logits), bytes(d_logits, logits));
    return ForwardingBackend::do_vocabulary_loss(d_logits, logits, labels, scale);
  }
  void do_softmax_rows(Tensor logits) override {
    const Clocked c(*inner_, times_, Phase::loss, kSoftmax * elements(logits), 2 * bytes(logits));
    ForwardingBackend::do_softmax_rows(logits);
  }
  void do_zero(Tensor x) override {
    const Clocked c(*inner_, times_, Phase::optimizer, 0, bytes(x));
    ForwardingBackend::do_zero(x);
  }
  double do_squared_norm(ConstTensor x) override {
    const Clocked c(*inner_, times_, Phase::optimizer, 2 * elements(x), bytes(x));
    return ForwardingBackend::do_squared_norm(x);
  }
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override {
    const Clocked c(*inner_, times_, Phase::optimizer, kAdamW * elements(parameters),
                    2 * bytes(parameters, moment1, moment2) + bytes(gradients));
    ForwardingBackend::do_adamw(parameters, moment1, moment2, gradients, step);
  }

 private:
  std::unique_ptr<Backend> inner_;
  PhaseTimes& times_;
};

const char* name_of(Phase phase) {
  static constexpr std::array<const char*, kPhases> kNames = {"embedding",
                                                              "products_forward",
                                                              "products_backward",
                                                              "attention_forward",
                                                              "attention_backward",
                                                              "norms",
                                                              "activation",
                                                              "loss",
                                                              "optimizer",
                                                              "rows",
                                                              "packing"};
  return kNames[static_cast<size_t>(phase)];
}

double PhaseTimes::seconds() const {
  double sum = 0;
  for (const PhaseTime& time : times_) sum += time.seconds;
  return sum;
}

std::unique_ptr<Backend> make_timing_backend(std::unique_ptr<Backend> inner, PhaseTimes& times) {
  return std::make_unique<TimingBackend>(std::move(inner), times);
}

}  // namespace tekio
