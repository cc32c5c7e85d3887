// The checked wrappers' messages, the choice of a back end, and what the ops promise beyond their numbers.
#include "compute/backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <array>

#include <limits>

#include "base/thread_pool.h"
#include "compute/activation.h"
#include "compute/cpu/cpu_features.h"
#include "compute/cuda.h"
#include "compute/instruction_sets.h"
#include "compute/product_rate.h"

namespace tekio {
namespace {

using testing::HasSubstr;

// Owns numbers and hands out tensors over them.
struct Numbers {
  std::vector<float> values = std::vector<float>(4096, 0.5f);
  Tensor operator()(std::initializer_list<int64_t> shape) { return Tensor(values.data(), DType::f32, shape); }
};

template <typename Call>
std::string message_of(ErrorKind kind, const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Checks, MismatchesNameTheOpWhatWasGotAndExpected) {
  const auto be = make_ref_backend();
  Numbers t;
  Numbers other;
  const std::vector<int32_t> offsets = {0, 3, 5}, ids = {0, 1, 2, 3, 4}, wrong_ids = {0, 1, 2, 3, 9};
  const Sequences s{offsets, 0};
  const NormKept kept{t({5, 8}), t({5})};
  const NormWeights w{t({8}), t({8}), 1e-5f};
  const Dropout off;
  const auto bug = [](const auto& call) { return message_of(ErrorKind::bug, call); };

  EXPECT_EQ(bug([&] {
              be->linear(t({5, 6}), t({5, 7}), t({6, 8}), {});
            }),
            "linear: w is [6, 8] f32, expected [6, 7] f32");
  EXPECT_EQ(bug([&] {
              be->linear(t({4, 6}), t({5, 7}), t({6, 7}), {});
            }),
            "linear: y is [4, 6] f32, expected [5, 6] f32");
  EXPECT_EQ(bug([&] {
              be->linear(t({5, 6}), t({5, 7}), t({6, 7}), t({7}));
            }),
            "linear: b is [7] f32, expected [6] f32");
  EXPECT_EQ(bug([&] {
              be->linear(t({5, 6}), t({5, 7, 1}), t({6, 7}), {});
            }),
            "linear: x is [5, 7, 1] f32, expected two dimensions");
  EXPECT_EQ(bug([&] {
              be->linear(Tensor(nullptr, DType::f32, {5, 6}), t({5, 7}), t({6, 7}), {});
            }),
            "linear: y [5, 6] f32 has no memory");
  EXPECT_EQ(bug([&] {
              be->linear(Tensor(t.values.data(), DType::bf16, {5, 6}), t({5, 7}), t({6, 7}), {});
            }),
            "linear: y is [5, 6] bf16, expected [5, 6] f32");
  EXPECT_EQ(bug([&] {
              be->linear_backward(t({5, 8}), t({6, 7}), {}, t({5, 6}), t({5, 7}), t({6, 7}));
            }),
            "linear_backward: d_x is [5, 8] f32, expected [5, 7] f32");
  EXPECT_EQ(bug([&] {
              be->linear_backward({}, {}, {}, t({5, 6}), t({5, 7}), t({6, 7}));
            }),
            "linear_backward: d_w is [] f32, expected [6, 7] f32");
  EXPECT_EQ(bug([&] {
              be->linear_activation(t({5, 6}), {}, t({5, 7}), t({6, 7}), {}, Activation::gelu);
            }),
            "linear_activation: kept is [] f32, expected [5, 6] f32");
  EXPECT_EQ(
      bug([&] {
        be->linear_activation_backward({}, t({6, 7}), {}, t({5, 6}), t({6, 5}), t({5, 7}), t({6, 7}), Activation::relu);
      }),
      "linear_activation_backward: kept is [6, 5] f32, expected [5, 6] f32");

  alignas(64) std::array<bf16, 128> room{};
  const auto copy = [&](void* to, DType type) {
    const std::vector<Backend::MatrixCopy> copies = {{Matrix(to, type, 4, 8), t({4, 8})}};
    return bug([&] { be->copy_matrices(copies); });
  };
  EXPECT_EQ(copy(room.data(), DType::f32), "copy_matrices: a matrix of f32");
  EXPECT_EQ(copy(room.data() + 1, DType::bf16), "copy_matrices: a matrix that does not lie on a 64-byte border");

  EXPECT_EQ(bug([&] {
              be->norm(t({5, 8}), kept, t({5, 7}), w, s, off);
            }),
            "norm: y is [5, 8] f32, expected [5, 7] f32");
  EXPECT_EQ(bug([&] {
              be->norm(t({5, 8}), kept, t({5, 8}), {t({9}), t({8}), 1e-5f}, s, off);
            }),
            "norm: weight is [9] f32, expected [8] f32");
  EXPECT_EQ(bug([&] {
              be->norm(t({5, 0}), {t({5, 0}), t({5})}, t({5, 0}), {t({0}), t({0}), 1});
            }),
            "norm: rows of width 0 have no mean");
  EXPECT_EQ(bug([&] {
              be->norm(t({5, 8}), kept, t({5, 8}), w, s, {.rate = 1.0f});
            }),
            "norm: dropout rate 1 is outside [0, 1)");
  EXPECT_EQ(bug([&] {
              be->norm_backward(t({5, 8}), {t({8}), t({7})}, t({5, 8}), kept, w, s, off);
            }),
            "norm_backward: d_w.bias is [7] f32, expected [8] f32");
  EXPECT_EQ(bug([&] {
              be->norm_backward(t({4, 8}), {t({8}), t({8})}, t({5, 8}), kept, w);
            }),
            "norm_backward: d_x is [4, 8] f32, expected [5, 8] f32");
  EXPECT_EQ(bug([&] {
              be->residual_norm(t({5, 8}), kept, t({5, 8}), t({5, 9}), w, s, off);
            }),
            "residual_norm: branch is [5, 9] f32, expected [5, 8] f32");
  EXPECT_EQ(bug([&] {
              be->residual_norm(t({5, 8}), {t({5, 8}), t({6})}, t({5, 8}), t({5, 8}), w, s, off);
            }),
            "residual_norm: kept.rstd is [6] f32, expected [5] f32");
  EXPECT_EQ(bug([&] {
              be->residual_norm_backward(t({5, 8}), t({5, 8}), {t({8}), t({8})}, t({5, 8}), kept, w, s, off);
            }),
            "residual_norm_backward: d_x and d_branch are the same memory");

  EXPECT_EQ(bug([&] {
              be->embed(t({5, 8}), wrong_ids, {}, s, t({9, 8}), t({3, 8}), {});
            }),
            "embed: id 9 is outside [0, 9)");
  EXPECT_EQ(bug([&] { be->embed(t({4, 8}), ids, {}, s, t({9, 8}), t({3, 8}), {}); }), "embed: 5 ids, expected 4");
  EXPECT_EQ(bug([&] {
              be->embed(t({5, 8}), ids, {}, s, t({9, 8}), t({2, 8}), {});
            }),
            "embed: a sequence of 3 tokens, but 2 positions");
  EXPECT_EQ(bug([&] {
              be->embed(t({5, 8}), ids, ids, s, t({9, 8}), t({3, 8}), {});
            }),
            "embed: type ids without a table of types");
  EXPECT_EQ(bug([&] {
              be->embed(t({5, 8}), ids, ids, s, t({9, 8}), t({3, 8}), t({2, 8}));
            }),
            "embed: type id 2 is outside [0, 2)");
  EXPECT_EQ(bug([&] { be->embed(t({5, 8}), ids, {}, s, t({9, 8}), t({3, 8}), t({0, 8})); }), "embed: type has no rows");
  EXPECT_EQ(bug([&] {
              be->embed_backward(t({9, 7}), t({3, 8}), {}, t({5, 8}), ids, {}, s, -1);
            }),
            "embed_backward: word is [9, 7] f32, expected [9, 8] f32");
  const std::vector<int32_t> short_offsets = {0, 3}, turned = {0, 4, 3, 5}, none;
  EXPECT_EQ(bug([&] {
              be->norm(t({5, 8}), kept, t({5, 8}), w, {short_offsets, 0}, off);
            }),
            "norm: sequence offsets [0, 3] do not cut 5 rows");
  EXPECT_EQ(bug([&] {
              be->norm(t({5, 8}), kept, t({5, 8}), w, {turned, 0}, off);
            }),
            "norm: sequence offsets [0, 4, 3, 5] do not cut 5 rows");
  EXPECT_EQ(bug([&] {
              be->norm(t({5, 8}), kept, t({5, 8}), w, {none, 0}, off);
            }),
            "norm: sequence offsets [] do not cut 5 rows");

  EXPECT_EQ(bug([&] {
              be->attention(t({5, 8}), t({39}), t({5, 24}), 3, s, off);
            }),
            "attention: a width of 8 does not divide into 3 heads");
  EXPECT_EQ(bug([&] {
              be->attention(t({5, 8}), t({25}), t({5, 24}), 2, s, off);
            }),
            "attention: kept is [25] f32, expected [26] f32");
  EXPECT_EQ(bug([&] {
              be->attention_backward(t({5, 23}), t({5, 8}), t({26}), t({5, 24}), 2, s, off);
            }),
            "attention_backward: d_qkv is [5, 23] f32, expected [5, 24] f32");

  const std::vector<int32_t> rows = {1, 1}, far = {5};
  EXPECT_EQ(bug([&] { be->gather_rows(t({2, 8}), t({5, 8}), rows); }), "gather_rows: rows are not ascending");
  EXPECT_EQ(bug([&] { be->gather_rows(t({1, 8}), t({5, 8}), far); }), "gather_rows: row 5 is outside [0, 5)");
  EXPECT_EQ(bug([&] {
              be->gather_rows_backward(t({5, 8}), t({2, 8}), far);
            }),
            "gather_rows_backward: d_y is [2, 8] f32, expected [1, 8] f32");
  EXPECT_EQ(bug([&] { be->vocabulary_loss({}, t({1, 5}), far, 1); }), "vocabulary_loss: label 5 is outside [0, 5)");
  EXPECT_EQ(bug([&] { be->vocabulary_loss({}, t({2, 5}), far, 1); }), "vocabulary_loss: 1 labels, expected 2");
  EXPECT_EQ(bug([&] {
              be->vocabulary_loss(t({1, 6}), t({1, 5}), ids, 1);
            }),
            "vocabulary_loss: d_logits is [1, 6] f32, expected [1, 5] f32");
  EXPECT_EQ(bug([&] { be->softmax_rows(t({5})); }), "softmax_rows: logits is [5] f32, expected two dimensions");
  EXPECT_EQ(bug([&] { be->adamw(t({5}), t({5}), t({4}), t({5}), {.step = 1}); }),
            "adamw: moment2 is [4] f32, expected [5] f32");
  EXPECT_EQ(bug([&] { be->adamw(t({5}), t({5}), t({5}), t({5}), {.step = 0}); }), "adamw: step 0, expected 1 or more");
  EXPECT_EQ(bug([&] { be->zero(Tensor(nullptr, DType::f32, {3})); }), "zero: x [3] f32 has no memory");
}

TEST(Choice, NamesOfBackEnds) {
  ThreadPool pool(1);
  EXPECT_EQ(make_backend("cpu", pool)->name(), "cpu");
  EXPECT_EQ(make_backend("ref", pool)->name(), "ref");
  EXPECT_EQ(make_backend("auto", pool)->name(), "cpu");
  if (cuda_problem().empty())
    EXPECT_EQ(make_backend("cuda", pool)->name(), "cuda");
  else
    EXPECT_THAT(message_of(ErrorKind::device, [&] { make_backend("cuda", pool); }), HasSubstr("use --device cpu"));
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { make_backend("cup", pool); }),
              HasSubstr("\"cup\", expected auto, cpu, cuda or ref"));
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { make_backend("\x1b[31m", pool); }), HasSubstr("\\x1b"));
}

