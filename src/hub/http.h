// One HTTP exchange at a time over libcurl, which is loaded when it is first needed. Redirects are answers like others
// here: whoever asked decides whether to go on (client.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tekio::hub {

struct HttpRequest {
  std::string method = "GET", url;
  std::vector<std::string> headers = {};  ///< "Name: value"
  std::string_view body = {};             ///< must outlive send()
  int timeout_s = 10;                     ///< to connect, and without a byte
  int answer_timeout_s = 0;               ///< without a byte, where a server may think longer than that; 0: timeout_s
  /// The host that is asked was named by a server, not by the user: it must not be of this machine or its own network.
  bool foreign = false;
  std::function<void(uint64_t)> on_sent =
      nullptr;  ///< told from time to time how many bytes of the body are on their way
};

struct HttpAnswer {
  long status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case; of one sent twice, the last
  std::string body;
  /// A header's value; "" if absent.
  const std::string& header(const char* name) const;
};

/// What was not answered: refused, timed out, cut off. Worth another try, unlike what else may be wrong.
struct HttpFailure {
  std::string reason;
};

class HttpConnection {
 public:
  /// Gets a body's bytes when the answer's status and headers are known; false: it wants no more, and the exchange
  /// fails.
  using Sink = std::function<bool(const HttpAnswer&, std::string_view)>;

  HttpConnection();
  ~HttpConnection();
  HttpConnection(HttpConnection&&) noexcept;

  /// The answer, whatever its status; its body only where no sink takes it (kLongestBody bytes at most). Throws
  /// HttpFailure; errors: io (libcurl cannot be loaded; an answer out of all bounds; a host that must not be asked; a
  /// certificate that is not trusted).
  HttpAnswer send(const HttpRequest& request, const Sink& sink = nullptr);

  static constexpr size_t kLongestBody = size_t{64} << 20;
  static constexpr size_t kLongestHeaders = size_t{256} << 10;

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

/// A URL's parts, as far as they decide who is asked.
struct UrlHost {
  std::string scheme, host, port;  ///< in lower case; the port that the scheme means where none stands there
  bool operator==(const UrlHost&) const = default;
};
/// nullopt: no http or https URL, or one with a user name in it.
std::optional<UrlHost> host_of(std::string_view url);
/// `location` as a whole URL, relative to `base` where it is none.
std::string absolute_url(const std::string& base, const std::string& location);
/// A URL as messages show it: without a user's name and password, and without what stands behind its path, where a
/// signature may be.
std::string shown_url(std::string url);
/// Its scheme, host and port alone, as messages show them.
std::string shown_host(const std::string& url);
/// For one part of a path: everything but letters, digits, - _ . ~ as %XX; also slashes, unless `keep_slashes`.
std::string percent_encoded(std::string_view text, bool keep_slashes = false);

}  // namespace tekio::hub
