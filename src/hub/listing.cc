#include "hub/listing.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "hub/client.h"

namespace tekio::hub {
namespace {

constexpr int64_t kMostFiles = 100'000;

/// The path that a "Link" header names as the next page, asked of the endpoint whatever host stands there; "": none.
std::string next_page(const std::string& link, const std::string& endpoint) {
  const size_t begin = link.find('<'), end = link.find('>', begin);
  if (end == std::string::npos || link.find("rel=\"next\"", end) == std::string::npos) return "";
  std::string url = link.substr(begin + 1, end - begin - 1);
  if (url.starts_with(endpoint)) return url.substr(endpoint.size());
  if (const size_t host = url.find("://"); host != std::string::npos)
    url.erase(0, std::min(url.find('/', host + 3), url.size()));
  return url.starts_with('/') ? url : "";
}

Json ask(Client& client, const Repository& repository, const std::string& path, std::string* next = nullptr) {
  const HttpAnswer answer = client.get(path, repository);
  if (next != nullptr) *next = next_page(answer.header("link"), client.settings().endpoint);
  return parse_json(answer.body, shown_url(client.settings().endpoint + path));
}

[[noreturn]] void fail_answer(const Client& client, const std::string& path, const char* expected) {
  fail(ErrorKind::io, "{}: expected {}: is HF_ENDPOINT right?", shown_url(client.settings().endpoint + path), expected);
}

void add_name(const Json& entry, const char* key, const Repository& repository, std::vector<std::string>& names) {
  if (!entry.is_object() || !entry.contains(key) || !entry[key].is_string())
    fail(ErrorKind::io, "{}: the Hub lists a file without a name", shown(repository));
  names.push_back(entry[key].get<std::string>());
  if (!is_safe_path(names.back()))
    fail(ErrorKind::input, "{} has a file that is named \"{}\": no name below a folder; nothing is fetched of it",
         shown(repository), printable(names.back(), 200));
  if (static_cast<int64_t>(names.size()) > kMostFiles)
    fail(ErrorKind::io, "{} has more than {} files", shown(repository), with_commas(kMostFiles));
}

/// Page by page: for servers that do not tell of files where they tell of a revision.
void add_tree(Client& client, const Repository& repository, Listing& listing) {
  std::string path = fmt::format("{}/tree/{}?recursive=true", api_path(repository), listing.commit);
  for (std::string next; !path.empty(); path = next) {
    const Json page = ask(client, repository, path, &next);
    if (!page.is_array() || (page.empty() && !next.empty())) fail_answer(client, path, "a list of files");
    for (const Json& entry : page)
      if (entry.is_object() && entry.value("type", Json()) == "file")
        add_name(entry, "path", repository, listing.names);
  }
}

}  // namespace

Listing ask_listing(Client& client, const Repository& repository) {
  const std::string path = fmt::format("{}/revision/{}", api_path(repository), percent_encoded(repository.revision));
  const Json answer = ask(client, repository, path);
  constexpr const char* kExpected = "an object with \"sha\" (a commit) and \"siblings\" (files)";
  if (!answer.is_object() || !answer.contains("sha") || !answer["sha"].is_string())
    fail_answer(client, path, kExpected);
  Listing listing{.id = repository.id, .commit = answer["sha"].get<std::string>(), .folder = {}, .names = {}};
  if (!is_commit(listing.commit)) fail_answer(client, path, kExpected);
  if (const auto id = answer.find("id"); id != answer.end() && id->is_string())
    if (const auto home = parse_repository(id->get<std::string>(), repository.type)) listing.id = home->id;
  const auto files = answer.find("siblings");
  if (files == answer.end()) {
    add_tree(client, at_home(repository, listing), listing);
  } else {
    if (!files->is_array()) fail_answer(client, path, kExpected);
    for (const Json& file : *files) add_name(file, "rfilename", repository, listing.names);
  }
  std::sort(listing.names.begin(), listing.names.end());
  return listing;
}

}  // namespace tekio::hub
