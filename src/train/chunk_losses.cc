// Sixteen bytes of counts (chunks, masked tokens), then the numbers one list after the other. A file begins with its
// checksum.
#include "train/chunk_losses.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"

namespace tekio {
namespace {

namespace fs = std::filesystem;

/// A MaskedToken without what its alignment leaves open.
struct StoredToken {
  int32_t id, place;
  float loss, confidence;
  uint32_t hit;
};
static_assert(sizeof(StoredToken) == 20);

template <typename T>
void append(std::string& bytes, const std::vector<T>& numbers) {
  if (!numbers.empty()) bytes.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T));
}

template <typename T>
std::vector<T> taken(std::string_view& bytes, size_t count) {
  std::vector<T> numbers(count);
  if (count > 0) std::memcpy(numbers.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return numbers;
}

}  // namespace

std::string to_bytes(const ChunkLosses& losses) {
  std::string bytes;
  append(bytes, std::vector<uint64_t>{losses.losses.size(), losses.tokens.size()});
  append(bytes, losses.losses);
  append(bytes, losses.masked);
  std::vector<StoredToken> tokens;
  tokens.reserve(losses.tokens.size());
  for (const MaskedToken& t : losses.tokens) tokens.push_back({t.id, t.place, t.loss, t.confidence, t.hit});
  append(bytes, tokens);
  return bytes;
}

std::optional<ChunkLosses> chunk_losses_in(std::string_view bytes) {
  if (bytes.size() < 2 * sizeof(uint64_t)) return std::nullopt;
  const auto counts = taken<uint64_t>(bytes, 2);
  constexpr size_t kChunk = sizeof(double) + sizeof(int64_t);
  if (counts[0] > bytes.size() / kChunk || counts[1] > bytes.size() / sizeof(StoredToken) ||
      counts[0] * kChunk + counts[1] * sizeof(StoredToken) != bytes.size())
    return std::nullopt;
  ChunkLosses losses;
  losses.losses = taken<double>(bytes, counts[0]);
  losses.masked = taken<int64_t>(bytes, counts[0]);
  int64_t masked = 0;
  for (const int64_t count : losses.masked) {
    if (count < 0 || count > static_cast<int64_t>(counts[1])) return std::nullopt;
    masked += count;
  }
  if (masked != static_cast<int64_t>(counts[1])) return std::nullopt;
  losses.tokens.reserve(counts[1]);
  for (const StoredToken& t : taken<StoredToken>(bytes, counts[1]))
    losses.tokens.push_back({t.id, t.place, t.loss, t.confidence, t.hit != 0});
  return losses;
}

void write_chunk_losses(const fs::path& path, const ChunkLosses& losses) {
  const std::string bytes = to_bytes(losses);
  std::string whole;
  append(whole, std::vector<uint64_t>{checksum_of(std::as_bytes(std::span(bytes)))});
  write_atomically(path, whole + bytes);
}

std::optional<ChunkLosses> read_chunk_losses(const fs::path& path) {
  try {
    const std::string whole = read_text(path, size_t{4} << 30);
    std::string_view bytes = whole;
    if (bytes.size() < sizeof(uint64_t)) return std::nullopt;
    const uint64_t checksum = taken<uint64_t>(bytes, 1).front();
    return checksum_of(std::as_bytes(std::span(bytes))) == checksum ? chunk_losses_in(bytes) : std::nullopt;
  } catch (const Error&) {  // what it serves for is no reason for a run to fail
    return std::nullopt;
  }
}

}  // namespace tekio
