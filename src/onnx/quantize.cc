#include "onnx/quantize.h"

#include <algorithm>
#include <cmath>

namespace tekio::onnx {

void add_quantized(Graph& graph, const std::string& levels, const std::string& scales, const ConstTensor& w) {
  const int64_t rows = w.dim[0], columns = w.dim[1];
  const std::span<const float> values = w.values();
  std::vector<int8_t> quantized(values.size());
  std::vector<float> factors(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const auto from = values.subspan(static_cast<size_t>(row * columns), static_cast<size_t>(columns));
    float largest = 0;
    for (const float value : from) largest = std::max(largest, std::abs(value));
    const float scale = largest > 0 ? largest / 127 : 1;
    factors[static_cast<size_t>(row)] = scale;
    std::ranges::transform(from, quantized.begin() + row * columns,
                           [scale](float value) { return static_cast<int8_t>(std::lrint(value / scale)); });
  }
  graph.add(levels, Type::i8, {rows, columns}, quantized);
  graph.add(scales, Type::f32, {rows}, factors);
}

}  // namespace tekio::onnx
