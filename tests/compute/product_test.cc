// bf16 products, by each kernel that this processor can run, whichever it would choose, and attention's float32 ones:
// against sums in double, on sizes around those of tiles, strips and pieces of the depth.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

#include "base/denormals.h"
#include "base/error.h"
#include "compute/arena.h"
#include "compute/cpu/f32_kernel.h"
#include "compute/cpu/packed_matrices.h"
#include "compute/cpu/product.h"
#include "compute/instruction_sets.h"
#include "compute/varied_numbers.h"
#include "support/sanitizer.h"

namespace tekio::test {
namespace {

using kernels::Result;

using Numbers = VariedNumbers;

// A matrix with room between its rows that nobody may read as numbers: NaN.
struct Sample {
  int64_t rows, columns, stride;
  std::vector<bf16> data;
  Sample(int64_t r, int64_t c, Numbers& numbers)
      : rows(r), columns(c), stride(c + 3), data(static_cast<size_t>(r * stride), bf16(std::nanf(""))) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) data[static_cast<size_t>(i * stride + j)] = bf16(numbers.draw());
  }
  float at(int64_t i, int64_t j) const { return data[static_cast<size_t>(i * stride + j)]; }
};

struct Kind {
  bool a_transposed, b_transposed, add;
  DType type;
};

void expect_product(kernels::Instructions by, int64_t m, int64_t n, int64_t k, const Kind& kind) {
  SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k << (kind.a_transposed ? ", a^T" : "")
                                  << (kind.b_transposed ? ", b^T" : "") << (kind.add ? ", added" : "") << " to "
                                  << name_of(kind.type));
  Numbers numbers;
  const Sample a(kind.a_transposed ? k : m, kind.a_transposed ? m : k, numbers);
  const Sample b(kind.b_transposed ? n : k, kind.b_transposed ? k : n, numbers);
  constexpr float kGuard = 123;  // beside the result, where nothing may be written
  const int64_t stride = n + 5;
  std::vector<float> c(static_cast<size_t>(m * stride), kGuard);
  std::vector<bf16> halves(c.size(), bf16(kGuard));
  std::vector<double> expected(c.size(), kGuard);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const auto at = static_cast<size_t>(i * stride + j);
      halves[at] = bf16(numbers.draw());
      c[at] = halves[at];
      expected[at] = kind.add ? c[at] : 0;
      for (int64_t d = 0; d < k; ++d)
        expected[at] += static_cast<double>(kind.a_transposed ? a.at(d, i) : a.at(i, d)) *
                        (kind.b_transposed ? b.at(j, d) : b.at(d, j));
    }
  const Result result{kind.type == DType::f32 ? static_cast<void*>(c.data()) : halves.data(), stride, kind.type,
                      nullptr, kind.add};
  kernels::product(by, result, {a.data.data(), a.stride, kind.a_transposed},
                   {b.data.data(), b.stride, kind.b_transposed}, m, n, k);
  if (kind.type == DType::bf16) std::copy(halves.begin(), halves.end(), c.begin());
  const double step = kind.type == DType::f32 ? 1e-6 : 1.0 / 256;
  size_t wrong = 0;
  for (size_t i = 0; i < c.size() && wrong < 3; ++i)
    if (!(std::abs(c[i] - expected[i]) <= step * std::abs(expected[i]) + 2e-6 * std::sqrt(static_cast<double>(k))))
      ADD_FAILURE() << "number " << i << " is " << c[i] << ", expected " << expected[i], ++wrong;
}

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (int i = 0; i < 16; ++i)
    all.push_back({(i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0 ? DType::bf16 : DType::f32});
  return all;
}

class Bf16Product : public testing::TestWithParam<kernels::Instructions> {
 protected:
  void SetUp() override {
    if (GetParam() > kernels::instructions()) GTEST_SKIP() << "this processor has no such instructions";
  }
};
INSTANTIATE_TEST_SUITE_P(By, Bf16Product,
                         testing::Values(kernels::Instructions::fma, kernels::Instructions::avx512,
                                         kernels::Instructions::amx),
                         [](const auto& by) { return kernels::name_of(by.param); });

