// Computes a graph that build.h made, operator by operator as ONNX's specification says, so that what a file will
// answer is known where it is written. Products go through a back end; all else is plain loops.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compute/backend.h"
#include "onnx/graph.h"

namespace tekio::onnx {

/// Padded sequences: each input's numbers, [batch, length].
struct Feed {
  int64_t batch = 0, length = 0;
  std::map<std::string, std::vector<int64_t>> inputs;
};

/// The graph's only output: float32, row-major. `backend` must compute in the host's memory.
std::vector<float> run_graph(const Graph& graph, const Feed& feed, Backend& backend);

}  // namespace tekio::onnx
