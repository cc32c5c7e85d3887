#include "hub/http.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/environment.h"
#include "base/error.h"
#include "base/interruption.h"
#include "base/library.h"
#include "hub/route.h"

namespace tekio::hub {
namespace {

struct Curl {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) init;
  decltype(&::curl_easy_cleanup) cleanup;
  decltype(&::curl_easy_reset) reset;
  decltype(&::curl_easy_setopt) set;
  decltype(&::curl_easy_perform) perform;
  decltype(&::curl_easy_getinfo) info;
  decltype(&::curl_easy_strerror) error_text;
  decltype(&::curl_slist_append) append;
  decltype(&::curl_slist_free_all) free_all;
};

const Curl& curl() {
  static const Curl functions = [] {
    const Library library("libcurl.so.4", "libcurl4", "nothing can be fetched");
    const auto f = library.table<Curl>(
        std::pair("curl_global_init", &Curl::global_init), std::pair("curl_easy_init", &Curl::init),
        std::pair("curl_easy_cleanup", &Curl::cleanup), std::pair("curl_easy_reset", &Curl::reset),
        std::pair("curl_easy_setopt", &Curl::set), std::pair("curl_easy_perform", &Curl::perform),
        std::pair("curl_easy_getinfo", &Curl::info), std::pair("curl_easy_strerror", &Curl::error_text),
        std::pair("curl_slist_append", &Curl::append), std::pair("curl_slist_free_all", &Curl::free_all));
    if (f.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) fail(ErrorKind::io, "libcurl.so.4 cannot be started");
    return f;
  }();
  return functions;
}

/// What libcurl's callbacks are told of an exchange.
struct Exchange {
  HttpAnswer answer;
  const HttpConnection::Sink* sink = nullptr;
  const std::function<void(uint64_t)>* on_sent = nullptr;
  size_t header_bytes = 0;
  bool refused = false;     // by the sink
  bool too_long = false;    // headers or a body past their bounds
  bool inner_host = false;  // a foreign host of this machine or its network
  std::exception_ptr error;
};

size_t on_header(char* data, size_t, size_t count, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  exchange.header_bytes += count;
  if (exchange.header_bytes > HttpConnection::kLongestHeaders) {
    exchange.too_long = true;
    return 0;
  }
  std::string_view line(data, count);
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // of this answer, not of the "100 Continue" before it
    exchange.answer.headers.clear();
    const size_t space = line.find(' ');
    exchange.answer.status = space == std::string_view::npos ? 0 : std::atol(std::string(line.substr(space)).c_str());
  } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front())) != 0) value.remove_prefix(1);
    exchange.answer.headers[name] = value;
  }
  return count;
}

size_t on_body(char* data, size_t, size_t count, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  const bool taken = exchange.sink != nullptr && *exchange.sink;
  if (!taken) {
    exchange.too_long = exchange.answer.body.size() + count > HttpConnection::kLongestBody;
    if (exchange.too_long) return 0;
    exchange.answer.body.append(data, count);
    return count;
  }
  try {
    exchange.refused = !(*exchange.sink)(exchange.answer, {data, count});
  } catch (...) {  // must not pass through libcurl
    exchange.error = std::current_exception();
  }
  return exchange.refused || exchange.error ? 0 : count;
}

int on_progress(void* to, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent) {
  auto& exchange = *static_cast<Exchange*>(to);
  try {
    check_interruption();
    if (exchange.on_sent != nullptr) (*exchange.on_sent)(static_cast<uint64_t>(sent));
  } catch (...) {  // must not pass through libcurl
    exchange.error = std::current_exception();
  }
  return exchange.error ? 1 : 0;
}

