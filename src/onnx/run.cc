#include "onnx/run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "onnx/array.h"

namespace tekio::onnx {
namespace {

using Inputs = std::vector<Array>;

template <typename T>
const T& attribute_of(const Node& node, const char* name) {
  const auto found = std::ranges::find(node.attributes, name, &Attribute::name);
  TEKIO_CHECK(found != node.attributes.end(), "{} has no {}", node.op, name);
  return std::get<T>(found->value);
}
/// An axis from 0 on.
int64_t axis_of(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }
int64_t axis_of(const Node& node, const Array& x) { return axis_of(attribute_of<int64_t>(node, "axis"), x.rank()); }

// --- element by element ---

template <typename T, typename F>
Array each(const Array& x, F&& f) {
  Array y = Array::of<std::invoke_result_t<F, T>>(x.shape);
  std::ranges::transform(x.view<T>(), y.edit<std::invoke_result_t<F, T>>().begin(), f);
  return y;
}

// For every element of a result of `shape`, calls f(place, place in a, place in b), which ONNX broadcasts.
template <typename F>
void for_each_pair(const Shape& shape, const Shape& a, const Shape& b, F&& f) {
  const auto strides = [&](const Shape& of) {  // 0 where an axis has one element that serves all
    Shape steps(shape.size(), 0);
    int64_t step = 1;
    for (size_t i = of.size(); i-- > 0;) {
      if (of[i] != 1) steps[i + shape.size() - of.size()] = step;
      step *= of[i];
    }
    return steps;
  };
  const Shape in_a = strides(a), in_b = strides(b);
  Shape at(shape.size(), 0);
  int64_t place_a = 0, place_b = 0;
  const int64_t count = count_of(shape);
  for (int64_t place = 0; place < count; ++place) {
    f(place, place_a, place_b);
    for (size_t i = shape.size(); i-- > 0;) {
      place_a += in_a[i], place_b += in_b[i];
      if (++at[i] < shape[i]) break;
      place_a -= in_a[i] * shape[i], place_b -= in_b[i] * shape[i];
      at[i] = 0;
    }
  }
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()), 1);
  for (const Shape* of : {&a, &b})
    for (size_t i = 0; i < of->size(); ++i) {
      int64_t& size = shape[shape.size() - of->size() + i];
      TEKIO_CHECK(size == 1 || (*of)[i] == 1 || size == (*of)[i], "{} against {}", size, (*of)[i]);
      size = std::max(size, (*of)[i]);
    }
  return shape;
}

template <typename T, typename F>
Array both(const Array& a, const Array& b, F&& f) {
  using R = std::invoke_result_t<F, T, T>;
  Array y = Array::of<R>(broadcast(a.shape, b.shape));
  const auto from_a = a.view<T>(), from_b = b.view<T>();
  const auto to = y.edit<R>();
  for_each_pair(y.shape, a.shape, b.shape, [&](int64_t i, int64_t j, int64_t k) {
    to[static_cast<size_t>(i)] = f(from_a[static_cast<size_t>(j)], from_b[static_cast<size_t>(k)]);
  });
  return y;
}

template <typename F>
Array arithmetic(const Inputs& in, F&& f) {
  return in[0].type == Type::i64 ? both<int64_t>(in[0], in[1], f) : both<float>(in[0], in[1], f);
}

Array where(const Inputs& in) {
  const Shape shape = broadcast(in[0].shape, in[1].shape);
  TEKIO_CHECK(in[2].count() == 1 && shape == in[1].shape, "Where");
  Array y = Array::of<float>(shape);
  const auto keep = in[0].view<bool>();
  const auto from = in[1].view<float>();
  const float other = in[2].view<float>()[0];
  const auto to = y.edit<float>();
  for_each_pair(shape, in[0].shape, in[1].shape, [&](int64_t i, int64_t j, int64_t k) {
    to[static_cast<size_t>(i)] = keep[static_cast<size_t>(j)] ? from[static_cast<size_t>(k)] : other;
  });
  return y;
}

Array cast(const Node& node, const Array& x) {
  const auto to = static_cast<Type>(attribute_of<int64_t>(node, "to"));
  if (x.type == Type::i64 && to == Type::boolean) return each<int64_t>(x, [](int64_t v) { return v != 0; });
  if (x.type == Type::boolean && to == Type::i64) return each<bool>(x, [](bool v) { return int64_t{v}; });
  if (x.type == Type::i32 && to == Type::f32) return each<int32_t>(x, [](int32_t v) { return static_cast<float>(v); });
  TEKIO_CHECK(x.type == Type::i8 && to == Type::f32, "Cast");
  return each<int8_t>(x, [](int8_t v) { return static_cast<float>(v); });
}

