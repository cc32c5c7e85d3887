// A stand-in for a device: a back end of the host's whose tensors lie in pages that nobody may touch but its verbs and
// the copies in and out, while they run. Code that reaches into them ends there and then; a verb that is given what
// lies elsewhere says so.
#pragma once

#include <sys/mman.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "compute/forwarding.h"

namespace tekio::test {

class FencedMemory final : public Memory {
 public:
  int64_t bytes_written = 0, bytes_read = 0;  ///< by the host, so far

  ~FencedMemory() override { TEKIO_CHECK(pieces_.empty(), "{} pieces were not given back", pieces_.size()); }
  bool on_host() const override { return false; }
  void* allocate(int64_t bytes, const std::string& purpose) override {
    TEKIO_CHECK(bytes > 0, "{} bytes for {}", bytes, purpose);
    void* const memory =
        ::mmap(nullptr, static_cast<size_t>(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail(ErrorKind::device, "no {} bytes for {}", bytes, purpose);
    pieces_[static_cast<char*>(memory)] = bytes;
    return memory;
  }
  void free(void* memory) override {
    const auto piece = pieces_.extract(static_cast<char*>(memory));
    TEKIO_CHECK(!piece.empty(), "freed what was not allocated");
    ::munmap(memory, static_cast<size_t>(piece.mapped()));
  }
  void write(void* to, const void* from_host, int64_t bytes) override {
    if (bytes == 0) return;
    TEKIO_CHECK(holds(to, bytes) && !holds(from_host, 1), "{} bytes not written from the host to the device", bytes);
    const Opened opened(*this);
    std::memcpy(to, from_host, static_cast<size_t>(bytes));
    bytes_written += bytes;
  }
  void read(void* to_host, const void* from, int64_t bytes) override {
    if (bytes == 0) return;
    TEKIO_CHECK(!holds(to_host, 1) && holds(from, bytes), "{} bytes not read from the device to the host", bytes);
    const Opened opened(*this);
    std::memcpy(to_host, from, static_cast<size_t>(bytes));
    bytes_read += bytes;
  }

  /// Whether so many bytes lie in one piece.
  bool holds(const void* at, int64_t bytes) const {
    const auto* const begin = static_cast<const char*>(at);
    const auto after = pieces_.upper_bound(const_cast<char*>(begin));
    if (after == pieces_.begin()) return false;
    const auto& [piece, size] = *std::prev(after);
    return begin + bytes <= piece + size;
  }

  /// As long as it lives, the pages may be touched.
  class Opened {
   public:
    explicit Opened(FencedMemory& memory) : memory_(memory) { memory_.protect(PROT_READ | PROT_WRITE); }
    ~Opened() { memory_.protect(PROT_NONE); }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;

   private:
    FencedMemory& memory_;
  };

 private:
  void protect(int access) const {
    for (const auto& [memory, bytes] : pieces_)
      if (::mprotect(memory, static_cast<size_t>(bytes), access) != 0)
        fail(ErrorKind::device, "mprotect: {}", std::strerror(errno));
  }
  std::map<char*, int64_t> pieces_;
};

class FencedBackend final : public ForwardingBackend {
 public:
  explicit FencedBackend(std::unique_ptr<Backend> inner) : ForwardingBackend(*inner), inner_(std::move(inner)) {}
  Memory& memory() override { return memory_; }

 protected:
  void do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) override {
    const auto opened = open("embed", y, word, position, type);
    ForwardingBackend::do_embed(y, rows, word, position, type);
  }
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                         const TableRows& rows) override {
    const auto opened = open("embed_backward", d_word, d_position, d_type, d_y);
    ForwardingBackend::do_embed_backward(d_word, d_position, d_type, d_y, rows);
  }
  void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
               const Sequences* s, const Dropout& drop) override {
    const auto opened = open("norm", sum, y, kept.normalized, kept.rstd, x, branch, w.weight, w.bias, drop);
    ForwardingBackend::do_norm(sum, y, kept, x, branch, w, s, drop);
  }
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop, Into into) override {
    const auto opened = open("norm_backward", d_x, d_branch, d_w.weight, d_w.bias, d_y, kept.normalized, kept.rstd,
                             w.weight, w.bias, drop);
    ForwardingBackend::do_norm_backward(d_x, d_branch, d_w, d_y, kept, w, s, drop, into);
  }
  void do_copy_matrices(std::span<const MatrixCopy> copies) override {
    for (const MatrixCopy& copy : copies) {
      require("copy_matrices", copy.to);
      require("copy_matrices", copy.from);
    }
    const auto opened = open("copy_matrices");
    ForwardingBackend::do_copy_matrices(copies);
  }
  void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, const Activation* act) override {
    const auto opened = open("linear", y, kept, x, w, b);
    ForwardingBackend::do_linear(y, kept, x, w, b, act);
  }
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                          Into into) override {
    const auto opened = open("linear_backward", d_x, d_w, d_b, d_y, x, w);
    ForwardingBackend::do_linear_backward(d_x, d_w, d_b, d_y, x, w, into);
  }
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override {
    const auto opened = open("activation_backward", d_y, kept);
    ForwardingBackend::do_activation_backward(d_y, kept, act);
  }
  void do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                     ConstTensor kept, const Matrix& w, Activation act) override {
    const auto opened = open("activation_linear_backward", d_kept, activated, d_w, d_b, d_y, kept, w);
    ForwardingBackend::do_activation_linear_backward(d_kept, activated, d_w, d_b, d_y, kept, w, act);
  }
  void do_rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) override {
    const auto opened = open("rotate", x);
    ForwardingBackend::do_rotate(x, columns, rotation, s);
  }
  void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                    const Sequences& s, const Dropout& drop) override {
    const auto opened = open("attention", y, kept, q, kv, drop);
    ForwardingBackend::do_attention(y, kept, q, kv, shape, s, drop);
  }
  void do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                             const AttentionShape& shape, const Sequences& s, const Dropout& drop) override {
    const auto opened = open("attention_backward", d_q, d_kv, d_y, kept, q, kv, drop);
    ForwardingBackend::do_attention_backward(d_q, d_kv, d_y, kept, q, kv, shape, s, drop);
  }
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override {
    const auto opened = open("gather_rows", y, x);
    ForwardingBackend::do_gather_rows(y, x, rows);
  }
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) override {
    const auto opened = open("gather_rows_backward", d_x, d_y);
    ForwardingBackend::do_gather_rows_backward(d_x, d_y, rows, into);
  }
  LabelLoss do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                               float scale) override {
    const auto opened = open("vocabulary_loss", d_logits, logits);
    return ForwardingBackend::do_vocabulary_loss(d_logits, logits, labels, scale);
  }
  void do_softmax_rows(Tensor logits) override {
    const auto opened = open("softmax_rows", logits);
    ForwardingBackend::do_softmax_rows(logits);
  }
  void do_zero(Tensor x) override {
    const auto opened = open("zero", x);
    ForwardingBackend::do_zero(x);
  }
  double do_squared_norm(ConstTensor x) override {
    const auto opened = open("squared_norm", x);
    return ForwardingBackend::do_squared_norm(x);
  }
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override {
    const auto opened = open("adamw", parameters, moment1, moment2, gradients);
    ForwardingBackend::do_adamw(parameters, moment1, moment2, gradients, step);
  }

 private:
  /// Opens the memory for a verb with these operands.
  template <typename... Operands>
  FencedMemory::Opened open([[maybe_unused]] const char* verb, const Operands&... operands) {
    (require(verb, operands), ...);
    return FencedMemory::Opened(memory_);
  }
  template <typename Void>
  void require(const char* verb, const BasicTensor<Void>& t) const {
    if (t && t.numel() > 0) TEKIO_CHECK(memory_.holds(t.data, t.bytes()), "{}: {} is not there", verb, t.shape_text());
  }
  void require(const char* verb, const Matrix& w) const {
    const int64_t bytes =
        w.dtype == DType::f32 ? w.rows * w.columns * size_of(w.dtype) : matrix_bytes(w.rows, w.columns);
    TEKIO_CHECK(memory_.holds(w.data, bytes), "{}: a matrix [{}, {}] is not there", verb, w.rows, w.columns);
  }
  /// What was drawn stays on the host.
  void require(const char* verb, const Dropout& drop) const {
    TEKIO_CHECK(!memory_.holds(drop.kept, 1), "{}: dropout's decisions are not on the host", verb);
  }

  std::unique_ptr<Backend> inner_;
  FencedMemory memory_;
};

inline std::unique_ptr<Backend> make_fenced_backend(std::unique_ptr<Backend> inner) {
  return std::make_unique<FencedBackend>(std::move(inner));
}

}  // namespace tekio::test
