#include "hub/route.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "hub/http.h"

namespace tekio::hub {
namespace {

using AddressBytes = std::array<unsigned char, 16>;  // IPv6; an IPv4 address as ::ffff:a.b.c.d

std::string without_brackets(std::string host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

std::optional<AddressBytes> address_of(const std::string& text) {
  AddressBytes bytes{};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes[10] = bytes[11] = 0xFF;
  return ::inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1 ? std::optional(bytes) : std::nullopt;
}

/// Whether an address is the one that `entry` names, or in its network ("10.0.0.0/8").
bool is_in_network(const AddressBytes& address, const std::string& entry) {
  const size_t slash = entry.find('/');
  const std::string network_text = without_brackets(entry.substr(0, slash));
  const auto network = address_of(network_text);
  if (!network) return false;
  size_t bits = 128;
  if (slash != std::string::npos) {
    const char *const begin = entry.data() + slash + 1, *const end = entry.data() + entry.size();
    const size_t offset = network_text.find(':') == std::string::npos ? 96 : 0;
    if (std::from_chars(begin, end, bits).ptr != end || begin == end || bits > 128 - offset) return false;
    bits += offset;
  }
  for (size_t bit = 0; bit < bits; ++bit)
    if ((((address[bit / 8] ^ (*network)[bit / 8]) >> (7 - bit % 8)) & 1) != 0) return false;
  return true;
}

/// What a variable in lower case says goes before the one in upper case, also where it says nothing.
std::string in_either_case(std::string name) {
  if (const char* const value = std::getenv(name.c_str())) return value;
  // A web server puts a request's header "Proxy" into HTTP_PROXY.
  if (name == "http_proxy" && std::getenv("REQUEST_METHOD") != nullptr) return "";
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

bool is_without_proxy(const UrlHost& url) {
  const std::string host = without_brackets(url.host);
  const auto address = address_of(host);
  const std::string list = in_either_case("no_proxy");
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    std::string entry = list.substr(begin, end - begin);
    begin = end + 1;
    entry.erase(std::remove_if(entry.begin(), entry.end(), [](unsigned char c) { return std::isspace(c) != 0; }),
                entry.end());
    std::transform(entry.begin(), entry.end(), entry.begin(), [](unsigned char c) { return std::tolower(c); });
    if (entry == "*") return true;
    if (address && is_in_network(*address, entry)) return true;
    entry.erase(0, entry.find_first_not_of('.'));
    if (entry.empty()) continue;
    for (const std::string& name : {host, host + ":" + url.port})
      if (name == entry || (name.ends_with(entry) && name[name.size() - entry.size() - 1] == '.')) return true;
  }
  return false;
}

bool is_inner_v4(uint32_t address) {  // in the host's order
  const auto in = [&](uint32_t network, int bits) { return address >> (32 - bits) == network >> (32 - bits); };
  return in(0, 8) || in(0x0A000000, 8) || in(0x64400000, 10) || in(0x7F000000, 8) || in(0xA9FE0000, 16) ||
         in(0xAC100000, 12) || in(0xC0A80000, 16);
}

}  // namespace

std::string proxy_for(const std::string& url) {
  const auto host = host_of(url);
  if (!host) return "";
  std::string proxy = in_either_case(host->scheme + "_proxy");
  if (proxy.empty()) proxy = in_either_case("all_proxy");
  return proxy.empty() || is_without_proxy(*host) ? "" : proxy;
}

bool is_inner(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return is_inner_v4(ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
  if (address->sa_family != AF_INET6) return true;
  const in6_addr& a = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&a) || IN6_IS_ADDR_V4COMPAT(&a)) {
    uint32_t inner;
    std::memcpy(&inner, a.s6_addr + 12, sizeof inner);
    return is_inner_v4(ntohl(inner));
  }
  return IN6_IS_ADDR_LOOPBACK(&a) || IN6_IS_ADDR_LINKLOCAL(&a) || IN6_IS_ADDR_UNSPECIFIED(&a) ||
         (a.s6_addr[0] & 0xFE) == 0xFC;
}

bool is_inner_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(without_brackets(host).c_str(), nullptr, &hints, &found) != 0 || found == nullptr) return false;
  bool all = true;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) all = all && is_inner(one->ai_addr);
  ::freeaddrinfo(found);
  return all;
}

}  // namespace tekio::hub