TEST_P(Bf16Product, IsTheSumOfProducts) {
  for (const int64_t m : thinned_under_sanitizer<int64_t>({1, 6, 15, 17, 31, 127}))
    for (const int64_t n : thinned_under_sanitizer<int64_t>({1, 15, 17, 33, 64, 127}))
      for (const int64_t k : thinned_under_sanitizer<int64_t>({1, 2, 15, 17, 33, 127}))
        for (const Kind& kind : kinds()) expect_product(GetParam(), m, n, k, kind);
  for (const Kind& kind : kinds()) {
    expect_product(GetParam(), 7, 18, 255, kind);  // pieces of the depth begin and end
    expect_product(GetParam(), 7, 18, 257, kind);
    expect_product(GetParam(), 7, 18, 513, kind);
    expect_product(GetParam(), 13, 70, 5001, kind);
    expect_product(GetParam(), 33, 801, 40, kind);  // so do pieces of the columns
  }
}

TEST_P(Bf16Product, OfNothingIsZeroOrNothing) {
  const Products product(GetParam());
  const bf16 a[4], b[4];
  std::vector<float> c(4, 1);
  product(c.data(), 2, MatrixView<bf16>{a, 2}, {b, 2}, 2, 2, 0, true);
  EXPECT_EQ(c, std::vector<float>(4, 1));
  product(c.data(), 2, MatrixView<bf16>{a, 2}, {b, 2}, 2, 2, 0);
  EXPECT_EQ(c, std::vector<float>(4, 0));
}

TEST(Bf16ProductWithoutInstructions, IsToldAsABug) {
  const bf16 a[4], b[4];
  std::vector<float> c(4);
  const Products product(kernels::Instructions::none);
  try {
    product(c.data(), 2, MatrixView<bf16>{a, 2}, {b, 2}, 2, 2, 2);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bug);
  }
}

// The two kernels that add in the same order, where small numbers are 0 to both as they are while the back end
// computes.
TEST(Bf16ProductByFma, HasTheBitsOfAvx512) {
  if (kernels::instructions() < kernels::Instructions::avx512) GTEST_SKIP() << "this processor has no AVX-512 BF16";
  const FlushDenormals flush;
  for (const auto& [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
                                {7, 18, 257},
                                {25, 70, 33},
                                {64, 64, 64},
                                {49, 129, 768},
                                {13, 40, 5001}})
    for (const Kind& kind : kinds()) {
      SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k);
      Numbers numbers;
      Sample a(kind.a_transposed ? k : m, kind.a_transposed ? m : k, numbers);
      Sample b(kind.b_transposed ? n : k, kind.b_transposed ? k : n, numbers);
      for (size_t i = 0; i < a.data.size(); i += 11) a.data[i] = bf16(a.data[i] * 1e-38f);  // products that vanish
      for (size_t i = 0; i < b.data.size(); i += 13) b.data[i] = bf16(b.data[i] * 1e-30f);
      std::vector<std::vector<float>> results;
      for (const kernels::Instructions by : {kernels::Instructions::fma, kernels::Instructions::avx512}) {
        std::vector<float>& c = results.emplace_back(static_cast<size_t>(m * n), 0.5f);
        std::vector<bf16> halves(c.begin(), c.end());
        std::vector<float> sums(static_cast<size_t>(m), 0.25f);
        void* const to = kind.type == DType::f32 ? static_cast<void*>(c.data()) : halves.data();
        kernels::product(by, {to, n, kind.type, nullptr, kind.add}, {a.data.data(), a.stride, kind.a_transposed},
                         {b.data.data(), b.stride, kind.b_transposed}, m, n, k,
                         kind.a_transposed ? sums.data() : nullptr);
        if (kind.type == DType::bf16) std::copy(halves.begin(), halves.end(), c.begin());
        c.insert(c.end(), sums.begin(), sums.end());
      }
      EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), results[0].size() * sizeof(float)), 0);
    }
}

