// Sixty-four bytes become three words of bits (white space, punctuation, the rest); begins and ends of regions are
// where those change.
#include "text/region_scanner.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "text/region_scanner.cc"
#include <hwy/foreach_target.h>

#include "text/byte_kinds-inl.h"

#ifndef TEKIO_TEXT_REGION_MARKS
#define TEKIO_TEXT_REGION_MARKS
namespace tekio {

// What goes on from block to block. Of the byte before: bit 0, it is white space or punctuation; bit 1, punctuation.
struct RegionMarks {
  uint64_t before;
  uint32_t *begin, *end;  // where the next ones are written; 7 places beyond may be overwritten
};

}  // namespace tekio
#endif

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

// Blocks of 64 bytes, the first of which is number `position` of the text.
void find_regions(const uint8_t* bytes, size_t blocks, uint32_t position, RegionMarks& marks) {
  const Bytes d;
  const size_t lanes = hn::Lanes(d);
  RegionMarks now = marks;
  for (; blocks > 0; --blocks, bytes += 64, position += 64) {
    uint64_t space = 0, punctuation = 0;
    for (size_t i = 0; i < 64; i += lanes) {
      const auto v = hn::LoadU(d, bytes + i);
      const auto alphanumeric = hn::Or(in_range(hn::Or(v, hn::Set(d, 0x20)), 'a', 'z'), in_range(v, '0', '9'));
      space |= bits_of(hn::Or(hn::Or(hn::Eq(v, hn::Set(d, ' ')), hn::Eq(v, hn::Set(d, '\r'))), in_range(v, '\t', '\n')))
               << i;
      punctuation |= bits_of(hn::AndNot(alphanumeric, in_range(v, '!', '~'))) << i;
    }
    const uint64_t border = space | punctuation;
    const uint64_t border_before = border << 1 | (now.before & 1);
    const uint64_t punctuation_before = punctuation << 1 | now.before >> 1;
    now.begin = write_places((~border & border_before) | punctuation, position, now.begin);
    now.end = write_places((border & ~border_before) | punctuation_before, position, now.end);
    now.before = border >> 63 | (punctuation >> 63) << 1;
  }
  marks = now;
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(find_regions);

void RegionScanner::start(std::string_view text) {
  text_ = text;
  position_ = begun_ = count_ = 0;
  before_ = 1;  // a text begins as if white space were before it
  done_ = false;
}

bool RegionScanner::next() {
  if (done_) return false;
  go_on();
  RegionMarks marks{before_, begins_.data() + begun_, ends_.data()};
  const auto* bytes = reinterpret_cast<const uint8_t*>(text_.data());
  const size_t blocks = std::min(kWindow, text_.size() - position_) / kBlock;
  HWY_DYNAMIC_DISPATCH(find_regions)(bytes + position_, blocks, static_cast<uint32_t>(position_), marks);
  position_ += blocks * kBlock;
  if (const size_t rest = text_.size() - position_; blocks < kWindow / kBlock) {
    // The end, with white space behind it: a region that reaches it ends there.
    std::array<uint8_t, kBlock + 1> last;
    last.fill(' ');
    std::memcpy(last.data(), bytes + position_, rest);
    HWY_DYNAMIC_DISPATCH(find_regions)(last.data(), 1, static_cast<uint32_t>(position_), marks);
    done_ = true;
  }
  before_ = marks.before;
  begun_ = static_cast<size_t>(marks.begin - begins_.data());
  count_ = static_cast<size_t>(marks.end - ends_.data());
  return true;
}

}  // namespace tekio
#endif  // HWY_ONCE
