#include "compute/cuda/queue.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "compute/cuda/device.h"

namespace tekio::cuda {
namespace {

// Batches have a few shapes: whole and last ones, each with a few numbers of rows.
constexpr size_t kMostGraphs = 16, kMostSeen = 64;
constexpr size_t kFewest = 8;  // pieces of work that a graph is worth

}  // namespace

Queue::~Queue() {
  for (const Graph& graph : graphs_) cudaGraphExecDestroy(graph.executable);
}

void Queue::Piece::run(const Streams& streams) const {
  switch (kind) {
    case Kind::in_order:
      return work(streams.in_order());
    case Kind::fork:
      return streams.fork();
    case Kind::beside:
      return work(streams.beside());
    case Kind::join:
      return streams.join();
  }
}

std::vector<Queue::Piece> Queue::take() {
  identity_.clear();
  is_forked_ = is_apart_ = false;
  return std::exchange(pieces_, {});
}

void Queue::run(const Streams& streams, Way way) {
  if (pieces_.empty()) return;
  join();
  const cudaGraphExec_t graph = way == Way::as_graphs ? graph_of(streams) : nullptr;
  const std::vector<Piece> all = take();
  if (graph != nullptr) {
    check(cudaGraphLaunch(graph, streams.in_order()), "cudaGraphLaunch");
    ++graphs_run_;
    return;
  }
  for (const Piece& piece : all) piece.run(streams);
}

/// The graph of the list at hand; nullptr where it is to be run otherwise. It is made when a list comes for the second
/// time.
cudaGraphExec_t Queue::graph_of(const Streams& streams) {
  if (graphs_are_refused_ || pieces_.size() < kFewest) return nullptr;
  for (auto graph = graphs_.begin(); graph != graphs_.end(); ++graph)
    if (graph->identity == identity_) {
      graphs_.splice(graphs_.begin(), graphs_, graph);
      return graph->executable;
    }
  const uint64_t hash = std::hash<std::string>()(identity_);
  if (std::ranges::find(seen_, hash) == seen_.end()) {
    seen_.push_back(hash);
    if (seen_.size() > kMostSeen) seen_.pop_front();
    return nullptr;
  }
  const cudaGraphExec_t made = capture(streams);
  if (made == nullptr) {
    graphs_are_refused_ = true;  // each launch by itself does the same, a little slower
    return nullptr;
  }
  graphs_.push_front({identity_, made});
  if (graphs_.size() > kMostGraphs) {
    cudaStreamSynchronize(streams.in_order());  // it may be under way
    cudaGraphExecDestroy(graphs_.back().executable);
    graphs_.pop_back();
  }
  return made;
}

/// nullptr where the driver refuses.
cudaGraphExec_t Queue::capture(const Streams& streams) const {
  if (cudaStreamBeginCapture(streams.in_order(), cudaStreamCaptureModeThreadLocal) != cudaSuccess) return nullptr;
  bool is_whole = true;
  try {
    for (const Piece& piece : pieces_) piece.run(streams);
  } catch (const Error&) {
    is_whole = false;  // run by itself it tells why
  }
  cudaGraph_t graph = nullptr;
  is_whole = cudaStreamEndCapture(streams.in_order(), &graph) == cudaSuccess && is_whole;
  cudaGraphExec_t executable = nullptr;
  if (is_whole && cudaGraphInstantiate(&executable, graph, 0) != cudaSuccess) executable = nullptr;
  if (graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();  // else the next launch would report it again
  return executable;
}

}  // namespace tekio::cuda
