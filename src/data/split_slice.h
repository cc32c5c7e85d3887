// Parts of splits, as the reference's ReadInstruction has them: train[:10%], train[-100:], train[:50%]+test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tekio {

struct SplitSlice {
  std::string split;
  std::optional<int64_t> from, to;  ///< rows, or per cent of them; negative: counted from the end
  bool percent = false;

  bool is_whole() const { return !from && !to; }
  /// Where it begins, if it is all from some row on, however many there are.
  std::optional<int64_t> from_row() const { return percent || to || from.value_or(-1) < 0 ? std::nullopt : from; }
  /// Of so many rows, the first of the slice's and the one behind its last. Per cent are rounded to the nearest row,
  /// halves to the even one.
  std::pair<int64_t, int64_t> rows(int64_t count) const;
  /// How many rows must be counted, where that many or more give the same rows(); nullopt: all.
  std::optional<int64_t> rows_needed() const;
};

/// What stands behind a spec's colon: one slice, or several to be joined. nullopt: it has not the form of one, so it is
/// a split's name as it stands, or no part of a spec at all. Errors: usage (the form, but with bounds or a rounding
/// that there are not).
std::optional<std::vector<SplitSlice>> parse_slices(std::string_view text);

/// Where a spec's split begins: the colon before it. nullopt: it names none.
std::optional<size_t> find_split_colon(std::string_view spec);

/// What a split may be called in a repository: words between dots.
bool is_split_name(std::string_view name);

}  // namespace tekio
