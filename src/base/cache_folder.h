// Where Tekio keeps what it can make again: token stores, measurements.
#pragma once

#include <filesystem>

namespace tekio {

/// $TEKIO_CACHE, else $XDG_CACHE_HOME/tekio, else ~/.cache/tekio. Errors: io (none of them is set).
std::filesystem::path cache_folder();

}  // namespace tekio
