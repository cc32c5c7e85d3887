// server.py as a test sees it: started with a folder of repositories, told what to do wrong, asked what it was asked.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hub/settings.h"
#include "support/scratch_folder.h"

namespace tekio::test {

class HubServer {
 public:
  /// Files are added before start().
  HubServer() = default;
  ~HubServer();
  HubServer(const HubServer&) = delete;
  HubServer& operator=(const HubServer&) = delete;

  /// `path`: "models/ID/config.json".
  void add(const std::string& path, const std::string& content);
  void start(const std::vector<std::string>& options = {});

  const std::string& endpoint() const { return endpoint_; }
  const std::string& cdn() const { return cdn_; }
  /// A port of the endpoint that speaks http, whatever the others do.
  const std::string& control_url() const { return control_; }
  /// Of a cache below this server's root, without pauses between tries.
  hub::Settings settings() const;
  std::filesystem::path cache() const { return root_ / "cache"; }

  void set_faults(const nlohmann::json& faults) const;
  /// Requests so far, those of control left out; forgotten with this.
  nlohmann::json take_log() const;
  nlohmann::json log() const { return control("GET", "/_log"); }
  /// How many of them were answered at the same time, at most.
  int peak() const { return control("GET", "/_peak").get<int>(); }
  nlohmann::json repositories() const;

 private:
  nlohmann::json control(const char* method, const std::string& path, const std::string& body = "") const;

  const ScratchFolder scratch_;
  const std::filesystem::path root_ = scratch_.path();
  std::string endpoint_, cdn_, control_;
  int process_ = -1, in_ = -1;
};

/// Requests of a log that ask for files, not for what is in a repository.
std::vector<std::string> file_requests(const nlohmann::json& log);

}  // namespace tekio::test
