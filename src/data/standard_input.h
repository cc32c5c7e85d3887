// Standard input as data. Rows are read several times, a pipe once: it is written to a file without a name first.
#pragma once

#include <filesystem>
#include <string>

namespace tekio {

/// Whether a spec means standard input.
bool is_standard_input(const std::string& spec);

/// A path under which all of standard input can be read, as often as wanted, while the process lives. Read on the first
/// call, into $TMPDIR (else /var/tmp), by this user alone. Errors: io.
std::filesystem::path spooled_standard_input();

}  // namespace tekio
