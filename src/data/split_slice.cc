#include "data/split_slice.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"

namespace tekio {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_space_or_tab(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space_or_tab(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space_or_tab(text.back())) text.remove_suffix(1);
  return text;
}

/// One term of a sum, taken apart by its brackets.
struct Term {
  std::string_view name, bounds, rounding;  // what stands within [] and ()
  bool sliced = false;
};

std::optional<Term> term_of(std::string_view text) {
  Term term;
  const size_t end = std::min(text.find_first_of("[("), text.size());
  term.name = text.substr(0, end);
  text.remove_prefix(end);
  if (!is_split_name(term.name)) return std::nullopt;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    term.bounds = text.substr(1, close - 1);
    term.sliced = true;
    text.remove_prefix(close + 1);
  }
  if (text.starts_with('(') && text.ends_with(')')) {
    term.rounding = text.substr(1, text.size() - 2);
    text = {};
  }
  return text.empty() ? std::optional(term) : std::nullopt;
}

[[noreturn]] void fail_bounds(std::string_view text) {
  fail(ErrorKind::usage,
       "the slice {} is none: expected rows or per cent, from and to, either of which may be absent: train[:5000], "
       "train[10%:20%], train[-100:]",
       printable(text));
}

/// "-10%": the number, and whether it is per cent. nullopt: nothing stands there.
std::optional<int64_t> bound_of(std::string_view text, std::string_view shown, bool& percent) {
  if (text.empty()) return std::nullopt;
  if (text.ends_with('%')) {
    percent = true;
    text.remove_suffix(1);
  }
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && i + 1 < text.size() && text[i] == '_' && text[i - 1] != '_' && text[i - 1] != '-';
    if (between) continue;  // 10_000
    if ((text[i] < '0' || text[i] > '9') && !(i == 0 && text[i] == '-')) fail_bounds(shown);
    digits += text[i];
  }
  if (digits.empty() || digits == "-" || digits.size() > 18) fail_bounds(shown);
  return std::strtoll(digits.c_str(), nullptr, 10);
}

SplitSlice slice_of(const Term& term, std::string_view shown) {
  SplitSlice slice{.split = std::string(term.name), .from = std::nullopt, .to = std::nullopt};
  if (term.sliced) {
    const size_t colon = term.bounds.find(':');
    if (colon == std::string_view::npos || term.bounds.find(':', colon + 1) != std::string_view::npos)
      fail_bounds(shown);
    slice.from = bound_of(term.bounds.substr(0, colon), shown, slice.percent);
    slice.to = bound_of(term.bounds.substr(colon + 1), shown, slice.percent);
  }
  if (slice.percent)
    for (const auto& bound : {slice.from, slice.to})
      if (bound && (*bound < -100 || *bound > 100))
        fail(ErrorKind::usage, "the slice {} has a bound of {} %, expected -100 to 100", printable(shown), *bound);
  if (!term.rounding.empty() && term.rounding != "closest")
    fail(ErrorKind::usage, "the slice {}: the rounding {} is not supported, bounds are rounded to the closest row",
         printable(shown), printable(term.rounding));
  return slice;
}

int64_t row_of(std::optional<int64_t> bound, int64_t otherwise, bool percent, int64_t count) {
  if (!bound) return otherwise;
  const int64_t row =
      percent ? static_cast<int64_t>(std::nearbyint(static_cast<double>(*bound * count) / 100.0)) : *bound;
  return std::min(row < 0 ? std::max<int64_t>(count + row, 0) : row, count);
}

}  // namespace

bool is_split_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.back() == '.' || name.find("..") != std::string_view::npos)
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '.'; });
}

std::pair<int64_t, int64_t> SplitSlice::rows(int64_t count) const {
  const int64_t begin = row_of(from, 0, percent, count);
  return {begin, std::max(begin, row_of(to, count, percent, count))};
}

std::optional<int64_t> SplitSlice::rows_needed() const {
  if (percent || from.value_or(0) < 0 || to.value_or(-1) < 0) return std::nullopt;
  return std::max(from.value_or(0), *to);
}

std::optional<std::vector<SplitSlice>> parse_slices(std::string_view text) {
  std::vector<Term> terms;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('+', begin), text.size());
    const auto term = term_of(trimmed(text.substr(begin, end - begin)));
    if (!term) return std::nullopt;
    terms.push_back(*term);
    begin = end + 1;
  }
  std::vector<SplitSlice> slices;
  for (const Term& term : terms) slices.push_back(slice_of(term, text));
  return slices;
}

std::optional<size_t> find_split_colon(std::string_view spec) {
  // A slice has a colon of its own: the first behind which all is the form of a split, or of slices of them.
  for (size_t colon = spec.find(':'); colon != std::string_view::npos; colon = spec.find(':', colon + 1)) {
    const std::string_view rest = spec.substr(colon + 1);
    bool formed = colon > 0;
    for (size_t begin = 0; formed && begin <= rest.size();) {
      const size_t end = std::min(rest.find('+', begin), rest.size());
      formed = term_of(trimmed(rest.substr(begin, end - begin))).has_value();
      begin = end + 1;
    }
    if (formed) return colon;
  }
  const size_t last = spec.rfind(':');
  return last == std::string_view::npos || last == 0 ? std::nullopt : std::optional(last);
}

}  // namespace tekio
