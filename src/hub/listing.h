// What the Hub says that is in a repository.
#pragma once

#include "hub/fetch.h"

namespace tekio::hub {

/// What the revision means now, and the names of its files; without their folder. One request, and where the server
/// tells of files by their tree alone, one a page. Errors: io; input (a name that leads out of a folder).
Listing ask_listing(Client& client, const Repository& repository);

}  // namespace tekio::hub
