// Rotary positions: the reference's frequencies to the bit, what it turns, and what stays.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/json.h"
#include "base/thread_pool.h"
#include "compute/instruction_sets.h"
#include "compute/rotary.h"

namespace tekio::test {
namespace {

std::vector<float> floats(const Json& bits) {
  std::vector<float> values;
  for (const auto& b : bits) values.push_back(std::bit_cast<float>(b.get<uint32_t>()));
  return values;
}

Tensor rows_of(std::vector<float>& values, int64_t width) {
  return Tensor(values.data(), DType::f32, {static_cast<int64_t>(values.size()) / width, width});
}

void expect_near(const std::vector<float>& got, const std::vector<float>& expected, float tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], tolerance) << i;
}

TEST(Rotary, IsTheReferences) {
  const Json golden = read_json(std::string(TEKIO_GOLDEN_DIR) + "/compute/rotary.json");
  const auto positions = golden["positions"].get<std::vector<int32_t>>();
  const std::vector<int32_t> offsets = {0, positions.back() + 1};
  const Sequences s = Sequences{offsets}.only(positions);
  with_each_instruction_set([&] {
    ThreadPool pool(2);
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
      for (const Json& run : golden["runs"]) {
        SCOPED_TRACE(fmt::format("{}, heads of {}, theta {}", be->name(), run["size"].dump(), run["theta"].dump()));
        const Rotation rotation{run["size"], run["theta"]};
        const std::vector<float> frequencies = floats(run["frequencies"]);
        for (size_t j = 0; j < frequencies.size(); ++j)
          EXPECT_EQ(rotary_frequency(rotation, static_cast<int64_t>(j)), frequencies[j]) << j;
        std::vector<float> x = floats(run["rows"]);
        const std::vector<float> before = x;
        be->rotate(rows_of(x, rotation.size), rotation.size, rotation, s);
        expect_near(x, floats(run["turned"]), 5e-7f);  // numbers below 3
        be->rotate(rows_of(x, rotation.size), rotation.size, {rotation.size, rotation.theta, true}, s);
        expect_near(x, before, 5e-7f);
      }
    }
  });
}

// The formula, written out, with angles that do not matter beyond float32's digits.
TEST(Rotary, TurnsEachPairByItsPositionsAngle) {
  constexpr int64_t kSize = 6, kWidth = 15, kColumns = 12;
  const std::vector<int32_t> offsets = {0, 4, 5};
  ThreadPool pool(2);
  for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
    std::vector<float> x(5 * kWidth);
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
    const std::vector<float> before = x;
    be->rotate(rows_of(x, kWidth), kColumns, {kSize, 100}, Sequences{offsets});
    for (int64_t row = 0; row < 5; ++row)
      for (int64_t c = 0; c < kWidth; ++c) {
        const auto i = static_cast<size_t>(row * kWidth + c);
        if (c >= kColumns) {
          EXPECT_EQ(x[i], before[i]) << row << " " << c;
          continue;
        }
        const int64_t place = c % kSize, j = place % (kSize / 2), position = row < 4 ? row : 0;
        const double angle = static_cast<double>(position) * std::pow(100.0, -2.0 * static_cast<double>(j) / kSize);
        const double other = place < kSize / 2 ? -before[i + kSize / 2] : before[i - kSize / 2];
        EXPECT_NEAR(x[i], before[i] * std::cos(angle) + other * std::sin(angle), 1e-6) << row << " " << c;
      }
  }
}

// Tables are kept: for each base and size one, which grows.
TEST(Rotary, WhatWasTurnedBeforeChangesNothing) {
  ThreadPool pool(1);
  const auto used = make_cpu_backend(pool);
  for (const auto& [length, size, theta] :
       {std::tuple{3, 4, 1e4}, {50, 4, 1e4}, {7, 4, 1e4}, {9, 8, 1e4}, {60, 4, 9.0}}) {
    const std::vector<int32_t> offsets = {0, length};
    std::vector<float> x(static_cast<size_t>(length) * 8, 0.75f), y = x;
    used->rotate(rows_of(x, 8), 8, {size, theta}, Sequences{offsets});
    make_cpu_backend(pool)->rotate(rows_of(y, 8), 8, {size, theta}, Sequences{offsets});
    EXPECT_EQ(x, y);
  }
}

}  // namespace
}  // namespace tekio::test