curl_socket_t on_open(void* to, curlsocktype, curl_sockaddr* address) {
  if (is_inner(&address->addr)) {
    static_cast<Exchange*>(to)->inner_host = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Whose certificates are trusted: a file of them, or a folder that "openssl rehash" was run on. libcurl itself follows
/// none of these names, and its TLS library the last two alone.
struct TrustedPlace {
  const char* variable = nullptr;
  std::string path;  ///< empty: as the system has it
  bool is_folder = false;
};

TrustedPlace trusted_place() {
  for (const char* name : {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"})
    if (const std::string path = environment(name); !path.empty()) {
      std::error_code ignored;
      return {name, path, std::filesystem::is_directory(path, ignored)};
    }
  return {};
}

struct HeaderList {
  explicit HeaderList(const std::vector<std::string>& headers) {
    for (const std::string& header : headers) list = curl().append(list, header.c_str());
  }
  ~HeaderList() { curl().free_all(list); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  curl_slist* list = nullptr;
};

[[noreturn]] void fail_exchange(CURLcode code, const Exchange& exchange, const HttpRequest& request,
                                const char* detail) {
  const std::string url = shown_url(request.url);
  if (exchange.error) std::rethrow_exception(exchange.error);
  if (exchange.inner_host)
    fail(ErrorKind::io, "{}: the server pointed there, but the host is of this machine's own network: not followed",
         url);
  if (exchange.too_long)
    fail(ErrorKind::io, "{}: the answer is longer than any that is expected there ({} MiB, {} KiB of headers)", url,
         HttpConnection::kLongestBody >> 20, HttpConnection::kLongestHeaders >> 10);
  const std::string reason = printable(*detail != '\0' ? detail : curl().error_text(code), 300);
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
      if (const TrustedPlace place = trusted_place(); place.variable != nullptr)
        fail(ErrorKind::io,
             "{}: the server's certificate is not trusted ({}); trusted are those in {} ({}): a proxy's own are named "
             "there",
             url, reason, place.variable, printable(place.path, 300));
      fail(ErrorKind::io,
           "{}: the server's certificate is not trusted ({}); a proxy's own certificates are named in SSL_CERT_FILE",
           url, reason);
    case CURLE_SSL_CACERT_BADFILE:
      if (const TrustedPlace place = trusted_place(); place.variable != nullptr)
        fail(ErrorKind::io,
             "{} is {}, where no certificates can be read ({}); without it those that the system has are trusted",
             place.variable, printable(place.path, 300), reason);
      fail(ErrorKind::io, "{}: the system's certificates cannot be read ({}); name a file of them in SSL_CERT_FILE",
           url, reason);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      fail(ErrorKind::io, "{}: {}; expected an http or https URL", url, reason);
    default:
      throw HttpFailure{reason};
  }
}

}  // namespace

struct HttpConnection::Handle {
  CURL* curl;
};

HttpConnection::HttpConnection() : handle_(std::make_unique<Handle>(Handle{curl().init()})) {
  if (handle_->curl == nullptr) fail(ErrorKind::io, "libcurl.so.4 cannot be started");
}
HttpConnection::~HttpConnection() {
  if (handle_) curl().cleanup(handle_->curl);
}
HttpConnection::HttpConnection(HttpConnection&&) noexcept = default;

const std::string& HttpAnswer::header(const char* name) const {
  static const std::string kNone;
  const auto found = headers.find(name);
  return found == headers.end() ? kNone : found->second;
}

HttpAnswer HttpConnection::send(const HttpRequest& request, const Sink& sink) {
  CURL* const easy = handle_->curl;
  Exchange exchange;
  exchange.sink = &sink;
  const HeaderList headers(request.headers);
  char detail[CURL_ERROR_SIZE] = "";
  curl().reset(easy);  // options only: connections are kept
  const auto set = [&](CURLoption option, auto value) { curl().set(easy, option, value); };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTPHEADER, headers.list);
  set(CURLOPT_ERRORBUFFER, detail);
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.timeout_s));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(std::max(request.timeout_s, request.answer_timeout_s)));
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &exchange);
  const TrustedPlace trusted = trusted_place();
  if (!trusted.path.empty()) set(trusted.is_folder ? CURLOPT_CAPATH : CURLOPT_CAINFO, trusted.path.c_str());
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.method != "GET") {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.on_sent) exchange.on_sent = &request.on_sent;
  set(CURLOPT_NOPROGRESS, 0L);  // libcurl calls it once a second at least
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_XFERINFODATA, &exchange);
  // libcurl's own reading of the environment lacks HTTP_PROXY.
  const std::string proxy = proxy_for(request.url);
  set(CURLOPT_PROXY, proxy.c_str());
  set(CURLOPT_NOPROXY, "");
  if (request.foreign && proxy.empty()) {  // a proxy may well be of this network
    set(CURLOPT_OPENSOCKETFUNCTION, &on_open);
    set(CURLOPT_OPENSOCKETDATA, &exchange);
    set(CURLOPT_FRESH_CONNECT, 1L);
  }
  const CURLcode code = curl().perform(easy);
  if (code != CURLE_OK) fail_exchange(code, exchange, request, detail);
  return std::move(exchange.answer);
}

std::optional<UrlHost> host_of(std::string_view url) {
  UrlHost found;
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  found.scheme = url.substr(0, colon);
  const auto to_lower = [](std::string& text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  };
  to_lower(found.scheme);
  if (found.scheme != "http" && found.scheme != "https") return std::nullopt;
  std::string_view host = url.substr(colon + 3);
  host = host.substr(0, host.find_first_of("/?#\\"));
  if (host.empty() || host.find('@') != std::string_view::npos) return std::nullopt;
  const size_t port = host.rfind(':');
  if (port != std::string_view::npos && host.find(']', port) == std::string_view::npos) {
    found.port = host.substr(port + 1);
    host = host.substr(0, port);
  }
  if (found.port.empty()) found.port = found.scheme == "https" ? "443" : "80";
  found.host = host;
  to_lower(found.host);
  return found.host.empty() ? std::nullopt : std::optional(found);
}

std::string absolute_url(const std::string& base, const std::string& location) {
  if (location.find("://") != std::string::npos || location.empty()) return location;
  const size_t scheme_end = base.find("://");
  if (location.starts_with("//")) return base.substr(0, scheme_end + 1) + location;
  const size_t path = base.find_first_of("/?#", scheme_end + 3);
  const std::string root = base.substr(0, path);
  if (location.front() == '/') return root + location;
  const std::string whole = base.substr(0, base.find_first_of("?#"));
  const size_t slash = whole.rfind('/');
  return (slash > scheme_end + 2 ? whole.substr(0, slash) : root) + "/" + location;
}

std::string shown_url(std::string url) {
  url.erase(std::min(url.find_first_of("?#"), url.size()));
  const size_t scheme = url.find("://"), begin = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t at = url.substr(0, url.find_first_of("/\\", begin)).rfind('@');
  if (at != std::string::npos && at >= begin) url.erase(begin, at + 1 - begin);
  return printable(url, 200);
}

std::string shown_host(const std::string& url) {
  const std::string shown = shown_url(url);
  const size_t scheme = shown.find("://");
  return shown.substr(0, shown.find('/', scheme == std::string::npos ? 0 : scheme + 3));
}

std::string percent_encoded(std::string_view text, bool keep_slashes) {
  std::string encoded;
  for (const unsigned char c : text)
    if ((c < 0x80 && std::isalnum(c) != 0) ||
        std::string_view("-_.~").find(static_cast<char>(c)) != std::string_view::npos || (keep_slashes && c == '/'))
      encoded += static_cast<char>(c);
    else
      encoded += fmt::format("%{:02X}", c);
  return encoded;
}

}  // namespace tekio::hub
