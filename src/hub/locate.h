// From what a user calls a model to a folder: his own, or a repository's in the Hub's cache.
#pragma once

#include <filesystem>
#include <string>

#include "hub/fetch.h"

namespace tekio::hub {

struct Located {
  std::string name;  ///< to be shown: the folder's last part, or the repository's id
  std::filesystem::path folder;
  bool from_hub = false;  ///< else it was here
};

/// `name`: what is here, else a repository ("ID", "ID@REVISION"), of which the chosen files are fetched where the cache
/// lacks them; the choice looks at no names but those of files_asked_for(). Errors: io (neither; those of fetch()),
/// input (those of `choice`).
Located locate_model(const std::string& name, const Choice& choice, const Settings& settings);
/// The same with the call's settings and the environment's.
std::filesystem::path model_folder(const std::string& name, const Choice& choice, const CallSettings& call = {});

}  // namespace tekio::hub
