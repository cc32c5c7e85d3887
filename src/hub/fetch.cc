#include "hub/fetch.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/few_at_a_time.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/system_error.h"
#include "hub/blob_file.h"
#include "hub/cache.h"
#include "hub/client.h"
#include "hub/digest.h"
#include "hub/listing.h"

namespace tekio::hub {
namespace {

/// How many bytes files have in all, for whoever wants to see how far a fetch is; 0 where the Hub does not say.
uint64_t total_bytes(const Settings& settings, const Repository& repository, const std::string& commit,
                     const std::vector<std::string>& files) {
  const std::set<std::string> wanted(files.begin(), files.end());
  uint64_t total = 0;
  try {
    Client client(settings);
    const std::string path = fmt::format("{}/revision/{}?blobs=true", api_path(repository), commit);
    const Json answer = parse_json(client.get(path, repository).body, path);
    for (const Json& file : answer.at("siblings"))
      if (wanted.contains(file.at("rfilename").get<std::string>())) total += file.at("size").get<uint64_t>();
  } catch (const Error&) {
    return 0;
  } catch (const Json::exception&) {
    return 0;
  }
  return total;
}

/// Names of the files of a snapshot.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->is_regular_file(error)) names.push_back(at->path().lexically_relative(folder).generic_string());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_listed(const RepositoryCache& cache, const std::string& commit, const std::string& path) {
  const auto names = cache.listing(commit);
  return names && std::find(names->begin(), names->end(), path) != names->end();
}

[[noreturn]] void fail_absent(const Repository& repository, const std::string& path) {
  fail(ErrorKind::input, "{} has no file {}, though its index names it: the repository is incomplete; ask its owner",
       shown(repository), printable(path, 200));
}

/// Shared by the threads that fetch.
struct Work {
  const Settings& settings;
  const Repository& repository;
  const RepositoryCache& cache;
  const std::string& commit;
  const std::vector<std::string>& files;
  std::atomic<uint64_t> fetched = 0;  // bytes
  std::atomic<uint64_t> here = 0;     // bytes of these files that need not be fetched
  uint64_t total = 0;                 // bytes of all files; 0: not known
  std::atomic<bool> stop = false;     // one has failed
  std::mutex telling;                 // of how far it is
};

/// A download that ends because another one has failed; its part stays.
struct BrokenOff {};

void tell_progress(Work& work) {
  if (work.total == 0 || !work.telling.try_lock()) return;
  const std::lock_guard lock(work.telling, std::adopt_lock);
  work.settings.on_progress(
      {.total = work.total, .done = std::min<uint64_t>(work.fetched + work.here, work.total), .moved = work.fetched});
}

/// Whether a file's content is in the cache. A name that is a digest says what is; other names are the server's own
/// affair, and what they mean there must not replace what they meant before.
bool is_here(const Work& work, const std::string& path, const FileHead& file) {
  std::error_code ignored;
  const fs::path blob = work.cache.blob(file.etag);
  if (!fs::is_regular_file(blob, ignored)) return false;
  const uint64_t size = fs::file_size(blob, ignored);
  if (size == file.size) return true;
  if (digest_kind(file.etag)) return false;
  fail(
      ErrorKind::io,
      "{} of {}: the server gives it {} under the ETag \"{}\", under which the cache holds another file's {} ({}): the "
      "server's ETags do not tell files apart; ask whoever runs it",
      printable(path, 200), shown(work.repository), bytes_text(file.size), printable(file.etag), bytes_text(size),
      printable(blob.string(), 300));
}

void fetch_file(Client& client, Work& work, const std::string& path) {
  const auto file = client.head(work.repository, work.commit, path);
  if (!file) {
    if (is_listed(work.cache, work.commit, path))
      fail(ErrorKind::io, "{} lists {} but does not have it; run again", shown(work.repository), printable(path, 200));
    work.cache.set_absent(work.commit, path);
    fail_absent(work.repository, path);
  }
  const BlobLock nobody_else(work.cache.lock(file->etag));
  if (!is_here(work, path, *file)) {
    BlobFile part(work.cache, *file);
    work.here += part.size();
    client.download(work.repository, path, *file,
                    {.position = [&] { return part.size(); },
                     .restart = [&] { part.clear(); },
                     .sink =
                         [&](std::string_view bytes) {
                           work.fetched += bytes.size();
                           tell_progress(work);
                           if (work.stop) throw BrokenOff();
                           return part.append(bytes);
                         }});
    part.finish(fmt::format("{} of {}", printable(path, 200), shown(work.repository)));
  } else {
    work.here += file->size;
  }
  work.cache.link(work.commit, path, file->etag);
}

NumberedWork fetching(Work& work) {
  return [&work, client = std::make_shared<Client>(work.settings)](size_t i) {
    try {
      fetch_file(*client, work, work.files[i]);
    } catch (const BrokenOff&) {
    } catch (...) {
      work.stop = true;
      throw;
    }
  };
}

void fetch_missing(const Settings& settings, const Repository& repository, const RepositoryCache& cache,
                   const std::string& commit, const std::vector<std::string>& files) {
  Work work{settings, repository, cache, commit, files};
  note(fmt::format("fetching {} of {} from {}", counted(static_cast<int64_t>(files.size()), "file"), shown(repository),
                   shown_url(settings.endpoint)));
  if (settings.on_progress) work.total = total_bytes(settings, repository, commit, files);
  few_at_a_time(files.size(), kConnections, [&] { return fetching(work); });
  note(fmt::format("fetched {} into {}", bytes_text(work.fetched), printable(cache.folder().string(), 300)));
}

/// What fetches a repository, for whoever lacks it.
std::string pull_command(const Repository& repository) {
  return fmt::format("tekio pull {}{}", shown(repository),
                     repository.type == RepoType::dataset ? " --repo_type dataset" : "");
}

[[noreturn]] void fail_offline(const Settings& settings, const Repository& repository, const std::string& file = "") {
  fail(std::errc::no_such_file_or_directory,
       "{}{}{} is not in the Hub's cache ({}), and no request is made (--offline or HF_HUB_OFFLINE): fetch it with "
       "'{}' where there is a network",
       printable(file, 200), file.empty() ? "" : " of ", shown(repository), printable(settings.cache.string(), 300),
       pull_command(repository));
}

void check_place(const Settings& settings) {
  if (settings.cache.empty()) fail(ErrorKind::io, "there is no place for the Hub's cache: set HF_HUB_CACHE or HOME");
}

/// What is known of a commit without the Hub: its listing, or the files that were fetched of it.
std::optional<Listing> known_listing(const RepositoryCache& cache, const Repository& repository) {
  const auto commit = cache.commit();
  if (!commit) return std::nullopt;
  Listing listing{.id = repository.id, .commit = *commit, .folder = cache.snapshot(*commit), .names = {}};
  if (auto names = cache.listing(*commit)) {
    listing.names = std::move(*names);
    return listing;
  }
  listing.names = names_in(listing.folder);
  listing.is_whole = false;
  return listing.names.empty() ? std::nullopt : std::optional(std::move(listing));
}

/// Keeps what a use without the Hub will need. Whoever then fetches says whether the cache can be written.
void keep(const RepositoryCache& cache, const Repository& repository, const Listing& listing, bool is_first) {
  try {
    if (!cache.listing(listing.commit)) cache.set_listing(listing.commit, listing.names);
    // Of a dataset that is a script no file may ever be fetched. A model's commit is kept with its files.
    if (is_first && repository.type == RepoType::dataset) cache.set_commit(listing.commit);
    if (repository.type == RepoType::model)
      for (const std::string& name : files_asked_for())
        if (!std::binary_search(listing.names.begin(), listing.names.end(), name))
          cache.set_absent(listing.commit, name);
  } catch (const Error&) {}
}

/// Whether no file that is not listed could change a choice that looks at the names `asked` alone: each of them is
/// listed or noted to be absent, as far as it matters.
bool is_decided(const RepositoryCache& cache, const Listing& listing, const Choice& choice,
                const std::vector<std::string>& asked) {
  if (listing.is_whole || asked.empty()) return listing.is_whole;
  std::vector<std::string> possible = listing.names;
  for (const std::string& name : asked)
    if (!cache.is_absent(listing.commit, name)) possible.push_back(name);
  std::sort(possible.begin(), possible.end());
  possible.erase(std::unique(possible.begin(), possible.end()), possible.end());
  std::vector<std::string> most;
  try {
    most = choice(possible);
  } catch (const Error&) {  // not even then
    return true;
  }
  try {
    return choice(listing.names) == most;
  } catch (const Error&) {
    return false;
  }
}

/// What is chosen of a listing; where that is of a part only, what is missing may well be in the repository.
std::vector<std::string> chosen_of(const Settings& settings, const Repository& repository, const Listing& listing,
                                   const Choice& choice, bool decided) {
  try {
    return choice(listing.names);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) throw;
    if (decided) fail(ErrorKind::input, "{}: {}", shown(repository), error.what());
    fail(std::errc::no_such_file_or_directory,
         "of {} the Hub's cache ({}) holds {} only, not what is needed, and {}: fetch it with '{}' {}",
         shown(repository), printable(settings.cache.string(), 300),
         counted(static_cast<int64_t>(listing.names.size()), "file"),
         settings.offline ? message("no request is made (--offline or HF_HUB_OFFLINE)") : "the Hub does not answer",
         pull_command(repository), settings.offline ? "where there is a network" : "when it does");
  }
}

