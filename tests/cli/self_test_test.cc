// The self-test that doctor runs: a right back end passes it, and one that is wrong in a corner of an operation is
// caught there and nowhere else.
#include "self_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compute/forwarding.h"

namespace tekio::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> wrong_ops(std::unique_ptr<Backend> tried, DType type) {
  std::vector<std::string> wrong;
  for (const SelfTestResult& result : self_test(std::move(tried), type))
    if (!result.problem.empty()) wrong.push_back(result.op);
  return wrong;
}

// ref, but for what a test makes of it.
class Spoilt : public ForwardingBackend {
 public:
  Spoilt() : Spoilt(make_ref_backend()) {}

 protected:
  static void spoil(Tensor t) {
    if (t.dtype == DType::f32)
      t.values().back() += 1;
    else
      t.b16()[t.numel() - 1] = bf16(t.b16()[t.numel() - 1] + 100.0f);
  }

 private:
  explicit Spoilt(std::unique_ptr<Backend> ref) : ForwardingBackend(*ref), ref_(std::move(ref)) {}
  std::unique_ptr<Backend> ref_;
};

class SelfTest : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, SelfTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& type) { return std::string(name_of(type.param)); });

TEST_P(SelfTest, PassesARightBackEnd) { EXPECT_THAT(wrong_ops(make_ref_backend(), GetParam()), IsEmpty()); }

TEST_P(SelfTest, SeesAPlainNorm) {
  struct Wrong final : Spoilt {
    void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
                 const Sequences* s, const Dropout& drop) override {
      Spoilt::do_norm(sum, y, kept, x, branch, w, s, drop);
      if (!branch && s == nullptr) spoil(y);
    }
    void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                          const Sequences* s, const Dropout& drop, Into into) override {
      Spoilt::do_norm_backward(d_x, d_branch, d_w, d_y, kept, w, s, drop, into);
      if (!d_branch && s != nullptr) spoil(d_x);
    }
  };
  EXPECT_THAT(wrong_ops(std::make_unique<Wrong>(), GetParam()),
              ElementsAre("norm", "norm_backward with dropout", "norm without bias"));
}

TEST_P(SelfTest, SeesWhatOnlyAddsWrongly) {
  struct Wrong final : Spoilt {
    void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                            Into) override {
      Spoilt::do_linear_backward(d_x, d_w, d_b, d_y, x, w, Into::overwrite);
    }
    void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into) override {
      Spoilt::do_gather_rows_backward(d_x, d_y, rows, Into::overwrite);
    }
  };
  EXPECT_THAT(
      wrong_ops(std::make_unique<Wrong>(), GetParam()),
      ElementsAre("adding linear_backward", "adding linear_activation_backward", "adding gather_rows_backward"));
}

TEST_P(SelfTest, SeesSumsOverMoreThanAPiece) {
  struct Wrong final : Spoilt {
    void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b,
                   const Activation* act) override {
      Spoilt::do_linear(y, kept, x, w, b, act);
      if (w.columns > 256) spoil(y);
    }
    void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                            Into into) override {
      Spoilt::do_linear_backward(d_x, d_w, d_b, d_y, x, w, into);
      if (w.rows > 256 && x.dim[0] > 256) spoil(d_x);
    }
    void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                      const Sequences& s, const Dropout& drop) override {
      Spoilt::do_attention(y, kept, q, kv, shape, s, drop);
      if (rows_of(s, 0).length > 256) spoil(y);
    }
  };
  EXPECT_THAT(wrong_ops(std::make_unique<Wrong>(), GetParam()),
              ElementsAre("deep linear", "deep linear_backward", "attention in a long sequence"));
}

TEST(SelfTestFloats, SeesWhatIsNotCleared) {
  struct Wrong final : Spoilt {
    void do_zero(Tensor x) override {
      Spoilt::do_zero(x);
      spoil(x);
    }
  };
  EXPECT_THAT(wrong_ops(std::make_unique<Wrong>(), DType::f32), ElementsAre("zero"));
}

}  // namespace
}  // namespace tekio::cli
