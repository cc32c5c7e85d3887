// Matrices in eight bits.
#pragma once

#include <string>

#include "compute/tensor.h"
#include "onnx/graph.h"

namespace tekio::onnx {

/// Adds w[O,I] as levels, int8 [O,I], and scales, float32 [O]: w is about level * scale, a row's largest number is
/// level 127. Rounded to nearest even.
void add_quantized(Graph& graph, const std::string& levels, const std::string& scales, const ConstTensor& w);

}  // namespace tekio::onnx
