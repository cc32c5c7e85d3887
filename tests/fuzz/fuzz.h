// What the fuzz targets share. Hostile bytes may be refused (an Error of kind usage, input or io); anything else, an
// Error of kind bug included, ends the process, which libFuzzer reports with the bytes that did it.
#pragma once

#include <tekio/error.h>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "../support/scratch_folder.h"

namespace tekio::fuzz {

template <typename Body>
int refused_or_done(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bug) return 0;
    std::fprintf(stderr, "a bug was reported: %s\n", error.what());
    std::abort();
  }
  return 0;
}

using test::ScratchFolder;
/// Of the process, for readers that only take paths.
inline constexpr auto kInMemory = ScratchFolder::Place::memory;

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
inline std::span<const std::byte> as_bytes(const uint8_t* data, size_t size) {
  return std::as_bytes(std::span(data, size));
}

}  // namespace tekio::fuzz