TEST(Activations, EveryOneIsAccurateFromEndToEnd) {
  test::with_each_instruction_set([] {
    ThreadPool pool(1);
    const auto be = make_cpu_backend(pool);
    std::vector<float> x, one = {1}, d_w(1);
    for (float v = -100; v <= 100; v += 0.0371f) x.push_back(v);
    for (const float v : {0.0f, -0.0f, 1e-30f, -1e-30f, 1e-4f, -1e-4f, 30000.0f, -30000.0f}) x.push_back(v);
    const auto n = static_cast<int64_t>(x.size());
    std::vector<float> y(x.size()), kept(x.size()), d_y(x.size());
    const auto column = [n](std::vector<float>& v) { return Tensor(v.data(), DType::f32, {n, 1}); };
    const Tensor w(one.data(), DType::f32, {1, 1}), d_weight(d_w.data(), DType::f32, {1, 1});
    for (const Activation act : {Activation::gelu, Activation::gelu_new, Activation::gelu_fast, Activation::quick_gelu,
                                 Activation::relu, Activation::silu, Activation::tanh, Activation::mish}) {
      be->linear_activation(column(y), column(kept), column(x), w, {}, act);
      d_y.assign(d_y.size(), 1.0f);
      be->linear_activation_backward({}, d_weight, {}, column(d_y), column(kept), column(x), w, act);
      for (size_t i = 0; i < x.size(); ++i) {
        const auto exact = activation_at(act, double{x[i]});
        // gelu is made to keep its digits far out. Elsewhere the argument of an exponential is rounded, which costs
        // relative, never absolute, accuracy there.
        const double far =
            act == Activation::gelu || act == Activation::relu ? 0 : std::min(std::abs(x[i] * x[i] * x[i]), 100.0f);
        const double relative = 5e-7 + 2.5e-7 * far;
        EXPECT_NEAR(y[i], exact.y, relative * std::abs(exact.y) + 1e-33) << static_cast<int>(act) << " at " << x[i];
        EXPECT_NEAR(d_y[i], exact.slope, 1e-6) << static_cast<int>(act) << "' at " << x[i];
      }
    }
  });
}

