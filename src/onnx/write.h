// An ONNX file: one message of protocol buffers (onnx.proto, ModelProto), which may have 2 GiB. What is larger keeps
// its constants in a second file beside it, as ONNX's external data.
#pragma once

#include <cstdint>
#include <filesystem>

#include "onnx/graph.h"

namespace tekio::onnx {

/// The most bytes of constants that a file holds itself.
constexpr int64_t kMostInside = int64_t{2} * 1000 * 1000 * 1000;

/// Writes FILE and, where the constants have more than `most_inside` bytes, FILE.data. Errors: io.
void write_onnx(const std::filesystem::path& file, const Graph& graph, const std::string& name, int64_t opset,
                int64_t most_inside = kMostInside);

}  // namespace tekio::onnx
