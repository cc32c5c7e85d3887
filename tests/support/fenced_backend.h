// A stand-in for a device: a back end of the host's whose tensors lie in pages that nobody may touch but its verbs and
// the copies in and out, while they run. Code that reaches into them ends there and then; a verb that is given what
// lies elsewhere says so.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
  Results read_later(const double* from, int64_t count) override {
    const auto size = static_cast<size_t>(count);
    Later& later = later_.emplace_back(Later{std::vector<double>(size), std::make_shared<std::vector<double>>(size)});
    std::ranges::fill(*later.to, std::numeric_limits<double>::quiet_NaN());
    read(later.numbers.data(), from, count * static_cast<int64_t>(sizeof(double)));
    return later.to;
  }
  /// Brings what was read later to where it was wanted.
  void finish_reading() {
    for (Later& later : later_) *later.to = std::move(later.numbers);
    later_.clear();
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
  struct Later {
    std::vector<double> numbers;
    std::shared_ptr<std::vector<double>> to;
  };
  std::map<char*, int64_t> pieces_;
  std::vector<Later> later_;
};

class FencedBackend final : public EveryVerbAlike<FencedBackend, ForwardingBackend> {
 public:
  explicit FencedBackend(std::unique_ptr<Backend> inner) : EveryVerbAlike(*inner), inner_(std::move(inner)) {}
  Memory& memory() override { return memory_; }
  void wait() override {
    ForwardingBackend::wait();
    memory_.finish_reading();
  }

  template <typename Verb>
  void run_any(const Verb& op) {
    Verb operands = op;
    operands.operands([&](const auto& operand) { require(op.name(), operand); });
    if constexpr (requires { op.drop; }) require(op.name(), op.drop);
    const FencedMemory::Opened opened(memory_);
    ForwardingBackend::run(op);
  }
  void run_any(const verb::CopyMatrices& op) {
    for (const MatrixCopy& copy : op.copies) {
      require(op.name(), copy.to);
      require(op.name(), copy.from);
    }
    const FencedMemory::Opened opened(memory_);
    ForwardingBackend::run(op);
  }

 private:
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
