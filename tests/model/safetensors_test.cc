// The safetensors format: every rule of its reader, the writer's order and padding, conversions to float32.
#include <cstring>
#include <limits>

#include "support.h"

namespace tekio::test {
namespace {

std::string with_header(const std::string& header, const std::string& data,
                        std::optional<uint64_t> length = std::nullopt) {
  const uint64_t said = length.value_or(header.size());
  std::string file(reinterpret_cast<const char*>(&said), sizeof said);
  return file + header + data;
}

SafetensorsFile parse(const std::string& file) {
  return SafetensorsFile(std::as_bytes(std::span(file)), "w.safetensors");
}
void refused(const std::string& file, const std::vector<std::string>& parts) {
  expect_error(ErrorKind::input, parts, [&] { parse(file); });
}

TEST(Safetensors, Reads) {
  const std::string file =
      with_header(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},
      "scalar":{"dtype":"U8","shape":[],"data_offsets":[8,9]},"empty":{"dtype":"I64","shape":[3,0],"data_offsets":[9,9]}}    )",
                  std::string(9, '\1'));
  const SafetensorsFile read = parse(file);
  EXPECT_EQ(read.metadata().at("format"), "pt");
  ASSERT_EQ(read.tensors().size(), 3u);
  EXPECT_EQ(read.tensors().at("b").dtype, "F32");
  EXPECT_EQ(read.tensors().at("b").shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(read.tensors().at("b").bytes.size(), 8u);
  EXPECT_EQ(read.tensors().at("scalar").bytes.size(), 1u);
  EXPECT_TRUE(read.tensors().at("empty").bytes.empty());
}

TEST(Safetensors, ReadsPackedTypes) {
  EXPECT_EQ(parse(with_header(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", "ab"))
                .tensors()
                .at("a")
                .bytes.size(),
            2u);
  EXPECT_EQ(parse(with_header(R"({"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}})", "abc")).tensors().size(),
            1u);
  refused(with_header(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", "ab"),
          {"tensor a", "12 bits", "whole bytes"});
}

TEST(Safetensors, RefusesFilesThatAreNone) {
  refused("", {"w.safetensors", "0 bytes", "too few"});
  refused("1234567", {"7 bytes"});
  refused(with_header("{}", "", 100'000'001), {"100000001 bytes", "at most 100000000"});
  refused(with_header("{}", "", std::numeric_limits<uint64_t>::max()), {"not a safetensors file"});
  refused("Access to model x is restricted.\nSign in.", {"begins with the text \"Access to model x is restricted.\""});
  refused(std::string("PK\x03\x04\0\0\0\0\0\0", 10), {"ZIP archive", "pytorch_model.bin"});
  refused(with_header("{}", "", 3), {"cut off", "header has 3 bytes", "only 2"});
  refused(with_header(" {}", ""), {"does not begin with {"});
  refused(with_header("[]", ""), {"does not begin with {"});
  refused(with_header("{\"a\":", ""), {"header", "not valid JSON"});
  refused(with_header("{\"a\xff\":1}", ""), {"not valid JSON"});
  refused(with_header(std::string("{\"a\":") + std::string(1000, '[') + std::string(1000, ']') + "}", ""),
          {"nested deeper"});
}

TEST(Safetensors, RefusesMalformedEntries) {
  const auto entry = [](const std::string& text) { return with_header("{\"a\":" + text + "}", "12345678"); };
  refused(entry("7"), {"tensor a", "expected an object"});
  refused(entry(R"({"shape":[2],"data_offsets":[0,8]})"), {"tensor a lacks \"dtype\""});
  refused(entry(R"({"dtype":"F32","data_offsets":[0,8]})"), {"lacks \"shape\""});
  refused(entry(R"({"dtype":"F32","shape":[2]})"), {"lacks \"data_offsets\""});
  refused(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]})"), {"4 keys"});
  refused(entry(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"), {"unknown dtype \"F33\""});
  refused(entry(R"({"dtype":32,"shape":[2],"data_offsets":[0,8]})"), {"unknown dtype 32"});
  refused(entry(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), {"shape must be a list"});
  for (const char* size : {"-2", "2.0", "\"2\"", "null", "18446744073709551616"})
    refused(entry(fmt::format(R"({{"dtype":"F32","shape":[{}],"data_offsets":[0,8]}})", size)),
            {"tensor a", "dimension"});
  refused(entry(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]})"),
          {"more numbers than can be counted"});
  refused(entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
          {"more numbers than can be counted"});
  refused(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"), {"data_offsets must be [begin, end]"});
  refused(entry(R"({"dtype":"F32","shape":[2],"data_offsets":{"0":0,"1":8}})"), {"data_offsets must be"});
  refused(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[-1,7]})"), {"data_offsets"});
  refused(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), {"before they begin"});
  refused(entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), {"takes 12 bytes", "cover 8"});
  refused(with_header("{\"evil\\u001b[2J\":7}", ""), {"evil\\x1b[2J"});
}

