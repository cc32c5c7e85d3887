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

/// One verb's operands in the other memory: announced first, all of them, then replaced by their copies.
class Copies {
 public:
  explicit Copies(Backend& device) : device_(device), memory_(device.memory()) {}

  template <typename Void>
  void announce(const BasicTensor<Void>& t) {
    if (t) ranges_.push_back(range_of(t.data, t.bytes()));
  }
  void announce(const Matrix& w) { ranges_.push_back(range_of(w.data, bytes_of(w))); }

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

  void replace(Tensor& t) {
    if (!t) return;
    changed_.push_back(range_of(t.data, t.bytes()));
    t.data = place_of(t.data, t.bytes());
  }
  void replace(ConstTensor& t) const {
    if (t) t.data = place_of(t.data, t.bytes());
  }
  void replace(Matrix& w) const { w.data = place_of(w.data, bytes_of(w)); }
  void replace_changed(Matrix& w) {
    changed_.push_back(range_of(w.data, bytes_of(w)));
    replace(w);
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

class HostedBackend final : public EveryVerbAlike<HostedBackend, ForwardingBackend> {
 public:
  explicit HostedBackend(std::unique_ptr<Backend> device) : EveryVerbAlike(*device), device_(std::move(device)) {}
  Memory& memory() override { return host_memory(); }

  template <typename Verb>
  void run_any(const Verb& op) {
    Copies copies(*device_);
    Verb there = op;
    there.operands([&](auto& operand) { copies.announce(operand); });
    copies.send();
    there.operands([&](auto& operand) { copies.replace(operand); });
    ForwardingBackend::run(there);
    copies.bring_back();
  }
  void run_any(const verb::CopyMatrices& op) {
    Copies copies(*device_);
    std::vector<MatrixCopy> there(op.copies.begin(), op.copies.end());
    for (const auto& [to, from] : there) {
      copies.announce(to);
      copies.announce(from);
    }
    copies.send();
    for (auto& [to, from] : there) {
      copies.replace_changed(to);
      copies.replace(from);
    }
    ForwardingBackend::run(verb::CopyMatrices{there});
    copies.bring_back();
  }

 private:
  std::unique_ptr<Backend> device_;
};

}  // namespace

std::unique_ptr<Backend> make_hosted_backend(std::unique_ptr<Backend> device) {
  return std::make_unique<HostedBackend>(std::move(device));
}

}  // namespace tekio
