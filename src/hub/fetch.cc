#include "hub/fetch.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/blob_file.h"
#include "hub/cache.h"
#include "hub/client.h"

namespace tekio::hub {
namespace {

constexpr size_t kConnections = 4, kMostFiles = 100'000;

struct Listing {
  std::string commit;
  std::vector<std::string> names;
};

/// What the revision means now, and what is in it.
Listing list_files(Client& client, const Repository& repository) {
  const std::string path = fmt::format("{}/revision/{}", api_path(repository), percent_encoded(repository.revision));
  const std::string where = client.settings().endpoint + path;
  const Json answer = parse_json(client.get(path, repository).body, printable(where, 200));
  Listing listing;
  const auto fail_answer = [&] {
    fail(ErrorKind::io,
         "{}: expected an object with \"sha\" (a commit) and \"siblings\" (files): is HF_ENDPOINT right?",
         printable(where, 200));
  };
  if (!answer.is_object() || !answer.contains("sha") || !answer["sha"].is_string()) fail_answer();
  listing.commit = answer["sha"].get<std::string>();
  const auto files = answer.find("siblings");
  if (!is_commit(listing.commit) || files == answer.end() || !files->is_array() || files->size() > kMostFiles)
    fail_answer();
  for (const Json& file : *files) {
    if (!file.is_object() || !file.contains("rfilename") || !file["rfilename"].is_string()) fail_answer();
    listing.names.push_back(file["rfilename"].get<std::string>());
    if (!is_safe_path(listing.names.back()))
      fail(ErrorKind::input, "{} has a file that is named \"{}\": no name below a folder; nothing is fetched of it",
           shown(repository), printable(listing.names.back(), 200));
  }
  return listing;
}

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

/// The chosen files of a commit where they lie in the cache, all of them.
std::optional<Snapshot> cached(const RepositoryCache& cache, const std::string& commit, const Choice& choice) {
  Snapshot snapshot{cache.snapshot(commit), commit, {}};
  std::error_code ignored;
  if (!fs::is_directory(snapshot.folder, ignored)) return std::nullopt;
  snapshot.files = choice(names_in(snapshot.folder));
  return snapshot;
}

/// Shared by the threads that fetch.
struct Work {
  const Settings& settings;
  const Repository& repository;
  const RepositoryCache& cache;
  const std::string& commit;
  const std::vector<std::string>& files;
  std::atomic<size_t> next = 0;
  std::atomic<uint64_t> fetched = 0;  // bytes
  std::atomic<uint64_t> here = 0;     // bytes of these files that need not be fetched
  uint64_t total = 0;                 // bytes of all files; 0: not known
  std::atomic<bool> stop = false;
  std::mutex mutex;  // of what follows
  std::exception_ptr error;
  std::mutex telling;  // of how far it is
};

void tell_progress(Work& work) {
  if (work.total == 0 || !work.telling.try_lock()) return;
  const std::lock_guard lock(work.telling, std::adopt_lock);
  work.settings.on_progress(
      {.total = work.total, .done = std::min<uint64_t>(work.fetched + work.here, work.total), .moved = work.fetched});
}

void fetch_file(Client& client, Work& work, const std::string& path) {
  const auto file = client.head(work.repository, work.commit, path);
  if (!file)
    fail(ErrorKind::io, "{} lists {} but does not have it; run again", shown(work.repository), printable(path, 200));
  const BlobLock nobody_else(work.cache.lock(file->etag));
  std::error_code ignored;
  if (!fs::is_regular_file(work.cache.blob(file->etag), ignored)) {
    BlobFile part(work.cache, *file);
    work.here += part.size();
    client.download(work.repository, path, *file,
                    {.position = [&] { return part.size(); },
                     .restart = [&] { part.clear(); },
                     .sink =
                         [&](std::string_view bytes) {
                           work.fetched += bytes.size();
                           tell_progress(work);
                           return !work.stop && part.append(bytes);
                         }});
    part.finish(fmt::format("{} of {}", printable(path, 200), shown(work.repository)));
  } else {
    work.here += file->size;
  }
  work.cache.link(work.commit, path, file->etag);
}

void fetch_some(Work& work) {
  try {
    Client client(work.settings);
    for (size_t i = work.next++; i < work.files.size() && !work.stop; i = work.next++)
      fetch_file(client, work, work.files[i]);
  } catch (...) {
    const std::lock_guard lock(work.mutex);
    if (!work.error) work.error = std::current_exception();
    work.stop = true;
  }
}

void fetch_files(const Settings& settings, const Repository& repository, const RepositoryCache& cache,
                 const std::string& commit, const std::vector<std::string>& files) {
  Work work{settings, repository, cache, commit, files};
  note(fmt::format("fetching {} of {} from {}", counted(static_cast<int64_t>(files.size()), "file"), shown(repository),
                   printable(settings.endpoint, 200)));
  if (settings.on_progress) work.total = total_bytes(settings, repository, commit, files);
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < std::min(kConnections, files.size()); ++i) threads.emplace_back([&] { fetch_some(work); });
  threads.clear();
  if (work.error) std::rethrow_exception(work.error);
  note(fmt::format("fetched {} into {}", bytes_text(work.fetched), printable(cache.folder().string(), 300)));
}

[[noreturn]] void fail_offline(const Settings& settings, const Repository& repository) {
  fail(ErrorKind::io,
       "{} is not in the Hub's cache ({}), and no request is made (--offline or HF_HUB_OFFLINE): fetch it with 'tekio "
       "pull {}' "
       "where there is a network",
       shown(repository), printable(settings.cache.string(), 300), shown(repository));
}

}  // namespace

Snapshot fetch(const Settings& settings, const Repository& repository, const Choice& choice) {
  if (settings.cache.empty()) fail(ErrorKind::io, "there is no place for the Hub's cache: set HF_HUB_CACHE or HOME");
  const RepositoryCache cache(settings.cache, repository);
  const auto known = cache.commit();
  if (settings.offline) {
    auto found = known ? cached(cache, *known, choice) : std::nullopt;
    if (!found) fail_offline(settings, repository);
    return *found;
  }
  if (known && is_commit(repository.revision)) {
    try {
      if (const auto found = cached(cache, *known, choice)) return *found;
    } catch (const Error&) {  // the cache lacks some of it
    }
  }
  Listing listing;
  try {
    Client client(settings);
    listing = list_files(client, repository);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io || !known) throw;
    auto found = cached(cache, *known, choice);
    if (!found) throw;
    warn(fmt::format("{} (what was fetched before is used)", error.what()));
    return *found;
  }
  Snapshot snapshot{cache.snapshot(listing.commit), listing.commit, choice(listing.names)};
  std::vector<std::string> missing;
  for (const std::string& name : snapshot.files)
    if (!cache.file(listing.commit, name)) missing.push_back(name);
  if (!missing.empty()) fetch_files(settings, repository, cache, listing.commit, missing);
  cache.set_commit(listing.commit);
  return snapshot;
}

}  // namespace tekio::hub
