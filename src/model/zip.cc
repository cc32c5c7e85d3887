// Layouts: APPNOTE.TXT 4.3.7 (local header), 4.3.12 (central header), 4.3.14-16 (end records), 4.5.3 (ZIP64 extra
// field). The surprising fact: a local header's name and extra field may be longer than the central directory's
// (PyTorch pads with the extra field until data starts at a multiple of 64), so data is found only by reading the local
// header.
#include "model/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace tekio {
namespace {

constexpr uint32_t kLocal = 0x04034B50, kCentral = 0x02014B50, kEnd = 0x06054B50, kEnd64 = 0x06064B50,
                   kLocator64 = 0x07064B50;
constexpr uint64_t kMostEntries = 1'000'000;

// Little-endian numbers at checked positions.
class Bytes {
 public:
  Bytes(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}
  std::span<const std::byte> cut(uint64_t at, uint64_t count, const char* what) const {
    if (at > bytes_.size() || count > bytes_.size() - at)
      fail(ErrorKind::input, "{} is cut off or damaged: its {} would lie past the file's {} bytes", where_, what,
           bytes_.size());
    return bytes_.subspan(static_cast<size_t>(at), static_cast<size_t>(count));
  }
  template <typename T>
  T get(uint64_t at, const char* what) const {
    T value;
    std::memcpy(&value, cut(at, sizeof value, what).data(), sizeof value);
    return value;
  }
  uint64_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  const std::string& where_;
};

struct Directory {
  uint64_t begin, size, entries;
};

Directory find_directory(const Bytes& file, const std::string& where) {
  constexpr uint64_t kEndSize = 22, kMostComment = 65535;
  if (file.size() < kEndSize) fail(ErrorKind::input, "{} has {} bytes, too few for a ZIP file", where, file.size());
  const uint64_t last = file.size() - kEndSize, first = last - std::min(last, kMostComment);
  uint64_t end = last + 1;
  while (end > first && (file.get<uint32_t>(end - 1, "end record") != kEnd ||
                         file.get<uint16_t>(end + 19, "end record") != last - (end - 1)))
    --end;
  if (end == first) fail(ErrorKind::input, "{} is cut off: the ZIP directory at its end is not there", where);
  end -= 1;
  Directory found{file.get<uint32_t>(end + 16, "end record"), file.get<uint32_t>(end + 12, "end record"),
                  file.get<uint16_t>(end + 10, "end record")};
  bool split = file.get<uint16_t>(end + 4, "end record") != 0;
  if (end >= 20 && file.get<uint32_t>(end - 20, "ZIP64 locator") == kLocator64) {
    const auto record = file.get<uint64_t>(end - 20 + 8, "ZIP64 locator");
    if (file.get<uint32_t>(record, "ZIP64 end record") != kEnd64)
      fail(ErrorKind::input, "{} is damaged: it names a ZIP64 end record that is not there", where);
    found = {file.get<uint64_t>(record + 48, "ZIP64 end record"), file.get<uint64_t>(record + 40, "ZIP64 end record"),
             file.get<uint64_t>(record + 32, "ZIP64 end record")};
    split = file.get<uint32_t>(record + 16, "ZIP64 end record") != 0;
  }
  if (split) fail(ErrorKind::input, "{} is one part of a split ZIP file, which is not supported", where);
  file.cut(found.begin, found.size, "directory");
  if (found.entries > kMostEntries)
    fail(ErrorKind::input, "{} claims {} ZIP entries; at most {} are read", where, found.entries, kMostEntries);
  return found;
}

// Sizes of 0xFFFFFFFF stand in the ZIP64 extra field instead, in this order.
void read_zip64(const Bytes& extra, std::initializer_list<uint64_t*> fields) {
  uint64_t at = 0;
  while (at + 4 <= extra.size()) {
    const auto id = extra.get<uint16_t>(at, "extra field");
    const auto size = extra.get<uint16_t>(at + 2, "extra field");
    at += 4;
    if (id == 1) {
      for (uint64_t* field : fields) {
        if (*field != 0xFFFFFFFF) continue;
        *field = extra.get<uint64_t>(at, "ZIP64 extra field");
        at += 8;
      }
      return;
    }
    at += size;
  }
}

}  // namespace

StoredZip::StoredZip(std::span<const std::byte> bytes, const std::string& where) : where_(where) {
  const Bytes file(bytes, where);
  const Directory directory = find_directory(file, where);
  struct Occupied {
    uint64_t begin, end;
  };
  std::vector<Occupied> extents;
  uint64_t at = directory.begin;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (file.get<uint32_t>(at, "directory") != kCentral)
      fail(ErrorKind::input, "{} is damaged: entry {} of its ZIP directory is none", where, i);
    const auto flags = file.get<uint16_t>(at + 8, "directory");
    const auto method = file.get<uint16_t>(at + 10, "directory");
    const auto checksum = file.get<uint32_t>(at + 16, "directory");
    uint64_t packed = file.get<uint32_t>(at + 20, "directory"), size = file.get<uint32_t>(at + 24, "directory");
    const auto name_size = file.get<uint16_t>(at + 28, "directory");
    const auto extra_size = file.get<uint16_t>(at + 30, "directory");
    const auto comment_size = file.get<uint16_t>(at + 32, "directory");
    uint64_t local = file.get<uint32_t>(at + 42, "directory");
    const auto name_bytes = file.cut(at + 46, name_size, "directory");
    read_zip64(Bytes(file.cut(at + 46 + name_size, extra_size, "directory"), where), {&size, &packed, &local});
    at += uint64_t{46} + name_size + extra_size + comment_size;
    if (at > directory.begin + directory.size)
      fail(ErrorKind::input, "{} is damaged: its ZIP directory is longer than it says", where);

    const std::string name(reinterpret_cast<const char*>(name_bytes.data()), name_bytes.size());
    const auto refuse = [&](const char* what) {
      fail(ErrorKind::input, "{}: entry {} {}", where, printable(name), what);
    };
    if ((flags & 1) != 0) refuse("is encrypted, which is not supported");
    if (method != 0 || packed != size)
      refuse("is compressed, which is not supported: PyTorch writes entries as they are");
    if (file.get<uint32_t>(local, "local header") != kLocal) refuse("has no local header: the file is damaged");
    const auto local_name = file.get<uint16_t>(local + 26, "local header");
    const auto local_extra = file.get<uint16_t>(local + 28, "local header");
    if (!std::ranges::equal(file.cut(local + 30, local_name, "local header"), name_bytes))
      refuse("has another name in its local header: the file is damaged");
    const uint64_t data = local + 30 + local_name + local_extra;
    if (!entries_.emplace(name, Entry{file.cut(data, size, "data"), checksum}).second)
      refuse("stands twice in the ZIP directory");
    extents.push_back({local, data + size});
  }
  extents.push_back({directory.begin, directory.begin + directory.size});
  std::sort(extents.begin(), extents.end(), [](const Occupied& a, const Occupied& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].begin < extents[i - 1].end)
      fail(ErrorKind::input, "{} is damaged: ZIP entries overlap at byte {}", where, extents[i].begin);
}

std::span<const std::byte> StoredZip::read(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(ErrorKind::input, "{} lacks the entry {}", where_, printable(name));
  const Entry& entry = found->second;
  const uLong checksum =
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(entry.bytes.data()), entry.bytes.size());
  if (checksum != entry.checksum)
    fail(ErrorKind::input, "{} is damaged: the checksum of entry {} is {:08x}, expected {:08x}; download it again",
         where_, printable(name), checksum, entry.checksum);
  return entry.bytes;
}

}  // namespace tekio