TEST(Loss, LargeLogitsDoNotOverflow) {
  test::with_each_instruction_set([] {
    ThreadPool pool(2);
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
      std::vector<float> logits = {10000, 9999, -10000, 0, -20000, -20000, -20000, -20000};
      const std::vector<int32_t> labels = {1, 3};
      const Tensor x(logits.data(), DType::f32, {2, 4});
      EXPECT_NEAR(be->vocabulary_loss(x, x, labels, 0.5f).loss, 1.3132616875 + std::log(4.0), 1e-6);
      EXPECT_NEAR(logits[0], 0.5 * 0.7310586, 1e-6);
      EXPECT_NEAR(logits[1], 0.5 * (0.2689414 - 1), 1e-6);
      EXPECT_EQ(logits[2], 0);
      EXPECT_NEAR(logits[7], 0.5 * (0.25 - 1), 1e-6);
    }
  });
}

// argmax as numpy has it: the first of equals. Every place of every odd size, in both dtypes, alone and in
// place.
TEST(Loss, HitsAreLabelsWhereTheMaximumFirstStands) {
  test::with_each_instruction_set([] {
    ThreadPool pool(2);
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)})
      for (const int64_t vocabulary : {1, 2, 7, 16, 33, 130})
        for (const DType type : {DType::f32, DType::bf16})
          for (const bool in_place : {false, true}) {
            SCOPED_TRACE(fmt::format("{} {} {} {}", be->name(), vocabulary, name_of(type), in_place));
            // Row r: 3 at r and at the place after the middle, -1 elsewhere; each labelled in three ways.
            std::vector<float> single;
            std::vector<int32_t> labels;
            int64_t expected = 0;
            for (int64_t r = 0; r < vocabulary; ++r)
              for (const int64_t label : {r, vocabulary / 2, int64_t{0}}) {
                const size_t begin = single.size();
                single.resize(begin + static_cast<size_t>(vocabulary), -1.0f);
                single[begin + static_cast<size_t>(r)] = single[begin + static_cast<size_t>(vocabulary / 2)] = 3;
                labels.push_back(static_cast<int32_t>(label));
                expected += label == std::min(r, vocabulary / 2);
              }
            std::vector<bf16> half(single.begin(), single.end());
            const Tensor x(type == DType::f32 ? static_cast<void*>(single.data()) : half.data(), type,
                           {static_cast<int64_t>(labels.size()), vocabulary});
            EXPECT_EQ(be->vocabulary_loss(in_place ? x : Tensor(), x, labels, 1).hits, expected);
          }
  });
}

