// What this user pushed last from here to which repository: by that a later push knows whether the branch is still as
// it was left. Kept in Settings::pushed, a small file a repository; a convenience: without it a push asks for
// --overwrite.
#pragma once

#include <string>

#include "hub/repository.h"
#include "hub/settings.h"

namespace tekio::hub {

/// The commit; empty where none is known.
std::string last_pushed(const Settings& settings, const Repository& repository);
/// Does what it can: no error where that is nothing.
void remember_pushed(const Settings& settings, const Repository& repository, const std::string& commit);

}  // namespace tekio::hub
