// What the library has to say while it works: notes, warnings and how far it is. Nobody hears it unless the program
// asks:
//
//   struct Printed : tekio::LogSink {
//     void line(tekio::LogLevel level, std::string_view text) override { std::clog << text << '\n'; }
//   };
//   tekio::set_log_sink(std::make_shared<Printed>());
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace tekio {

enum class LogLevel { note, warning };

/// How far a piece of work is. Texts are valid during the call.
struct ProgressPoint {
  std::string_view label;              ///< which work ("training")
  std::string_view unit;               ///< what `units` counts ("tokens"); "bytes": `done` and `total` count them, too
  std::string_view detail;             ///< what else there is to say ("loss 2.61"); may be empty
  int64_t done = 0, total = 0;         ///< steps
  int64_t start = 0;                   ///< steps that were done before it began: a resumed run's
  int64_t units = 0;                   ///< since it began
  double seconds = 0;                  ///< since it began
  std::optional<double> seconds_left;  ///< where that is known better than by the rate so far
  bool ended = false;                  ///< the work's last point; after an error `done` may be less than `total`
};

/// Gets what is said, on whichever thread says it, several at once among them. What it throws is lost: no work ends for
/// want of its log.
class LogSink {
 public:
  virtual ~LogSink();
  /// One line without its end; a note may be indented (" device   cpu · 2 threads").
  virtual void line(LogLevel level, std::string_view text) = 0;
  /// At most ten times a second for one piece of work.
  virtual void progress(const ProgressPoint& /*point*/) {}
  /// Whether progress() is of use; where it is not, nothing is measured for it.
  virtual bool wants_progress() const { return false; }
};

/// From now on `sink` gets what this process says; null, as at the start: nobody. Returns the one before, which another
/// thread may still be calling.
std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink);

}  // namespace tekio