// Operands that end where their memory does, and results that do.
TEST_P(Bf16Product, TouchesNothingBeyond) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t room = 4 * page;
  const auto guarded = [&](size_t bytes) {  // its last byte lies before a page that nobody may touch
    auto* const memory =
        static_cast<std::byte*>(mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory + room, page, PROT_NONE);
    return memory + room - bytes;
  };
  for (const auto& [m, n, k] :
       {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1}, {3, 17, 5}, {7, 33, 31}, {16, 15, 64}, {25, 40, 33}})
    for (const Kind& kind : kinds()) {
      auto* const a = reinterpret_cast<bf16*>(guarded(static_cast<size_t>(m * k) * sizeof(bf16)));
      auto* const b = reinterpret_cast<bf16*>(guarded(static_cast<size_t>(k * n) * sizeof(bf16)));
      std::byte* const c = guarded(static_cast<size_t>(m * n * size_of(kind.type)));
      auto* const sums = reinterpret_cast<float*>(guarded(static_cast<size_t>(m) * sizeof(float)));
      kernels::product(GetParam(), {c, n, kind.type, nullptr, kind.add},
                       {a, kind.a_transposed ? m : k, kind.a_transposed},
                       {b, kind.b_transposed ? k : n, kind.b_transposed}, m, n, k, kind.a_transposed ? sums : nullptr);
      for (void* const end : {static_cast<void*>(a + m * k), static_cast<void*>(b + k * n),
                              static_cast<void*>(c + m * n * size_of(kind.type)), static_cast<void*>(sums + m)})
        munmap(static_cast<std::byte*>(end) - room, room + page);
    }
}

// Columns' sums are a by-product of packing.
TEST_P(Bf16Product, SumsColumns) {
  for (const int64_t depth : {1, 2, 7, 256, 600})
    for (const int64_t columns : {1, 15, 16, 17, 33, 64}) {
      Numbers numbers;
      const Sample a(depth, columns, numbers), b(depth, 1, numbers);
      std::vector<float> c(static_cast<size_t>(columns)), sums(c.size() + 1, 1);
      kernels::product(GetParam(), {c.data(), 1, DType::f32}, {a.data.data(), a.stride, true},
                       {b.data.data(), b.stride}, columns, 1, depth, sums.data());
      for (int64_t i = 0; i < columns; ++i) {
        double expected = 1;
        for (int64_t d = 0; d < depth; ++d) expected += a.at(d, i);
        EXPECT_NEAR(sums[static_cast<size_t>(i)], expected, 1e-5) << depth << " x " << columns << ", column " << i;
      }
      EXPECT_EQ(sums.back(), 1) << "past the last column";
    }
}

