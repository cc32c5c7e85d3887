// What the library says, caught.
#pragma once

#include <tekio/log.h>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tekio::test {

/// From its making to its end, instead of whoever listened before.
class LogCapture {
 public:
  LogCapture() : before_(set_log_sink(sink_)) {}
  ~LogCapture() { set_log_sink(before_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// All lines so far, each with its end; warnings begin with "warning: ".
  std::string text() const {
    const std::lock_guard lock(sink_->mutex);
    return sink_->text;
  }
  struct Point {
    std::string label, unit, detail;
    ProgressPoint numbers;  ///< its texts are gone
  };
  std::vector<Point> points() const {
    const std::lock_guard lock(sink_->mutex);
    return sink_->points;
  }

 private:
  struct Sink final : LogSink {
    void line(LogLevel level, std::string_view line) override {
      const std::lock_guard lock(mutex);
      text += (level == LogLevel::warning ? "warning: " : "") + std::string(line) + "\n";
    }
    void progress(const ProgressPoint& p) override {
      const std::lock_guard lock(mutex);
      points.push_back({std::string(p.label), std::string(p.unit), std::string(p.detail), p});
    }
    bool wants_progress() const override { return true; }
    std::mutex mutex;
    std::string text;
    std::vector<Point> points;
  };
  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::shared_ptr<LogSink> before_;
};

}  // namespace tekio::test
