// What somebody may have meant by a word that Tekio does not know: a slip of the pen, the beginning of a longer name,
// or what other tools of the field call the same thing.
#pragma once

#include <string>
#include <vector>

namespace tekio::cli {

/// The option of `names` that `name` (with underscores, without hyphens before it) most likely means, with a value
/// where that is part of it ("device cuda"); empty: none.
std::string nearest_option(const std::string& name, const std::vector<std::string>& names);

/// What to do instead of the command `name`, as the end of a sentence (", did you mean 'eval'?"); empty: nothing known.
std::string instead_of_command(const std::string& name, const std::vector<std::string>& commands);

}  // namespace tekio::cli
