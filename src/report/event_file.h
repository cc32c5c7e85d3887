// TensorBoard's event files: records of the TFRecord format, each an Event message (tensorflow/core/util/event.proto).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tekio {
class Message;
}

namespace tekio::report {

/// A file that grows by whole records; what cannot be written any more is an error of the call that found it so.
class EventFile {
 public:
  /// Makes `folder` where need be, and a new file in it: events.out.tfevents.SECONDS.HOST.PROCESS.0. Errors: io.
  explicit EventFile(const std::filesystem::path& folder);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  /// `value` at `step`, under this tag. Errors: io.
  void add_scalar(std::string_view tag, double value, int64_t step);
  /// Markdown, as SummaryWriter.add_text() writes it: under TAG/text_summary. Errors: io.
  void add_text(std::string_view tag, std::string_view text, int64_t step = 0);

  const std::filesystem::path& path() const { return path_; }

 private:
  void write(std::string_view event);
  void write_summary(const Message& value, int64_t step);
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// This machine's, as files are named by it.
std::string host_name();

/// The checksum of TFRecord: CRC-32C, rotated and moved.
uint32_t masked_crc32c(std::string_view bytes);

/// "eval_loss" as "eval/loss", "loss" as "train/loss": the tags that the reference's Trainer gives its log's keys.
std::string tag_of(std::string_view key);

}  // namespace tekio::report
