// Work for the streams, gathered until somebody wants it done. A step's verbs so make one list of some hundred
// launches, and a list that comes again, launch by launch and number by number, is run as one CUDA graph: what changes
// from step to step (ids, rows, labels, dropout's keys, the learning rate) lies in device memory, at the same place
// each time (uploads.h). A list that is another in anything is run launch by launch, which gives the same bits.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "compute/cuda/streams.h"

namespace tekio::cuda {

/// Whether all of a value's bytes say something: what kernels are given as a struct promises it by kNoPadding.
template <typename T>
constexpr bool has_no_padding() {
  if constexpr (std::is_class_v<T> && requires { T::kNoPadding; })
    return T::kNoPadding;
  else
    return std::is_scalar_v<T> || std::has_unique_object_representations_v<T>;
}

class Queue {
 public:
  using Work = std::function<void(cudaStream_t)>;
  Queue() = default;
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// `identity`: all that the work does depends on, but for what device memory holds. It may not wait for anything.
  template <typename... Values>
  void add(Work work, const Values&... identity) {
    (append(identity), ...);
    push({Kind::in_order, std::move(work)});
    is_forked_ = false;
  }
  /// Work that comes after all that was added before, but which what is added after it need not wait for until join().
  template <typename... Values>
  void add_beside(Work work, const Values&... identity) {
    if (!is_forked_) push({Kind::fork, {}});
    (append(identity), ...);
    push({Kind::beside, std::move(work)});
    is_forked_ = is_apart_ = true;
  }
  /// What is added from here on comes after all that was added before. At a list's end that is so by itself.
  void join() {
    if (std::exchange(is_apart_, false)) push({Kind::join, {}});
  }
  /// Forgets what was not run.
  void clear() { take(); }
  /// A list that comes again as one graph; or each launch by itself, whatever comes again.
  enum class Way { as_graphs, one_by_one };
  /// Gives the streams all that was added since. Errors (device): a launch failed; what is left is dropped.
  void run(const Streams& streams, Way way);

  /// How many lists were run as graphs so far.
  int64_t graphs_run() const { return graphs_run_; }

 private:
  enum class Kind : char { in_order, fork, beside, join };
  struct Piece {
    Kind kind;
    Work work;  // of the two streams' own kinds
    void run(const Streams& streams) const;
  };
  struct Graph {
    std::string identity;
    cudaGraphExec_t executable;
  };
  template <typename T>
  void append(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && has_no_padding<T>());
    identity_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void push(Piece piece) {
    append(piece.kind);
    pieces_.push_back(std::move(piece));
  }
  std::vector<Piece> take();
  cudaGraphExec_t graph_of(const Streams& streams);
  cudaGraphExec_t capture(const Streams& streams) const;

  std::vector<Piece> pieces_;
  std::string identity_;
  bool is_forked_ = false, is_apart_ = false;  // nothing was added in order since a fork; no join since work beside
  std::list<Graph> graphs_;                    // the one that was run last in front
  std::deque<uint64_t> seen_;                  // hashes of lists that were run once
  bool graphs_are_refused_ = false;
  int64_t graphs_run_ = 0;
};

}  // namespace tekio::cuda
