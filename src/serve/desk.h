// Where requests of a model queue up: one thread answers them, those that wait together in one pass.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "serve/fill_request.h"

namespace tekio::serve {

struct DeskLimits {
  size_t queue = 1'024;                       ///< texts that may wait
  size_t texts = 64;                          ///< texts of several requests that one pass answers
  std::chrono::microseconds patience{2'000};  ///< how long a pass waits for as many texts as the one before had
};

/// Fills the masks of texts that ask for the same. Errors: Refusal.
using Fill = std::function<Filled(std::span<const std::string> texts, const FillOptions& options)>;

class Desk {
 public:
  explicit Desk(Fill fill, const DeskLimits& limits = {});
  /// Answers what waits, then ends.
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// The answer's body. Errors: Refusal 429 (too many wait), 503 (it is closed); by the future what `fill` throws.
  std::future<std::string> ask(FillRequest request);
  /// From now on nothing is taken; what waits is answered.
  void close();

  struct Counts {
    uint64_t texts = 0, passes = 0;
    size_t waiting = 0;  ///< texts
  };
  Counts counts() const;

 private:
  struct Waiting {
    FillRequest request;
    std::promise<std::string> answer;
  };
  void work();
  std::vector<Waiting> take();
  void answer(std::vector<Waiting>& batch);
  void answer_alone(Waiting& one);

  const Fill fill_;
  const DeskLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Waiting> queue_;
  size_t last_batch_ = 0;  // texts
  bool is_closed_ = false;
  Counts counts_;
  std::thread thread_;
};

}  // namespace tekio::serve
