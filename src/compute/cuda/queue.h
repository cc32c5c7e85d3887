// Work for the stream, gathered until somebody wants it done. A step's verbs so make one list of some hundred launches,
// and a list that comes again, launch by launch and number by number, is run as one CUDA graph: what changes from step
// to step (ids, rows, labels, dropout's keys, the learning rate) lies in device memory, at the same place each time
// (uploads.h). A list that is another in anything is run launch by launch, which gives the same bits.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <string>
#include <type_traits>
#include <vector>

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
    work_.push_back(std::move(work));
  }
  /// Forgets what was not run.
  void clear() {
    work_.clear();
    identity_.clear();
  }
  /// A list that comes again as one graph; or each launch by itself, whatever comes again.
  enum class Way { as_graphs, one_by_one };
  /// Gives the stream all that was added since. Errors (device): a launch failed; what is left is dropped.
  void run(cudaStream_t stream, Way way);

  /// How many lists were run as graphs so far.
  int64_t graphs_run() const { return graphs_run_; }

 private:
  struct Graph {
    std::string identity;
    cudaGraphExec_t executable;
  };
  template <typename T>
  void append(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && has_no_padding<T>());
    identity_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  cudaGraphExec_t graph_of(cudaStream_t stream);
  cudaGraphExec_t capture(cudaStream_t stream) const;

  std::vector<Work> work_;
  std::string identity_;
  std::list<Graph> graphs_;    // the one that was run last in front
  std::deque<uint64_t> seen_;  // hashes of lists that were run once
  bool graphs_are_refused_ = false;
  int64_t graphs_run_ = 0;
};

}  // namespace tekio::cuda
