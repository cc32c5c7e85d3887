// How a URL's host is reached: through which proxy, and whether it is of this machine or its own network.
#pragma once

#include <string>

struct sockaddr;

namespace tekio::hub {

/// The proxy that the environment names for a URL, as requests reads it: SCHEME_proxy, else all_proxy, in lower case
/// before upper case, unless no_proxy names the host. "": none.
std::string proxy_for(const std::string& url);

/// Of this machine, its link or a private network: no place for what a public server points to.
bool is_inner(const sockaddr* address);
/// Whether all that a host's name means now is so; false where it means nothing.
bool is_inner_host(const std::string& host);

}  // namespace tekio::hub
