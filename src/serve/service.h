// What `tekio serve` serves: models' desks, a page to use them by hand, and what operators ask for. It speaks to
// whatever HTTP server calls it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
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
  std::string token = {};  ///< what /models and /events demand as Authorization: Bearer; empty: nothing
};

/// A run whose curves and prompts the page shows.
struct WatchedRun {
  std::filesystem::path folder = {};      ///< empty: none
  std::vector<std::string> prompts = {};  ///< where they are known before the run's folder is there
  std::shared_ptr<const ToldEvaluations> evaluations = nullptr;  ///< of a run of this process
};

/// Places that are answered at once, whatever the models do.
inline constexpr std::string_view kUrgent[] = {"/health", "/metrics"};

class Service final : public http::Handler {
 public:
  /// Its clients wait until the models are there, but for those of /health, /metrics and the page.
  explicit Service(ServiceOptions options) : options_(std::move(options)) {}
  /// `models`: at least one, with names that differ. Once.
  void open(std::vector<ServedModel> models, WatchedRun run = {});
  /// Where they were not opened: there will be no models, and who waits for them is refused by 503.
  void give_up();
  /// What its models have not begun with at that time is refused by 503. From the thread that opened them.
  void refuse_from(std::chrono::steady_clock::time_point time);

  bool admit(const http::Request& head, http::Reply& refusal) override;
  http::Reply answer(http::Request& request) override;
  http::Reply error(int status) override;
  void answered(const http::Request& request, int status, double seconds) override;

 private:
  enum class State { opening, open, given_up };
  bool is_own_host(std::string_view host) const;
  bool is_own_page(std::string_view origin) const;
  State state() const;
  bool wait_for_models();
  http::Reply health() const;
  const ServedModel* find(const std::string& path) const;
  FillRequest read(http::Request& request, const ServedModel& model);
  http::Reply fill(http::Request& request);
  http::Reply events(const http::Request& request);
  std::string models_text() const;
  std::string openapi_text() const;
  std::string metrics_text() const;

  const ServiceOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::opening;
  std::vector<ServedModel> models_;  // from `open` on as they are, as is run_
  WatchedRun run_;
  const std::shared_ptr<std::atomic<int>> streams_ = std::make_shared<std::atomic<int>>(0);  // of /events, open now
  /// Of large bodies, which take many times their size while they are read: so many at once as can be read at once.
  std::counting_semaphore<> readers_{std::max(2, static_cast<int>(std::thread::hardware_concurrency()))};
  Metrics metrics_;
};

}  // namespace tekio::serve