// --- shapes ---

Array reshape(const Array& x, const Array& wanted) {
  Array y = x;
  y.shape.assign(wanted.view<int64_t>().begin(), wanted.view<int64_t>().end());
  int64_t known = 1;
  for (const int64_t size : y.shape)
    if (size != -1) known *= size;
  std::ranges::replace(y.shape, int64_t{-1}, x.count() / known);
  TEKIO_CHECK(count_of(y.shape) == x.count(), "Reshape");
  return y;
}

Array unsqueeze(const Array& x, const Array& axes) {
  Array y = x;
  const int64_t rank = x.rank() + axes.count();
  for (const int64_t axis : axes.view<int64_t>()) y.shape.insert(y.shape.begin() + axis_of(axis, rank), 1);
  return y;
}

// Blocks of an axis: x is `outer` times shape[axis] times `inner` bytes.
struct Blocks {
  int64_t outer = 1, size = 0, inner = 1;
  Blocks(const Array& x, int64_t axis) : size(x.shape[static_cast<size_t>(axis)]), inner(size_of(x.type)) {
    for (int64_t i = 0; i < x.rank(); ++i)
      if (i < axis)
        outer *= x.shape[static_cast<size_t>(i)];
      else if (i > axis)
        inner *= x.shape[static_cast<size_t>(i)];
  }
};

// The part [begin, end) of an axis.
Array part(const Array& x, int64_t axis, int64_t begin, int64_t end) {
  const Blocks blocks(x, axis);
  Shape shape = x.shape;
  shape[static_cast<size_t>(axis)] = end - begin;
  Array y(x.type, shape);
  const int64_t bytes = (end - begin) * blocks.inner;
  for (int64_t i = 0; i < blocks.outer; ++i)
    std::copy_n(x.bytes().data() + (i * blocks.size + begin) * blocks.inner, bytes, y.edit_bytes().data() + i * bytes);
  return y;
}

Array slice(const Inputs& in) {
  const int64_t axis = in[3].view<int64_t>()[0], size = in[0].shape[static_cast<size_t>(axis)];
  return part(in[0], axis, in[1].view<int64_t>()[0], std::min(size, in[2].view<int64_t>()[0]));
}

Array concat(const Node& node, const Inputs& in) {
  const int64_t axis = axis_of(node, in[0]);
  Shape shape = in[0].shape;
  shape[static_cast<size_t>(axis)] = 0;
  for (const Array& x : in) shape[static_cast<size_t>(axis)] += x.shape[static_cast<size_t>(axis)];
  Array y(in[0].type, shape);
  const Blocks whole(y, axis);
  int64_t begin = 0;
  for (const Array& x : in) {
    const Blocks own(x, axis);
    for (int64_t i = 0; i < own.outer; ++i)
      std::copy_n(x.bytes().data() + i * own.size * own.inner, own.size * own.inner,
                  y.edit_bytes().data() + (i * whole.size + begin) * own.inner);
    begin += own.size;
  }
  return y;
}

Array transpose(const Node& node, const Array& x) {
  const std::vector<int64_t>& order = attribute_of<std::vector<int64_t>>(node, "perm");
  const size_t rank = order.size();
  Shape steps(rank, size_of(x.type)), shape(rank), moved(rank);
  for (size_t i = rank - 1; i-- > 0;) steps[i] = steps[i + 1] * x.shape[i + 1];
  for (size_t i = 0; i < rank; ++i) {
    shape[i] = x.shape[static_cast<size_t>(order[i])];
    moved[i] = steps[static_cast<size_t>(order[i])];
  }
  Array y(x.type, shape);
  Shape at(rank, 0);
  const int64_t element = size_of(x.type), count = y.count();
  int64_t from = 0;
  for (int64_t place = 0; place < count; ++place) {
    std::copy_n(x.bytes().data() + from, element, y.edit_bytes().data() + place * element);
    for (size_t i = rank; i-- > 0;) {
      from += moved[i];
      if (++at[i] < shape[i]) break;
      from -= moved[i] * shape[i];
      at[i] = 0;
    }
  }
  return y;
}

