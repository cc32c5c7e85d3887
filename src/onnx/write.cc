// Fields by number, as onnx.proto of ONNX 1.12 (IR version 8, opset 17) has them.
#include "onnx/write.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/protobuf_message.h"

namespace tekio::onnx {
namespace {

constexpr int64_t kIrVersion = 8;
constexpr uint64_t kPage = 4096;  // where external data begins, so that readers can map it

Message attribute_message(const Attribute& attribute) {
  Message m;
  m.text(1, attribute.name);
  if (const auto* integer = std::get_if<int64_t>(&attribute.value)) {
    m.integer(3, *integer);
    m.integer(20, 2);
  } else if (const auto* number = std::get_if<float>(&attribute.value)) {
    m.number(2, *number);
    m.integer(20, 1);
  } else {
    for (const int64_t value : std::get<std::vector<int64_t>>(attribute.value)) m.integer(8, value);
    m.integer(20, 7);
  }
  return m;
}

Message node_message(const Node& node) {
  Message m;
  for (const std::string& input : node.inputs) m.text(1, input);
  for (const std::string& output : node.outputs) m.text(2, output);
  m.text(3, node.outputs.front());  // a name of its own, by which readers tell what is wrong
  m.text(4, node.op);
  for (const Attribute& attribute : node.attributes) m.message(5, attribute_message(attribute));
  return m;
}

Message value_message(const Value& value) {
  Message shape;
  for (const auto& dimension : value.shape) {
    Message d;
    if (const auto* size = std::get_if<int64_t>(&dimension))
      d.integer(1, *size);
    else
      d.text(2, std::get<std::string>(dimension));
    shape.message(1, d);
  }
  Message tensor, type, m;
  tensor.integer(1, static_cast<int64_t>(value.type));
  tensor.message(2, shape);
  type.message(1, tensor);
  m.text(1, value.name);
  m.message(2, type);
  return m;
}

Message entry(std::string_view key, std::string_view value) {
  Message m;
  m.text(1, key);
  m.text(2, value);
  return m;
}

// A TensorProto without its elements, which follow it unless `place` says where in the second file they are.
struct Place {
  std::string file;
  uint64_t offset;
};
Message tensor_message(const Constant& constant, const std::optional<Place>& place) {
  Message m;
  for (const int64_t size : constant.shape) m.integer(1, size);
  m.integer(2, static_cast<int64_t>(constant.type));
  m.text(8, constant.name);
  if (place) {
    m.message(13, entry("location", place->file));
    m.message(13, entry("offset", std::to_string(place->offset)));
    m.message(13, entry("length", std::to_string(constant.bytes.size())));
    m.integer(14, 1);
  } else {
    m.begin(9, constant.bytes.size());
  }
  return m;
}

// Writes the elements of all that is not small; where each constant's lie, if not inside.
std::vector<std::optional<Place>> write_outside(const std::filesystem::path& file, const Graph& graph) {
  std::vector<std::optional<Place>> places;
  AtomicFile out(file);
  for (const Constant& constant : graph.constants) {
    places.emplace_back();
    if (constant.bytes.size() < kPage) continue;
    const std::string gap((kPage - out.position() % kPage) % kPage, '\0');
    out.write(gap);
    places.back() = {file.filename().string(), out.position()};
    out.write(constant.bytes);
  }
  out.commit();
  return places;
}

}  // namespace

int64_t size_of(Type type) {
  switch (type) {
    case Type::f32:
    case Type::i32:
      return 4;
    case Type::i64:
      return 8;
    case Type::u8:
    case Type::i8:
    case Type::boolean:
      return 1;
  }
  TEKIO_CHECK(false, "type {}", static_cast<int>(type));
  return 0;
}

void write_onnx(const std::filesystem::path& file, const Graph& graph, const std::string& name, int64_t opset,
                int64_t most_inside) {
  int64_t bytes = 0;
  for (const Constant& constant : graph.constants) bytes += static_cast<int64_t>(constant.bytes.size());
  std::vector<std::optional<Place>> places(graph.constants.size());
  if (bytes > most_inside) places = write_outside(file.string() + ".data", graph);

  Message nodes, ends;
  for (const Node& node : graph.nodes) nodes.message(1, node_message(node));
  nodes.text(2, name);
  for (const Value& input : graph.inputs) ends.message(11, value_message(input));
  for (const Value& output : graph.outputs) ends.message(12, value_message(output));
  // Each constant as a field of the graph: what comes before its elements.
  std::vector<Message> before(graph.constants.size());
  uint64_t graph_bytes = nodes.bytes().size() + ends.bytes().size();
  for (size_t i = 0; i < before.size(); ++i) {
    const Message tensor = tensor_message(graph.constants[i], places[i]);
    const uint64_t inside = places[i] ? 0 : graph.constants[i].bytes.size();
    before[i].begin(5, tensor.bytes().size() + inside);
    graph_bytes += before[i].bytes().size() + tensor.bytes().size() + inside;
  }

  Message opset_import, head;
  opset_import.text(1, "");
  opset_import.integer(2, opset);
  head.integer(1, kIrVersion);
  head.text(2, "tekio");
  head.message(8, opset_import);
  head.begin(7, graph_bytes);
  AtomicFile out(file);
  out.write(head.bytes());
  out.write(nodes.bytes());
  for (size_t i = 0; i < before.size(); ++i) {
    out.write(before[i].bytes());
    out.write(tensor_message(graph.constants[i], places[i]).bytes());
    if (!places[i]) out.write(graph.constants[i].bytes);
  }
  out.write(ends.bytes());
  out.commit();
}

}  // namespace tekio::onnx
