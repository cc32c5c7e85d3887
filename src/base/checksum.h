// XXH3's 64 bits: damage is to be found, not forgery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;

namespace tekio {

/// Of bytes that come piece by piece; how they are cut makes no difference.
class Checksum {
 public:
  Checksum();
  void add(std::span<const std::byte> bytes);
  /// Of all that was added since the making or the last restart().
  uint64_t value() const;
  void restart();

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

uint64_t checksum_of(std::span<const std::byte> bytes);
/// 16 hexadecimal digits, as records hold it.
std::string checksum_text(uint64_t checksum);

}  // namespace tekio
