// A line printed while a bar is shown first clears the bar.
#include "terminal_log.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "base/log.h"
#include "terminal.h"

namespace tekio::cli {
namespace {

std::mutex output_mutex;
std::atomic<bool> quiet{false};
std::atomic<bool> bar_shown{false};  // read by signal handlers
static_assert(std::atomic<bool>::is_always_lock_free);

constexpr std::string_view kClear = "\r\033[K", kYellow = "\033[33m", kRed = "\033[31m", kCyan = "\033[36m",
                           kPlain = "\033[0m";

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

// " label    text": where the text begins. Sentences go on two columns in.
int64_t indent_of(std::string_view line) {
  constexpr size_t kLabel = 10;
  if (line.size() > kLabel && line[0] == ' ' && line[1] != ' ' && line[kLabel - 1] == ' ') return kLabel;
  const size_t blanks = std::min(line.find_first_not_of(' '), line.size());
  return static_cast<int64_t>(blanks) + 2;
}

void write_line(std::string_view prefix, std::string_view colour, std::string_view line) {
  std::string text(prefix);
  text += line;
  if (is_terminal(2)) text = folded(text, terminal_width(2), indent_of(text));
  if (!colour.empty() && is_coloured(2)) {
    text.insert(prefix.size(), colour);
    text += kPlain;
  }
  const std::lock_guard lock(output_mutex);
  put((bar_shown.exchange(false) ? std::string(kClear) : "") + text + "\n");
}

// How far, how fast and how much longer, each as a part of a line.
struct Figures {
  explicit Figures(const ProgressPoint& p) {
    const double rate = p.seconds > 0 ? static_cast<double>(p.units) / p.seconds : 0;
    const int64_t here = std::max<int64_t>(1, p.done - p.start);
    const double left =
        p.seconds_left.value_or(p.seconds / static_cast<double>(here) * static_cast<double>(p.total - p.done));
    const auto size = [](double number) { return bytes_text(static_cast<uint64_t>(std::max(0.0, number))); };
    const bool bytes = p.unit == Progress::kBytes;
    steps = bytes ? fmt::format("{} of {}", size(static_cast<double>(p.done)), size(static_cast<double>(p.total)))
                  : fmt::format("{}/{}", p.done, p.total);
    speed =
        bytes ? fmt::format(" · {}/s", size(rate)) : fmt::format(" · {} {}/s", with_commas(std::llround(rate)), p.unit);
    detail = p.detail.empty() ? "" : fmt::format(" · {}", p.detail);
    time = fmt::format(" · {} left", clock_time(left));
  }
  std::string all() const { return steps + speed + detail + time; }
  std::string steps, speed, detail, time;
};

// The most telling of these that fits: a bar and all figures; no bar; no detail; no rate; the steps alone.
std::string bar_line(const ProgressPoint& p) {
  const Figures figures(p);
  const std::string all = figures.all();
  const int64_t width = terminal_width(2) - 1;  // a full line would make some terminals begin the next
  const auto fits = [&](const std::string& numbers, int64_t cells) {
    return columns_of(p.label) + columns_of(numbers) + (cells > 0 ? cells + 1 : 0) + 1 <= width;
  };
  for (const int64_t cells : {20, 10, 6}) {
    if (!fits(all, cells)) continue;
    const int64_t full = p.total > 0 ? cells * p.done / p.total : 0;
    std::string bar;
    for (int64_t i = 0; i < cells; ++i) bar += i < full ? "━" : "╌";
    return fmt::format("{} {} {}", p.label, is_coloured(2) ? std::string(kCyan) + bar + std::string(kPlain) : bar, all);
  }
  const std::string shorter[] = {all, figures.steps + figures.speed + figures.time, figures.steps + figures.time,
                                 figures.steps};
  for (const std::string& numbers : shorter)
    if (fits(numbers, 0)) return fmt::format("{} {}", p.label, numbers);
  return figures.steps.substr(0, static_cast<size_t>(std::max<int64_t>(0, width)));
}

class TerminalLog final : public LogSink {
 public:
  void line(LogLevel level, std::string_view text) override {
    if (level == LogLevel::warning)
      write_line("tekio: warning: ", kYellow, text);
    else if (!quiet)
      write_line("", "", text);
  }

  bool wants_progress() const override { return !quiet; }

  void progress(const ProgressPoint& p) override {
    if (quiet) return;
    const std::string text = p.ended ? "" : is_terminal(2) ? bar_line(p) : plain_line(p);
    const std::lock_guard lock(output_mutex);
    if (p.ended) {
      if (bar_shown.exchange(false)) put(kClear);
    } else if (!is_terminal(2)) {
      if (!text.empty()) put(text + "\n");
    } else {
      put(std::string(kClear) + text);
      bar_shown = true;
    }
  }

 private:
  // Nothing where the last line is not long ago.
  std::string plain_line(const ProgressPoint& p) {
    constexpr double kBetween = 10;  // seconds
    const std::lock_guard lock(mutex_);
    if (p.label != label_ || p.seconds < seconds_) label_ = p.label, seconds_ = 0;  // other work
    if (p.seconds - seconds_ < kBetween) return {};
    seconds_ = p.seconds;
    return fmt::format("{} {}", p.label, Figures(p).all());
  }

  std::mutex mutex_;
  std::string label_;   // of the work that had the last plain line,
  double seconds_ = 0;  // and how long it then took
};

}  // namespace

void log_to_stderr() { set_log_sink(std::make_shared<TerminalLog>()); }
void set_quiet(bool value) { quiet = value; }
bool is_quiet() { return quiet; }
void set_silent() {
  quiet = true;
  set_log_sink(nullptr);
}
void report_error(std::string_view line) { write_line("tekio: ", kRed, line); }
bool is_bar_shown() { return bar_shown; }

}  // namespace tekio::cli
