#include "hub/settings.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/error.h"
#include "hub/http.h"
#include "support/scratch_folder.h"

namespace tekio::hub {
namespace {

namespace fs = std::filesystem;

/// The environment with these of the Hub's variables alone, for a scope.
class HubEnvironment {
 public:
  using Variables = std::map<std::string, std::string>;
  explicit HubEnvironment(const Variables& variables) {
    for (const char* name : {"HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME",
                             "HOME", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
                             "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_DISABLE_IMPLICIT_TOKEN"}) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      ::unsetenv(name);
      names_.emplace_back(name);
    }
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~HubEnvironment() {
    for (const std::string& name : names_) {
      const auto was = before_.find(name);
      was == before_.end() ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), was->second.c_str(), 1);
    }
  }
  HubEnvironment(const HubEnvironment&) = delete;
  HubEnvironment& operator=(const HubEnvironment&) = delete;

 private:
  std::map<std::string, std::string> before_;
  std::vector<std::string> names_;
};

TEST(Settings, DefaultsAreTheHubs) {
  const HubEnvironment environment(HubEnvironment::Variables{{"HOME", "/home/me"}});
  const Settings settings = Settings::from_environment();
  EXPECT_EQ(settings.endpoint, "https://huggingface.co");
  EXPECT_EQ(settings.cache, "/home/me/.cache/huggingface/hub");
  EXPECT_EQ(settings.token, "");
  EXPECT_FALSE(settings.offline);
}

/// A password in the endpoint's URL is said to be wrong there, but never shown.
TEST(Settings, AnEndpointHasNoPassword) {
  for (const char* endpoint :
       {"http://user:s3cret@host", "https://user:s3cret@host/hub?a", "user:s3cret@host", "https://s3cret@host:80/x"}) {
    const HubEnvironment environment(HubEnvironment::Variables{{"HF_ENDPOINT", endpoint}});
    try {
      Settings::from_environment();
      ADD_FAILURE() << endpoint;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("HF_ENDPOINT"), std::string::npos);
    }
  }
}

TEST(Url, IsShownWithoutWhatIsSecret) {
  EXPECT_EQ(shown_url("https://host/a/b?X-Amz-Signature=s3cret#x"), "https://host/a/b");
  EXPECT_EQ(shown_url("https://user:s3cret@host:8080/a@b"), "https://host:8080/a@b");
  EXPECT_EQ(shown_url("https://user:s3@cret@host"), "https://host");
  EXPECT_EQ(shown_url("https://host\\s3@x/"), "https://host\\s3@x/");
  EXPECT_EQ(shown_url("file:///etc/passwd"), "file:///etc/passwd");
  EXPECT_EQ(shown_host("https://user@host:8080/a/b?c"), "https://host:8080");
}

TEST(Settings, TheCacheIsWhereTheVariablesSay) {
  const std::map<std::string, std::string> all = {{"HF_HUB_CACHE", "/1"},
                                                  {"HUGGINGFACE_HUB_CACHE", "/2"},
                                                  {"HF_HOME", "/3"},
                                                  {"XDG_CACHE_HOME", "/4"},
                                                  {"HOME", "/5"}};
  const std::map<std::string, std::string> places = {{"HF_HUB_CACHE", "/1"},
                                                     {"HUGGINGFACE_HUB_CACHE", "/2"},
                                                     {"HF_HOME", "/3/hub"},
                                                     {"XDG_CACHE_HOME", "/4/huggingface/hub"},
                                                     {"HOME", "/5/.cache/huggingface/hub"}};
  auto left = all;
  for (const char* first : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"}) {
    {
      const HubEnvironment environment(left);
      EXPECT_EQ(cache_from_environment(), places.at(first));
    }
    left.erase(first);
  }
  const HubEnvironment nothing(HubEnvironment::Variables{});
  EXPECT_TRUE(cache_from_environment().empty());
  const HubEnvironment tilde(HubEnvironment::Variables{{"HOME", "/home/me"}, {"HF_HOME", "~/hf"}});
  EXPECT_EQ(cache_from_environment(), "/home/me/hf/hub");
}

TEST(Settings, TokensComeFromTheVariableOrTheFile) {
  const test::ScratchFolder scratch;
  const fs::path home = scratch.path();
  std::ofstream(home / "token") << "hf_file\n";
  {
    const HubEnvironment environment(
        HubEnvironment::Variables{{"HF_HOME", home.string()}, {"HF_TOKEN", " hf_variable\n"}});
    EXPECT_EQ(Settings::from_environment().token, "hf_variable");
  }
  {
    const HubEnvironment environment(HubEnvironment::Variables{{"HF_HOME", home.string()}});
    EXPECT_EQ(Settings::from_environment().token, "hf_file");
  }
  {
    const HubEnvironment environment(
        HubEnvironment::Variables{{"HF_HOME", home.string()}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}});
    EXPECT_EQ(Settings::from_environment().token, "");
  }
  {
    const HubEnvironment environment(HubEnvironment::Variables{{"HF_TOKEN", "hf_a\r\nX-Evil: 1"}});
    EXPECT_THROW(Settings::from_environment(), Error);
  }
}

TEST(Settings, OfflineAndEndpoint) {
  for (const char* yes : {"1", "on", "YES", "True"}) {
    const HubEnvironment environment(HubEnvironment::Variables{{"HF_HUB_OFFLINE", yes}});
    EXPECT_TRUE(Settings::from_environment().offline) << yes;
  }
  for (const char* no : {"0", "", "no"}) {
    const HubEnvironment environment(HubEnvironment::Variables{{"HF_HUB_OFFLINE", no}});
    EXPECT_FALSE(Settings::from_environment().offline) << no;
  }
  const HubEnvironment mirror(
      HubEnvironment::Variables{{"HF_ENDPOINT", "http://mirror.example//"}, {"HF_HUB_DOWNLOAD_TIMEOUT", "33"}});
  EXPECT_EQ(Settings::from_environment().endpoint, "http://mirror.example");
  EXPECT_EQ(Settings::from_environment().download_timeout_s, 33);
  const HubEnvironment wrong(HubEnvironment::Variables{{"HF_ENDPOINT", "mirror.example"}});
  EXPECT_THROW(Settings::from_environment(), Error);
}

}  // namespace
}  // namespace tekio::hub
