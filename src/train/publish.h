// A run, or any model folder, to a repository on the Hub: which of its files go, the card that goes with them, and the
// upload itself.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hub/upload.h"

namespace tekio {

struct Publication {
  hub::Uploaded uploaded;
  std::vector<std::string> left_out;  ///< entries of the folder that are no part of a model: checkpoints, say
  bool card_written = false;          ///< for this push; false: the folder has a README.md of its own, which went
};

/// Names that every run's push has, before there is a folder: what a repository must not hold of others.
std::vector<std::string> names_to_publish();

/// Pushes a model folder: config.json, the weights in one form, the tokenizer's files, a run's record and figures, and
/// its README.md, else a model card (model_card.h), which is made for the push and not kept in the folder. Errors:
/// input (no model; a file that is a link to another place), those of hub::upload.
Publication publish(const hub::Settings& settings, const hub::Repository& repository,
                    const std::filesystem::path& folder, const hub::UploadOptions& options);

}  // namespace tekio
