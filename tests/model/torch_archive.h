// Builds pytorch_model.bin files by hand, good ones and broken ones.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tekio::test {

inline std::string little(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

/// One entry, with whatever its headers are to say.
struct ZipEntry {
  std::string name, data;
  uint16_t flags = 0, method = 0;
  uint32_t checksum_xor = 0;
  std::string local_name = name;
  bool zip64 = false;
};

inline std::string zip_of(const std::vector<ZipEntry>& entries, bool zip64_end = false) {
  std::string file, directory;
  for (const ZipEntry& e : entries) {
    const auto checksum = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(e.data.data()),
                                                      static_cast<uInt>(e.data.size()))) ^
                          e.checksum_xor;
    const uint64_t local = file.size();
    const uint64_t size = e.zip64 ? 0xFFFFFFFF : e.data.size();
    // The extra field pads, as PyTorch's does: data is found through the local header alone.
    const std::string padding = std::string("FB") + little(13, 2) + std::string(13, 'Z');
    file += little(0x04034B50, 4) + little(20, 2) + little(e.flags, 2) + little(e.method, 2) + little(0, 4) +
            little(checksum, 4) + little(size, 4) + little(size, 4) + little(e.local_name.size(), 2) +
            little(padding.size(), 2) + e.local_name + padding + e.data;
    const std::string extra =
        e.zip64 ? little(1, 2) + little(16, 2) + little(e.data.size(), 8) + little(e.data.size(), 8) : "";
    directory += little(0x02014B50, 4) + little(20, 2) + little(20, 2) + little(e.flags, 2) + little(e.method, 2) +
                 little(0, 4) + little(checksum, 4) + little(size, 4) + little(size, 4) + little(e.name.size(), 2) +
                 little(extra.size(), 2) + little(0, 2) + little(0, 8) + little(local, 4) + e.name + extra;
  }
  const uint64_t begin = file.size();
  file += directory;
  if (zip64_end) {
    const uint64_t record = file.size();
    file += little(0x06064B50, 4) + little(44, 8) + little(20, 2) + little(20, 2) + little(0, 8) +
            little(entries.size(), 8) + little(entries.size(), 8) + little(directory.size(), 8) + little(begin, 8);
    file += little(0x07064B50, 4) + little(0, 4) + little(record, 8) + little(1, 4);
    return file + little(0x06054B50, 4) + little(0, 4) + little(0xFFFF, 2) + little(0xFFFF, 2) + little(0xFFFFFFFF, 4) +
           little(0xFFFFFFFF, 4) + little(0, 2);
  }
  return file + little(0x06054B50, 4) + little(0, 4) + little(entries.size(), 2) + little(entries.size(), 2) +
         little(directory.size(), 4) + little(begin, 4) + little(0, 2);
}

/// Opcodes of protocol 2, spelled out.
namespace pickled {
inline std::string text(const std::string& value) { return "X" + little(value.size(), 4) + value; }
inline std::string number(int64_t value) { return "J" + little(static_cast<uint64_t>(value), 4); }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const std::string& item : items) all += item;
  return all + "t";
}
inline std::string numbers(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  for (const int64_t value : values) items.push_back(number(value));
  return tuple(items);
}
inline std::string storage(const std::string& key, int64_t count, const std::string& type = "FloatStorage") {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), number(count)}) + "Q";
}
inline std::string ordered_dict() { return global("collections", "OrderedDict") + ")R"; }
inline std::string tensor(const std::string& stored, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple({stored, number(offset), numbers(shape), numbers(strides), "\x89", ordered_dict()}) + "R";
}
/// A whole pickle of one state dictionary.
inline std::string dictionary(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string all = "\x80\x02" + ordered_dict() + "(";
  for (const auto& [name, value] : items) all += text(name) + value;
  return all + "u.";
}
}  // namespace pickled

inline std::string archive(const std::string& pickle,
                           const std::vector<std::pair<std::string, std::string>>& storages) {
  std::vector<ZipEntry> entries = {{"model/data.pkl", pickle}, {"model/byteorder", "little"}, {"model/version", "3\n"}};
  for (const auto& [key, data] : storages) entries.push_back({"model/data/" + key, data});
  return zip_of(entries);
}

/// The same before PyTorch 1.6: pickles in a row, then each storage as a count (8 bytes) and its numbers. `listed`: its
/// keys; each storage's count, then its bytes.
inline std::string pickle_sequence(const std::string& pickle, const std::vector<std::string>& listed,
                                   const std::vector<std::pair<int64_t, std::string>>& storages,
                                   bool little_endian = true) {
  std::string keys = "\x80\x02](";
  for (const std::string& key : listed) keys += pickled::text(key);
  std::string file = std::string("\x80\x02\x8a\nl\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) + "\x80\x02M\xe9\x03.";
  file +=
      "\x80\x02}(" + pickled::text("little_endian") + (little_endian ? "\x88" : "\x89") + "u." + pickle + keys + "e.";
  for (const auto& [count, bytes] : storages) file += little(static_cast<uint64_t>(count), 8) + bytes;
  return file;
}

}  // namespace tekio::test
