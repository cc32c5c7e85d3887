// A repository's files on this machine: from the cache where they lie there, else fetched into it. What is fetched is
// written aside, verified by size and digest, and renamed; whoever is killed in between leaves a part that the next one
// goes on from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hub/repository.h"
#include "hub/settings.h"

namespace tekio::hub {

class Client;

/// How many requests for many things are on their way at a time.
inline constexpr size_t kConnections = 4;

struct Snapshot {
  std::filesystem::path folder;
  std::string commit;
  std::vector<std::string> files;  ///< that were chosen, by name
  bool is_whole = true;            ///< false: chosen among those that the cache holds, as nobody tells of the others
};

/// Which of a repository's files are wanted. Errors: input (what is needed is not among them).
using Choice = std::function<std::vector<std::string>(const std::vector<std::string>& names)>;

/// Looks up what the revision means now and fetches the chosen files that the cache lacks, and the shards that a chosen
/// index names. Makes no request where `settings.offline`, or where the revision is a commit that was listed before and
/// whose chosen files are there. `asked`: all names that the choice looks at, if it looks at no others; a commit of
/// which each is there or noted to be absent is as good as listed. Where the Hub does not answer, what the cache has is
/// used, with a warning. Errors: io (what is needed is not cached and there is no answer; refused; no room), input (an
/// index names what the repository lacks), those of `choice`.
Snapshot fetch(const Settings& settings, const Repository& repository, const Choice& choice,
               const std::vector<std::string>& asked = {});

/// What is in a repository.
struct Listing {
  std::string id;                  ///< as the Hub calls it: another name than was asked for where it has moved
  std::string commit;              ///< what the revision means
  std::filesystem::path folder;    ///< of the snapshot, where its files are once they were fetched
  std::vector<std::string> names;  ///< of its files, sorted
  bool is_whole = true;            ///< false: those that the cache holds, where nobody tells of the others
};
/// Looks up what the revision means now. Makes no request where `settings.offline`, or where the revision is a commit
/// that was listed before; where the Hub does not answer, what was listed or fetched before counts, with a warning.
/// Errors: io (nothing of it is known and no answer; refused), input (a name that leads out of a folder).
Listing list_files(const Settings& settings, const Repository& repository);
/// The repository, as it is to be asked for once it was listed.
Repository at_home(Repository repository, const Listing& listing);
/// Fetches those of a commit's files that the cache lacks; without a request where it has them all. Returns the folder
/// that they are in. Errors: io; input (of a commit that was not listed: it has no such file, or did not have it when
/// somebody asked).
std::filesystem::path fetch_files(const Settings& settings, const Repository& repository, const std::string& commit,
                                  const std::vector<std::string>& files);

/// A file's size and its last `bytes`, or all of a smaller one. Errors: io.
struct FileTail {
  uint64_t size = 0;
  std::string bytes;
};
FileTail fetch_tail(Client& client, const Repository& repository, const std::string& commit, const std::string& path,
                    uint64_t bytes);

/// What opening a model needs: config.json and its weights in one form (safetensors before PyTorch's, shards where one
/// file is absent). Errors: input (one of them is missing).
std::vector<std::string> model_files(const std::vector<std::string>& names);
/// What opening a tokenizer needs. Errors: input (no file of one).
std::vector<std::string> tokenizer_files(const std::vector<std::string>& names);
/// Both.
std::vector<std::string> model_and_tokenizer_files(const std::vector<std::string>& names);
/// config.json alone. Errors: input (there is none).
std::vector<std::string> config_file(const std::vector<std::string>& names);
/// What Hugging Face transformers' from_pretrained asks for by name, whether a repository has it or not.
std::vector<std::string> files_asked_for();
/// Everything but weights in other forms than model_files() takes.
std::vector<std::string> model_repository_files(const std::vector<std::string>& names);

}  // namespace tekio::hub
