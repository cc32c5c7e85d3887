// NumPy's array file (.npy, version 1.0): what `numpy.load` maps.
#pragma once

#include <tekio/dataset.h>
#include <filesystem>

namespace tekio {

/// Writes chunks as one [chunks, chunk_size] array, little-endian u16 (u32 for a vocabulary of 65,536 entries or more),
/// atomically. Errors: io; usage (line_by_line: chunks differ in length).
void write_npy(const std::filesystem::path& path, const Chunks& chunks);

}  // namespace tekio
