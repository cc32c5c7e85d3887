#include "hub/settings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "base/cache_folder.h"
#include "base/environment.h"
#include "base/error.h"
#include "base/file.h"
#include "base/user_path.h"
#include "hub/http.h"

namespace tekio::hub {
namespace {

fs::path home_folder() {
  if (const std::string home = environment("HF_HOME"); !home.empty()) return expanded(home);
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return expanded(cache) / "huggingface";
  return environment("HOME").empty() ? fs::path() : expanded("~/.cache/huggingface");
}

bool is_set(const char* name) {
  std::string value = environment(name);
  std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::toupper(c); });
  constexpr std::array kTrue = {"1", "ON", "YES", "TRUE"};
  return std::find(kTrue.begin(), kTrue.end(), value) != kTrue.end();
}

std::string trimmed(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  while (!text.empty() && is_space(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

std::string find_token() {
  // As requests sends it: a line end in the variable would end the header.
  if (std::string token = trimmed(environment("HF_TOKEN")); !token.empty()) return token;
  if (is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return "";
  const std::string named = environment("HF_TOKEN_PATH");
  const fs::path home = home_folder();
  const fs::path path = !named.empty() ? expanded(named) : home.empty() ? fs::path() : home / "token";
  std::error_code ignored;
  return !path.empty() && fs::is_regular_file(path, ignored) ? trimmed(read_text(path, 4096)) : "";
}

int seconds(const char* name, int standard) {
  const std::string text = environment(name);
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  return text.empty() || *end != '\0' || value < 1 || value > 86'400 ? standard : static_cast<int>(value);
}

}  // namespace

fs::path cache_from_environment() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const std::string path = environment(name); !path.empty()) return expanded(path);
  const fs::path home = home_folder();
  return home.empty() ? home : home / "hub";
}

Settings Settings::from_environment(const CallSettings& call) {
  Settings settings;
  if (const std::string endpoint = trimmed(environment("HF_ENDPOINT")); !endpoint.empty()) settings.endpoint = endpoint;
  while (settings.endpoint.ends_with('/')) settings.endpoint.pop_back();
  if (!settings.endpoint.starts_with("https://") && !settings.endpoint.starts_with("http://"))
    fail(ErrorKind::usage, "HF_ENDPOINT is {}, expected a URL that begins with https:// or http://",
         shown_url(settings.endpoint));
  if (!host_of(settings.endpoint))
    fail(ErrorKind::usage,
         "HF_ENDPOINT ({}) names no host, or has a user's name and password before it: expected a URL without; who "
         "asks is what HF_TOKEN says",
         shown_url(settings.endpoint));
  settings.cache = call.cache.empty() ? cache_from_environment() : expanded(call.cache.string());
  settings.token = find_token();
  if (const auto folder = cache_folder()) settings.pushed = *folder / "pushed";
  if (std::any_of(settings.token.begin(), settings.token.end(), [](unsigned char c) { return c <= ' ' || c > '~'; }))
    fail(ErrorKind::usage,
         "the Hub's token (HF_TOKEN, or the token file) holds characters that no token has; set it anew");
  settings.offline = call.offline || is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE");
  settings.metadata_timeout_s = seconds("HF_HUB_ETAG_TIMEOUT", settings.metadata_timeout_s);
  settings.download_timeout_s = seconds("HF_HUB_DOWNLOAD_TIMEOUT", settings.download_timeout_s);
  return settings;
}

}  // namespace tekio::hub
