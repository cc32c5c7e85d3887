#include "hub/hub_server.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>

#include "hub/http.h"

namespace tekio::test {
namespace fs = std::filesystem;

HubServer::~HubServer() {
  if (in_ >= 0) ::close(in_);  // which ends it
  if (process_ > 0) {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
  }
}

void HubServer::add(const std::string& path, const std::string& content) {
  const fs::path file = root_ / "repositories" / path;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

void HubServer::start(const std::vector<std::string>& options) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  fs::create_directories(root_ / "repositories");
  std::vector<std::string> all = {"python3", TEKIO_HUB_SERVER, (root_ / "repositories").string()};
  all.insert(all.end(), options.begin(), options.end());
  std::vector<char*> texts;
  for (std::string& text : all) texts.push_back(text.data());
  texts.push_back(nullptr);
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::execvp("python3", texts.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  in_ = in[1];
  std::string line;
  for (char c; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
  ::close(out[0]);
  const auto urls = nlohmann::json::parse(line);
  endpoint_ = urls["endpoint"];
  cdn_ = urls["cdn"];
  control_ = urls["control"];
}

hub::Settings HubServer::settings() const {
  hub::Settings settings;
  settings.endpoint = endpoint_;
  settings.cache = cache();
  settings.metadata_timeout_s = settings.download_timeout_s = 2;
  settings.first_pause_s = 0.001;
  return settings;
}

nlohmann::json HubServer::control(const char* method, const std::string& path, const std::string& body) const {
  hub::HttpConnection connection;
  const hub::HttpAnswer answer =
      connection.send({.method = method, .url = control_ + path, .headers = {}, .body = body});
  if (answer.status != 200) throw std::runtime_error(method + path);
  return nlohmann::json::parse(answer.body);
}

void HubServer::set_faults(const nlohmann::json& faults) const { control("POST", "/_faults", faults.dump()); }

nlohmann::json HubServer::take_log() const {
  nlohmann::json all = log();
  control("DELETE", "/_log");
  return all;
}

nlohmann::json HubServer::repositories() const { return control("GET", "/_repositories"); }

std::vector<std::string> file_requests(const nlohmann::json& log) {
  std::vector<std::string> requests;
  for (const auto& entry : log)
    if (const std::string path = entry["path"]; path.find("/api/") != 0)
      requests.push_back(entry["method"].get<std::string>() + " " + path);
  return requests;
}

}  // namespace tekio::test
