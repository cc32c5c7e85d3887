// Where the Hub is and who asks: the environment variables of huggingface_hub, with its meanings and defaults.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace tekio::hub {

/// How far a fetch or a push is, in bytes.
struct Transfer {
  uint64_t total = 0;
  uint64_t done = 0;   ///< of the total, with what an earlier attempt did
  uint64_t moved = 0;  ///< by this one
};

/// What whoever calls says himself; for the rest, the environment is asked.
struct CallSettings {
  bool offline = false;
  std::filesystem::path cache;  ///< empty: as the environment says
};

struct Settings {
  std::string endpoint = "https://huggingface.co";  ///< HF_ENDPOINT; no slash at its end
  std::filesystem::path cache;                      ///< HF_HUB_CACHE, else $HF_HOME/hub, …; empty: no place for one
  std::string token;                                ///< HF_TOKEN, else the token file's; empty: none
  bool offline = false;                             ///< HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE: no request is made
  int metadata_timeout_s = 10;                      ///< HF_HUB_ETAG_TIMEOUT
  int download_timeout_s = 10;                      ///< HF_HUB_DOWNLOAD_TIMEOUT: without a byte
  double first_pause_s = 1;                         ///< before the second try; doubled up to eight times that
  std::filesystem::path pushed;                     ///< where pushed.h keeps its records; empty: nowhere

  std::function<void(const Transfer&)> on_progress;  ///< told from time to time, by one thread at a time

  /// Errors: usage (an endpoint that is no http or https URL), io (a token file that cannot be read).
  static Settings from_environment(const CallSettings& call = {});
};

/// The environment's part of Settings::cache alone: what looking into the cache needs.
std::filesystem::path cache_from_environment();

}  // namespace tekio::hub