TEST(Loss, ARowWithoutALossIsNoHit) {
  test::with_each_instruction_set([] {
    ThreadPool pool(2);
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)})
      for (const std::vector<float>& row :
           {std::vector<float>{kNan, 1, 0}, {1, kNan, 0}, {1, 0, kNan}, {kInfinity, 1, 0}})
        for (const int32_t label : {0, 1, 2}) {
          std::vector<float> logits = row;
          EXPECT_EQ(be->vocabulary_loss({}, Tensor(logits.data(), DType::f32, {1, 3}), {&label, 1}, 1).hits, 0)
              << be->name();
        }
  });
}

TEST(Loss, NotANumberShows) {
  test::with_each_instruction_set([] {
    ThreadPool pool(2);
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
      const std::vector<int32_t> labels = {3};
      for (size_t place = 0; place < 40; ++place) {
        std::vector<float> logits(40, 1);
        logits[place] = std::nanf("");
        EXPECT_TRUE(std::isnan(be->vocabulary_loss({}, Tensor(logits.data(), DType::f32, {1, 40}), labels, 1).loss))
            << be->name() << " " << place;
      }
    }
  });
}

TEST(Embedding, ThePaddingRowLearnsNothingFromTheLookUp) {
  ThreadPool pool(2);
  for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
    std::vector<float> d_word(3 * 4, 1.0f), d_position(2 * 4), d_y(2 * 4, 2.0f);
    const std::vector<int32_t> ids = {1, 2}, offsets = {0, 2};
    be->embed_backward(Tensor(d_word.data(), DType::f32, {3, 4}), Tensor(d_position.data(), DType::f32, {2, 4}), {},
                       Tensor(d_y.data(), DType::f32, {2, 4}), ids, {}, {offsets, 0}, 1);
    EXPECT_EQ(d_word, (std::vector<float>{1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3}));
    EXPECT_EQ(d_position, std::vector<float>(8, 2.0f));
  }
}

TEST(ProductRate, IsMeasured) {
  ThreadPool pool(1);
  const auto be = make_cpu_backend(pool);
  EXPECT_GT(measure_product_rate(*be, DType::f32, plain_product(*be), 0.01).mean, 0.01);
  const ProcessorReport report = describe_processor();
  EXPECT_THAT(report.products, HasSubstr("oneDNN"));
  EXPECT_FALSE(report.kernels.empty());
}

}  // namespace
}  // namespace tekio