/// The shards that the chosen indexes name: whatever they are called, and also where the listing is of a part only.
std::vector<std::string> shards_named(const fs::path& folder, const std::vector<std::string>& files) {
  std::set<std::string> shards;
  for (const std::string& file : files) {
    if (!file.ends_with(".index.json") || file.find('/') != std::string::npos) continue;
    try {
      const Json index = parse_json(read_text(folder / file), file);
      for (const auto& [tensor, shard] : index.at("weight_map").items())
        if (shard.is_string()) shards.insert(shard.get<std::string>());
    } catch (const Error&) {  // whoever opens the model says what is wrong with it
    } catch (const Json::exception&) {}
  }
  return {shards.begin(), shards.end()};
}

}  // namespace

Listing list_files(const Settings& settings, const Repository& repository) {
  check_place(settings);
  const RepositoryCache cache(settings.cache, repository);
  auto known = known_listing(cache, repository);
  if (settings.offline && !known) fail_offline(settings, repository);
  if (known && (settings.offline || (is_commit(repository.revision) && known->is_whole))) return *known;
  try {
    Client client(settings);
    Listing listing = ask_listing(client, repository);
    listing.folder = cache.snapshot(listing.commit);
    keep(cache, repository, listing, /*is_first=*/!known);
    return listing;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io || !known) throw;
    warn(fmt::format("{} (what was fetched before is used)", error.what()));
    return *known;
  }
}

