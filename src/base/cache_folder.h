// Where Tekio keeps what it can make again: token stores, measurements. People's text is among it, so folders are their
// owner's alone.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace tekio {

/// $TEKIO_CACHE, else $XDG_CACHE_HOME/tekio, else ~/.cache/tekio; nothing where none of them is set. A cache is a
/// convenience: whoever finds no place for it goes on without.
std::optional<std::filesystem::path> cache_folder();

/// Makes a folder of the cache (0700, and the missing ones above it), takes group's and others' rights off one that is
/// ours, and returns why nothing can be written there; empty: it can.
std::string make_private_folder(const std::filesystem::path& folder);

}  // namespace tekio
