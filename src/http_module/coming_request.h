// The request of a client who waits for a thread, of which nobody has read anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http_module/framing.h"

namespace tekio::http {

/// How long it is, as far as what has come says so. Each byte is looked at once, however little comes at a time, and
/// none is kept: there are thousands of these.
class ComingRequest {
 public:
  static constexpr uint64_t kUnread = 32 << 10;  // bytes that the system surely keeps of what nobody reads
  static constexpr uint64_t kEndless = UINT64_MAX;

  /// `sent`: the first Head::kMost bytes of all that has come; each time longer.
  void look(std::string_view sent);
  /// Its bytes; 0: that is not known yet. `kEndless`: it is to be read before it ends. What is refused, quickly, counts
  /// as whole.
  uint64_t size() const { return size_; }
  /// It begins with these bytes, of which `sent` was the last that was looked at.
  std::string_view begin(std::string_view sent) const { return sent.substr(begin_); }

 private:
  void look_at_head(std::string_view sent);
  void look_at_chunks(std::string_view sent);

  size_t begin_ = 0;  // behind the empty lines before it
  size_t looked_ = 0;
  uint64_t size_ = 0;
  std::optional<Chunks> chunks_;
};

}  // namespace tekio::http
