// A back end for tensors in the host's memory that computes in another's: before a verb all that it works on is copied
// there, afterwards back what it may have changed. Operands that share memory share it in the copies too, since several
// ops work in place. Slow, and the same bits: it is there to test a device's verbs by what tests the host's.
#include <algorithm>
#include <deque>
#include <vector>

#include "compute/arena.h"
#include "compute/forwarding.h"

namespace tekio {
namespace {

/// One verb's operands in the other memory.
class Copies {
 public:
  Copies(Backend& device, std::initializer_list<ConstTensor> tensors, const Matrix* w = nullptr)
      : device_(device), memory_(device.memory()) {
    for (const ConstTensor& t : tensors)
      if (t) ranges_.push_back(range_of(t.data, t.bytes()));
    if (w != nullptr) ranges_.push_back(range_of(w->data, bytes_of(*w)));
    send();
  }
  explicit Copies(Backend& device, std::span<const Backend::MatrixCopy> copies)
      : device_(device), memory_(device.memory()) {
    for (const auto& [to, from] : copies) {
      ranges_.push_back(range_of(to.data, bytes_of(to)));
      ranges_.push_back(range_of(from.data, from.bytes()));
    }
    send();
  }

  /// An operand's copy.
  ConstTensor operator()(ConstTensor t) const {
    if (t) t.data = place_of(t.data, t.bytes());
    return t;
  }
  NormWeights operator()(const NormWeights& w) const { return {(*this)(w.weight), (*this)(w.bias), w.eps}; }
  Matrix operator()(Matrix w) const {
    w.data = place_of(w.data, bytes_of(w));
    return w;
  }
  /// Of one that the verb may change.
  Tensor operator()(Tensor t) {
    if (!t) return t;
    changed_.push_back(range_of(t.data, t.bytes()));
    t.data = place_of(t.data, t.bytes());
    return t;
  }
  NormKept operator()(const NormKept& kept) { return {(*this)(kept.normalized), (*this)(kept.rstd)}; }
  NormGradients operator()(const NormGradients& d_w) { return {(*this)(d_w.weight), (*this)(d_w.bias)}; }
  Matrix changed(const Matrix& w) {
    changed_.push_back(range_of(w.data, bytes_of(w)));
    return (*this)(w);
  }

  void bring_back() const {
    for (const Range& range : changed_)
      memory_.read(range.begin, place_of(range.begin, range.end - range.begin), range.end - range.begin);
  }

 private:
  struct Range {
    char *begin, *end;
  };
  static Range range_of(const void* data, int64_t bytes) {
    auto* const begin = static_cast<char*>(const_cast<void*>(data));  // written only where the verb may
    return {begin, begin + bytes};
  }
  int64_t bytes_of(const Matrix& w) const {
    return w.dtype == DType::f32 ? w.rows * w.columns * size_of(DType::f32) : device_.matrix_bytes(w.rows, w.columns);
  }

  /// Joins ranges that overlap and copies each.
  void send() {
    std::ranges::sort(ranges_, {}, &Range::begin);
    for (size_t next = 0; next < ranges_.size();) {
      Range range = ranges_[next];
      while (++next < ranges_.size() && ranges_[next].begin < range.end)
        range.end = std::max(range.end, ranges_[next].end);
      Piece& piece = pieces_.emplace_back(Piece{range, {}, nullptr});
      // As far from a 64-byte border as the original: kernels may go by that.
      const auto past_border = static_cast<int64_t>(reinterpret_cast<uintptr_t>(range.begin) % 64);
      piece.arena = Arena(past_border + (range.end - range.begin), "an operand", memory_);
      piece.copy = static_cast<char*>(piece.arena.data()) + past_border;
      memory_.write(piece.copy, range.begin, range.end - range.begin);
    }
  }
  char* place_of(const void* data, int64_t bytes) const {
    const Range range = range_of(data, bytes);
    for (const Piece& piece : pieces_)
      if (piece.range.begin <= range.begin && range.end <= piece.range.end)
        return piece.copy + (range.begin - piece.range.begin);
    fail(ErrorKind::bug, "an operand of {} bytes that was not announced", bytes);
  }

  struct Piece {
    Range range;
    Arena arena;
    char* copy;
  };
  Backend& device_;
  Memory& memory_;
  std::vector<Range> ranges_, changed_;
  std::deque<Piece> pieces_;
};

}  // namespace

class HostedBackend final : public ForwardingBackend {
 public:
  explicit HostedBackend(std::unique_ptr<Backend> device) : ForwardingBackend(*device), device_(std::move(device)) {}
  Memory& memory() override { return host_memory(); }

