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
  using ForwardingBackend::run;
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
    using Spoilt::run;
    void run(const verb::Norm& op) override {
      Spoilt::run(op);
      if (!op.branch && op.s == nullptr) spoil(op.y);
    }
    void run(const verb::NormBackward& op) override {
      Spoilt::run(op);
      if (!op.d_branch && op.s != nullptr) spoil(op.d_x);
    }
  };
  EXPECT_THAT(wrong_ops(std::make_unique<Wrong>(), GetParam()),
              ElementsAre("norm", "norm_backward with dropout", "norm without bias"));
}

TEST_P(SelfTest, SeesWhatOnlyAddsWrongly) {
  struct Wrong final : Spoilt {
    using Spoilt::run;
    void run(const verb::LinearBackward& op) override {
      verb::LinearBackward overwriting = op;
      overwriting.into = Into::overwrite;
      Spoilt::run(overwriting);
    }
    void run(const verb::GatherRowsBackward& op) override {
      verb::GatherRowsBackward overwriting = op;
      overwriting.into = Into::overwrite;
      Spoilt::run(overwriting);
    }
  };
  EXPECT_THAT(
      wrong_ops(std::make_unique<Wrong>(), GetParam()),
      ElementsAre("adding linear_backward", "adding linear_activation_backward", "adding gather_rows_backward"));
}

TEST_P(SelfTest, SeesSumsOverMoreThanAPiece) {
  struct Wrong final : Spoilt {
    using Spoilt::run;
    void run(const verb::Linear& op) override {
      Spoilt::run(op);
      if (op.w.columns > 256) spoil(op.y);
    }
    void run(const verb::LinearBackward& op) override {
      Spoilt::run(op);
      if (op.w.rows > 256 && op.x.dim[0] > 256) spoil(op.d_x);
    }
    void run(const verb::Attention& op) override {
      Spoilt::run(op);
      if (rows_of(op.s, 0).length > 256) spoil(op.y);
    }
  };
  EXPECT_THAT(wrong_ops(std::make_unique<Wrong>(), GetParam()),
              ElementsAre("deep linear", "deep linear_backward", "attention in a long sequence"));
}

TEST(SelfTestFloats, SeesWhatIsNotCleared) {
  struct Wrong final : Spoilt {
    using Spoilt::run;
    void run(const verb::Zero& op) override {
      Spoilt::run(op);
      spoil(op.x);
    }
  };
  EXPECT_THAT(wrong_ops(std::make_unique<Wrong>(), DType::f32), ElementsAre("zero"));
}

}  // namespace
}  // namespace tekio::cli
