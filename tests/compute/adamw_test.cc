// AdamW against the reference's fused kernel, bit for bit, on both back ends.
#include <gtest/gtest.h>

#include <bit>

#include "base/json.h"
#include "base/thread_pool.h"
#include "compute/backend.h"
#include "compute/instruction_sets.h"
#include "support/results.h"

namespace tekio::test {
namespace {

std::vector<float> floats(const Json& bits) {
  std::vector<float> values;
  for (const auto& b : bits) values.push_back(std::bit_cast<float>(b.get<uint32_t>()));
  return values;
}

void expect_bits(const std::vector<float>& got, const std::vector<float>& expected, const char* what) {
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i])) << what << "[" << i << "]";
}

TEST(AdamW, IsTheReferenceFusedKernelToTheBit) {
  with_each_instruction_set([] {
    ThreadPool pool(2);
    const Json golden = read_json(std::string(TEKIO_GOLDEN_DIR) + "/compute/adamw.json");
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
      for (const Json& run : golden["runs"]) {
        std::vector<float> p = floats(run["start"]), m(p.size()), v(p.size());
        const auto flat = [](std::vector<float>& values) {
          return Tensor(values.data(), DType::f32, {static_cast<int64_t>(values.size())});
        };
        int64_t number = 0;
        for (const Json& step : run["steps"]) {
          SCOPED_TRACE(fmt::format("{} step {}", be->name(), ++number));
          std::vector<float> g = floats(step["gradient"]);
          adamw(*be, flat(p), flat(m), flat(v), flat(g),
                {step["learning_rate"], run["beta1"], run["beta2"], run["epsilon"], run["weight_decay"], number},
                step["gradient_scale"]);
          expect_bits(m, floats(step["moment1"]), "moment1");
          expect_bits(v, floats(step["moment2"]), "moment2");
          expect_bits(p, floats(step["parameter"]), "parameter");
        }
      }
    }
  });
}

// The vector code's whole pieces, its tail and the plain code agree, wherever an element stands.
TEST(AdamW, EveryElementAlike) {
  with_each_instruction_set([] {
    ThreadPool pool(3);
    const size_t count = (1 << 16) * 2 + 77;
    std::vector<float> p(count), m(count), v(count), g(count);
    for (size_t i = 0; i < count; ++i) {
      const auto x = static_cast<float>(i);
      p[i] = std::sin(x), m[i] = std::sin(x * 1.7f) * 0.01f, v[i] = m[i] * m[i], g[i] = std::cos(x * 0.3f) * 0.02f;
    }
    std::vector<float> p2 = p, m2 = m, v2 = v;
    const auto flat = [](std::vector<float>& values) {
      return Tensor(values.data(), DType::f32, {static_cast<int64_t>(values.size())});
    };
    const AdamWStep step{1e-3, 0.9, 0.999, 1e-8, 0.01, 5};
    adamw(*make_ref_backend(), flat(p), flat(m), flat(v), flat(g), step, 0.37f);
    adamw(*make_cpu_backend(pool), flat(p2), flat(m2), flat(v2), flat(g), step, 0.37f);
    expect_bits(p2, p, "parameters");
    expect_bits(m2, m, "moment1");
    expect_bits(v2, v, "moment2");
  });
}

}  // namespace
}  // namespace tekio::test