TEST(Safetensors, RefusesHolesOverlapsAndStrayBytes) {
  const auto two = [](int begin1, int end1, int begin2, int end2, size_t data) {
    return with_header(
        fmt::format(
            R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}},"b":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}}})",
            end1 - begin1, begin1, end1, end2 - begin2, begin2, end2),
        std::string(data, 'x'));
  };
  EXPECT_EQ(parse(two(4, 8, 0, 4, 8)).tensors().size(), 2u);  // any order
  refused(two(1, 4, 4, 8, 8), {"tensor a begins at byte 1", "ends at 0"});
  refused(two(0, 4, 5, 8, 8), {"tensor b begins at byte 5", "ends at 4"});
  refused(two(0, 4, 3, 8, 8), {"holes or overlaps"});
  refused(two(0, 4, 4, 8, 7), {"cut off", "8 bytes", "only 7"});
  refused(two(0, 4, 4, 8, 9), {"1 bytes behind its last tensor"});
  refused(with_header("{}", "x"), {"1 bytes behind"});
}

TEST(Safetensors, RefusesDuplicatesAndOddMetadata) {
  refused(
      with_header(
          R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
          ""),
      {"\"a\" stands twice"});
  refused(with_header(R"({"__metadata__":["pt"]})", ""), {"__metadata__ must be an object"});
  refused(with_header(R"({"__metadata__":{"format":1}})", ""), {"__metadata__ \"format\" must be a string"});
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string whole = with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678");
  EXPECT_EQ(parse(whole).tensors().size(), 1u);
  for (size_t size = 0; size < whole.size(); ++size)
    expect_error(ErrorKind::input, {}, [&] { parse(whole.substr(0, size)); });
}

TEST(Safetensors, WritesInTheReferencesOrder) {
  const ScratchFolder folder;
  const float values[] = {1, 2};
  const int64_t integer = 7;
  const uint8_t flag = 1;
  write_safetensors(folder.path() / "w.safetensors", {{"flag", "BOOL", {1}, std::as_bytes(std::span(&flag, 1))},
                                                      {"z", "F32", {2}, std::as_bytes(std::span(values))},
                                                      {"integer", "I64", {}, std::as_bytes(std::span(&integer, 1))},
                                                      {"B", "F32", {1}, std::as_bytes(std::span(values, 1))}});
  const std::string file = read_text(folder.path() / "w.safetensors");
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  EXPECT_EQ(length % 8, 0u);
  const std::string expected =
      R"({"__metadata__":{"format":"pt"},"integer":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("B":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"z":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},)"
      R"("flag":{"dtype":"BOOL","shape":[1],"data_offsets":[20,21]}})";
  EXPECT_EQ(file.substr(8, expected.size()), expected);
  EXPECT_EQ(file.substr(8 + expected.size(), length - expected.size()), std::string(length - expected.size(), ' '));
  const SafetensorsFile read(folder.path() / "w.safetensors");
  EXPECT_EQ(numbers(read.tensors().at("z")), (std::vector<float>{1, 2}));
}

TEST(Safetensors, ConvertsToFloat) {
  const auto convert = [](const char* dtype, const std::string& bytes, size_t count) {
    std::vector<float> values(count);
    to_float32({dtype, {static_cast<int64_t>(count)}, std::as_bytes(std::span(bytes))}, values, "f: tensor t");
    return values;
  };
  const auto bytes_of = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  // 1, -2, 65504 (largest), 2^-24 (smallest), 2^-14, infinity, -0
  const uint16_t halves[] = {0x3C00, 0xC000, 0x7BFF, 0x0001, 0x0400, 0x7C00, 0x8000};
  const auto half = convert("F16", bytes_of(halves), 7);
  EXPECT_EQ(half, (std::vector<float>{1, -2, 65504, 0x1p-24f, 0x1p-14f, std::numeric_limits<float>::infinity(), 0}));
  EXPECT_TRUE(std::signbit(half[6]));
  const uint16_t nan = 0x7E00;
  EXPECT_TRUE(std::isnan(convert("F16", bytes_of(nan), 1)[0]));
  const uint16_t brains[] = {0x3F80, 0xC040};
  EXPECT_EQ(convert("BF16", bytes_of(brains), 2), (std::vector<float>{1, -3}));
  const double doubles[] = {0.1, -4};
  EXPECT_EQ(convert("F64", bytes_of(doubles), 2), (std::vector<float>{0.1f, -4}));
  const float floats[] = {0.1f, -4};
  EXPECT_EQ(convert("F32", bytes_of(floats), 2), (std::vector<float>{0.1f, -4}));
  expect_error(ErrorKind::input, {"f: tensor t holds I64", "BF16"}, [&] { convert("I64", std::string(8, '\0'), 1); });
}

}  // namespace
}  // namespace tekio::test
