// A computation as ONNX describes it, in memory: nodes in the order in which they run, constants, what goes in and
// comes out. build.h makes one of a model, write.h a file, run.h computes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace tekio::onnx {

/// Element types, by ONNX's numbers (TensorProto.DataType).
enum class Type : int32_t { f32 = 1, u8 = 2, i8 = 3, i32 = 6, i64 = 7, boolean = 9 };
int64_t size_of(Type type);

/// A tensor that the file holds. Its elements lie elsewhere (a model's weights, Graph::made) and must outlive it.
struct Constant {
  std::string name;
  Type type;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

struct Attribute {
  std::string name;
  std::variant<int64_t, float, std::vector<int64_t>> value;
};

/// An operator of ONNX's default domain, by its name there. An empty input is one that is left out.
struct Node {
  std::string op;
  std::vector<std::string> inputs, outputs;
  std::vector<Attribute> attributes;
};

/// What goes in or comes out; a dimension is a number or, where it may be any, a name.
struct Value {
  std::string name;
  Type type;
  std::vector<std::variant<int64_t, std::string>> shape;
};

struct Graph {
  std::vector<Value> inputs, outputs;
  std::vector<Node> nodes;
  std::vector<Constant> constants;
  std::deque<std::vector<std::byte>> made;  ///< elements of constants that are no model's own

  Graph() = default;
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;
  Graph(const Graph&) = delete;  // constants point into it
  Graph& operator=(const Graph&) = delete;

  /// Adds a constant with elements of its own.
  template <typename T>
  void add(std::string name, Type type, std::vector<int64_t> shape, const std::vector<T>& elements) {
    const auto bytes = std::as_bytes(std::span(elements));
    made.emplace_back(bytes.begin(), bytes.end());
    constants.push_back({std::move(name), type, std::move(shape), made.back()});
  }
};

}  // namespace tekio::onnx
