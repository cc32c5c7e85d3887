// All memory is planned before the first step: a MemoryPlan collects named buffers, which are then allocated once.
// Nothing allocates inside a step.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "compute/memory.h"
#include "compute/tensor.h"

namespace tekio {

/// One allocation, 64-byte aligned, zeroed, from which tensors are cut in order.
class Arena {
 public:
  Arena() = default;
  /// Takes its memory from `memory`, which must outlive it. Errors (device): as Memory::allocate().
  explicit Arena(int64_t bytes, const std::string& purpose, Memory& memory = host_memory());

  /// The next tensor of this shape, 64-byte aligned. A bug if the arena is full.
  Tensor take(DType type, std::initializer_list<int64_t> shape);
  /// Forgets all tensors taken; their memory will be given out again.
  void reset() { used_ = 0; }

  void* data() const { return memory_.get(); }
  int64_t bytes() const { return bytes_; }
  int64_t used() const { return used_; }

  /// Bytes that a tensor takes in an arena, alignment included.
  static int64_t size_of_tensor(DType type, std::initializer_list<int64_t> shape);

 private:
  struct Free {
    Memory* to;
    void operator()(void* memory) const { to->free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  int64_t bytes_ = 0, used_ = 0;
};

/// Peak figures by purpose ("weights", "gradients", "moments", "activations", "scratch"); --dry_run and bench
/// show the lines, each in its own form.
struct MemoryPlan {
  struct Line {
    std::string purpose;
    int64_t bytes;
  };
  std::vector<Line> lines;
  void add(std::string purpose, int64_t bytes) { lines.push_back({std::move(purpose), bytes}); }
  int64_t total() const;
};

}  // namespace tekio