// Forward and backward by weights packed from float32.
TEST_P(Bf16Product, OfPackedMatrices) {
  const PackedMatrices packed(GetParam());
  for (const int64_t m : {1, 17, 64})
    for (const int64_t out : {1, 31, 130, 801})
      for (const int64_t in : {1, 33, 96, 4099}) {
        SCOPED_TRACE(testing::Message() << m << " rows by [" << out << ", " << in << "]");
        Numbers numbers;
        std::vector<float> parameters(static_cast<size_t>(out * in)), bias(static_cast<size_t>(out));
        for (float& v : parameters) v = numbers.draw();
        for (float& v : bias) v = numbers.draw();
        std::vector<std::byte> memory(static_cast<size_t>(PackedMatrices::bytes(out, in)) + 64);
        const Matrix w(memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64), DType::bf16, out, in);
        for (const int way : {0, 1}) packed.pack(w, Tensor(parameters.data(), DType::f32, {out, in}), way);
        std::vector<bf16> x(static_cast<size_t>(m * in)), y(static_cast<size_t>(m * out)), d_x(x.size());
        for (bf16& v : x) v = bf16(numbers.draw());
        const PackedMatrices::Columns all_out{0, out}, all_in{0, in};
        if (out > 64) {
          packed.forward(y.data(), out, x.data(), m, w, {0, 64}, bias.data());
          packed.forward(y.data(), out, x.data(), m, w, {64, out - 64}, bias.data());
        } else {
          packed.forward(y.data(), out, x.data(), m, w, all_out, bias.data());
        }
        const auto weight = [&](int64_t o, int64_t i) {
          return static_cast<double>(bf16(parameters[static_cast<size_t>(o * in + i)]));
        };
        const auto near = [](double got, double expected, int64_t depth) {
          return std::abs(got - expected) <=
                 std::abs(expected) / 256 + 2e-6 * std::sqrt(static_cast<double>(depth));  // a step of eight bits
        };
        const int64_t i_step = std::max<int64_t>(1, in / 64);
        for (int64_t r = 0; r < m; r += 5)
          for (int64_t o = 0; o < out; ++o) {
            double expected = bias[static_cast<size_t>(o)];
            for (int64_t i = 0; i < in; ++i) expected += weight(o, i) * x[static_cast<size_t>(r * in + i)];
            ASSERT_PRED3(near, y[static_cast<size_t>(r * out + o)], expected, in) << "y[" << r << ", " << o << "]";
          }
        for (const bool add : {false, true}) {
          for (bf16& v : d_x) v = bf16(0.5f);
          packed.backward(d_x.data(), w.columns, y.data(), out, m, w, all_in, add);
          for (int64_t r = 0; r < m; r += 5)
            for (int64_t i = 0; i < in; i += i_step) {
              double expected = add ? 0.5 : 0, size = 0;
              for (int64_t o = 0; o < out; ++o) {
                expected += weight(o, i) * y[static_cast<size_t>(r * out + o)];
                size = std::max<double>(size, std::abs(y[static_cast<size_t>(r * out + o)]));
              }
              ASSERT_NEAR(d_x[static_cast<size_t>(r * in + i)], expected,
                          std::abs(expected) / 256 + 2e-6 * size * std::sqrt(static_cast<double>(out)))
                  << "d_x[" << r << ", " << i << "]" << (add ? ", added" : "");
            }
        }
      }
}

// Attention's float32 products: left factors by rows and by columns, right ones either way round, and what is outside.
TEST(F32Kernel, IsTheSumOfProducts) {
  with_each_instruction_set([] {
    for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {7, 17, 5}, {48, 64, 33}, {13, 130, 64}, {6, 40, 385}})
      for (const bool columns : {false, true})
        for (const bool transposed : {false, true})
          for (const bool add : {false, true}) {
            SCOPED_TRACE(fmt::format("[{}, {}] x [{}, {}] {}{}{}", m, k, k, n, columns, transposed, add));
            const int64_t row = columns ? 1 : k + 3, deep = columns ? m + 2 : 1, b_stride = (transposed ? k : n) + 1;
            std::vector<float> a(static_cast<size_t>((k + 3) * (m + 2))), b(static_cast<size_t>(b_stride * (n + k)));
            std::vector<float> c(static_cast<size_t>(m * (n + 2)));
            for (size_t i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<float>(i));
            for (size_t i = 0; i < b.size(); ++i) b[i] = std::cos(static_cast<float>(i) * 0.7f);
            for (size_t i = 0; i < c.size(); ++i) c[i] = static_cast<float>(i % 5);
            const std::vector<float> before = c;
            Arena arena(kernels::FloatStrips(nullptr, k, n).numbers() * size_of(DType::f32), "strips");
            const kernels::FloatStrips strips(static_cast<float*>(arena.data()), k, n);
            transposed ? pack_columns(strips, b.data(), b_stride) : pack_rows(strips, b.data(), b_stride);
            kernels::multiply(c.data(), n + 2, {a.data(), row, deep}, m, strips, add);
            for (int64_t i = 0; i < m; ++i)
              for (int64_t j = 0; j < n + 2; ++j) {
                const auto at = static_cast<size_t>(i * (n + 2) + j);
                double sum = add || j >= n ? before[at] : 0;
                for (int64_t d = 0; j < n && d < k; ++d)
                  sum += double{a[static_cast<size_t>(i * row + d * deep)]} *
                         b[static_cast<size_t>(transposed ? j * b_stride + d : d * b_stride + j)];
                ASSERT_NEAR(c[at], sum, j < n ? 1e-4 : 0) << i << " " << j;
              }
          }
  });
}

}  // namespace
}  // namespace tekio::test
