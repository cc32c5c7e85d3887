// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <optional>

namespace tekio {

/// The machine's available memory, or less where a control group or a limit of the process (`ulimit -v`) binds it, in
/// bytes; nullopt where the system does not tell. Cached files count as available: they give way.
std::optional<int64_t> available_memory();

}  // namespace tekio
