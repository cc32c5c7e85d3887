// Regions against a plain loop: texts of all lengths around blocks and windows, on every instruction set there is.
#include "text/region_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hwy/targets.h>

#include <random>
#include <vector>

#include "support/sanitizer.h"

namespace tekio::test {
namespace {

using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;

Ranges expected_regions(std::string_view text) {
  Ranges ranges;
  bool inside = false;
  for (uint32_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    const bool punctuation = std::string_view("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").find(c) != std::string_view::npos;
    if (punctuation) ranges.emplace_back(i, i + 1);
    if (!space && !punctuation && !inside) ranges.emplace_back(i, i);
    inside = !space && !punctuation;
    if (inside) ranges.back().second = i + 1;
  }
  return ranges;
}

Ranges regions(RegionScanner& scanner, std::string_view text) {
  Ranges ranges;
  scanner.start(text);
  while (scanner.next())
    for (size_t i = 0; i < scanner.count(); ++i) ranges.emplace_back(scanner.begin(i), scanner.end(i));
  return ranges;
}

void check(size_t least, size_t most, uint32_t seed, std::string_view alphabet) {
  std::mt19937 random(seed);
  RegionScanner scanner;
  for (size_t size = least; size <= most; size += kAddressSanitizer ? 3 : 1) {  // a sanitizer makes it slow
    std::string text(size, '\0');
    for (char& c : text)
      c = alphabet.empty() ? static_cast<char>(random() % 256) : alphabet[random() % alphabet.size()];
    const std::string exact(text.data(), size);  // the sanitizer sees reads beyond it
    ASSERT_EQ(regions(scanner, exact), expected_regions(exact)) << size << ' ' << alphabet;
  }
}

TEST(RegionScannerTest, EqualsAPlainLoopOnEveryInstructionSet) {
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    for (const size_t near : {size_t{0}, RegionScanner::kWindow - 70, 3 * RegionScanner::kWindow - 70})
      for (const char* alphabet : {"", "a", ".", " ", "ab.", "aaaaaaaaaaaaaaaa ", "a \t\n\r\x0b", "z{a`9:0/Z[A@"})
        check(near, near + 140, 7, alphabet);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace
}  // namespace tekio::test
