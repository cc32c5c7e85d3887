// The checked wrappers' messages, the choice of a back end, and what the ops promise beyond their numbers.
#include "compute/backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <limits>

#include "base/thread_pool.h"
#include "compute/activation.h"
#include "compute/cpu/cpu_features.h"
#include "compute/cuda.h"
#include "compute/instruction_sets.h"
#include "compute/product_rate.h"
#include "support/results.h"

namespace tekio::test {
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

/// Calls with one thing wrong are refused as a bug that names the op, what is wrong, what was got and, where it is not
/// said by that, what was expected, in this order.
class Checks : public testing::Test {
 protected:
  using Facts = std::vector<std::string>;
  static void refuses(const std::string& op, const Facts& facts, const std::function<void()>& call) {
    const std::string message = message_of(ErrorKind::bug, call);
    EXPECT_THAT(message, testing::StartsWith(op + ": "));
    size_t at = op.size();
    for (const std::string& fact : facts) {
      at = message.find(fact, at);
      ASSERT_NE(at, std::string::npos) << fact << " in: " << message;
      at += fact.size();
    }
  }

  const std::unique_ptr<Backend> be_ = make_ref_backend();
  Numbers t_;
  const std::vector<int32_t> offsets_ = {0, 3, 5}, ids_ = {0, 1, 2, 3, 4};
  const Sequences s_{offsets_, 0};
  const NormKept kept_{t_({5, 8}), t_({5})};
  const NormWeights w_{t_({8}), t_({8}), 1e-5f};
  const Dropout off_{};
};

TEST_F(Checks, Linear) {
  const Tensor x = t_({5, 7}), y = t_({5, 6}), w = t_({6, 7});
  refuses("linear", {"w", "[6, 8] f32", "[6, 7] f32"}, [&] { be_->linear(y, x, t_({6, 8}), {}); });
  refuses("linear", {"y", "[4, 6] f32", "[5, 6] f32"}, [&] { be_->linear(t_({4, 6}), x, w, {}); });
  refuses("linear", {"b", "[7] f32", "[6] f32"}, [&] { be_->linear(y, x, w, t_({7})); });
  refuses("linear", {"x", "[5, 7, 1] f32", "two dimensions"}, [&] { be_->linear(y, t_({5, 7, 1}), w, {}); });
  const Tensor nowhere(nullptr, DType::f32, {5, 6}), rounded(t_.values.data(), DType::bf16, {5, 6});
  refuses("linear", {"y", "[5, 6] f32", "no memory"}, [&] { be_->linear(nowhere, x, w, {}); });
  refuses("linear", {"y", "[5, 6] bf16", "[5, 6] f32"}, [&] { be_->linear(rounded, x, w, {}); });
  refuses("linear_backward", {"d_x", "[5, 8] f32", "[5, 7] f32"}, [&] {
    be_->linear_backward(t_({5, 8}), w, {}, y, x, w);
  });
  refuses("linear_backward", {"d_w", "[] f32", "[6, 7] f32"}, [&] { be_->linear_backward({}, {}, {}, y, x, w); });
  refuses("linear_activation", {"kept", "[] f32", "[5, 6] f32"},
          [&] { be_->linear_activation(y, {}, x, w, {}, Activation::gelu); });
  refuses("linear_activation_backward", {"kept", "[6, 5] f32", "[5, 6] f32"}, [&] {
    be_->linear_activation_backward({}, w, {}, y, t_({6, 5}), x, w, Activation::relu);
  });
}

TEST_F(Checks, CopiesOfMatrices) {
  alignas(64) std::array<bf16, 128> room{};
  const auto copy = [&](void* to, DType type) {
    const std::vector<MatrixCopy> copies = {{Matrix(to, type, 4, 8), t_({4, 8})}};
    be_->copy_matrices(copies);
  };
  refuses("copy_matrices", {"f32"}, [&] { copy(room.data(), DType::f32); });
  refuses("copy_matrices", {"64-byte border"}, [&] { copy(room.data() + 1, DType::bf16); });
}

TEST_F(Checks, Norms) {
  const Tensor x = t_({5, 8}), c = t_({8});
  refuses("norm", {"y", "[5, 8] f32", "[5, 7] f32"}, [&] { be_->norm(x, kept_, t_({5, 7}), w_, s_, off_); });
  refuses("norm", {"weight", "[9] f32", "[8] f32"}, [&] { be_->norm(x, kept_, x, {t_({9}), c, 1e-5f}, s_, off_); });
  refuses("norm", {"width 0"}, [&] {
    be_->norm(t_({5, 0}), {t_({5, 0}), t_({5})}, t_({5, 0}), {t_({0}), t_({0}), 1});
  });
  refuses("norm", {"rate 1", "[0, 1)"}, [&] { be_->norm(x, kept_, x, w_, s_, {.rate = 1.0f}); });
  refuses("norm_backward", {"d_w.bias", "[7] f32", "[8] f32"}, [&] {
    be_->norm_backward(x, {c, t_({7})}, x, kept_, w_, s_, off_);
  });
  refuses("norm_backward", {"d_x", "[4, 8] f32", "[5, 8] f32"}, [&] {
    be_->norm_backward(t_({4, 8}), {c, c}, x, kept_, w_);
  });
  refuses("residual_norm", {"branch", "[5, 9] f32", "[5, 8] f32"}, [&] {
    be_->residual_norm(x, kept_, x, t_({5, 9}), w_, s_, off_);
  });
  refuses("residual_norm", {"kept.rstd", "[6] f32", "[5] f32"}, [&] {
    be_->residual_norm(x, {x, t_({6})}, x, x, w_, s_, off_);
  });
  refuses("residual_norm_backward", {"d_x and d_branch", "same memory"}, [&] {
    be_->residual_norm_backward(x, x, {c, c}, x, kept_, w_, s_, off_);
  });
}

TEST_F(Checks, SumsWithNorms) {
  const Tensor x = t_({5, 8}), c = t_({8});
  Numbers other;
  const Tensor sum = other({5, 8});
  be_->add_norm(sum, x, kept_, x, x, {c, {}, 1e-5f}, s_, off_);
  be_->add_norm_backward(sum, {}, {c, {}}, x, kept_, {c, {}, 1e-5f}, s_, off_);
  refuses("add_norm", {"sum", "[4, 8] f32", "[5, 8] f32"}, [&] {
    be_->add_norm(t_({4, 8}), x, kept_, x, x, w_, s_, off_);
  });
  refuses("add_norm", {"sum and y", "same memory"}, [&] { be_->add_norm(x, x, kept_, x, x, w_, s_, off_); });
  refuses("add_norm", {"bias", "[7] f32", "[8] f32"}, [&] {
    be_->add_norm(sum, x, kept_, x, x, {c, t_({7}), 1e-5f}, s_, off_);
  });
  refuses("add_norm_backward", {"d_branch", "[] f32", "[5, 8] f32"}, [&] {
    be_->add_norm_backward(sum, {}, {c, c}, x, kept_, w_, s_, {.rate = 0.1f});
  });
  refuses("add_norm_backward", {"d_sum", "memory of d_branch"}, [&] {
    be_->add_norm_backward(sum, sum, {c, c}, x, kept_, w_, s_, off_);
  });
  refuses("add_norm_backward", {"d_sum", "memory of d_y"}, [&] {
    be_->add_norm_backward(x, {}, {c, c}, x, kept_, w_, s_, off_);
  });
  refuses("add_norm_backward", {"d_w.bias without a bias"}, [&] {
    be_->add_norm_backward(sum, {}, {c, c}, x, kept_, {c, {}, 1e-5f}, s_, off_);
  });
}

TEST_F(Checks, Gates) {
  const Tensor x = t_({5, 7}), w = t_({6, 7}), kept = t_({5, 6}), down = t_({7, 3});
  constexpr Activation kAct = Activation::gelu;
  refuses("linear_gated", {"y", "[5, 6] f32", "[5, 3] f32"}, [&] { be_->linear_gated(kept, kept, x, w, {}, kAct); });
  refuses("linear_gated", {"7 rows", "no two halves"}, [&] {
    be_->linear_gated(t_({5, 3}), t_({5, 7}), x, t_({7, 7}), {}, kAct);
  });
  refuses("gated_linear_backward", {"kept", "[5, 3] f32", "[5, 6] f32"}, [&] {
    be_->gated_linear_backward(kept, t_({5, 3}), down, {}, x, t_({5, 3}), down, kAct);
  });
  refuses("gated_linear_backward", {"d_kept", "[5, 5] f32", "[5, 6] f32"}, [&] {
    be_->gated_linear_backward(t_({5, 5}), t_({5, 3}), down, {}, x, kept, down, kAct);
  });
}

TEST_F(Checks, Rotations) {
  const Tensor x = t_({5, 12});
  refuses("rotate", {"9 of 12 columns", "heads of 4"}, [&] { be_->rotate(x, 9, {4, 10000}, s_); });
  refuses("rotate", {"16 of 12 columns"}, [&] { be_->rotate(x, 16, {4, 10000}, s_); });
  refuses("rotate", {"heads of 3", "even"}, [&] { be_->rotate(x, 9, {3, 10000}, s_); });
  refuses("rotate", {"theta 0", "above 0"}, [&] { be_->rotate(x, 8, {4, 0}, s_); });
  refuses("rotate", {"sequence offsets", "4 rows"}, [&] { be_->rotate(t_({4, 12}), 8, {4, 10000}, s_); });
}

TEST_F(Checks, Embeddings) {
  const Tensor y = t_({5, 8}), word = t_({9, 8}), position = t_({3, 8});
  const std::vector<int32_t> wrong_ids = {0, 1, 2, 3, 9}, at = {0, 1, 2, 0, 1};
  be_->embed(y, {ids_}, word, {}, {});  // positions may be absent
  refuses("embed", {"id 9", "[0, 9)"}, [&] { be_->embed(y, {wrong_ids, {}, at}, word, position, {}); });
  refuses("embed", {"5 ids", "4"}, [&] { be_->embed(t_({4, 8}), {ids_, {}, at}, word, position, {}); });
  refuses("embed", {"position 2", "[0, 2)"}, [&] { be_->embed(y, {ids_, {}, at}, word, t_({2, 8}), {}); });
  refuses("embed", {"0 positions", "5"}, [&] { be_->embed(y, {ids_}, word, position, {}); });
  refuses("embed", {"positions without a table"}, [&] { be_->embed(y, {ids_, {}, at}, word, {}, {}); });
  refuses("embed", {"type ids without a table"}, [&] { be_->embed(y, {ids_, ids_, at}, word, position, {}); });
  refuses("embed", {"type id 2", "[0, 2)"}, [&] { be_->embed(y, {ids_, ids_, at}, word, position, t_({2, 8})); });
  refuses("embed", {"type", "no rows"}, [&] { be_->embed(y, {ids_, {}, at}, word, position, t_({0, 8})); });
  refuses("embed_backward", {"word", "[9, 7] f32", "[9, 8] f32"}, [&] {
    be_->embed_backward(t_({9, 7}), position, {}, y, {ids_, {}, at});
  });
}

TEST_F(Checks, Sequences) {
  const Tensor x = t_({5, 8});
  for (const auto& [offsets, text] :
       {std::pair{std::vector<int32_t>{0, 3}, "[0, 3]"}, std::pair{std::vector<int32_t>{0, 4, 3, 5}, "[0, 4, 3, 5]"},
        std::pair{std::vector<int32_t>{}, "[]"}})
    refuses("norm", {"sequence offsets", text, "5 rows"}, [&, &offsets = offsets] {
      be_->norm(x, kept_, x, w_, {offsets, 0}, off_);
    });
}

TEST_F(Checks, Attention) {
  const Tensor qkv = t_({5, 24}), y = t_({5, 8});
  refuses("attention", {"width of 8", "3 heads"}, [&] { be_->attention(y, t_({39}), qkv, {3}, s_, off_); });
  refuses("attention", {"window of -1"}, [&] { be_->attention(y, t_({5, 2, 2}), qkv, {2, -1}, s_, off_); });
  refuses("attention", {"kept", "[5, 2, 1] f32", "[5, 2, 2] f32"}, [&] {
    be_->attention(y, t_({5, 2, 1}), qkv, {2}, s_, off_);
  });
  refuses("attention_backward", {"d_qkv", "[5, 23] f32", "[5, 24] f32"}, [&] {
    be_->attention_backward(t_({5, 23}), y, t_({5, 2, 2}), qkv, {2}, s_, off_);
  });
}

TEST_F(Checks, Rows) {
  const std::vector<int32_t> twice = {1, 1}, far = {5};
  refuses("gather_rows", {"not ascending"}, [&] { be_->gather_rows(t_({2, 8}), t_({5, 8}), twice); });
  refuses("gather_rows", {"row 5", "[0, 5)"}, [&] { be_->gather_rows(t_({1, 8}), t_({5, 8}), far); });
  refuses("gather_rows_backward", {"d_y", "[2, 8] f32", "[1, 8] f32"}, [&] {
    be_->gather_rows_backward(t_({5, 8}), t_({2, 8}), far);
  });
  refuses("vocabulary_loss", {"label 5", "[-1, 5)"}, [&] { be_->vocabulary_loss({}, {}, {}, t_({1, 5}), far, 5, 1); });
  refuses("vocabulary_loss", {"1 labels", "2"}, [&] { be_->vocabulary_loss({}, {}, {}, t_({2, 5}), far, 5, 1); });
  refuses("vocabulary_loss", {"d_logits", "[1, 6] f32", "[1, 5] f32"}, [&] {
    be_->vocabulary_loss({}, {}, t_({1, 6}), t_({1, 5}), ids_, 5, 1);
  });
  refuses("softmax_rows", {"logits", "[5] f32", "two dimensions"}, [&] { be_->softmax_rows(t_({5}), 5); });
  refuses("vocabulary_loss", {"logits", "5 columns", "6"}, [&] {
    be_->vocabulary_loss({}, {}, {}, t_({1, 5}), ids_, 6, 1);
  });
  refuses("softmax_rows", {"logits", "5 columns", "6"}, [&] { be_->softmax_rows(t_({1, 5}), 6); });
}

TEST_F(Checks, TheOptimizer) {
  const Tensor flat = t_({5});
  double numbers[kClipping] = {};
  const Tensor clipping(numbers, DType::f64, {kClipping});
  refuses("squared_norms", {"sums", "[5] f32", "[1] f64"}, [&] { be_->squared_norms(flat, flat); });
  refuses("clip", {"clipping", "[5] f32", "[2] f64"}, [&] { be_->clip(flat, clipping, 1); });
  refuses("clip", {"limit of -1"}, [&] { be_->clip(clipping, clipping, -1); });
  refuses("adamw", {"clipping", "[5] f32", "[2] f64"}, [&] { be_->adamw(flat, flat, flat, flat, flat, {.step = 1}); });
  refuses("adamw", {"moment2", "[4] f32", "[5] f32"},
          [&] { be_->adamw(flat, flat, t_({4}), flat, clipping, {.step = 1}); });
  refuses("adamw", {"step 0", "1 or more"}, [&] { be_->adamw(flat, flat, flat, flat, clipping, {.step = 0}); });
  refuses("add", {"x", "[4] f32", "[5] f32"}, [&] { be_->add(flat, t_({4})); });
  refuses("zero", {"x", "[3] f32", "no memory"}, [&] { be_->zero(Tensor(nullptr, DType::f32, {3})); });
}

TEST(Choice, NamesOfBackEnds) {
  ThreadPool pool(1);
  EXPECT_EQ(make_backend("cpu", pool)->name(), "cpu");
  EXPECT_EQ(make_backend("ref", pool)->name(), "ref");
  EXPECT_EQ(make_backend("auto", pool)->name(), "cpu");
  if (cuda_problem().empty())
    EXPECT_EQ(make_backend("cuda", pool)->name(), "cuda");
  else
    EXPECT_THAT(message_of(ErrorKind::device, [&] { make_backend("cuda", pool); }), HasSubstr("use device cpu"));
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { make_backend("cup", pool); }),
              HasSubstr("\"cup\", expected auto, cpu, cuda, cuda:N (a GPU's number) or ref"));
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { make_backend("\x1b[31m", pool); }), HasSubstr("\\x1b"));
}

