// Folders that the reference stack's save_to_disk() makes: of one split, or of several, each in a folder of its own.
#pragma once

#include "data/layout.h"

namespace tekio {

/// The splits of such a folder, in its order; empty if the folder is none. Errors: input (damaged, or written by a
/// version that kept a selection of rows apart), io.
SplitFiles find_saved(const std::filesystem::path& folder);

}  // namespace tekio
