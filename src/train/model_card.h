// The model card of a run: README.md as the Hub reads it, metadata in YAML at its head, then what was measured and how
// the run was made, from the run folder's own files. Whatever comes from outside (names, texts, the command) is quoted,
// so that it can be neither YAML nor Markdown of its own.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tekio {

/// What the folder does not tell.
struct CardSubject {
  std::string repository;              ///< where the card will stand: OWNER/NAME
  std::string license;                 ///< of the model that was trained further, where it is known
  std::vector<std::string> languages;  ///< its, as the Hub has them ("en")
  /// Ids of models and datasets that the Hub has under another one now: the one that was asked for, and that one.
  std::map<std::string, std::string> moved;
};

/// The repositories that the run in `folder` began with, as they were asked for.
struct RunSources {
  std::string model;                  ///< empty: it is not from the Hub, or not known
  std::vector<std::string> datasets;  ///< those that are from the Hub
};
RunSources run_sources(const std::filesystem::path& folder);

/// Of a folder without run.json (a model that no run of this version left) a card without figures. Errors: input (a
/// file of the run is malformed), io.
std::string model_card(const std::filesystem::path& folder, const CardSubject& subject);

}  // namespace tekio
