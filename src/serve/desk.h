// Where requests of a model queue up: one thread answers them, those that wait together in one pass.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
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
  uint64_t bytes = 8'000'000;                 ///< of their texts, and as many of their answers
  std::chrono::microseconds patience{2'000};  ///< how long a pass waits for as many texts as the one before had
  uint64_t large = 64'000;                    ///< bytes of an answer that counts as large, or of a pass's texts
  /// Of all large answers that are waited for, made or being sent. One may have half of what is free, so that who does
  /// not take large ones leaves room for those that are not so large: at least twice RequestLimits::answer.
  uint64_t large_bytes = 128'000'000;
  std::chrono::milliseconds wanted{3'000};  ///< so long after a refusal for want of room, room is wanted
  std::chrono::milliseconds left{1'000};    ///< waited for so long, nothing is computed for a client that has left
};

/// Fills the masks of texts that ask for the same. Errors: Refusal.
using Fill = std::function<Filled(std::span<const std::string> texts, const FillOptions& options)>;
/// Whether a text can be filled; asked where `Fill` refused several.
using CanFill = std::function<bool(const std::string& text)>;

struct Answer {
  std::string body;
  std::shared_ptr<void> room;            ///< what a large one takes of the memory for such: kept until it was sent
  std::function<bool()> is_wanted = {};  ///< whether another was refused just now for want of room; of a large one
};

class Desk {
 public:
  explicit Desk(Fill fill, CanFill can_fill, const DeskLimits& limits = {});
  /// Answers what waits, then ends.
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// Errors: Refusal 429 (too many wait), 503 (it is closed); by the future what `fill` throws. `has_left`: whether
  /// nobody waits for the answer any more; asked on the desk's thread while the future is not ready.
  std::future<Answer> ask(FillRequest request, std::function<bool()> has_left = {});
  /// From now on nothing is taken; what waits is answered.
  void close();
  /// What still waits at that time, or comes later, is refused by 503; a pass under way is finished.
  void refuse_from(std::chrono::steady_clock::time_point time);

  struct Counts {
    uint64_t texts = 0, passes = 0;
    size_t waiting = 0;        ///< texts
    uint64_t large_bytes = 0;  ///< of large answers that are waited for, made or being sent
  };
  Counts counts() const;

 private:
  struct Waiting {
    FillRequest request;
    std::function<bool()> has_left;
    std::chrono::steady_clock::time_point asked;
    std::shared_ptr<void> room;
    std::promise<Answer> answer;
  };
  void work();
  std::vector<Waiting> take();
  bool is_too_late() const { return std::chrono::steady_clock::now() >= refuses_from_.load(); }
  static void refuse(Waiting& one, std::exception_ptr why);
  void drop_those_who_left(std::vector<Waiting>& batch) const;
  Filled fill(std::span<const Waiting> batch);
  void answer(std::span<Waiting> batch);
  void answer_apart(std::span<Waiting> batch);

  const Fill fill_;
  const CanFill can_fill_;
  const DeskLimits limits_;
  /// Outlives the desk as long as an answer is being sent.
  struct Large {
    std::atomic<uint64_t> bytes{0};
    std::atomic<std::chrono::steady_clock::time_point> refused{};  // one, for want of room
  };
  std::atomic<std::chrono::steady_clock::time_point> refuses_from_{std::chrono::steady_clock::time_point::max()};
  const std::shared_ptr<Large> large_ = std::make_shared<Large>();
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Waiting> queue_;
  size_t last_batch_ = 0;  // texts
  bool is_closed_ = false;
  Counts counts_;
  std::thread thread_;
};

}  // namespace tekio::serve