TEST(Activations, EveryOneIsAccurateFromEndToEnd) {
  with_each_instruction_set([] {
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
  with_each_instruction_set([] {
    ThreadPool pool(2);
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
      std::vector<float> logits = {10000, 9999, -10000, 0, -20000, -20000, -20000, -20000};
      const std::vector<int32_t> labels = {1, 3};
      const Tensor x(logits.data(), DType::f32, {2, 4});
      EXPECT_NEAR(loss_of(*be, x, x, labels, 0.5f).loss, 1.3132616875 + std::log(4.0), 1e-6);
      EXPECT_NEAR(logits[0], 0.5 * 0.7310586, 1e-6);
      EXPECT_NEAR(logits[1], 0.5 * (0.2689414 - 1), 1e-6);
      EXPECT_EQ(logits[2], 0);
      EXPECT_NEAR(logits[7], 0.5 * (0.25 - 1), 1e-6);
    }
  });
}

// From 1 down to where exponentials leave float32, which takes denormal numbers for 0.
TEST(Softmax, ExponentialsOfAllSizes) {
  with_each_instruction_set([] {
    ThreadPool pool(1);
    const auto be = make_cpu_backend(pool);
    std::vector<float> x;
    for (float logit = 0; logit > -200; logit -= 0.013f) x.push_back(logit);
    for (const float logit : {-87.33654f, -87.33655f, -1e30f, -std::numeric_limits<float>::infinity()})
      x.push_back(logit);
    const std::vector<float> logits = x;
    double sum = 0;
    for (const float logit : logits) sum += std::exp(double{logit});
    const auto count = static_cast<int64_t>(x.size());
    be->softmax_rows(Tensor(x.data(), DType::f32, {1, count}), count);
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(double{logits[i]}) / sum;
      EXPECT_NEAR(x[i], exact, 5e-6 * exact + 1.2e-38) << logits[i];
      if (logits[i] < -87.33655f) {
        EXPECT_EQ(x[i], 0) << logits[i];
      }
    }
  });
}

