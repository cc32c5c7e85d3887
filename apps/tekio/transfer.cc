#include "transfer.h"

#include <chrono>
#include <memory>

#include "base/log.h"
#include "base/terminal.h"

namespace tekio::cli {
namespace {

bool transfers_shown = true;

}  // namespace

void show_transfers(bool shown) { transfers_shown = shown; }

std::function<void(const hub::Transfer&)> transfer_bar(const std::string& label) {
  using Clock = std::chrono::steady_clock;
  if (!transfers_shown || is_quiet() || !is_terminal(2)) return nullptr;
  // The first call says how much there is.
  return [label, bar = std::shared_ptr<Progress>(), begun = Clock::time_point()](const hub::Transfer& t) mutable {
    if (!bar) {
      bar = std::make_shared<Progress>(label, static_cast<int64_t>(t.total), Progress::kBytes);
      begun = Clock::now();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    const double rate = static_cast<double>(t.moved) / std::max(seconds, 1e-3);
    bar->update(static_cast<int64_t>(t.done), static_cast<int64_t>(t.moved), {},
                static_cast<double>(t.total - t.done) / std::max(rate, 1.0));
  };
}

}  // namespace tekio::cli
