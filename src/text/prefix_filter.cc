// A group of strings for each distinct first byte, or every eighth. What is found may be wrong, what is passed over
// never is.
#include "text/prefix_filter.h"

#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "text/prefix_filter.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first place in [from, size) at which two bytes have a group in common; else the first that was not looked at,
// since it has too few bytes behind it.
size_t find_prefix(const uint8_t* text, size_t from, size_t size, const PrefixFilter::Tables& tables) {
  const hn::CappedTag<uint8_t, 64> d;
  const size_t lanes = hn::Lanes(d);
  const auto first_low = hn::LoadDup128(d, tables.first_low.data()),
             first_high = hn::LoadDup128(d, tables.first_high.data());
  const auto second_low = hn::LoadDup128(d, tables.second_low.data()),
             second_high = hn::LoadDup128(d, tables.second_high.data());
  const auto fifteen = hn::Set(d, 15);
  const auto groups = [&](auto low, auto high, auto bytes) HWY_ATTR {
    return hn::And(hn::TableLookupBytes(low, hn::And(bytes, fifteen)),
                   hn::TableLookupBytes(high, hn::ShiftRight<4>(bytes)));
  };
  for (; from + lanes < size; from += lanes) {
    const auto common = hn::And(groups(first_low, first_high, hn::LoadU(d, text + from)),
                                groups(second_low, second_high, hn::LoadU(d, text + from + 1)));
    const intptr_t found = hn::FindFirstTrue(d, hn::Ne(common, hn::Zero(d)));
    if (found >= 0) return from + static_cast<size_t>(found);
  }
  return from;
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(find_prefix);

void PrefixFilter::add(std::string_view string) {
  size_t group = firsts_.find(string[0]);
  if (group == std::string::npos) {
    group = firsts_.size();
    firsts_.push_back(string[0]);
  }
  const auto bit = static_cast<uint8_t>(1 << group % 8);
  const auto first = static_cast<unsigned char>(string[0]);
  tables_.first_low[first & 15] |= bit;
  tables_.first_high[first >> 4] |= bit;
  for (size_t half = 0; half < 16; ++half) {
    const auto second = static_cast<unsigned char>(string.size() > 1 ? string[1] : 0);
    if (string.size() == 1 || half == (second & 15u)) tables_.second_low[half] |= bit;
    if (string.size() == 1 || half == second >> 4) tables_.second_high[half] |= bit;
  }
}

bool PrefixFilter::may_begin(std::string_view text, size_t at) const {
  return firsts_.find(text[at]) != std::string::npos;
}

size_t PrefixFilter::next(std::string_view text, size_t from) const {
  if (firsts_.size() == 1) {  // as all of BERT's tokens begin
    const void* at = from < text.size() ? std::memchr(text.data() + from, firsts_[0], text.size() - from) : nullptr;
    return at == nullptr ? text.size() : static_cast<size_t>(static_cast<const char*>(at) - text.data());
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t at = HWY_DYNAMIC_DISPATCH(find_prefix)(bytes, from, text.size(), tables_);
  while (at < text.size() && !may_begin(text, at)) ++at;
  return at;
}

}  // namespace tekio
#endif  // HWY_ONCE
