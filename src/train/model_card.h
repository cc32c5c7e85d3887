// The model card of a run: README.md as the Hub reads it, metadata in YAML at its head, then what was measured and how
// the run was made, from the run folder's own files. Whatever comes from outside (names, texts, the command) is quoted,
// so that it can be neither YAML nor Markdown of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tekio {

/// What the folder does not tell.
struct CardSubject {
  std::string repository;              ///< where the card will stand: OWNER/NAME
  std::string license;                 ///< of the model that was trained further, where it is known
  std::vector<std::string> languages;  ///< its, as the Hub has them ("en")
};

/// The repository of the model that the run in `folder` began with; empty where it is not from the Hub, or not known.
std::string base_repository(const std::filesystem::path& folder);

/// Of a folder without run.json (a model that no run of this version left) a card without figures. Errors: input (a
/// file of the run is malformed), io.
std::string model_card(const std::filesystem::path& folder, const CardSubject& subject);

}  // namespace tekio
