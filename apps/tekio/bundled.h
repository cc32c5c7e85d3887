// What an installation brings along (share/tekio): a model, and corpora with their licences.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tekio::cli {

/// share/tekio: $TEKIO_SHARE, else beside the program's folder (as installed) or in it (as built).
std::optional<std::filesystem::path> share_folder();
/// For a program that does not lie beside it, before anything is asked for: where share/tekio is.
void set_share_folder(const std::filesystem::path& folder);

/// The bundled model's folder. Errors: usage (this installation has none; names `option`, with which to pass one).
std::string bundled_model(const std::string& option);

/// The bundled model's folder where `name` is its name; nothing where it is not, or this installation has none.
std::optional<std::filesystem::path> bundled_model_named(const std::string& name);

/// The options with which adapt trains that model best, as a file for --config; nothing where there is none.
std::optional<std::filesystem::path> bundled_options();

struct BundledCorpus {
  std::string name, title, licence, attribution;
  std::vector<std::string> prompts;  ///< texts with "[MASK]" in which its domain shows
  std::filesystem::path folder;      ///< of its splits
};

/// As share/tekio/corpora/corpora.json lists them; none where there is no such file. Errors: input (the file is
/// malformed).
std::vector<BundledCorpus> bundled_corpora();
/// The one that `spec` names: "film", "film:test".
std::optional<BundledCorpus> bundled_corpus(const std::string& spec);
/// The one that adapt takes where no data is given. Errors: usage (this installation has none; names `option`).
BundledCorpus default_corpus(const std::string& option);

}  // namespace tekio::cli
