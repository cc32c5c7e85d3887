#include "hub/client.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/system_error.h"
#include "hub/route.h"

namespace tekio::hub {
namespace {

constexpr int kTries = 6;       // of a server that says that it cannot just now, or whose content is cut off
constexpr int kUnanswered = 3;  // where nobody answers, and nothing is lost by giving up
constexpr int kMostRedirects = 10;
constexpr size_t kLongestEtag = 200;  // with what is put behind it, a file's name
constexpr double kLongestAsked_s = 120;
constexpr double kWorthTelling_s = 1;
constexpr int kLongestThought_s = 120;  // of a server that has been sent much: it hashes, joins parts, commits

bool may_pass(long status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Seconds that the server asks to wait; negative where it says nothing that is understood (a date, mostly).
double asked_pause(const HttpAnswer& answer) {
  const std::string& text = answer.header("retry-after");
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' || !(value >= 0) ? -1 : value;
}

/// How long to wait before the next try, where an answer says it: what is long is told, and what is too long ends here.
double pause_asked(const HttpAnswer& answer, double standard, const std::string& what, bool has_token) {
  const double asked = asked_pause(answer);
  if (asked > kLongestAsked_s)
    fail(ErrorKind::io, "{}: the server asks to wait {:.0f} s before the next request (status {}): try again then{}",
         what, asked, answer.status, has_token ? "" : "; with a token (HF_TOKEN) the Hub allows more");
  if (asked >= kWorthTelling_s)
    note(fmt::format("{}: the server asks to wait {:.0f} s (status {})", what, asked, answer.status));
  return asked >= 0 ? asked : standard;
}

std::optional<uint64_t> number(const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::strtoull(text.c_str(), nullptr, 10);
}

/// ": why", where the server says it.
std::string said(const HttpAnswer& answer) {
  const std::string& message = answer.header("x-error-message");
  return message.empty() ? "" : fmt::format(": {}", printable(message, 300));
}

/// Refuses what cannot be the rest of the file before a byte of it is kept: a network's sign-in page, say.
void check_content(const HttpAnswer& head, const std::string& what, const std::string& url, const FileHead& file,
                   uint64_t from) {
  const uint64_t expected = head.status == 206 ? file.size - from : file.size;
  const std::string &length = head.header("content-length"), &type = head.header("content-type"),
                    &range = head.header("content-range");
  const bool is_there = head.status == 200 || range.starts_with(fmt::format("bytes {}-", from));
  const bool is_page = length.empty() && type.starts_with("text/html") && what.find(".htm") == std::string::npos;
  if (is_there && !is_page && (length.empty() || number(length) == expected)) return;
  fail(ErrorKind::io,
       "{}: expected {} bytes from byte {} on, but {} answers with status {}, type \"{}\", length \"{}\"{}: does a "
       "proxy or a sign-in page answer instead? What was fetched before is kept: run again to go on from there",
       what, expected, head.status == 206 ? from : 0, shown_host(url), head.status, printable(type, 100),
       printable(length, 40), head.status == 206 ? fmt::format(", range \"{}\"", printable(range, 100)) : "");
}

void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// As huggingface_hub takes it: both are to find the same blob.
std::string unquoted(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  while (etag.starts_with('"')) etag.erase(0, 1);
  while (etag.ends_with('"')) etag.pop_back();
  return etag;
}

/// Whether a blob may be called so: one file in one folder, and never another blob's part.
bool is_blob_name(const std::string& etag) {
  return etag.size() <= kLongestEtag && etag.front() != '.' && etag.find('/') == std::string::npos &&
         is_safe_path(etag) && !etag.ends_with(".incomplete") &&
         std::all_of(etag.begin(), etag.end(), [](unsigned char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace

std::string api_path(const Repository& repository) {
  return (repository.type == RepoType::model ? "/api/models/" : "/api/datasets/") + repository.asked_as();
}

std::string Client::resolve_url(const Repository& repository, const std::string& revision,
                                const std::string& path) const {
  return fmt::format("{}/{}{}/resolve/{}/{}", settings_.endpoint, repository.type == RepoType::model ? "" : "datasets/",
                     repository.asked_as(), percent_encoded(revision), percent_encoded(path, /*keep_slashes=*/true));
}

bool Client::is_endpoint(const std::string& url) const { return host_of(url) == host_of(settings_.endpoint); }

// Whoever works with a Hub on his own network has its content there too.
bool Client::is_endpoint_inner() {
  if (!endpoint_is_inner_) {
    const auto endpoint = host_of(settings_.endpoint);
    endpoint_is_inner_ = endpoint && is_inner_host(endpoint->host);
  }
  return *endpoint_is_inner_;
}

// The token goes along to the endpoint alone: scheme, host and port.
HttpRequest Client::to(std::string url, const char* method) {
  const auto host = host_of(url), endpoint = host_of(settings_.endpoint);
  if (!host) fail(ErrorKind::io, "{}: the Hub points there, expected an http or https URL", shown_url(url));
  if (endpoint && endpoint->scheme == "https" && host->scheme != "https")
    fail(ErrorKind::io, "{}: the Hub points there, but a fetch that began with https stays with it", shown_url(url));
  HttpRequest request{.method = method, .url = std::move(url)};
  request.headers = {"User-Agent: tekio", "Accept-Encoding: identity"};
  if (host == endpoint) {
    if (!settings_.token.empty()) request.headers.push_back("Authorization: Bearer " + settings_.token);
  } else {
    request.foreign = !is_endpoint_inner();
  }
  request.timeout_s = settings_.metadata_timeout_s;
  return request;
}

/// Sends until there is an answer that will not pass.
HttpAnswer Client::ask(const HttpRequest& request, const Errand& errand) {
  for (int tries = 1;; ++tries) {
    std::string reason;
    int most = kTries;
    double wait = settings_.first_pause_s * std::min(8, 1 << (tries - 1));
    try {
      HttpAnswer answer = connection_.send(request);
      was_answered_ = true;
      if (!may_pass(answer.status)) return answer;
      reason = fmt::format("status {}", answer.status);
      wait = pause_asked(answer, wait, errand.what, !settings_.token.empty());
    } catch (const HttpFailure& failure) {
      reason = failure.reason;
      if (!errand.sends || !was_answered_) most = kUnanswered;
    }
    if (tries >= most)
      fail(ErrorKind::io, "{} cannot be {} {}: {} ({} tries); {}", errand.what, errand.sends ? "sent to" : "had from",
           shown_url(errand.sends ? request.url : settings_.endpoint), reason, tries,
           errand.sends ? "check the network and run again: what has arrived is not sent twice"
                        : message("check the network, or pass --offline to use what was fetched before"));
    pause(wait);
    if (errand.arrived && errand.arrived()) return {};
  }
}

HttpAnswer Client::get(const std::string& path, const Repository& about) {
  std::string url = settings_.endpoint + path;
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    HttpAnswer answer = ask(to(url, "GET"), {.what = shown(about)});
    if (answer.status == 200) return answer;
    if (!is_redirect(answer.status)) fail_status(answer, about, "");
    url = absolute_url(url, answer.header("location"));
    if (!is_endpoint(url))
      fail(ErrorKind::io, "{}: the Hub points to {} for what it knows itself", shown(about), shown_url(url));
  }
  fail(ErrorKind::io, "{}: {} redirects in a row: {} does not come to an end", shown(about), kMostRedirects,
       shown_url(settings_.endpoint));
}

HttpAnswer Client::send(HttpRequest request, const std::string& what, const std::function<bool()>& arrived) {
  std::string url = request.url;
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    HttpRequest whole = to(url, request.method.c_str());
    whole.headers.insert(whole.headers.end(), request.headers.begin(), request.headers.end());
    whole.body = request.body;
    whole.on_sent = request.on_sent;
    whole.answer_timeout_s = kLongestThought_s;
    HttpAnswer answer = ask(whole, {.what = what, .sends = request.method != "GET", .arrived = arrived});
    // A repository that was renamed: the same request once more, to its new place on the Hub.
    if (answer.status != 307 && answer.status != 308) return answer;
    url = absolute_url(url, answer.header("location"));
    if (!is_endpoint(url))
      fail(ErrorKind::io, "{}: the Hub points to {} for what it takes itself", what, shown_url(url));
  }
  fail(ErrorKind::io, "{}: more than {} redirects in a row: {} does not come to an end", what, kMostRedirects,
       shown_url(settings_.endpoint));
}

std::string Client::at_endpoint(const std::string& url) const {
  const std::string official = Settings().endpoint;
  return url.starts_with(official + "/") ? settings_.endpoint + url.substr(official.size()) : url;
}

std::optional<FileHead> Client::head(const Repository& repository, const std::string& commit, const std::string& path) {
  std::string url = resolve_url(repository, commit, path);
  const std::string what = fmt::format("{} of {}", printable(path, 200), shown(repository));
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    const HttpAnswer answer = ask(to(url, "HEAD"), {.what = what});
    if (answer.status == 404 && answer.header("x-error-code") == "EntryNotFound") return std::nullopt;
    // To another path of the Hub (a repository that was renamed) the metadata moves along; to another host only the
    // content.
    if (is_redirect(answer.status) && answer.header("x-linked-etag").empty()) {
      const std::string next = absolute_url(url, answer.header("location"));
      if (is_endpoint(next)) {
        url = next;
        continue;
      }
    }
    if (answer.status != 200 && !is_redirect(answer.status)) fail_status(answer, repository, path);
    FileHead file;
    const bool linked = !answer.header("x-linked-etag").empty();
    file.commit = answer.header("x-repo-commit");
    file.etag = unquoted(answer.header(linked ? "x-linked-etag" : "etag"));
    const auto size =
        number(answer.header(!answer.header("x-linked-size").empty() ? "x-linked-size" : "content-length"));
    file.location = is_redirect(answer.status) ? absolute_url(url, answer.header("location")) : url;
    if (!is_commit(file.commit) || file.etag.empty() || !size || !host_of(file.location))
      fail(ErrorKind::io,
           "{}: the answer of {} lacks what a Hub says of a file (X-Repo-Commit, ETag, size, an http or https "
           "location); got "
           "commit \"{}\", etag \"{}\", location \"{}\": is HF_ENDPOINT right?",
           what, shown_url(settings_.endpoint), printable(file.commit), printable(file.etag), shown_url(file.location));
    if (!is_blob_name(file.etag))
      fail(ErrorKind::io,
           "{}: {} gives it the ETag \"{}\", which cannot name a file in the cache (expected at most {} visible ASCII "
           "characters without / and \\, no dot in front, no .incomplete at the end): is HF_ENDPOINT right?",
           what, shown_url(settings_.endpoint), printable(file.etag), kLongestEtag);
    file.size = *size;
    return file;
  }
  fail(ErrorKind::io, "{}: more than {} redirects in a row: {} does not come to an end", what, kMostRedirects,
       shown_url(settings_.endpoint));
}

void Client::download(const Repository& about, const std::string& path, const FileHead& file, const Download& to_file) {
  const std::string what = fmt::format("{} of {}", printable(path, 200), shown(about));
  std::string url = file.location;
  int redirects = 0, tries = 1;
  bool is_anew = false;  // the location, as the one before was refused
  while (to_file.position() < file.size) {
    const uint64_t from = to_file.position();
    std::string reason;
    double wait = settings_.first_pause_s * std::min(8, 1 << (tries - 1));
    try {
      const HttpAnswer answer = get_content(what, url, file, to_file);
      if (is_redirect(answer.status)) {
        if (++redirects > kMostRedirects)
          fail(ErrorKind::io, "{}: more than {} redirects in a row", what, kMostRedirects);
        url = absolute_url(url, answer.header("location"));
        continue;
      }
      reason = fmt::format("status {}", answer.status);
      if (answer.status == 200 || answer.status == 206) {
        reason = fmt::format("{} of {} bytes came", to_file.position(), file.size);
      } else if (answer.status == 416 && from > 0) {
        to_file.restart();
      } else if (may_pass(answer.status)) {
        wait = pause_asked(answer, wait, what, !settings_.token.empty());
      } else if (is_endpoint(url)) {
        fail_status(answer, about, path);
      } else if (is_anew) {
        fail(ErrorKind::io,
             "{}: {}, where the Hub keeps it, answers with status {}{}; run again, it goes on from there", what,
             shown_host(url), answer.status, said(answer));
      } else {  // what is signed holds for a time
        const auto anew = head(about, file.commit, path);
        if (anew && anew->etag == file.etag) url = anew->location;
        is_anew = true;
        continue;
      }
    } catch (const HttpFailure& failure) {
      reason = failure.reason;
    }
    if (to_file.position() >= file.size) return;
    // What moves on may go on for ever; what does not ends soon.
    const bool moved = to_file.position() > from;
    if (moved) is_anew = false;
    tries = moved ? 1 : tries + 1;
    if (tries > kTries)
      fail(ErrorKind::io, "{}: {} of {} bytes were fetched, then: {} ({} tries); run again to go on from there", what,
           to_file.position(), file.size, reason, kTries);
    pause(wait);
  }
}

/// One request for the rest of a file.
HttpAnswer Client::get_content(const std::string& what, const std::string& url, const FileHead& file,
                               const Download& to_file) {
  const uint64_t from = to_file.position();
  HttpRequest request = to(url, "GET");
  request.timeout_s = settings_.download_timeout_s;
  if (from > 0) request.headers.push_back(fmt::format("Range: bytes={}-", from));
  bool begun = false;
  const auto begin = [&](const HttpAnswer& head) {
    check_content(head, what, url, file, from);
    if (head.status == 200 && from > 0) to_file.restart();
    begun = true;
  };
  HttpAnswer answer = connection_.send(request, [&](const HttpAnswer& head, std::string_view bytes) {
    if (head.status != 200 && head.status != 206) return true;  // a message; its status says what to do
    if (!begun) begin(head);
    if (!to_file.sink(bytes))
      fail(ErrorKind::io, "{}: {} sends more than the {} bytes that the Hub promised: it was not taken", what,
           shown_host(url), file.size);
    return true;
  });
  if (!begun && (answer.status == 200 || answer.status == 206)) begin(answer);
  return answer;
}

void Client::fail_status(const HttpAnswer& answer, const Repository& about, const std::string& path) const {
  const std::string& code = answer.header("x-error-code");
  const std::string name = shown(about), endpoint = shown_url(settings_.endpoint);
  const char* const kind = about.type == RepoType::model ? "model" : "dataset";
  const char* const token = settings_.token.empty() ? "set HF_TOKEN to a token that may read it"
                                                    : "the token (HF_TOKEN, or the token file) may not read it";
  const std::string& message = answer.header("x-error-message");
  const bool is_gated = code == "GatedRepo";  // also 401, to whom it does not know
  if (answer.status == 401 && message == "Invalid credentials in Authorization header")
    fail(std::errc::permission_denied,
         "{} does not accept the token (HF_TOKEN, or the token file; status 401{}): it may have expired; set one that "
         "is valid, or none for what is public",
         endpoint, said(answer));
  if ((answer.status == 401 && !is_gated) || (answer.status == 404 && code == "RepoNotFound"))
    fail(std::errc::no_such_file_or_directory,
         "{} has no {} {}, or it is private (status {}): check the name; if it is private, {}", endpoint, kind, name,
         answer.status, token);
  if (message == "Access to this resource is disabled.")
    fail(std::errc::permission_denied, "{} was disabled by {} (status {}{}): nobody can fetch it", name, endpoint,
         answer.status, said(answer));
  if (is_gated)
    fail(std::errc::permission_denied, "{} is gated (status {}): accept its terms at {}/{}{}, then {}", name,
         answer.status, endpoint, about.type == RepoType::model ? "" : "datasets/", printable(about.id, 200), token);
  if (answer.status == 403)
    fail(std::errc::permission_denied, "{} may not be read (status 403{}): {}", name, said(answer), token);
  if (answer.status == 404 && code == "RevisionNotFound")
    fail(std::errc::no_such_file_or_directory, "{} has no revision \"{}\"; name a branch, a tag or a commit",
         printable(about.id, 200), printable(about.revision, 200));
  fail(ErrorKind::io, "{}{}{}: {} answers with status {}{}", path.empty() ? "" : printable(path, 200),
       path.empty() ? "" : " of ", name, endpoint, answer.status, said(answer));
}

}  // namespace tekio::hub
