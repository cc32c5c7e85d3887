// Finds where one of several strings may begin, by their first two bytes, many places at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tekio {

class PrefixFilter {
 public:
  /// `string` is not empty.
  void add(std::string_view string);
  /// The first place at or behind `from` at which one of the strings may begin; the text's length if there is none.
  size_t next(std::string_view text, size_t from) const;

  /// Each of two bytes has one of eight groups' bits if its halves have them in two tables of sixteen.
  struct Tables {
    std::array<uint8_t, 16> first_low{}, first_high{}, second_low{}, second_high{};
  };

 private:
  bool may_begin(std::string_view text, size_t at) const;

  std::string firsts_;  // the distinct first bytes
  Tables tables_;
};

}  // namespace tekio
