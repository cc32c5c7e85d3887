// SHA-256 (FIPS 180-4), for comparing long arrays with digests in golden files. Tests only: short, not fast.
#pragma once

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tekio::test {

inline std::string sha256(std::vector<uint8_t> bytes) {
  static const std::array<uint32_t, 64> round_constants =
      [] {  // 32 bits of the fractions of the cube roots of the first 64 primes
        std::array<uint32_t, 64> k{};
        size_t found = 0;
        for (unsigned n = 2; found < 64; ++n) {
          bool prime = true;
          for (unsigned d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
          if (!prime) continue;
          unsigned __int128 low = 0, high = static_cast<unsigned __int128>(1) << 36;  // integer cube root of n * 2^96
          const auto target = static_cast<unsigned __int128>(n) << 96;
          while (high - low > 1) {
            const auto middle = (low + high) / 2;
            (middle * middle * middle <= target ? low : high) = middle;
          }
          k[found++] = static_cast<uint32_t>(low);
        }
        return k;
      }();
  std::array<uint32_t, 8> h{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const uint64_t bits = uint64_t{bytes.size()} * 8;
  bytes.push_back(0x80);
  while (bytes.size() % 64 != 56) bytes.push_back(0);
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(bits >> shift));
  for (size_t at = 0; at < bytes.size(); at += 64) {
    std::array<uint32_t, 64> w{};
    for (size_t i = 0; i < 64; ++i) {
      if (i < 16) {
        for (size_t b = 0; b < 4; ++b) w[i] = w[i] << 8 | bytes[at + 4 * i + b];
        continue;
      }
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, last] = h;
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t t1 = last + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) +
                          round_constants[i] + w[i];
      const uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      last = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::array<uint32_t, 8> sum{a, b, c, d, e, f, g, last};
    for (size_t i = 0; i < 8; ++i) h[i] += sum[i];
  }
  std::string hex;
  for (const uint32_t word : h) hex += fmt::format("{:08x}", word);
  return hex;
}

/// Of the numbers as little-endian int64, as the golden files' digests are made.
template <typename Number>
std::string sha256_int64(std::span<const Number> numbers) {
  std::vector<uint8_t> bytes;
  bytes.reserve(numbers.size() * 8);
  for (const Number number : numbers)
    for (int shift = 0; shift < 64; shift += 8)
      bytes.push_back(static_cast<uint8_t>(static_cast<uint64_t>(int64_t{number}) >> shift));
  return sha256(std::move(bytes));
}
inline std::string sha256_int64(const std::vector<int64_t>& numbers) {
  return sha256_int64(std::span<const int64_t>(numbers));
}

}  // namespace tekio::test