 protected:
  void do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) override {
    Copies of(*device_, {y, word, position, type});
    ForwardingBackend::do_embed(of(y), rows, of(word), of(position), of(type));
    of.bring_back();
  }
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                         const TableRows& rows) override {
    Copies of(*device_, {d_word, d_position, d_type, d_y});
    ForwardingBackend::do_embed_backward(of(d_word), of(d_position), of(d_type), of(d_y), rows);
    of.bring_back();
  }
  void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
               const Sequences* s, const Dropout& drop) override {
    Copies of(*device_, {sum, y, kept.normalized, kept.rstd, x, branch, w.weight, w.bias});
    ForwardingBackend::do_norm(of(sum), of(y), of(kept), of(x), of(branch), of(w), s, drop);
    of.bring_back();
  }
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop, Into into) override {
    Copies of(*device_, {d_x, d_branch, d_w.weight, d_w.bias, d_y, kept.normalized, kept.rstd, w.weight, w.bias});
    ForwardingBackend::do_norm_backward(of(d_x), of(d_branch), of(d_w), of(d_y), of(kept), of(w), s, drop, into);
    of.bring_back();
  }
  void do_copy_matrices(std::span<const MatrixCopy> copies) override {
    Copies of(*device_, copies);
    std::vector<MatrixCopy> there;
    for (const auto& [to, from] : copies) there.push_back({of.changed(to), of(from)});
    ForwardingBackend::do_copy_matrices(there);
    of.bring_back();
  }
  void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, const Activation* act) override {
    Copies of(*device_, {y, kept, x, b}, &w);
    ForwardingBackend::do_linear(of(y), of(kept), of(x), of(w), of(b), act);
    of.bring_back();
  }
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                          Into into) override {
    Copies of(*device_, {d_x, d_w, d_b, d_y, x}, &w);
    ForwardingBackend::do_linear_backward(of(d_x), of(d_w), of(d_b), of(d_y), of(x), of(w), into);
    of.bring_back();
  }
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override {
    Copies of(*device_, {d_y, kept});
    ForwardingBackend::do_activation_backward(of(d_y), of(kept), act);
    of.bring_back();
  }
  void do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                     ConstTensor kept, const Matrix& w, Activation act) override {
    Copies of(*device_, {d_kept, activated, d_w, d_b, d_y, kept}, &w);
    ForwardingBackend::do_activation_linear_backward(of(d_kept), of(activated), of(d_w), of(d_b), of(d_y), of(kept),
                                                     of(w), act);
    of.bring_back();
  }
  void do_rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) override {
    Copies of(*device_, {x});
    ForwardingBackend::do_rotate(of(x), columns, rotation, s);
    of.bring_back();
  }
  void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                    const Sequences& s, const Dropout& drop) override {
    Copies of(*device_, {y, kept, q, kv});
    ForwardingBackend::do_attention(of(y), of(kept), of(q), of(kv), shape, s, drop);
    of.bring_back();
  }
  void do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                             const AttentionShape& shape, const Sequences& s, const Dropout& drop) override {
    Copies of(*device_, {d_q, d_kv, d_y, kept, q, kv});
    ForwardingBackend::do_attention_backward(of(d_q), of(d_kv), of(d_y), of(kept), of(q), of(kv), shape, s, drop);
    of.bring_back();
  }
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override {
    Copies of(*device_, {y, x});
    ForwardingBackend::do_gather_rows(of(y), of(x), rows);
    of.bring_back();
  }
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) override {
    Copies of(*device_, {d_x, d_y});
    ForwardingBackend::do_gather_rows_backward(of(d_x), of(d_y), rows, into);
    of.bring_back();
  }
  LabelLoss do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                               float scale) override {
    Copies of(*device_, {d_logits, logits});
    const LabelLoss loss = ForwardingBackend::do_vocabulary_loss(of(d_logits), of(logits), labels, scale);
    of.bring_back();
    return loss;
  }
  void do_softmax_rows(Tensor logits) override {
    Copies of(*device_, {logits});
    ForwardingBackend::do_softmax_rows(of(logits));
    of.bring_back();
  }
  void do_zero(Tensor x) override {
    Copies of(*device_, {x});
    ForwardingBackend::do_zero(of(x));
    of.bring_back();
  }
  double do_squared_norm(ConstTensor x) override {
    const Copies of(*device_, {x});
    return ForwardingBackend::do_squared_norm(of(x));
  }
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override {
    Copies of(*device_, {parameters, moment1, moment2, gradients});
    ForwardingBackend::do_adamw(of(parameters), of(moment1), of(moment2), of(gradients), step);
    of.bring_back();
  }

 private:
  std::unique_ptr<Backend> device_;
};

std::unique_ptr<Backend> make_hosted_backend(std::unique_ptr<Backend> device) {
  return std::make_unique<HostedBackend>(std::move(device));
}

}  // namespace tekio
