// The file as another reader sees it: fields of onnx.proto by their numbers, found by a reader of the test's own.
#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "onnx/write.h"
#include "support/scratch_folder.h"

namespace tekio {
namespace {

using onnx::Graph, onnx::Type;

// A message's fields by number; whole numbers as decimal text.
std::multimap<uint64_t, std::string> fields(std::string_view message) {
  std::multimap<uint64_t, std::string> found;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(0));
      message.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
  };
  while (!message.empty()) {
    const uint64_t key = varint();
    switch (key & 7) {
      case 0:
        found.emplace(key >> 3, std::to_string(static_cast<int64_t>(varint())));
        break;
      case 2: {
        const uint64_t size = varint();
        EXPECT_LE(size, message.size());
        found.emplace(key >> 3, message.substr(0, size));
        message.remove_prefix(size);
        break;
      }
      case 5:
        found.emplace(key >> 3, message.substr(0, 4));
        message.remove_prefix(4);
        break;
      default:
        ADD_FAILURE() << "kind " << (key & 7);
        return found;
    }
  }
  return found;
}
std::string only(const std::multimap<uint64_t, std::string>& message, uint64_t field) {
  EXPECT_EQ(message.count(field), 1U) << "field " << field;
  return message.count(field) > 0 ? message.find(field)->second : "";
}

Graph small_graph() {
  Graph graph;
  graph.inputs = {{"ids", Type::i64, {"batch", "length"}}};
  graph.outputs = {{"rows", Type::f32, {"batch", "length", int64_t{3}}}};
  graph.add("table", Type::f32, {400, 3}, std::vector<float>(1200, 0.5f));
  graph.add("few", Type::i64, {2}, std::vector<int64_t>{-1, 300});
  graph.nodes.push_back({"Gather",
                         {"table", "ids"},
                         {"rows"},
                         {{"axis", int64_t{-1}}, {"scale", 1.5f}, {"perm", std::vector<int64_t>{1, 0}}}});
  return graph;
}

TEST(OnnxFile, HasTheFieldsOfOnnxProto) {
  const test::ScratchFolder scratch;
  onnx::write_onnx(scratch.path() / "m.onnx", small_graph(), "small", 17);
  const auto model = fields(read_text(scratch.path() / "m.onnx"));
  EXPECT_EQ(only(model, 1), "8");
  EXPECT_EQ(only(model, 2), "tekio");
  EXPECT_EQ(only(fields(only(model, 8)), 2), "17");
  const auto graph = fields(only(model, 7));
  EXPECT_EQ(only(graph, 2), "small");
  const auto node = fields(only(graph, 1));
  EXPECT_EQ(only(node, 4), "Gather");
  EXPECT_EQ(only(node, 2), "rows");
  EXPECT_EQ(node.count(1), 2U);
  std::map<std::string, std::string> attributes;
  for (auto [it, end] = node.equal_range(5); it != end; ++it) {
    const auto attribute = fields(it->second);
    attributes[only(attribute, 1)] = only(attribute, 20);
  }
  EXPECT_EQ(attributes, (std::map<std::string, std::string>{{"axis", "2"}, {"scale", "1"}, {"perm", "7"}}));
  std::map<std::string, std::multimap<uint64_t, std::string>> tensors;
  for (auto [it, end] = graph.equal_range(5); it != end; ++it) {
    auto tensor = fields(it->second);
    tensors[only(tensor, 8)] = std::move(tensor);
  }
  EXPECT_EQ(only(tensors["table"], 9).size(), 4800U);
  EXPECT_EQ(only(tensors["table"], 2), "1");
  EXPECT_EQ(tensors["table"].count(1), 2U);
  EXPECT_EQ(only(tensors["few"], 9), std::string("\xff\xff\xff\xff\xff\xff\xff\xff\x2c\x01\0\0\0\0\0\0", 16));
  const auto shape = fields(only(fields(only(fields(only(fields(only(graph, 12)), 2)), 1)), 2));
  EXPECT_EQ(shape.count(1), 3U);
}

TEST(OnnxFile, KeepsWhatIsTooMuchBesideIt) {
  const test::ScratchFolder scratch;
  onnx::write_onnx(scratch.path() / "m.onnx", small_graph(), "small", 17, /*most_inside=*/4000);
  EXPECT_EQ(fs::file_size(scratch.path() / "m.onnx.data"), 4800U);
  const auto graph = fields(only(fields(read_text(scratch.path() / "m.onnx")), 7));
  for (auto [it, end] = graph.equal_range(5); it != end; ++it) {
    const auto tensor = fields(it->second);
    if (only(tensor, 8) == "few") {
      EXPECT_EQ(only(tensor, 9).size(), 16U);
      continue;
    }
    EXPECT_EQ(tensor.count(9), 0U);
    EXPECT_EQ(only(tensor, 14), "1");
    std::map<std::string, std::string> place;
    for (auto [entry, last] = tensor.equal_range(13); entry != last; ++entry) {
      const auto pair = fields(entry->second);
      place[only(pair, 1)] = only(pair, 2);
    }
    EXPECT_EQ(place,
              (std::map<std::string, std::string>{{"location", "m.onnx.data"}, {"offset", "0"}, {"length", "4800"}}));
  }
}

}  // namespace
}  // namespace tekio
