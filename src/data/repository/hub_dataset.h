// A dataset of the Hub by its name: which files are whose split's, and those files when somebody reads them.
#pragma once

#include <tekio/dataset.h>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/layout.h"
#include "hub/fetch.h"
#include "hub/repository.h"
#include "hub/settings.h"

namespace tekio {

/// A spec that names a dataset of the Hub: "ID", "ID@REVISION", either with ":SPLIT".
struct HubName {
  hub::Repository repository;
  std::string split;  ///< what stands behind the colon; "": nothing
};
/// nullopt: no repository can be called so, or it is a file by its name's ending (a mistyped path, then). Does not look
/// whether something here has this name, which goes before.
std::optional<HubName> parse_hub_name(const std::string& spec);

struct HubDataset {
  std::string id;       ///< as the Hub calls it
  std::string commit;   ///< what the revision meant
  ReadOptions options;  ///< with what the repository says of reading its files
  struct Split {
    std::string name;
    std::vector<DataFile> files;
    std::function<void()> fetch;  ///< brings the files here where they are not yet. Errors: io.
  };
  std::vector<Split> splits;  ///< in the repository's order
};

/// Looks up a dataset as the reference's load_dataset does: configurations and patterns of its README.md, else splits
/// by files' names; where it is a script without data, the Hub's copy of it as Parquet (branch refs/convert/parquet).
/// Only the README.md is fetched. Errors: those of hub::list_files; input (several configurations and none named; no
/// file that can be read; a README.md that says nothing sensible of its files).
HubDataset open_hub_dataset(const hub::Settings& settings, const hub::Repository& repository,
                            const ReadOptions& options);

/// Fetches all of the Hub's copy as Parquet of a dataset that is a script, which is what open_hub_dataset() reads of
/// it; nullopt where it is none, and, with a warning, where there is no copy. Errors: io.
std::optional<hub::Snapshot> fetch_converted(const hub::Settings& settings, const hub::Repository& repository);

}  // namespace tekio
