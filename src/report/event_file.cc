#include "report/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "base/protobuf_message.h"
#include "base/system_error.h"

namespace tekio::report {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kCastagnoli = 0x82F63B78;  // reflected

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? kCastagnoli : 0);
    table[i] = crc;
  }
  return table;
}

template <typename T>
std::string little_endian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "host";
}

uint32_t masked_crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8;
}

std::string tag_of(std::string_view key) {
  for (const std::string_view part : {"eval_", "test_"})
    if (key.starts_with(part)) return fmt::format("{}/{}", part.substr(0, part.size() - 1), key.substr(part.size()));
  return fmt::format("train/{}", key);
}

EventFile::EventFile(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_system({error, folder}, "cannot make the folder {}: {}", printable(folder.string(), 300));
  for (int number = 0; descriptor_ < 0; ++number) {  // one that is new
    path_ = folder / fmt::format("events.out.tfevents.{}.{}.{}.{}", static_cast<int64_t>(now()), host_name(),
                                 ::getpid(), number);
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor_ < 0 && errno != EEXIST)
      fail_system({last_error(), path_}, "cannot write {}: {}", printable(path_.string(), 300));
  }
  Message event;
  event.number(1, now());
  event.text(3, "brain.Event:2");
  write(event.bytes());
}

EventFile::~EventFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void EventFile::write(std::string_view event) {
  const std::string length = little_endian(uint64_t{event.size()});
  const std::string record =
      length + little_endian(masked_crc32c(length)) + std::string(event) + little_endian(masked_crc32c(event));
  for (std::string_view left = record; !left.empty();) {
    const ssize_t written = ::write(descriptor_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_system({last_error(), path_}, "cannot write {}: {}", printable(path_.string(), 300));
    left.remove_prefix(static_cast<size_t>(written));
  }
}

void EventFile::write_summary(const Message& value, int64_t step) {
  Message summary, event;
  summary.message(1, value);
  event.number(1, now());
  event.integer(2, step);
  event.message(5, summary);
  write(event.bytes());
}

void EventFile::add_scalar(std::string_view tag, double value, int64_t step) {
  Message scalar;
  scalar.text(1, tag);
  scalar.number(2, static_cast<float>(value));
  write_summary(scalar, step);
}

void EventFile::add_text(std::string_view tag, std::string_view text, int64_t step) {
  constexpr int64_t kString = 7;
  Message dimension, shape, tensor, plugin, metadata, value;
  dimension.integer(1, 1);
  shape.message(2, dimension);
  tensor.integer(1, kString);
  tensor.message(2, shape);
  tensor.text(8, text);
  plugin.text(1, "text");
  metadata.message(1, plugin);
  value.text(1, fmt::format("{}/text_summary", tag));
  value.message(9, metadata);
  value.message(8, tensor);
  write_summary(value, step);
}

}  // namespace tekio::report
