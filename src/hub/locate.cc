#include "hub/locate.h"

#include "base/error.h"
#include "base/file.h"
#include "base/system_error.h"
#include "base/user_path.h"

namespace tekio::hub {
Located locate_model(const std::string& name, const Choice& choice, const Settings& settings) {
  std::error_code ignored;
  if (fs::exists(name, ignored)) return {last_part(name), name, false};  // a file, too: who opens it says what is wrong
  const auto repository = parse_repository(name, RepoType::model);
  if (!repository)
    fail({std::errc::no_such_file_or_directory, name}, "there is no model folder {}", printable(name, 300));
  try {
    return {repository->id, fetch(settings, *repository, choice, files_asked_for()).folder, true};
  } catch (const Error& error) {
    fail_as(error, fmt::format("there is no folder {} here, and {}", printable(name, 300), error.what()));
  }
}

fs::path model_folder(const std::string& name, const Choice& choice, const CallSettings& call) {
  std::error_code ignored;
  if (fs::exists(name, ignored)) return name;  // needs nothing of the environment
  return locate_model(name, choice, Settings::from_environment(call)).folder;
}

}  // namespace tekio::hub
