// What `tekio serve` serves: models' desks, a page to use them by hand, and what operators ask for. It speaks to
// whatever HTTP server calls it.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http_module/module.h"
#include "serve/metrics.h"
#include "serve/run_events.h"
#include "serve/served_model.h"

namespace tekio::serve {

struct ServiceOptions {
  /// What a request's Host, and the page that it came from, may be called, with any port; empty: anything. Not asked of
  /// who has the token.
  std::vector<std::string> hosts = {};
  std::string token = {};                 ///< what /models and /events demand as Authorization: Bearer; empty: nothing
  std::filesystem::path run = {};         ///< a run whose curves and prompts the page shows; empty: none
  std::vector<std::string> prompts = {};  ///< where they are known before the run's folder is there
  std::shared_ptr<const ToldEvaluations> evaluations = nullptr;  ///< of a run of this process
};

class Service final : public http::Handler {
 public:
  /// `models`: at least one, with names that differ.
  Service(std::vector<ServedModel> models, ServiceOptions options);

  bool admit(const http::Request& head, http::Reply& refusal) override;
  http::Reply answer(const http::Request& request) override;
  http::Reply error(int status) override;
  void answered(const http::Request& request, int status, double seconds) override;

 private:
  bool is_own_host(std::string_view host) const;
  bool is_own_page(std::string_view origin) const;
  const ServedModel* find(const std::string& path) const;
  http::Reply fill(const http::Request& request) const;
  http::Reply events();
  std::string models_text() const;
  std::string openapi_text() const;
  std::string metrics_text() const;

  const std::vector<ServedModel> models_;
  const ServiceOptions options_;
  const std::shared_ptr<std::atomic<int>> streams_ = std::make_shared<std::atomic<int>>(0);  // of /events, open now
  Metrics metrics_;
};

}  // namespace tekio::serve