Array gather(const Array& table, const Array& ids) {
  const Blocks rows(table, 0);
  Shape shape = ids.shape;
  shape.insert(shape.end(), table.shape.begin() + 1, table.shape.end());
  Array y(table.type, shape);
  std::byte* to = y.edit_bytes().data();
  for (const int64_t id : ids.view<int64_t>()) {
    TEKIO_CHECK(id >= 0 && id < rows.size, "row {} of {}", id, rows.size);
    to = std::copy_n(table.bytes().data() + id * rows.inner, rows.inner, to);
  }
  return y;
}

Array cumulated(const Array& x, const Array& axis) {
  TEKIO_CHECK(x.rank() == 2 && axis.view<int64_t>()[0] == 1, "CumSum");
  Array y = Array::of<int64_t>(x.shape);
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    const auto columns = static_cast<size_t>(x.shape[1]);
    const auto from = x.view<int64_t>().subspan(static_cast<size_t>(row) * columns, columns);
    std::partial_sum(from.begin(), from.end(), y.edit<int64_t>().begin() + row * x.shape[1]);
  }
  return y;
}

Array range(const Inputs& in) {
  Array y = Array::of<int64_t>({in[1].view<int64_t>()[0]});
  std::iota(y.edit<int64_t>().begin(), y.edit<int64_t>().end(), int64_t{0});
  return y;
}

// --- rows ---

Array softmax(const Array& x) {
  Array y = Array::of<float>(x.shape);
  const auto columns = static_cast<size_t>(x.shape.back());
  for (size_t begin = 0; begin < static_cast<size_t>(x.count()); begin += columns) {
    const auto from = x.view<float>().subspan(begin, columns);
    const auto to = y.edit<float>().subspan(begin, columns);
    const float largest = *std::ranges::max_element(from);
    double sum = 0;
    for (size_t i = 0; i < columns; ++i) sum += to[i] = std::exp(from[i] - largest);
    for (float& value : to) value = static_cast<float>(value / sum);
  }
  return y;
}

Array layer_norm(const Node& node, const Inputs& in) {
  const Array& x = in[0];
  Array y = Array::of<float>(x.shape);
  const auto columns = static_cast<size_t>(x.shape.back());
  const auto weight = in[1].view<float>();
  const auto bias = in.size() > 2 ? in[2].view<float>() : std::span<const float>();
  for (size_t begin = 0; begin < static_cast<size_t>(x.count()); begin += columns) {
    const auto from = x.view<float>().subspan(begin, columns);
    double sum = 0, squares = 0;
    for (const float value : from) sum += value;
    const double mean = sum / static_cast<double>(columns);
    for (const float value : from) squares += (value - mean) * (value - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(columns) + attribute_of<float>(node, "epsilon"));
    for (size_t i = 0; i < columns; ++i)
      y.edit<float>()[begin + i] =
          static_cast<float>((from[i] - mean) * scale) * weight[i] + (bias.empty() ? 0 : bias[i]);
  }
  return y;
}

// --- products ---

Tensor tensor_of(Array& x, int64_t rows, int64_t columns) {
  return {x.edit<float>().data(), DType::f32, {rows, columns}};
}
ConstTensor tensor_of(const Array& x, int64_t rows, int64_t columns) {
  return {x.view<float>().data(), DType::f32, {rows, columns}};
}

Array gemm(const Inputs& in, Backend& backend) {
  const int64_t rows = in[0].shape[0], columns = in[0].shape[1], outputs = in[1].shape[0];
  Array y = Array::of<float>({rows, outputs});
  const ConstTensor bias =
      in.size() > 2 ? ConstTensor(in[2].view<float>().data(), DType::f32, {outputs}) : ConstTensor();
  backend.linear(tensor_of(y, rows, outputs), tensor_of(in[0], rows, columns), tensor_of(in[1], outputs, columns),
                 bias);
  return y;
}

// [.., M, K] times [.., K, N].
Array matmul(const Array& a, const Array& b) {
  const int64_t rank = a.rank();
  const auto size = [rank](const Array& x, int64_t back) {
    return static_cast<size_t>(x.shape[static_cast<size_t>(rank - back)]);
  };
  const size_t m = size(a, 2), depth = size(a, 1), n = size(b, 1);
  Shape shape = a.shape;
  shape.back() = static_cast<int64_t>(n);
  Array y = Array::of<float>(shape);  // zeros
  const size_t matrices = static_cast<size_t>(a.count()) / (m * depth);
  for (size_t matrix = 0; matrix < matrices; ++matrix)
    for (size_t i = 0; i < m; ++i) {
      float* const to = y.edit<float>().data() + (matrix * m + i) * n;
      for (size_t k = 0; k < depth; ++k) {
        const float factor = a.view<float>()[(matrix * m + i) * depth + k];
        const float* const from = b.view<float>().data() + (matrix * depth + k) * n;
        for (size_t j = 0; j < n; ++j) to[j] += factor * from[j];
      }
    }
  return y;
}