// argmax as numpy has it: the first of equals. Every place of every odd size, in both dtypes, alone and in
// place.
TEST(Loss, HitsAreLabelsWhereTheMaximumFirstStands) {
  with_each_instruction_set([] {
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
            std::vector<LabelLoss> each(labels.size());
            const LabelLoss found = loss_of(*be, in_place ? x : Tensor(), x, labels, 1, each);
            EXPECT_EQ(found.hits, expected);
            LabelLoss sum;
            for (size_t k = 0; k < each.size(); ++k) {
              const auto r = static_cast<int64_t>(k) / 3;
              EXPECT_EQ(each[k].hits, labels[k] == std::min(r, vocabulary / 2));
              const double high = std::exp(3.0), rest = std::exp(-1.0);
              const double both = r == vocabulary / 2 ? high + static_cast<double>(vocabulary - 1) * rest
                                                      : 2 * high + static_cast<double>(vocabulary - 2) * rest;
              EXPECT_NEAR(each[k].confidence, high / both, 1e-6);
              sum += each[k];
            }
            EXPECT_DOUBLE_EQ(found.loss, sum.loss);
            EXPECT_DOUBLE_EQ(found.confidence, sum.confidence);
          }
  });
}

TEST(Loss, ARowWithoutALossIsNoHit) {
  with_each_instruction_set([] {
    ThreadPool pool(2);
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)})
      for (const std::vector<float>& row :
           {std::vector<float>{kNan, 1, 0}, {1, kNan, 0}, {1, 0, kNan}, {kInfinity, 1, 0}})
        for (const int32_t label : {0, 1, 2}) {
          std::vector<float> logits = row;
          EXPECT_EQ(loss_of(*be, {}, Tensor(logits.data(), DType::f32, {1, 3}), {&label, 1}, 1).hits, 0) << be->name();
        }
  });
}

