// pytorch_model.bin: the archive, the pickle inside, tensors that share and stride over storages; and all that is
// refused.
#include "model/torch_file.h"

#include <cstring>

#include "model/pickle.h"
#include "model/zip.h"
#include "support.h"
#include "torch_archive.h"

namespace tekio::test {
namespace {

using namespace pickled;

std::string floats(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

TorchFile parse(const std::string& file) { return TorchFile(std::as_bytes(std::span(file)), "m.bin"); }
void refused(const std::string& file, const std::vector<std::string>& parts) {
  expect_error(ErrorKind::input, parts, [&] { parse(file); });
}
void refused_pickle(const std::string& pickle, const std::vector<std::string>& parts) {
  expect_error(ErrorKind::input, parts, [&] { unpickle_state_dict(std::as_bytes(std::span(pickle)), "m.bin"); });
}

TEST(TorchFile, ReadsPlainTransposedAndSharedTensors) {
  const std::string six = floats({0, 1, 2, 3, 4, 5});
  const std::string file = archive(dictionary({{"plain", tensor(storage("0", 6), 0, {2, 3}, {3, 1})},
                                               {"transposed", tensor(storage("0", 6), 0, {3, 2}, {1, 3})},
                                               {"part", tensor(storage("0", 6), 4, {2}, {1})},
                                               {"scalar", tensor(storage("0", 6), 5, {}, {})},
                                               {"empty", tensor(storage("0", 6), 6, {0, 3}, {3, 1})},
                                               {"one_row", tensor(storage("0", 6), 0, {1, 6}, {77, 1})},
                                               {"half", tensor(storage("1", 2, "HalfStorage"), 0, {2}, {1})},
                                               {"note", text("not a tensor")}}),
                                   {{"0", six}, {"1", std::string("\x00\x3c\x00\xc0", 4)}});
  const TorchFile read = parse(file);
  const auto get = [&](const char* name) { return numbers(read.tensors().at(name)); };
  EXPECT_EQ(read.tensors().size(), 7u);
  EXPECT_EQ(get("plain"), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(get("transposed"), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(get("part"), (std::vector<float>{4, 5}));
  EXPECT_EQ(get("scalar"), (std::vector<float>{5}));
  EXPECT_TRUE(get("empty").empty());
  EXPECT_EQ(get("one_row"), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(get("half"), (std::vector<float>{1, -2}));
  EXPECT_EQ(read.tensors().at("transposed").shape, (std::vector<int64_t>{3, 2}));
}

TEST(TorchFile, LooksIntoWrappers) {
  const std::string inner = ordered_dict() + "(" + text("w") + tensor(storage("0", 1), 0, {1}, {1}) + "u";
  EXPECT_EQ(
      parse(archive("\x80\x02}(" + text("epoch") + number(3) + text("state_dict") + inner + "u.", {{"0", floats({7})}}))
          .tensors()
          .size(),
      1u);
}

TEST(TorchFile, ReadsParametersMetadataAndZip64) {
  const std::string parameter = global("torch._utils", "_rebuild_parameter") +
                                tuple({tensor(storage("0", 1), 0, {1}, {1}), "\x88", ordered_dict()}) + "R";
  // BUILD hangs {"_metadata": …} on the dictionary, as state_dict() does.
  const std::string pickle =
      "\x80\x02" + ordered_dict() + "q\x01" + text("w") + parameter + "s}" + text("_metadata") + ordered_dict() + "sb.";
  const std::vector<ZipEntry> entries = {{.name = "a/data.pkl", .data = pickle},
                                         {.name = "a/data/0", .data = floats({7}), .zip64 = true}};
  for (const bool zip64_end : {false, true})
    EXPECT_EQ(numbers(parse(zip_of(entries, zip64_end)).tensors().at("w")), (std::vector<float>{7}));
}

std::string old_storage(const std::string& key, int64_t count, const std::string& view = "N") {
  return tuple({text("storage"), global("torch", "FloatStorage"), text(key), text("cpu"), number(count), view}) + "Q";
}

TEST(TorchFile, ReadsThePickleSequencesOfBefore16) {
  const std::string pickle = dictionary({{"plain", tensor(old_storage("94860", 6), 0, {2, 3}, {3, 1})},
                                         {"tied", tensor(old_storage("94860", 6), 0, {2, 3}, {3, 1})},
                                         {"transposed", tensor(old_storage("94860", 6), 0, {3, 2}, {1, 3})},
                                         {"scalar", tensor(old_storage("7", 1), 0, {}, {})}});
  const std::pair<int64_t, std::string> six = {6, floats({0, 1, 2, 3, 4, 5})}, one = {1, floats({9})};
  const auto file = pickle_sequence(pickle, {"7", "94860"}, {one, six});
  const TorchFile read = parse(file);
  const auto get = [&](const char* name) { return numbers(read.tensors().at(name)); };
  EXPECT_EQ(read.tensors().size(), 4u);
  EXPECT_EQ(get("plain"), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(get("tied"), get("plain"));
  EXPECT_EQ(get("transposed"), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(get("scalar"), (std::vector<float>{9}));

  for (size_t size = 15; size < file.size(); ++size) refused(file.substr(0, size), {"m.bin"});
  refused(file.substr(0, file.size() - 1), {"is cut off: 23 bytes follow where storage 94860 needs 24"});
  refused(pickle_sequence(pickle, {"7", "94860"}, {one, six}, false), {"big-endian"});
  refused(pickle_sequence(pickle, {"94860"}, {six}), {"storage 7 of tensor scalar is not in the file"});
  refused(pickle_sequence(pickle, {"7", "7"}, {one, one}), {"storage 7 is listed twice"});
  refused(pickle_sequence(pickle, {"7", "8"}, {one, one}), {"storage 8 is of no tensor"});
  refused(pickle_sequence(pickle, {"7", "94860"}, {one, {5, six.second}}),
          {"storage 94860 has 5 numbers, but its tensors say 6"});
  refused(pickle_sequence(pickle, {"7", "94860"}, {one, {-1, six.second}}), {"has -1 numbers"});
  const auto with = [&](const std::string& storage) {
    return pickle_sequence(
        dictionary({{"a", tensor(old_storage("7", 1), 0, {1}, {1})}, {"b", tensor(storage, 0, {1}, {1})}}), {"7"},
        {one});
  };
  refused(with(old_storage("7", 2)), {"describes storage 7 in two ways"});
  refused(with(old_storage("7", 1, tuple({text("8"), number(0), number(1)}))), {"a part of another one"});
}

TEST(TorchFile, RefusesOtherForms) {
  std::string tar(512, '\0');
  tar.replace(257, 5, "ustar");
  refused(tar, {"before 0.2", "tar archive"});
  refused("version https://git-lfs.github.com/spec/v1\noid sha256:5e\nsize 267954768\n",
          {"m.bin is a git-lfs pointer for 267,954,768 bytes", "git lfs pull"});
  refused("<!DOCTYPE html>\n<html>", {"HTML"});
  refused("BP", {"is not a PyTorch file"});
}

TEST(TorchFile, RefusesBrokenArchives) {
  const std::string pickle = dictionary({{"w", tensor(storage("0", 1), 0, {1}, {1})}}), data = floats({7});
  const auto with = [&](ZipEntry broken) { return zip_of({{"m/data.pkl", pickle}, std::move(broken)}); };
  EXPECT_EQ(parse(with({"m/data/0", data})).tensors().size(), 1u);
  refused(with({.name = "m/data/0", .data = data, .flags = 1}), {"m/data/0", "encrypted"});
  refused(with({.name = "m/data/0", .data = data, .method = 8}), {"m/data/0", "compressed"});
  refused(with({.name = "m/data/0", .data = data, .checksum_xor = 1}), {"checksum of entry m/data/0", "damaged"});
  refused(with({.name = "m/data/0", .data = data, .local_name = "m/data/9"}), {"m/data/0", "another name"});
  refused(with({.name = "m/data/1", .data = data}), {"lacks the entry m/data/0"});
  refused(with({.name = "m/data/0", .data = floats({7, 8})}),
          {"storage 0 of tensor w has 8 bytes", "1 numbers of F32"});
  refused(zip_of({{"m/data.pkl", pickle}, {"m/data/0", data}, {"m/data/0", data}}), {"m/data/0", "stands twice"});
  refused(zip_of({{"m/data.pkl", pickle}, {"n/data.pkl", pickle}}), {"two archives"});
  refused(zip_of({{"data.pkl", pickle}}), {"holds no data.pkl"});
  refused(zip_of({{"m/data.pkl", pickle}, {"m/data/0", data}, {"m/byteorder", "big"}}), {"byte order \"big\""});
}

TEST(TorchFile, RefusesDamagedDirectories) {
  const std::string good = archive(dictionary({{"w", tensor(storage("0", 1), 0, {1}, {1})}}), {{"0", floats({7})}});
  const auto poke = [&](size_t from_end, uint64_t value, size_t bytes) {
    std::string bad = good;
    bad.replace(bad.size() - from_end, bytes, little(value, bytes));
    return bad;
  };
  refused(good.substr(0, good.size() - 1), {"cut off", "directory"});
  refused("PK", {"2 bytes, too few"});
  refused(poke(18, 1, 2), {"split ZIP"});
  refused(poke(6, 0xFFFFFF00, 4), {"cut off or damaged: its directory would lie past the file's"});  // where it begins
  refused(poke(12, 5, 2), {"entry 4 of its ZIP directory is none"});
  refused(poke(10, 60, 4), {"longer than it says"});
  std::string headless = good;
  headless[headless.find("PK\x03\x04", 4)] = 'p';  // the second entry's
  refused(headless, {"entry model/byteorder has no local header"});
  // The end record of a large file: 56 bytes, behind it a locator of 20 and the old end record of 22.
  const auto poke64 = [](size_t at, uint64_t value, size_t bytes) {
    std::string bad = zip_of({{"m/data.pkl", "x"}}, /*zip64_end=*/true);
    bad.replace(bad.size() - 98 + at, bytes, little(value, bytes));
    return bad;
  };
  refused(poke64(0, 0, 4), {"names a ZIP64 end record that is not there"});
  refused(poke64(32, 1'000'001, 8), {"claims 1000001 ZIP entries; at most 1000000 are read"});
  // An entry that lies inside another one's data, which begins at byte 50.
  std::string overlapping = zip_of({{"m/a", zip_of({{"m/b", "x"}})}, {"m/b", "x"}});
  overlapping.replace(overlapping.rfind("m/b") - 4, 4, little(50, 4));
  expect_error(ErrorKind::input, {"m.bin", "ZIP entries overlap at byte 50"},
               [&] { StoredZip(std::as_bytes(std::span(overlapping)), "m.bin"); });
}

TEST(TorchFile, SurvivesEveryTruncationAndByteFlip) {
  const std::string good =
      archive(dictionary({{"w", tensor(storage("0", 6), 0, {3, 2}, {1, 3})}}), {{"0", floats({1, 2, 3, 4, 5, 6})}});
  for (size_t size = 0; size < good.size(); ++size)
    expect_error(ErrorKind::input, {}, [&] { parse(good.substr(0, size)); });
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      try {
        parse(bad);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
      }
    }
  }
}

TEST(Pickle, RefusesWhatCouldRun) {
  refused_pickle("\x80\x02" + global("os", "system") + text("true") + "\x85R.",
                 {"m.bin", "os.system", "refused", "nothing was run"});
  refused_pickle("\x80\x02" + global("builtins", "eval") + ".", {"builtins.eval"});
  refused_pickle("\x80\x02" + global("torch._utils", "_rebuild_tensor") + ".", {"torch._utils._rebuild_tensor"});
  refused_pickle("\x80\x04\x8c\x02os\x8c\x06system\x93.", {"os.system"});
  refused_pickle("\x80\x02" + global("evil\x1b[2J", "x") + ".", {"evil\\x1b[2J.x"});
  refused_pickle("\x80\x02ios\nsystem\n.", {"opcode 0x69"});                       // INST
  refused_pickle("\x80\x02" + std::string("\x82\x01", 2) + ".", {"opcode 0x82"});  // EXT1
  refused_pickle("\x80\x09.", {"protocol 9"});
  refused_pickle("\x80\x02" + global("collections", "OrderedDict") + tuple({number(1), number(2)}) + "R.",
                 {"calls collections OrderedDict with 2"});
  refused_pickle("\x80\x02" + global("torch", "FloatStorage") + ")R.", {"calls torch FloatStorage"});
}

TEST(Pickle, RefusesBrokenPrograms) {
  refused_pickle("", {"cut off"});
  refused_pickle("\x80\x02", {"cut off"});
  refused_pickle("\x80\x02.", {"0 values on its stack"});
  refused_pickle("\x80\x02NN.", {"2 values"});
  refused_pickle("\x80\x02N.", {"a state dictionary"});
  refused_pickle("\x80\x02}.", {"holds no tensors"});
  refused_pickle(
      "\x80\x02"
      "0.",
      {"empty stack"});
  refused_pickle("\x80\x02(0.", {"empty stack"});
  refused_pickle("\x80\x02q\x01.", {"empty stack"});
  refused_pickle("\x80\x02t.", {"mark that was never set"});
  refused_pickle("\x80\x02h\x07.", {"recalls value 7"});
  refused_pickle("\x80\x02j\xff\xff\xff\xff.", {"recalls value 4294967295"});
  refused_pickle("\x80\x02X\xff\xff\xff\xff.", {"cut off"});
  refused_pickle(
      "\x80\x02"
      "cos",
      {"cut off"});
  refused_pickle(
      "\x80\x02\x8a\x09"
      "123456789.",
      {"9 bytes"});
  refused_pickle("\x80\x02}(NNNu.", {"key without a value"});
  refused_pickle("\x80\x02NNs.", {"empty stack"});
  refused_pickle("\x80\x02NNNs.", {"a dictionary"});
  refused_pickle("\x80\x02NNa.", {"a list"});
  refused_pickle("\x80\x02NQ.", {"a storage's description"});
  refused_pickle(
      "\x80\x02" + tuple({text("module"), global("torch", "FloatStorage"), text("0"), text("cpu"), number(1)}) + "Q.",
      {"unknown way"});
  refused_pickle("\x80\x02" +
                     tuple({text("storage"), global("collections", "OrderedDict"), text("0"), text("cpu"), number(1)}) +
                     "Q.",
                 {"storage's class"});
  refused_pickle("\x80\x02" + storage("0", -1) + ".", {"storage of -1 numbers"});
  refused_pickle("\x80\x02NNb.", {"hang attributes on"});
  refused_pickle("\x80\x02N)R.", {"something to call"});
  refused_pickle("\x80\x02" + global("collections", "OrderedDict") + "NR.", {"a call's arguments"});
  refused_pickle("\x80\x02" + global("collections", "OrderedDict") + "]NaR.", {"a call's arguments"});
  refused_pickle("\x80\x02" + global("collections", "OrderedDict") + "]Na\x85R.", {"a pair"});
  const std::string one = tensor(storage("0", 1), 0, {1}, {1});
  refused_pickle(dictionary({{"w", one}, {"w", one}}), {"names tensor w twice"});
}

TEST(Pickle, RefusesTensorsOutsideTheirStorage) {
  const auto refused_tensor = [](int64_t count, int64_t offset, const std::vector<int64_t>& shape,
                                 const std::vector<int64_t>& strides, const char* part) {
    refused_pickle(dictionary({{"w", tensor(storage("0", count), offset, shape, strides)}}), {part});
  };
  refused_tensor(5, 0, {2, 3}, {3, 1}, "outside its storage of 5");
  refused_tensor(6, 1, {2, 3}, {3, 1}, "outside its storage of 6");
  refused_tensor(6, -1, {2, 3}, {3, 1}, "outside");
  refused_tensor(6, 0, {2, -3}, {3, 1}, "sizes hold -3");
  refused_tensor(6, 0, {2, 3}, {3, -1}, "strides hold -1");
  refused_tensor(6, 0, {2, 3}, {3}, "2 sizes and 1 strides");
  refused_tensor(1, 0, {1000000, 1000000}, {0, 0}, "1000000000000 numbers in a storage of 1");
  refused_tensor(6, 0, {2147483647, 2147483647, 2147483647}, {2147483647, 2147483647, 2147483647}, "outside");
  refused_tensor(6, 7, {0}, {1}, "outside");
  refused_tensor(6, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "9 dimensions");
  refused_pickle("\x80\x02" + global("torch._utils", "_rebuild_tensor_v2") + tuple({storage("0", 1)}) + "R.",
                 {"from 1 arguments"});
}

TEST(Pickle, HoldsItsMemory) {
  refused_pickle("\x80\x02" + std::string(1'100'000, ']') + ".", {"more than 1000000 values"});
  std::string copies = "\x80\x02]q" + std::string(1, '\0');
  for (int i = 0; i < 1'050'000; ++i) copies += std::string("h\0", 2);
  refused_pickle(copies, {"stacks more than"});
  refused_pickle("\x80\x04N" + std::string(1'000'001, '\x94') + ".", {"remembers more than 1000000 values"});
  refused_pickle(std::string((size_t{64} << 20) + 1, 'N'),
                 {"the pickle has 67108865 bytes; at most 67108864 are read"});
  // Depth costs nothing: values are numbered, not nested.
  refused_pickle("\x80\x02N" + std::string(900'000, '\x85') + ".", {"a state dictionary"});
  // A list inside itself.
  refused_pickle(std::string("\x80\x02]q\0h\0a.", 9), {"a state dictionary"});
}

TEST(TorchFile, HoldsTheMemoryOfGatheredTensors) {
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 50; ++i)
    many.emplace_back("w" + std::to_string(i), tensor(storage("0", 10000), 0, {100, 100}, {1, 100}));
  refused(archive(dictionary(many), {{"0", std::string(40000, 'x')}}), {"transposed tensors", "twice"});
}

}  // namespace
}  // namespace tekio::test