std::vector<Array> quantize(const Array& x) {
  float low = 0, high = 0;
  for (const float value : x.view<float>()) low = std::min(low, value), high = std::max(high, value);
  const float scale = high > low ? (high - low) / 255 : 1;
  const auto zero = std::clamp(std::nearbyint(-low / scale), 0.0f, 255.0f);
  Array levels = each<float>(x, [&](float value) {
    return static_cast<uint8_t>(std::clamp(std::nearbyint(value / scale) + zero, 0.0f, 255.0f));
  });
  Array step = Array::of<float>({}), origin = Array::of<uint8_t>({});
  step.edit<float>()[0] = scale;
  origin.edit<uint8_t>()[0] = static_cast<uint8_t>(zero);
  return {std::move(levels), std::move(step), std::move(origin)};
}

// (a - zero) b in whole numbers: products of so many columns are whole float32 numbers, so no sum is rounded.
Array matmul_integer(const Inputs& in, Backend& backend) {
  constexpr int64_t kColumns = 512;
  static_assert(kColumns * 255 * 127 < 1 << 24);
  const int64_t rows = in[0].shape[0], depth = in[0].shape[1], outputs = in[1].shape[1];
  const auto zero = static_cast<float>(in[2].view<uint8_t>()[0]);
  Array sums = Array::of<int32_t>({rows, outputs});
  for (int64_t begin = 0; begin < depth; begin += kColumns) {
    const int64_t columns = std::min(kColumns, depth - begin);
    Array a = Array::of<float>({rows, columns}), b = Array::of<float>({outputs, columns}),
          product = Array::of<float>({rows, outputs});
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = 0; k < columns; ++k)
        a.edit<float>()[static_cast<size_t>(i * columns + k)] =
            in[0].view<uint8_t>()[static_cast<size_t>(i * depth + begin + k)] - zero;
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t j = 0; j < outputs; ++j)
        b.edit<float>()[static_cast<size_t>(j * columns + k)] =
            in[1].view<int8_t>()[static_cast<size_t>((begin + k) * outputs + j)];
    backend.linear(tensor_of(product, rows, outputs), tensor_of(std::as_const(a), rows, columns),
                   tensor_of(std::as_const(b), outputs, columns), {});
    std::ranges::transform(product.view<float>(), sums.view<int32_t>(), sums.edit<int32_t>().begin(),
                           [](float more, int32_t sum) { return sum + static_cast<int32_t>(more); });
  }
  return sums;
}

// --- the table of operators ---

using Operator = std::function<Array(const Node&, const Inputs&)>;

