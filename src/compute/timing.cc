// Which phase a verb belongs to and what it must do, a function a verb.
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

struct Cost {
  Phase phase;
  double flops, bytes;
};
Cost cost_of(const verb::Embed& op) {
  return {Phase::embedding, 2 * elements(op.y), bytes(op.y) + elements(op.y) * (op.type ? 12 : 8)};
}
Cost cost_of(const verb::EmbedBackward& op) {
  return {Phase::embedding, 2 * elements(op.d_y), bytes(op.d_y) + elements(op.d_y) * (op.d_type ? 24 : 16)};
}
Cost cost_of(const verb::Norm& op) {
  return {Phase::norms, kNorm * elements(op.y), bytes(op.sum, op.y, op.kept.normalized, op.kept.rstd, op.x, op.branch)};
}
Cost cost_of(const verb::NormBackward& op) {
  return {
      Phase::norms, kNormBackward * elements(op.d_y),
      bytes(op.d_x) * (op.into == Into::add ? 2 : 1) + bytes(op.d_branch, op.d_y, op.kept.normalized, op.kept.rstd)};
}
Cost cost_of(const verb::CopyMatrices& op) {
  double moved = 0;
  for (const MatrixCopy& copy : op.copies) moved += bytes(copy.from) + bytes_of(copy.to);
  return {Phase::packing, 0, moved};
}
Cost cost_of(const verb::Linear& op) {
  return {Phase::products_forward, product_flops(op.x, op.w), bytes(op.y, op.kept, op.x, op.b) + bytes_of(op.w)};
}
Cost cost_of(const verb::LinearBackward& op) {
  return {Phase::products_backward, product_flops(op.x, op.w) * (op.d_x ? 2 : 1),
          bytes(op.d_x) * (op.into == Into::add ? 2 : 1) + 2 * bytes(op.d_w, op.d_b) + bytes(op.d_y, op.x) +
              bytes_of(op.w)};
}
Cost cost_of(const verb::ActivationBackward& op) {
  return {Phase::activation, kActivation * elements(op.d_y), 2 * bytes(op.d_y) + bytes(op.kept)};
}
Cost cost_of(const verb::ActivationLinearBackward& op) {
  return {Phase::products_backward, 2 * product_flops(op.activated, op.w),
          bytes(op.d_kept, op.activated, op.d_y, op.kept) + 2 * bytes(op.d_w, op.d_b) + bytes_of(op.w)};
}
Cost cost_of(const verb::Rotate& op) {
  const auto count = static_cast<double>(op.x.dim[0] * op.columns);
  return {op.rotation.back ? Phase::attention_backward : Phase::attention_forward, kRotation * count,
          2 * count * static_cast<double>(size_of(op.x.dtype))};
}
Cost cost_of(const verb::Attention& op) {
  return {Phase::attention_forward, attention_flops(op.s, op.y, op.shape), bytes(op.y, op.kept, op.q, op.kv)};
}
Cost cost_of(const verb::AttentionBackward& op) {
  return {Phase::attention_backward, 2 * attention_flops(op.s, op.d_y, op.shape),
          bytes(op.d_q, op.d_kv, op.d_y, op.kept, op.q, op.kv)};
}
Cost cost_of(const verb::GatherRows& op) { return {Phase::rows, 0, 2 * bytes(op.y)}; }
Cost cost_of(const verb::GatherRowsBackward& op) {
  return {Phase::rows, 0, op.into == Into::add ? 3 * bytes(op.d_y) : bytes(op.d_x, op.d_y)};
}
Cost cost_of(const verb::VocabularyLoss& op) {
  return {Phase::loss, kSoftmax * elements(op.logits), bytes(op.each, op.d_logits, op.logits)};
}
Cost cost_of(const verb::SoftmaxRows& op) {
  return {Phase::loss, kSoftmax * elements(op.logits), 2 * bytes(op.logits)};
}
Cost cost_of(const verb::Zero& op) { return {Phase::optimizer, 0, bytes(op.x)}; }
Cost cost_of(const verb::Add& op) { return {Phase::optimizer, elements(op.y), 2 * bytes(op.y) + bytes(op.x)}; }
Cost cost_of(const verb::SquaredNorms& op) { return {Phase::optimizer, 2 * elements(op.x), bytes(op.x)}; }
Cost cost_of(const verb::Clip& op) { return {Phase::optimizer, elements(op.sums), bytes(op.sums)}; }
Cost cost_of(const verb::AdamW& op) {
  return {Phase::optimizer, kAdamW * elements(op.parameters),
          2 * bytes(op.parameters, op.moment1, op.moment2) + bytes(op.gradients)};
}

/// Adds the time from its making to its end, when what the back end was given to do is done; unless clocks are off.
class Clocked {
 public:
  Clocked(Backend& backend, PhaseTimes& times, const Cost& cost)
      : backend_(backend), time_(times.on ? &times[cost.phase] : nullptr) {
    if (time_ == nullptr) return;
    ++time_->calls;
    time_->flops += cost.flops;
    time_->bytes += cost.bytes;
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

class TimingBackend final : public EveryVerbAlike<TimingBackend, ForwardingBackend> {
 public:
  TimingBackend(std::unique_ptr<Backend> inner, PhaseTimes& times)
      : EveryVerbAlike(*inner), inner_(std::move(inner)), times_(times) {}

  template <typename Verb>
  void run_any(const Verb& op) {
    const Clocked clocked(*inner_, times_, cost_of(op));
    ForwardingBackend::run(op);
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
