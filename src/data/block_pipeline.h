// A source's texts on several threads: one thread reads and unpacks, several work on blocks (and decode those that are
// pending), the calling one takes the results in order. What is done with a block is the caller's: for a token store it
// is encoded, for a vocabulary its words are counted.
#pragma once

#include <functional>

#include "data/source.h"

namespace tekio {

class BlockPipeline {
 public:
  /// Works on a block; what it makes of it belongs to the slot, of which there are slots(), until the slot is taken.
  using Worker = std::function<void(const Block& block, size_t slot)>;
  /// Takes what a slot holds; `progress` is the share of the source that was read up to its block, [0, 1].
  using Taker = std::function<void(size_t slot, double progress)>;

  /// Of several processes that read one source, what this one works on: the first `run` blocks are number 0's, the next
  /// ones number 1's, and so on, in turns. The others' blocks are read alone: neither parsed nor taken.
  struct Part {
    int number = 0, of = 1, run = 1;
    bool has(int64_t block) const { return block / run % of == number; }
  };

  /// `threads` that work; 0: all processors. `source` must outlive the pipeline.
  BlockPipeline(const DatasetSource& source, int threads, const Part& part);
  BlockPipeline(const DatasetSource& source, int threads) : BlockPipeline(source, threads, Part()) {}

  int threads() const { return threads_; }
  size_t slots() const { return static_cast<size_t>(threads_) * 2 + 2; }

  /// Calls make_worker(i) once on each working thread, i in [0, threads()), and the worker for blocks as they come;
  /// `take` on the calling thread for every block in order.
  /// Errors: what reading, `make_worker`, workers and `take` throw; of several blocks the first one's.
  void run(const std::function<Worker(int i)>& make_worker, const Taker& take) const;

 private:
  const DatasetSource& source_;
  int threads_;
  Part part_;
};

}  // namespace tekio
