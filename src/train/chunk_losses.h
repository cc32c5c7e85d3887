// Chunks' parts of an evaluation as bytes: what ranks tell each other, and what a run that may be resumed keeps of the
// evaluation before training.
#pragma once

#include <tekio/adapt.h>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace tekio {

std::string to_bytes(const ChunkLosses& losses);
/// nullopt: `bytes` are not those of to_bytes().
std::optional<ChunkLosses> chunk_losses_in(std::string_view bytes);

/// A file of them, with a checksum. Errors: io.
void write_chunk_losses(const std::filesystem::path& path, const ChunkLosses& losses);
/// nullopt: it is not there, or damaged.
std::optional<ChunkLosses> read_chunk_losses(const std::filesystem::path& path);

}  // namespace tekio
