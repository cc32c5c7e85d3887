#include "hub/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "base/error.h"
#include "hub/fetch.h"
#include "hub/hub_server.h"

namespace tekio::hub {
namespace {

using test::HubServer;
using testing::HasSubstr;

/// These variables of proxies and no other ones, for a scope.
class ProxyEnvironment {
 public:
  explicit ProxyEnvironment(const std::map<std::string, std::string>& variables) {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                             "no_proxy", "NO_PROXY", "REQUEST_METHOD"}) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      ::unsetenv(name);
    }
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1), set_.push_back(name);
  }
  ~ProxyEnvironment() {
    for (const std::string& name : set_) ::unsetenv(name.c_str());
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ProxyEnvironment(const ProxyEnvironment&) = delete;
  ProxyEnvironment& operator=(const ProxyEnvironment&) = delete;

 private:
  std::map<std::string, std::string> before_;
  std::vector<std::string> set_;
};

TEST(Proxy, IsTheSchemesBeforeThatOfAllAndLowerCaseFirst) {
  using Variables = std::map<std::string, std::string>;
  const auto proxy = [](const Variables& variables, const char* url) {
    const ProxyEnvironment environment(variables);
    return proxy_for(url);
  };
  EXPECT_EQ(proxy({}, "http://a/"), "");
  EXPECT_EQ(proxy({{"HTTP_PROXY", "http://p:1"}}, "http://a/"), "http://p:1");
  EXPECT_EQ(proxy({{"HTTP_PROXY", "http://p:1"}}, "https://a/"), "");
  EXPECT_EQ(proxy({{"HTTP_PROXY", "http://p:1"}, {"http_proxy", "http://p:2"}}, "http://a/"), "http://p:2");
  EXPECT_EQ(proxy({{"HTTP_PROXY", "http://p:1"}, {"http_proxy", ""}}, "http://a/"), "");
  EXPECT_EQ(proxy({{"HTTP_PROXY", "http://p:1"}, {"REQUEST_METHOD", "GET"}}, "http://a/"), "");
  EXPECT_EQ(proxy({{"HTTPS_PROXY", "p:1"}, {"ALL_PROXY", "p:2"}}, "https://a/"), "p:1");
  EXPECT_EQ(proxy({{"HTTPS_PROXY", "p:1"}, {"ALL_PROXY", "p:2"}}, "http://a/"), "p:2");
  EXPECT_EQ(proxy({{"all_proxy", "p:1"}, {"ALL_PROXY", "p:2"}}, "http://a/"), "p:1");
}

TEST(Proxy, NoneIsForWhatNoProxyNames) {
  const auto is_used = [](const char* list, const char* url, const char* name = "NO_PROXY") {
    const ProxyEnvironment environment({{"http_proxy", "p"}, {"https_proxy", "p"}, {name, list}});
    return !proxy_for(url).empty();
  };
  for (const char* list : {"*", "host.org", ".host.org", "a, host.org ", "org", "HOST.org", "host.org:8080"})
    EXPECT_FALSE(is_used(list, "http://hub.host.org:8080/x")) << list;
  EXPECT_FALSE(is_used("a", "http://a/", "no_proxy"));
  for (const char* list : {"", "ost.org", "host.org:80", "hub", "hub.host", ",", "10.0.0.0/8"})
    EXPECT_TRUE(is_used(list, "http://hub.host.org:8080/x")) << list;
  for (const char* list : {"10.0.0.0/8", "10.1.2.3", "10.1.2.3/32", "0.0.0.0/0"})
    EXPECT_FALSE(is_used(list, "https://10.1.2.3/")) << list;
  for (const char* list : {"10.1.2.0/25,10.1.3.0/24", "10.1.2.4", "10.0.0.0/33", "10.0.0.0/", "::/0x", "3"})
    EXPECT_TRUE(is_used(list, "https://10.1.2.200/")) << list;
  for (const char* list : {"::1", "[::1]", "::/64"}) EXPECT_FALSE(is_used(list, "http://[::1]:80/")) << list;
}

TEST(InnerHost, IsOfThisMachineOrAPrivateNetwork) {
  for (const char* host : {"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
                           "[::1]", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "localhost"})
    EXPECT_TRUE(is_inner_host(host)) << host;
  for (const char* host :
       {"8.8.8.8", "172.32.0.1", "2001:4860:4860::8888", "[2001:4860:4860::8888]", "::ffff:8.8.8.8", "host.invalid"})
    EXPECT_FALSE(is_inner_host(host)) << host;
}

/// The server is the proxy of a public Hub here, which keeps its content on a host of this machine.
TEST(PublicHub, DoesNotLeadIntoThisMachinesNetworkPastAProxy) {
  HubServer server;
  server.add("models/m/config.json", "{}");
  server.add("models/m/model.safetensors", std::string(5000, 'w'));
  server.start();
  Settings settings = server.settings();
  settings.endpoint = "http://8.8.8.8";
  const Repository m{RepoType::model, "m"};
  {
    const ProxyEnvironment environment({{"HTTP_PROXY", server.endpoint()}, {"NO_PROXY", "127.0.0.0/8"}});
    try {
      fetch(settings, m, model_files);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("of this machine's own network"));
    }
  }
  // Through the proxy it is the proxy's network that is asked.
  const ProxyEnvironment environment({{"HTTP_PROXY", server.endpoint()}});
  EXPECT_EQ(fetch(settings, m, model_files).files.size(), 2u);
}

}  // namespace
}  // namespace tekio::hub