std::map<std::string, Operator> make_operators(Backend& backend) {
  const auto of_floats = [](auto f) { return [f](const Node&, const Inputs& in) { return each<float>(in[0], f); }; };
  return {
      {"Abs",
       [](const Node&, const Inputs& in) { return each<int64_t>(in[0], [](int64_t v) { return v < 0 ? -v : v; }); }},
      {"Add", [](const Node&, const Inputs& in) { return arithmetic(in, std::plus<>()); }},
      {"And", [](const Node&, const Inputs& in) { return both<bool>(in[0], in[1], std::logical_and<>()); }},
      {"Cast", [](const Node& node, const Inputs& in) { return cast(node, in[0]); }},
      {"Concat", [](const Node& node, const Inputs& in) { return concat(node, in); }},
      {"CumSum", [](const Node&, const Inputs& in) { return cumulated(in[0], in[1]); }},
      {"Div", [](const Node&, const Inputs& in) { return arithmetic(in, std::divides<>()); }},
      {"Equal", [](const Node&, const Inputs& in) { return both<int64_t>(in[0], in[1], std::equal_to<>()); }},
      {"Erf", of_floats([](float v) { return std::erf(v); })},
      {"Gather", [](const Node&, const Inputs& in) { return gather(in[0], in[1]); }},
      {"Gemm", [&backend](const Node&, const Inputs& in) { return gemm(in, backend); }},
      {"LayerNormalization", [](const Node& node, const Inputs& in) { return layer_norm(node, in); }},
      {"LessOrEqual", [](const Node&, const Inputs& in) { return both<int64_t>(in[0], in[1], std::less_equal<>()); }},
      {"MatMul", [](const Node&, const Inputs& in) { return matmul(in[0], in[1]); }},
      {"MatMulInteger", [&backend](const Node&, const Inputs& in) { return matmul_integer(in, backend); }},
      {"Mul", [](const Node&, const Inputs& in) { return arithmetic(in, std::multiplies<>()); }},
      {"Neg", of_floats([](float v) { return -v; })},
      {"Not", [](const Node&, const Inputs& in) { return each<bool>(in[0], std::logical_not<>()); }},
      {"Range", [](const Node&, const Inputs& in) { return range(in); }},
      {"Relu", of_floats([](float v) { return v < 0 ? 0.0f : v; })},
      {"Reshape", [](const Node&, const Inputs& in) { return reshape(in[0], in[1]); }},
      {"Shape",
       [](const Node&, const Inputs& in) {
         Array y = Array::of<int64_t>({in[0].rank()});
         std::ranges::copy(in[0].shape, y.edit<int64_t>().begin());
         return y;
       }},
      {"Sigmoid", of_floats([](float v) { return 1 / (1 + std::exp(-v)); })},
      {"Slice", [](const Node&, const Inputs& in) { return slice(in); }},
      {"Softmax", [](const Node&, const Inputs& in) { return softmax(in[0]); }},
      {"Softplus", of_floats([](float v) { return v > 0 ? v + std::log1p(std::exp(-v)) : std::log1p(std::exp(v)); })},
      {"Squeeze",
       [](const Node&, const Inputs& in) {
         Array y = in[0];
         y.shape.erase(y.shape.begin() + in[1].view<int64_t>()[0]);
         return y;
       }},
      {"Sub", [](const Node&, const Inputs& in) { return arithmetic(in, std::minus<>()); }},
      {"Tanh", of_floats([](float v) { return std::tanh(v); })},
      {"Transpose", [](const Node& node, const Inputs& in) { return transpose(node, in[0]); }},
      {"Unsqueeze", [](const Node&, const Inputs& in) { return unsqueeze(in[0], in[1]); }},
      {"Where", [](const Node&, const Inputs& in) { return where(in); }},
  };
}

std::vector<Array> run_node(const Node& node, const Inputs& in, const std::map<std::string, Operator>& operators) {
  if (node.op == "DynamicQuantizeLinear") return quantize(in[0]);
  if (node.op == "Split") {
    const int64_t axis = axis_of(node, in[0]), parts = static_cast<int64_t>(node.outputs.size());
    const int64_t size = in[0].shape[static_cast<size_t>(axis)] / parts;
    std::vector<Array> outputs;
    for (int64_t i = 0; i < parts; ++i) outputs.push_back(part(in[0], axis, i * size, (i + 1) * size));
    return outputs;
  }
  const auto found = operators.find(node.op);
  TEKIO_CHECK(found != operators.end(), "operator {}", node.op);
  return {found->second(node, in)};
}

}  // namespace

std::vector<float> run_graph(const Graph& graph, const Feed& feed, Backend& backend) {
  TEKIO_CHECK(backend.memory().on_host(), "{} computes elsewhere", backend.name());
  const auto operators = make_operators(backend);
  std::map<std::string, Array> values;
  for (const auto& [name, numbers] : feed.inputs) {
    values[name] = Array::of<int64_t>({feed.batch, feed.length});
    std::ranges::copy(numbers, values[name].edit<int64_t>().begin());
  }
  for (const Constant& constant : graph.constants) values[constant.name] = Array::of(constant);
  std::map<std::string, int64_t> uses;  // to come: what nobody will ask for is given back
  for (const Node& node : graph.nodes)
    for (const std::string& input : node.inputs) ++uses[input];
  for (const Node& node : graph.nodes) {
    Inputs in;
    for (const std::string& name : node.inputs) in.push_back(values.at(name));
    std::vector<Array> outputs = run_node(node, in, operators);
    for (const std::string& name : node.inputs)
      if (--uses[name] == 0) values.erase(name);
    for (size_t i = 0; i < outputs.size(); ++i) values[node.outputs[i]] = std::move(outputs[i]);
  }
  const auto logits = values.at(graph.outputs.front().name).view<float>();
  return {logits.begin(), logits.end()};
}

}  // namespace tekio::onnx
