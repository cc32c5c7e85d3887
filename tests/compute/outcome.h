// What a back end makes of an op case, compared.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "compute/op_rig.h"

namespace tekio::test {

inline std::string test_name(const testing::TestParamInfo<OpCase>& info) {
  std::string name = info.param.text();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return fmt::format("{}_{}", info.index, name);
}

// One run of a case: what it wrote, and its objective.
struct Outcome {
  std::vector<std::pair<std::string, std::vector<float>>> results;
  double objective;
};
inline Outcome run(const OpCase& c, Backend& be) {
  OpRig rig(c);
  rig.forward(be);
  Outcome out{{}, rig.objective()};
  if (rig.has_backward()) rig.backward(be);
  for (const auto& [name, values] : rig.results()) out.results.emplace_back(name, *values);
  return out;
}

inline void expect_near(const Outcome& got, const Outcome& expected, double tolerance) {
  ASSERT_EQ(got.results.size(), expected.results.size());
  EXPECT_NEAR(got.objective, expected.objective, tolerance * (1 + std::abs(expected.objective)) * 10);
  for (size_t t = 0; t < got.results.size(); ++t) {
    const auto& [name, a] = got.results[t];
    const auto& b = expected.results[t].second;
    ASSERT_EQ(a.size(), b.size()) << name;
    double largest = 0;
    for (const float v : b) largest = std::max<double>(largest, std::abs(v));
    size_t wrong = 0, first = 0;
    for (size_t i = 0; i < a.size(); ++i)
      if (!(std::abs(static_cast<double>(a[i]) - b[i]) <= tolerance * largest) && wrong++ == 0)
        first = i;  // NaN is wrong
    EXPECT_EQ(wrong, 0u) << name << "[" << first << "] is " << a[first] << ", expected " << b[first] << ", largest "
                         << largest;
  }
}

inline void expect_same_bits(const Outcome& got, const Outcome& expected) {
  EXPECT_EQ(got.objective, expected.objective);
  for (size_t t = 0; t < got.results.size(); ++t) {
    const auto& [name, a] = got.results[t];
    const auto& b = expected.results[t].second;
    EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0) << name;
  }
}

// Of the largest magnitude. float32: what sums over these lengths can differ by. bf16: one step of its eight bits,
// where the same number was rounded to either side.
inline double tolerance_of(const OpCase& c) { return c.type == DType::f32 ? 1e-5 : 1.0 / 128; }

}  // namespace tekio::test