Repository at_home(Repository repository, const Listing& listing) {
  if (listing.id != repository.id) repository.home = listing.id;
  return repository;
}

fs::path fetch_files(const Settings& settings, const Repository& repository, const std::string& commit,
                     const std::vector<std::string>& files) {
  const RepositoryCache cache(settings.cache, repository);
  std::vector<std::string> missing;
  for (const std::string& name : files)
    if (!cache.file(commit, name)) missing.push_back(name);
  std::sort(missing.begin(), missing.end());  // a dataset may have a file twice
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  for (const std::string& name : missing)
    if (cache.is_absent(commit, name) && !is_listed(cache, commit, name)) fail_absent(repository, name);
  if (!missing.empty() && settings.offline) fail_offline(settings, repository, missing.front());
  if (!missing.empty()) fetch_missing(settings, repository, cache, commit, missing);
  cache.set_commit(commit);
  return cache.snapshot(commit);
}

FileTail fetch_tail(Client& client, const Repository& repository, const std::string& commit, const std::string& path,
                    uint64_t bytes) {
  const auto file = client.head(repository, commit, path);
  if (!file)
    fail(ErrorKind::io, "{} lists {} but does not have it; run again", shown(repository), printable(path, 200));
  FileTail tail{file->size, ""};
  const uint64_t begin = file->size - std::min(file->size, bytes);
  uint64_t seen = begin;
  client.download(repository, path, *file,
                  {.position = [&] { return seen; },
                   .restart =
                       [&] {  // a server that sends no parts
                         seen = 0;
                         tail.bytes.clear();
                       },
                   .sink =
                       [&](std::string_view more) {
                         const uint64_t skipped = seen < begin ? std::min<uint64_t>(begin - seen, more.size()) : 0;
                         seen += more.size();
                         if (seen <= file->size) tail.bytes += more.substr(skipped);
                         return seen <= file->size;
                       }});
  return tail;
}

Snapshot fetch(const Settings& settings, const Repository& repository, const Choice& choice,
               const std::vector<std::string>& asked) {
  check_place(settings);
  const RepositoryCache cache(settings.cache, repository);
  const auto known = is_commit(repository.revision) ? known_listing(cache, repository) : std::nullopt;
  const Listing listing = known && is_decided(cache, *known, choice, asked) ? *known : list_files(settings, repository);
  const bool decided = is_decided(cache, listing, choice, asked);
  const Repository home = at_home(repository, listing);
  std::vector<std::string> files = chosen_of(settings, repository, listing, choice, decided);
  const fs::path folder = fetch_files(settings, home, listing.commit, files);
  const size_t chosen = files.size();
  for (std::string& shard : shards_named(folder, files)) {
    const bool is_new = std::find(files.begin(), files.end(), shard) == files.end();
    const bool is_listed = std::binary_search(listing.names.begin(), listing.names.end(), shard);
    if (is_new && is_safe_path(shard) && (is_listed || !listing.is_whole)) files.push_back(std::move(shard));
  }
  if (files.size() > chosen) fetch_files(settings, home, listing.commit, files);
  return {folder, listing.commit, std::move(files), decided};
}

}  // namespace tekio::hub
