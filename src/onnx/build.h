// A model as an ONNX graph: the same forward as MlmNetwork's, over padded sequences and for all tokens.
//   inputs   input_ids, attention_mask, and token_type_ids where the model tells types apart: int64 [batch, length]
//   outputs  logits: float32 [batch, length, vocabulary]
// Operators of opset 17. Where attention_mask is 0 a key is not seen: its score becomes float32's lowest number, which
// is finite, so that a row of padding gives numbers too.
#pragma once

#include <tekio/export.h>

#include "model/weights.h"
#include "onnx/graph.h"

namespace tekio::onnx {

constexpr int64_t kOpset = 17;

using Precision = ExportOptions::Precision;

/// `weights` must lie in the host's memory and outlive the graph.
Graph build_graph(const ModelConfig& config, const ParameterSet& weights, Precision precision);

}  // namespace tekio::onnx
