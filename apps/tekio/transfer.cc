#include "transfer.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "base/stopwatch.h"
#include "terminal.h"
#include "terminal_log.h"

namespace tekio::cli {
namespace {

std::atomic<bool> transfers_shown{true};

/// One after another, transfers may have the same observer: a repository's card first, then its files.
class Bar {
 public:
  explicit Bar(std::string label) : label_(std::move(label)) {}

  void show(const hub::Transfer& t) {
    const std::lock_guard lock(mutex_);
    if (!progress_ || t.total != total_) {
      progress_.emplace(label_, static_cast<int64_t>(t.total), Progress::kBytes);
      total_ = t.total;
      running_.restart();
    }
    const double rate = static_cast<double>(t.moved) / std::max(running_.seconds(), 1e-3);
    progress_->update(static_cast<int64_t>(t.done), static_cast<int64_t>(t.moved), {},
                      static_cast<double>(t.total - t.done) / std::max(rate, 1.0));
  }

 private:
  const std::string label_;
  std::mutex mutex_;
  std::optional<Progress> progress_;
  uint64_t total_ = 0;
  Stopwatch running_;
};

}  // namespace

void show_transfers(bool shown) { transfers_shown = shown; }

std::function<void(const hub::Transfer&)> transfer_bar(const std::string& label) {
  if (!transfers_shown || is_quiet() || !is_terminal(2)) return nullptr;
  return [bar = std::make_shared<Bar>(label)](const hub::Transfer& transfer) { bar->show(transfer); };
}

}  // namespace tekio::cli
