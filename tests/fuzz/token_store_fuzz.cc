// Token stores: what a damaged or hostile file can do beyond its checksums, which are put right here before it is
// opened. What is accepted is then read through chunks, word ids included, so that an index outside of the file would
// show.
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "data/chunks.h"
#include "fuzz.h"

namespace {

/// Offsets of docs/formats.md.
constexpr size_t kHeader = 136, kVersion = 8, kIdBytes = 12, kIndexPosition = 72, kIndexChecksum = 80, kFileBytes = 88,
                 kDataBytes = 96, kDataChecksum = 104, kEntry = 32;

template <typename Number>
Number get(const std::vector<char>& bytes, size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
void put(std::vector<char>& bytes, size_t at, uint64_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); }

void put_checksums_right(std::vector<char>& bytes) {
  const bool is_old = bytes[kVersion] == 2;
  std::memcpy(bytes.data(), is_old ? "TEKIOTOK\2\0\0\0" : "TEKIOTOK\3\0\0\0", 12);
  const size_t header = is_old ? kHeader - 8 : kHeader, checksum = header - 8;
  put(bytes, kFileBytes, bytes.size());
  const auto index = get<uint64_t>(bytes, kIndexPosition);
  if (index >= header && index <= bytes.size()) {
    for (size_t entry = index; entry + kEntry <= bytes.size(); entry += kEntry) {
      const auto position = get<uint64_t>(bytes, entry), tokens = get<uint64_t>(bytes, entry + 8),
                 rows = get<uint64_t>(bytes, entry + 16);
      if (position > index || tokens > index || rows > 1000) continue;
      const uint64_t size = (tokens * get<uint32_t>(bytes, kIdBytes) + 7) / 8 * 8 + (tokens + 63) / 64 * 8 + rows * 8;
      if (size <= index - position) put(bytes, entry + 24, XXH3_64bits(bytes.data() + position, size));
    }
    put(bytes, kIndexChecksum, XXH3_64bits(bytes.data() + index, bytes.size() - index));
  }
  const auto data = get<uint64_t>(bytes, kDataBytes);
  if (data <= bytes.size() - header && (data + 7) / 8 * 8 <= bytes.size() - header)
    put(bytes, kDataChecksum, XXH3_64bits(bytes.data() + header, (data + 7) / 8 * 8));
  put(bytes, checksum, XXH3_64bits(bytes.data(), checksum));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::ScratchFolder folder(fuzz::kInMemory);
  std::vector<char> bytes(data, data + size);
  bytes.resize(std::max(bytes.size(), kHeader));
  StoreKey key;
  std::memcpy(key.data(), bytes.data() + 16, key.size());
  put_checksums_right(bytes);
  const auto path = folder.write("store", {bytes.data(), bytes.size()});
  if (const auto facts = store_facts(path); facts && facts->data.size() > bytes.size()) std::abort();
  const int done = fuzz::refused_or_done([&] {
    const auto store = std::make_shared<const TokenStore>(path, key);
    for (const bool lines : {false, true}) {
      const auto view = ChunksView::whole(store, 5, lines);
      std::vector<int32_t> words;
      for (int64_t i = 0; i < view.size(); ++i) {
        const TokenSpan ids = view.ids(i);
        for (int64_t t = 0; t < ids.size(); ++t)
          if (ids[t] < 0 || ids[t] > store->max_id()) std::abort();
        view.word_ids(i, words);
        if (static_cast<int64_t>(words.size()) != ids.size()) std::abort();
      }
    }
  });
  std::filesystem::remove(path);
  return done;
}
