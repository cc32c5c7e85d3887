// The processor's back end: products by oneDNN or own bf16 kernels (product.h), everything bound by memory by own
// kernels (Highway, the instruction set is chosen at run time). One file a topic, named as in ref/. How sums are cut
// never depends on the number of threads, only on shapes, so 1 thread and N give the same bits.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "base/denormals.h"
#include "base/thread_pool.h"
#include "compute/arena.h"
#include "compute/backend.h"
#include "compute/cpu/packed_matrices.h"
#include "compute/cpu/product.h"
#include "compute/rotary.h"

namespace tekio {

/// A buffer of dropout factors is written in whole units of up to this many, past its row's end.
constexpr int64_t kFactorSlack = 128;

class CpuBackend final : public Backend {
 public:
  /// `bf16`: what multiplies bf16; no more than kernels::instructions().
  explicit CpuBackend(ThreadPool& pool, kernels::Instructions bf16 = kernels::instructions());
  std::string name() const override { return "cpu"; }
  Bf16 bf16_products() const override {
    return products_.by() != kernels::Instructions::none ? Bf16::measured : Bf16::absent;
  }
  std::vector<std::string> bf16_kernels() const override;
  void use_bf16_kernel(const std::string& name) override;
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override { return PackedMatrices::bytes(rows, columns); }

 protected:
  TEKIO_RUNS_EVERY_VERB

 private:
  /// body(i, worker) for every i in [0, count) on the pool, each taking denormal numbers for 0.
  template <typename Body>
  void for_each(int64_t count, Body&& body) {
    const auto compute = [&](int64_t i, int worker) {
      const FlushDenormals flush;
      body(i, worker);
    };
    pool_.for_each(count, std::cref(compute));  // by reference: a std::function that holds it itself would allocate
  }
  /// body(begin, end, worker) for the pieces of [0, count) whose borders are multiples of `piece`.
  template <typename Body>
  void for_pieces(int64_t count, int64_t piece, Body&& body) {
    for_each((count + piece - 1) / piece,
             [&](int64_t i, int worker) { body(i * piece, std::min(count, (i + 1) * piece), worker); });
  }

  /// Makes room for `each` floats a worker and `shared` floats in all; kept, so that steps of a size seen before
  /// allocate nothing. What is in it lasts until the op ends.
  void reserve(int64_t each, int64_t shared = 0);
  float* scratch_of(int worker) const { return scratch_[static_cast<size_t>(worker)].get(); }
  float* shared() const { return shared_.get(); }
  /// For attention: where each sequence's explicit decisions begin; nothing where there are none.
  std::span<const int64_t> decision_begins(const Sequences& s, int64_t heads, const Dropout& drop);
  template <typename T>
  void attend(const verb::Attention& op);
  template <typename T>
  void attend_backward(const verb::AttentionBackward& op);

  ThreadPool& pool_;
  Products products_;
  PackedMatrices packed_;
  struct Buffer {
    Arena arena;
    int64_t floats = 0;
    void grow(int64_t wanted);
    float* get() const { return static_cast<float*>(arena.data()); }
  };
  std::vector<Buffer> scratch_;  // one a worker: its own scratch
  Buffer shared_;                // partial sums, one slot a piece
  std::vector<int64_t> decision_begins_;
  std::vector<RotaryTable> rotary_tables_;
  std::vector<int64_t> block_begins_;
};

}  // namespace tekio
