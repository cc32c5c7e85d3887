// git-lfs' side of an upload: which objects the Hub lacks, and their content to where it wants it, whole or in parts
// (git-lfs' batch API with the transfers "basic" and "multipart", the latter being the Hub's own).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/client.h"

namespace tekio::hub {

struct LfsObject {
  std::string path;    ///< in the repository, for messages
  std::string sha256;  ///< hexadecimal
  std::string_view content;
};

/// Makes whatever the Hub has no content of part of the repository's store. `refuse` turns the status of an answer that
/// is no success into an error. Errors: those, io.
void send_lfs_objects(Client& client, const Repository& repository, const std::vector<LfsObject>& objects,
                      const std::function<void(const HttpAnswer&, const std::string& what)>& refuse);

}  // namespace tekio::hub