TEST(Loss, NotANumberShows) {
  with_each_instruction_set([] {
    ThreadPool pool(2);
    for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
      const std::vector<int32_t> labels = {3};
      for (size_t place = 0; place < 40; ++place) {
        std::vector<float> logits(40, 1);
        logits[place] = std::nanf("");
        EXPECT_TRUE(std::isnan(loss_of(*be, {}, Tensor(logits.data(), DType::f32, {1, 40}), labels, 1).loss))
            << be->name() << " " << place;
      }
    }
  });
}

TEST(Embedding, ThePaddingRowLearnsNothingFromTheLookUp) {
  ThreadPool pool(2);
  for (const auto& be : {make_ref_backend(), make_cpu_backend(pool)}) {
    std::vector<float> d_word(3 * 4, 1.0f), d_position(2 * 4), d_y(2 * 4, 2.0f);
    const std::vector<int32_t> ids = {1, 2}, positions = {0, 1};
    const auto backward = [&](int32_t position_padding) {
      be->embed_backward(Tensor(d_word.data(), DType::f32, {3, 4}), Tensor(d_position.data(), DType::f32, {2, 4}), {},
                         Tensor(d_y.data(), DType::f32, {2, 4}),
                         {.ids = ids, .positions = positions, .word_padding = 1, .position_padding = position_padding});
    };
    backward(-1);
    EXPECT_EQ(d_word, (std::vector<float>{1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3}));
    EXPECT_EQ(d_position, std::vector<float>(8, 2.0f));
    backward(0);
    EXPECT_EQ(d_position, (std::vector<float>{2, 2, 2, 2, 4, 4, 4, 4}));
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
}  // namespace tekio::test
