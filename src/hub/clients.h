// Connections that wait for their next use, so that many small requests, a few of them at a time, need no new one each.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "hub/client.h"

namespace tekio::hub {

class Clients {
 public:
  explicit Clients(Settings settings) : settings_(std::move(settings)) {}

  /// What `use` makes of a client that nobody else has meanwhile. One that it throws with is not used again.
  template <typename Use>
  auto lend(const Use& use) {
    std::unique_ptr<Client> client = take();
    auto made = use(*client);
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(client));
    return made;
  }

 private:
  std::unique_ptr<Client> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Client>(settings_);
    std::unique_ptr<Client> client = std::move(free_.back());
    free_.pop_back();
    return client;
  }

  const Settings settings_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Client>> free_;
};

}  // namespace tekio::hub
